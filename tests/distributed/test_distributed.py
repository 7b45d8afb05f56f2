"""Two workers that share no disk: what is deployed, who dies, and who gets what."""

import os
from collections import Counter
from functools import partial

import pytest

from tests.campaign.checker import Expected, check
from tests.campaign.runs import BUCKET, COUNTS
from tests.campaign.stacks import NAMESPACE
from tests.distributed.conftest import WORKERS, Distributed, wait_until

TASKS = 1000
pytestmark = [pytest.mark.distributed, pytest.mark.timeout(900)]


def expected(name: str) -> Expected:
    key = f"{NAMESPACE}/{name}/w/p/all"
    return Expected(key, name, COUNTS, BUCKET, f"{key}.tfstate")


def test_a_worker_that_burns_down_is_taken_over_from(stack: Distributed):
    """Its disk is gone: another worker goes on from what was shipped and what the cloud holds; all is made once."""
    run_id = stack.trigger("mcop.k1")
    lost = wait_until(lambda: next(iter(stack.applying().values()), None), timeout_s=240)
    wait_until(lambda: b"aws_vpc" in shipped(stack, "k1"), timeout_s=60)
    stack.machines.burn_down(lost)

    state = stack.ends("mcop.k1", run_id)
    stack.machines.start(lost)

    (apply,) = [ti for ti in stack.tasks("mcop.k1", run_id) if ti["task_id"] == "w.p.apply_all"]
    (other,) = set(WORKERS) - {lost}
    log = partial(stack.log, "mcop.k1", run_id, "w.p.apply_all", apply["try_number"])
    assert "success" == state, log()
    assert other == apply["hostname"]
    assert apply["try_number"] > 1
    wait_until(lambda: "taking over" in log())  # it is in S3 a moment after the task has ended
    assert check(expected("k1"), "succeeded", stack.client).is_clean


def shipped(stack: Distributed, name: str) -> bytes:
    """Return the copy of a state that its runner ships while it works; empty as long as there is none."""
    s3 = stack.client("s3")
    key = f"{expected(name).key}.mcop-inflight"
    found = s3.list_objects_v2(Bucket=BUCKET, Prefix=key).get("Contents", [])
    return s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() if found else b""


def test_a_thousand_tasks_are_shared_fairly(stack: Distributed):
    """
    All wait at once; of the first hundreds neither worker gets more than two thirds, and none is done twice.

    DISTRIBUTED_DONE says how many are waited for: 1000 for all.
    """
    stack.machines.await_health(*WORKERS)
    wanted = int(os.environ.get("DISTRIBUTED_DONE", "200"))

    run_id = stack.trigger("many", count=TASKS)
    wait_until(lambda: len(done(stack, run_id)) >= wanted, timeout_s=850)
    given = [ti for ti in stack.tasks("many", run_id) if ti["task_id"] == "one"]
    if wanted < TASKS:
        with stack.api() as api:
            api.fail_run("many", run_id)

    finished = [ti for ti in given if ti["state"] == "success"]
    shares = Counter(ti["hostname"] for ti in finished)
    assert TASKS == len(given)
    assert {1} == {ti["try_number"] for ti in finished}
    assert set(WORKERS) == set(shares)
    assert max(shares.values()) <= 2 * len(finished) / 3, shares


def done(stack: Distributed, run_id: str) -> list[dict]:
    return [ti for ti in stack.tasks("many", run_id) if ti["task_id"] == "one" and ti["state"] == "success"]


def test_a_pool_of_two_never_has_three_at_work(stack: Distributed):
    """Three executions in one account and region, on two workers: never three Terraforms apply, and all succeed."""
    runs = {name: stack.trigger(f"mcop.{name}") for name in ("p1", "p2", "p3")}
    most = 0
    while any(stack.state(f"mcop.{name}", run_id) not in ("success", "failed") for name, run_id in runs.items()):
        most = max(most, len(stack.applying()))

    assert {"success"} == {stack.state(f"mcop.{name}", run_id) for name, run_id in runs.items()}
    assert 2 == most
