"""Drift on a real stack: the guide as it is written, beside a log group that somebody changes by hand."""

import json

import pytest

from tests.docs.blocks import blocks
from tests.system.conftest import MANIFEST, ROOT, LiveStack
from tests.system.test_readme import shell

pytestmark = pytest.mark.system

STEP = "platform.logging.logs"


def set_retention(stack: LiveStack, days: int) -> int:
    """Change the storefront's log group by hand and return what it kept before."""
    logs = stack.client("logs")
    group = logs.describe_log_groups(logGroupNamePrefix="/storefront/staging")["logGroups"][0]
    logs.put_retention_policy(logGroupName=group["logGroupName"], retentionInDays=days)
    return group["retentionInDays"]


def test_drift_is_found_and_an_untouched_deployment_is_silent(stack, checkout):
    """The command and the DAG find the one resource that was changed, say from what to what, and write nothing."""
    look, in_airflow = (block.text for block in blocks(ROOT / "docs/guides/drift.md") if block.language == "bash")
    before = stack.state(STEP)
    assert f"manifest#{MANIFEST}@1.0.0: 0 resources drifted, in 0 of 14 components" in shell(look, checkout)

    kept = set_retention(stack, 14)
    found = stack.mcop("drift", MANIFEST, check=False)
    ran = shell(in_airflow, checkout)

    assert found.returncode == 9
    assert f"{STEP}\n  ~ aws_cloudwatch_log_group.this  # it was changed outside of MCOP" in found.stdout
    assert f"retention_in_days: 14 -> {kept}" in found.stdout
    assert "1 resource drifted, in 1 of 14 components" in found.stdout
    assert "success" in ran
    with stack.api() as api:
        run = next(iter(api.runs("mcop_drift")))
    log = stack.logs(run, "report")
    assert f"retention_in_days: 14 -> {kept}" in log and "1 resource drifted" in log
    assert stack.state(STEP) == before

    set_retention(stack, kept)
    assert json.loads(stack.mcop("drift", MANIFEST, "--json").stdout)[0]["clean"] is True
