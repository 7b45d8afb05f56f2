"""What Airflow calls ended and what is not: shown as settling, and settled, with real runners and real Terraform."""

import json
import os
import shutil
import subprocess
import sys
import threading
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mcop_core.deployments import Deployment, Deployments
from mcop_core.executions.record import ExecutionRecord, StepRecord
from mcop_core.executions.status import Status, from_airflow
from mcop_core.operations import Ending, OperationNote, Operations, Settlement
from mcop_core.runner.lease import LeaseDocument, lease_key
from mcop_core.runner.request import Operation
from mcop_core.settling import Reconciler, Verdict, awaited, with_settling, with_truth
from tests.core.engines.terraform.operations import KEY
from tests.core.runner.conftest import Works, wait_for, works  # noqa: F401

EXECUTION, TASK, STEP = "mcop.shop/one", "w.p.apply_e", "w.p.e"
FACTS = {"manifest": "shop", "namespace": "team", "action": "apply", "requested_by": "ann", "overrides": {}}


def record(task="failed", run="failed"):
    step = StepRecord(TASK, from_airflow(task), task)
    return ExecutionRecord(EXECUTION, "shop", from_airflow(run), steps=(step,))


def note(**facts):
    machine = {"host": "elsewhere", "pid": 7}
    fields = {"word": "apply", "request": {}, "machine": machine, "since": "2026-01-01T00:00:00+00:00", **facts}
    return OperationNote("id", EXECUTION, TASK, STEP, **fields)


def ended(outcome, **facts):
    return Ending(outcome, "2026-01-01T00:01:00+00:00", **{"is_settled": True, **facts})


@pytest.mark.parametrize(
    ("ending", "task", "waits"),
    [
        (None, "failed", "process 7 on elsewhere"),
        (ended("succeeded"), "failed", "succeeded, and Airflow calls its task failed"),
        (ended("succeeded"), "success", ""),
        (ended("failed"), "failed", ""),
        (ended("cancelled"), "failed", ""),
        (ended("cut off"), "skipped", ""),
        (ended("failed"), "success", "failed, and Airflow calls its task success"),
        (ended("failed", is_settled=False, error="no answer"), "failed", "without giving its lock back: no answer"),
        (ended("waiting", error="build 7 runs"), "failed", "it is to be stopped: build 7 runs"),
        (ended("waiting", error="build 7 runs"), "success", "it is to be stopped: build 7 runs"),
        (ended("waiting", is_settled=False, error="build 7 runs"), "failed", "without giving its lock back"),
        (ended("failed", is_settled=False, in_doubt=("x.y",)), "failed", "whether the cloud holds x.y"),
    ],
)
def test_what_is_waited_for(ending, task, waits):
    """Two words that agree wait for nothing; every disagreement is named."""
    text = awaited(note(ended=ending), record(task))

    assert waits in text if waits else text == ""


def test_an_ended_execution_that_waits_is_settling(tmp_path, works):  # noqa: F811
    """What runs is left as it is; of one task's operations the one that began last counts."""
    Operations(works.store).note(note())
    running, failed = record(None, "running"), record()
    other = replace(failed, id="mcop.cafe/one")
    shown = with_settling([running, other], works.store, lambda name: record())
    assert [one.status for one in shown] == [Status.RUNNING, Status.FAILED]

    [shown] = with_settling([failed], works.store, lambda name: failed)
    assert (shown.status, shown.status.is_final, len(shown.awaits)) == (Status.SETTLING, False, 1)

    later = replace(note(ended=ended("failed")), id="later", since="2026-01-02T00:00:00+00:00")
    Operations(works.store).note(later)
    assert with_truth(failed, works.store).status is Status.FAILED


