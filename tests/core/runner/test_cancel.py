"""
Cancelled in every phase of a runner, with real Terraform: what is begun is finished or named, the state is written.

What Airflow does before a runner starts, and how its doors reach one, is in `tests/plugins/test_cancelling.py`.
"""

import json
import os
import signal
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mcop_core.operations import Operations, StopRequest
from mcop_core.runner.attach import request_cancel
from mcop_core.runner.holder import Holder
from mcop_core.runner.lease import LeaseDocument, lease_key
from mcop_core.runner.request import Outcome
from tests.core.engines.terraform.operations import KEY, Bench, Recorder, artifact, chain
from tests.core.runner.conftest import Works, wait_for
from tests.opentofu import writes_every_change

pytestmark = pytest.mark.terraform

SLOW_TERRAFORM = """#!/bin/bash
# Terraform, whose command {phase} does not begin before it is interrupted.
for word in "$@"; do
  if [ "$word" = {phase} ]; then
    trap 'exit 1' INT
    touch {reached}
    while true; do sleep 0.05; done
  fi
done
exec terraform "$@"
"""


def stop_by_file(works, request):
    """As a task does that was stopped."""
    request_cancel(request, works.settings)


def stop_by_store(works, request):
    """As `mcop cancel` does where the task is gone."""
    operations = Operations(works.store)
    operations.ask_to_stop(operations.open()[0], StopRequest("ann", "2026-01-01T00:00:00+00:00"))


def stop_by_signal(works, request):
    """As a machine does that shuts down."""
    os.kill(works.records(request, "runner_started")[-1]["pid"], signal.SIGTERM)


DOORS = {"file": stop_by_file, "store": stop_by_store, "signal": stop_by_signal}
DAILY = {("init", "file"), ("plan", "signal"), ("apply", "store")}
MATRIX = [
    pytest.param(phase, door, marks=[] if (phase, door) in DAILY else [pytest.mark.campaign])
    for phase in ("init", "plan", "apply")
    for door in DOORS
]


def hold_at(works: Works, phase: str) -> Path:
    """Make every Terraform of *works* wait at one of its commands; return the file that says that one does."""
    reached, binary = works.folder / "reached", works.folder / "slow-terraform"
    binary.write_text(SLOW_TERRAFORM.format(phase=phase, reached=reached))
    binary.chmod(0o755)
    policies = works.folder / "policies"
    policies.mkdir()
    (policies / "any.cel").write_text("deny: false\nmessage: nothing is denied\n")  # so that there is a plan
    works.settings = replace(works.settings, terraform=str(binary), policies=str(policies))
    return reached


def begin(works: Works, phase: str):
    """Start an apply, and return it with its request once it is in *phase*."""
    rendered = works.render("abc", gated="b")
    reached = hold_at(works, phase) if phase in ("init", "plan") else None
    request = works.request(rendered)
    following = works.in_background(request)
    if reached:
        wait_for(reached.exists)
    else:
        wait_for(lambda: works.made() == ["a", "b"])
    return request, following


def check_clean(works: Works) -> None:
    """No lock, lease or copy in flight is left, and the note of the operation says so."""
    leases = [json.loads(works.store.get(key).data) for key in works.store.keys("") if key.endswith(".mcop-lease")]
    [note] = Operations(works.store).open()
    assert set(works.keys()) <= {KEY}
    assert not any(lease["holder"] for lease in leases)
    assert (note.ended.outcome, note.ended.is_settled) == ("cancelled", True)


@pytest.mark.parametrize(("phase", "door"), MATRIX)
def test_cancelled(works, phase, door):
    """In init and plan nothing is made; in apply what is begun is finished, and the state holds what was made."""
    request, following = begin(works, phase)

    DOORS[door](works, request)
    if phase == "apply":
        threading.Timer(4.0, works.open_gate).start()
    result = following.result()

    assert result.outcome is Outcome.CANCELLED, result.error
    assert works.made() == (["a", "b"] if phase == "apply" else [])
    check_clean(works)
    if phase == "apply":
        names = [one["name"] for one in json.loads(works.store.get(KEY).data)["resources"]]
        assert names == ["a", "b"]


@pytest.mark.campaign
@pytest.mark.parametrize("door", DOORS)
def test_cancelled_while_it_waits_for_a_dead_ones_lease(works, door):
    """It takes the state over, so that nobody else must wait, begins nothing, and gives the state back."""
    dead = Holder.here(owner="mcop.shop dead", operation="d", workspace=works.folder / "gone")
    ends = (datetime.now(UTC) + timedelta(seconds=6)).isoformat()
    lease = LeaseDocument(1, "dead", replace(dead, started="never"), ends, ends, lease_s=6.0)
    works.store.put(lease_key(KEY), lease.to_json())
    works.store.put(f"{KEY}.tflock", b'{"ID": "dead", "Who": "mcop.shop dead"}')
    request = works.request(works.render("abc"))
    following = works.in_background(request)
    wait_for(lambda: any("waiting for its lease" in line for line in works.lines))

    DOORS[door](works, request)

    assert following.result().outcome is Outcome.CANCELLED
    assert works.made() == []
    check_clean(works)


def test_cancelled_while_the_state_is_written(tmp_path):
    """Terraform has ended: the state is written once the store answers again, and the apply succeeded."""
    bench = Bench(tmp_path)

    def interrupt(event, facts):
        if event == "terraform_ended":
            bench.store.is_down = bench.is_cancelled = True
            threading.Timer(1.0, lambda: setattr(bench.store, "is_down", False)).start()

    done = bench.apply(artifact(bench.url, chain(tmp_path / "marker", "ab")), Recorder(interrupt))

    assert done.added == 2
    assert (bench.stored(), len(bench.state()["resources"])) == ([KEY], 2)


@writes_every_change
def test_terraform_is_killed_where_that_is_asked(works):
    """It does not come to an end; the runner looks for what was being created, writes the state and frees the lock."""
    request, following = begin(works, "apply")
    operations = Operations(works.store)
    [note] = operations.open()

    operations.ask_to_stop(note, StopRequest("root", "2026-01-01T00:00:00+00:00", force=True))
    result = following.result()

    [note] = operations.open()
    assert result.outcome in (Outcome.CANCELLED, Outcome.UNKNOWN), result.error
    assert (note.ended.forced_by, note.ended.is_settled) == ("root", True)
    assert works.records(request, "forced")[0]["by"] == "root"
    assert works.keys() == [KEY]
    assert operations.asked_to_stop(note.execution, note.id) is None
    assert (result.outcome is Outcome.CANCELLED) or "terraform_data.b" in result.error
