"""Approve, apply what was approved, destroy: the guide as it is written, and a cloud that changes in between."""

from pathlib import Path

import pytest

from mcop_core.embedded.home import load_secrets
from tests.docs.blocks import blocks
from tests.system.conftest import ROOT, LiveStack, wait_until
from tests.system.guide import follow, shell, write

pytestmark = pytest.mark.system

PAGE = ROOT / "docs" / "guides" / "approval.md"
LOG_STEP = "vault.vault.apply_log"


def password(stack: LiveStack) -> str:
    return load_secrets(stack.home).approver


def retention(stack: LiveStack) -> list[int | None]:
    groups = stack.client("logs").describe_log_groups(logGroupNamePrefix="/vault")["logGroups"]
    return [group.get("retentionInDays") for group in groups]


def question(stack: LiveStack, task: str) -> dict:
    """Return what the latest execution of `vault` asks in *task*, once it does."""

    def asked():
        with stack.api() as api:
            dag, run = stack.json("executions", "list", "vault")[0]["id"].split("/")
            found = {one["task_instance"]["task_id"]: one for one in api.questions(dag, run)}
            return found.get(task)

    return wait_until(asked, timeout_s=180)


@pytest.fixture
def vault(stack: LiveStack, checkout: Path) -> None:
    """The guide's manifest, published."""
    for block in blocks(PAGE):
        if block.file:
            write(block, checkout)
    stack.mcop("catalog", "publish", "vault")


def approve(stack: LiveStack, checkout: Path, *arguments: str) -> str:
    command = (
        f"MCOP_AIRFLOW_USERNAME=approver MCOP_AIRFLOW_PASSWORD={password(stack)} .venv/bin/mcop approve vault --yes"
    )
    return shell(" ".join([command, *arguments]), checkout)


def test_the_guide_works_as_written(stack, checkout):
    """Published, approved on the command line and by REST, previewed, destroyed; the cloud is as each step says."""
    steps = follow(PAGE, checkout, before=f"APPROVER_PASSWORD={password(stack)}")
    printed = [(text, retention(stack)) for text in steps]

    assert [days for _, days in printed] == [[], [7], [30], [30], []]
    assert "1 to add" in printed[1][0] and "COMPLETED" in printed[1][0]
    assert "7 -> 30" in printed[2][0] and "COMPLETED" in printed[2][0]
    assert "30 -> 90" in printed[3][0]
    assert "1 to destroy" in printed[4][0] and "COMPLETED" in printed[4][0]


@pytest.mark.campaign
def test_a_cloud_that_changes_after_the_approval_stops_its_step(stack, checkout, vault):
    """The step asks about the difference alone; nothing is done before that is approved, too."""
    stack.mcop("execute", "vault", "--set", "days=30")
    question(stack, "approve")
    approve(stack, checkout)
    wait_until(lambda: retention(stack) == [30], timeout_s=180)
    finished(stack)

    stack.mcop("execute", "vault", "--set", "days=90")
    question(stack, "approve")
    stack.client("logs").put_retention_policy(logGroupName="/vault", retentionInDays=14)
    approve(stack, checkout)
    asked = question(stack, LOG_STEP)
    assert "other values were approved for retention_in_days" in asked["body"] and "14 -> 90" in asked["body"]
    assert retention(stack) == [14]

    approve(stack, checkout, "--step", LOG_STEP)
    assert finished(stack) == "COMPLETED"
    assert retention(stack) == [90]


def test_whoever_asked_may_not_approve(stack, vault):
    """Airflow itself refuses the requester's answer, since the question names who may give one."""
    before = retention(stack)
    stack.mcop("execute", "vault", "--set", "days=7")
    question(stack, "approve")
    refused = stack.mcop("approve", "vault", "--yes", check=False)
    assert refused.returncode == 5 and "not a respondent" in refused.stderr

    shell_out = stack.mcop("reject", "vault", check=False)
    assert shell_out.returncode == 5
    stack.mcop("cancel", "vault")
    assert retention(stack) == before


def finished(stack: LiveStack) -> str:
    """Return how the latest execution of `vault` ended, once it has."""

    def ended():
        status = stack.json("executions", "show", "vault")["status"]
        return status if status in {"COMPLETED", "FAILED"} else ""

    return wait_until(ended, timeout_s=240)