@pytest.mark.parametrize(
    ("outcome", "word", "started_s", "status"),
    [
        ("cancelled", "success", -1, Status.FAILED),
        ("cancelled", "success", 30, Status.FAILED),
        ("cancelled", "success", 90, Status.COMPLETED),
        ("cut off", "success", -1, Status.FAILED),
        ("cut off", "success", 30, Status.COMPLETED),
        ("succeeded", "success", -1, Status.COMPLETED),
        ("cancelled", "failed", -1, Status.COMPLETED),
    ],
)
def test_what_was_marked_as_a_success_and_was_none_has_failed(works, outcome, word, started_s, status):  # noqa: F811
    """Alone and in the list, once it is settled; unless the task was cleared since, and its last attempt succeeded."""
    operations, began = Operations(works.store), datetime(2026, 1, 1, tzinfo=UTC)
    operations.settle(Settlement(note(ended=ended(outcome)), word, "so it was", "2026-01-02T00:00:00+00:00"), b"")
    step = StepRecord(TASK, Status.COMPLETED, "success", started_at=began + timedelta(seconds=started_s))
    completed = ExecutionRecord(EXECUTION, "shop", Status.COMPLETED, steps=(step,))

    assert status is with_truth(completed, works.store).status
    listed = with_settling([replace(completed, steps=())], works.store, lambda name: completed)
    assert [status] == [shown.status for shown in listed]


# -- the reconciler ------------------------------------------------------------------------------------


class House:
    """Works, and a reconciler of what it left."""

    def __init__(self, works):  # noqa: F811
        self.works = works
        self.record = record()
        self.lines = []

    def request(self, names="abc", *, gated="b", operation=Operation.APPLY, moved_from=()):
        rendered = self.works.render(names, gated=gated)
        made = self.works.request(rendered, operation=operation, run_key=f"{EXECUTION}/{TASK}/{STEP}")
        return replace(made, step=STEP, execution=FACTS, moved_from=moved_from)

    def reconcile(self, **fields):
        reconciler = Reconciler(
            self.works.store,
            self.works.settings,
            os.environ,
            lambda name: self.record,
            lambda level, line: self.lines.append(line),
            **fields,
        )
        return reconciler.run()

    @property
    def shown(self):
        return with_truth(self.record, self.works.store)

    def state(self):
        return json.loads(self.works.store.get(KEY).data)

    def names(self):
        return sorted(one["name"] for one in self.state()["resources"])


@pytest.fixture
def house(works):  # noqa: F811
    return House(works)


STARTED = "from mcop_core.runner.main import main; import sys; sys.exit(main())"


def start_runner(house, request):
    """Start a runner nobody follows, as that of a task that is gone; return its process."""
    folder = house.works.folder_of(request)
    folder.make()
    folder.write_request(request)
    environment = {**os.environ, **house.works.settings.to_environment()}
    return subprocess.Popen([sys.executable, "-c", STARTED, str(folder.path)], env=environment)


@pytest.fixture
def orphaned(house):
    """An apply in the middle whose task is gone: its request, and its runner's process."""
    request = house.request()
    runner = start_runner(house, request)
    wait_for(lambda: house.works.made() == ["a", "b"])
    yield request, runner
    house.works.open_gate()
    runner.kill()
    runner.wait()


@pytest.mark.terraform
def test_a_runner_that_works_is_left_alone_and_then_believed(house, orphaned):
    """The execution settles until it has ended; then it is said that it succeeded although Airflow called it failed."""
    request, runner = orphaned
    assert house.shown.status is Status.SETTLING
    [found] = house.reconcile()
    assert (found.verdict, found.step) == (Verdict.WORKS, STEP)

    house.works.open_gate()
    runner.wait()
    assert "Airflow calls its task failed" in house.shown.awaits[0]
    [found] = house.reconcile()

    assert (found.verdict, house.shown.status) == (Verdict.SETTLED, Status.FAILED)
    assert house.shown.settled == (found.text,)
    assert "apply of w.p.e succeeded: 3 added" in found.text
    assert house.reconcile() == []
    assert house.works.keys() == [KEY]
    journals = [key for key in house.works.store.keys("settlements/") if key.endswith(".journal")]
    assert [house.works.store.get(key).data for key in journals] == [
        house.works.folder_of(request).journal.read_bytes()
    ]


