"""The README's first hour, run as it is written."""

import pytest

from tests.docs.blocks import blocks
from tests.system.conftest import MANIFEST, ROOT, LiveStack
from tests.system.guide import shell

pytestmark = pytest.mark.system


def test_the_first_hour_goes_as_written(checkout, stack):
    """Plan, change a value, publish, preview, execute, look around, and be refused by the REST API."""
    before = stack.state("platform.network.vpc")["resources"]
    printed = [shell(block.text, checkout) for block in blocks(ROOT / "README.md") if block.language == "sh"]
    groups = stack.client("logs").describe_log_groups(logGroupNamePrefix="/storefront/staging")["logGroups"]

    assert "log_retention_days: 7 -> 30" in printed[1]
    assert "0 to add, 1 to change, 0 to replace, 0 to destroy" in printed[2] and "7 -> 30" in printed[2]
    assert "COMPLETED" in printed[3]
    assert 30 == groups[0]["retentionInDays"]
    assert {"platform.logging.apply_logs"} == {task for task, result in results(stack).items() if any(result)}
    assert before == stack.state("platform.network.vpc")["resources"]
    assert "refused with exit code 2" in printed[4]
    assert "log_retention_days" in printed[5] and "is not one of" in printed[5]


def results(stack: LiveStack) -> dict[str, list[int]]:
    """Apply task of the latest execution -> how many resources it added, changed and destroyed."""
    execution = stack.json("executions", "show", MANIFEST)
    dag_id, _, run_id = execution["id"].partition("/")
    with stack.api() as api:
        applied = [step["id"] for step in execution["steps"] if ".apply_" in step["id"]]
        left = {task: api.xcoms(dag_id, run_id, task)["mcop.result"] for task in applied}
    assert 14 == len(left)
    return {task: [result[word] for word in ("added", "changed", "destroyed")] for task, result in left.items()}