@pytest.mark.terraform
def test_what_a_dead_runner_and_terraform_left_is_settled_and_not_carried_on(house, orphaned):
    """The state on the disk is written, the lock freed; nothing else is made. Carried out again, it goes on."""
    request, runner = orphaned
    house.works.kill(request, "terraform_started")
    runner.kill()
    runner.wait()
    assert house.works.keys() != [KEY]

    [found] = house.reconcile()

    assert (found.verdict, house.shown.status) == (Verdict.SETTLED, Status.FAILED)
    assert "was cut off" in found.text
    assert house.names() == ["a", "b"] or house.names() == ["a"]
    assert (house.works.made(), house.works.keys()) == (["a", "b"], [KEY])
    house.works.open_gate()
    assert house.works.follow(request).added >= 1
    assert house.names() == ["a", "b", "c"]


@pytest.mark.terraform
def test_a_terraform_that_outlived_its_runner_is_followed_to_its_end(house, orphaned):
    """It is not stopped; what it did is the truth."""
    _, runner = orphaned
    runner.kill()
    runner.wait()
    threading.Timer(1.0, house.works.open_gate).start()

    [found] = house.reconcile()

    assert found.verdict is Verdict.SETTLED and "succeeded: 3 added" in found.text
    assert (house.names(), house.works.keys()) == (["a", "b", "c"], [KEY])


@pytest.mark.terraform
def test_two_reconcilers_at_once_settle_it_once(house, orphaned):
    """One settles; the other sees that somebody works there, or finds nothing any more."""
    request, runner = orphaned
    house.works.kill(request, "terraform_started")
    runner.kill()
    runner.wait()
    found: list[list] = []
    threads = [threading.Thread(target=lambda: found.append(house.reconcile())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    verdicts = sorted(str(one.verdict) for its in found for one in its)
    assert verdicts in (["settled"], ["settled", "works"])
    assert (house.shown.status, len(house.shown.settled)) == (Status.FAILED, 1)
    assert house.works.keys() == [KEY]


@pytest.mark.terraform
@pytest.mark.parametrize(
    "event",
    [
        "locked",
        "state_pushed",
        *(pytest.param(event, marks=pytest.mark.campaign) for event in ("settling_started", "state_pulled", "settled")),
    ],
)
def test_a_reconciler_killed_at_a_step_loses_nothing(house, orphaned, event):
    """kill -9 of the runner that settles, right after it noted a step: the next one goes on."""
    request, runner = orphaned
    house.works.kill(request, "terraform_started")
    runner.kill()
    runner.wait()
    before = len(house.works.records(request, event))
    folder = house.works.folder_of(request)
    settling = subprocess.Popen(
        [sys.executable, "-c", KILLED_AT, event, str(before), str(folder.path), "--settle"],
        env={**os.environ, **house.works.settings.to_environment()},
    )
    assert settling.wait(60) == -9
    assert house.shown.status is Status.SETTLING

    [found] = house.reconcile()

    assert found.verdict is Verdict.SETTLED, found.text
    assert "a" in house.names()
    assert (house.works.made(), house.works.keys()) == (["a", "b"], [KEY])


KILLED_AT = """
import os, signal, sys
from mcop_core.runner import main
from mcop_core.runner.journal import Journal

event, before = sys.argv.pop(1), int(sys.argv.pop(1))
append, seen = Journal.append, 0

def append_and_die(self, name, **facts):
    append(self, name, **facts)
    if name == event:
        os.kill(os.getpid(), signal.SIGKILL)

Journal.append = append_and_die
sys.exit(main.main())
"""


@pytest.mark.terraform
def test_another_machine_settles_only_what_is_given_up(house, orphaned, tmp_path):
    """Nobody is robbed who may live; a machine that somebody calls lost is: its lock breaks, what it shipped counts."""
    request, runner = orphaned
    wait_for(lambda: b"terraform_data" in house.works.inflight())
    house.works.kill(request, "terraform_started")
    runner.kill()
    runner.wait()
    shutil.rmtree(house.works.folder_of(request).path)
    seem_elsewhere(house, "burnt-down")

    [found] = house.reconcile()
    assert found.verdict is Verdict.LEFT
    assert "mcop reconcile mcop.shop/one --lost burnt-down" in found.text

    [found] = house.reconcile(lost=["burnt-down"])
    assert found.verdict is Verdict.SETTLED, found.text
    assert (house.works.keys(), house.shown.status) == ([KEY], Status.FAILED)
    assert "a" in house.names()


@pytest.mark.terraform
def test_what_a_fenced_machine_left_is_settled_from_any_other(house, orphaned):
    """Nobody has to call it lost: its lease says that it has ended itself by now, and is watched before it is taken."""
    request, runner = orphaned
    wait_for(lambda: b"terraform_data" in house.works.inflight())
    house.works.kill(request, "terraform_started")
    runner.kill()
    runner.wait()
    shutil.rmtree(house.works.folder_of(request).path)
    seem_elsewhere(house, "burnt-down", fence_s=3.0)

    [found] = house.reconcile()
    assert found.verdict is Verdict.LEFT
    wait_for(lambda: house.reconcile()[0].verdict is Verdict.SETTLED)
    assert (house.works.keys(), house.shown.status) == ([KEY], Status.FAILED)
    assert "a" in house.names()


def seem_elsewhere(house, host, *, fence_s=0.0):
    """Make note and lease name another machine."""
    operations = Operations(house.works.store)
    [noted] = operations.open()
    operations.note(replace(noted, machine={**noted.machine, "host": host}))
    key = lease_key(KEY)
    lease = LeaseDocument.from_json(house.works.store.get(key).data)
    house.works.store.put(key, replace(lease, holder=replace(lease.holder, host=host), fence_s=fence_s).to_json())


@pytest.mark.terraform
def test_a_destruction_that_succeeded_unseen_is_booked(house):
    """What is gone is not deployed any more; what was deployed again since then is."""
    house.works.follow(house.request("ab", gated=""))
    request = house.request("ab", gated="", operation=Operation.DESTROY)
    deployments = Deployments(house.works.store, "team", "shop")
    deployed = Deployment(STEP, request.artifact, "p", {}, (), EXECUTION, "2026-01-01T00:00:00+00:00")
    deployments.put(deployed)
    deployments.put(replace(deployed, step="w.p.again", at="2999-01-01T00:00:00+00:00"))
    house.works.follow(request)
    for one in Operations(house.works.store).open():
        if one.word == "apply":
            Operations(house.works.store).close(one.execution, one.id)

    [found] = house.reconcile()

    assert "destroy of w.p.e succeeded: 0 added, 0 changed, 2 destroyed" in found.text
    assert deployments.steps() == ("w.p.again",)


def test_what_airflow_still_runs_is_left_to_it(house):
    """Its next attempt goes on from there."""
    Operations(house.works.store).note(note(request=asdict(house.request())))
    house.record = record(None, "running")

    assert house.reconcile() == []
    assert len(Operations(house.works.store).open()) == 1


def test_an_execution_that_airflow_forgot_is_settled_too(house):
    """A run that was deleted, or a database restored from an older backup: what ended is said, and kept."""
    request = house.request()
    here = {"host": "elsewhere", "boot": "b", "pids": "p", "pid": 7, "started": "1"}
    machine = {**here, "owner": "o", "operation": "id", "workspace": "/nowhere/runs/id/workspace"}
    Operations(house.works.store).note(
        note(request=asdict(request), machine=machine, ended=ended("succeeded", added=3))
    )
    house.record = None

    [found] = house.reconcile()

    assert found.text == "apply of w.p.e succeeded: 3 added, 0 changed, 0 destroyed; Airflow has no such task"
    assert len(Operations(house.works.store).settlements(EXECUTION)) == 1
    assert Path("/nowhere").exists() is False
