"""Executions stopped by Airflow's doors, and what settles after, in Airflow's task machinery with real Terraform."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from types import SimpleNamespace

import pytest
from airflow.models.dagrun import DagRun
from airflow.models.log import Log
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session

from mcop_airflow.operators.runner import run_request
from mcop_core.errors import Refused
from mcop_core.executions.history import AirflowHistory
from mcop_core.executions.requests import cancel_execution, force_execution
from mcop_core.operations import Ending, OperationNote, Operations
from mcop_core.runner.attach import follow, request_cancel
from mcop_core.runner.request import Operation, Outcome, RunRequest
from mcop_core.settings import Settings
from tests.core.runner.conftest import wait_for
from tests.plugins.small_catalog import MODULE, filled
from tests.plugins.test_approval import Asker
from tests.plugins.test_resuming import clear_failed

pytestmark = pytest.mark.terraform

FIRST, RENDER = "platform.pair.apply_first", "platform.pair.render_first"
API = "/mcop/api/v1"

GATED = MODULE.replace(
    'resource "terraform_data" "this" {',
    """resource "terraform_data" "slow" {
  provisioner "local-exec" {
    command = "touch REACHED; until [ -e GATE ]; do sleep 0.05; done"
  }
}

resource "terraform_data" "this" {
  depends_on = [terraform_data.slow]""",
)


class DatabaseWord:
    """What a task asks Airflow while it is being stopped, answered from its database."""

    def __init__(self, dag_id, run_id, task_id):
        self.dag_id, self.run_id, self.task_id = dag_id, run_id, task_id

    def get_task_states(self, **_):
        with create_session() as session:
            found = session.query(TaskInstance).filter_by(dag_id=self.dag_id, run_id=self.run_id)
            return {self.run_id: {ti.task_id: ti.state and str(ti.state) for ti in found}}


class Stopper(Asker):
    """Runs manifests whose applies wait at a gate, and stops them."""

    def __init__(self, catalog, scheduling, folder, airflow):
        super().__init__(catalog, scheduling)
        self.folder, self.airflow = folder, airflow
        self.operations = Operations(catalog.store)
        module = GATED.replace("REACHED", str(folder / "reached")).replace("GATE", str(folder / "gate"))
        catalog.publish(catalog.primitive("1.1.0", module))

    def apply_until(self, name, act):
        """Execute in this thread, as Airflow's task runner wants it; *act* in another once the first apply works."""
        for file in ("reached", "gate"):
            (self.folder / file).unlink(missing_ok=True)
        self.publish(name, approval="never")
        plan = self.plan(name)
        stored, files = self.scheduling.store_plan(plan), self.dag(plan)
        with ThreadPoolExecutor(1) as pool:
            acting = pool.submit(self._act, act, files)
            self.scheduling.run(stored, files, run_id="one", rounds=6)
            return acting.result()

    def _act(self, act, files):
        try:
            wait_for((self.folder / "reached").exists, timeout_s=120)
            return act(files)
        except BaseException:
            (self.folder / "gate").touch()
            raise

    def kill_task(self, files, name):
        """Do what `on_kill` does when the supervisor stops a task that may not go on: Airflow's word decides."""
        [note] = self.operations.open([f"mcop.{name}/one"])
        word = DatabaseWord(f"mcop.{name}", "one", FIRST)
        files.task_dict[FIRST]._cancel_if_stopped(RunRequest.from_json(note.request), word)

    def go_on(self, name):
        plan = self.plan(name)
        return self.scheduling.follow(self.scheduling.store_plan(plan), self.dag(plan), "one", rounds=8)

    def cancel_once_attended(self, name, request, following):
        """Have a runner hear that it is cancelled once the next attempt has found it, and return how it ended."""
        try:
            wait_for(lambda: self.tasks(name)[FIRST] == "running", timeout_s=120)
            time.sleep(1)
            request_cancel(request, self.catalog.settings)
            return following.result()
        finally:
            (self.folder / "gate").touch()

    def says(self, name, task_id, state):
        """Have Airflow call a task so; here an attempt has the last word that Airflow's API would have refused."""
        with create_session() as session:
            of_task = {"dag_id": f"mcop.{name}", "run_id": "one", "task_id": task_id}
            session.query(TaskInstance).filter_by(**of_task).update({"state": state})

    def tasks(self, name):
        return DatabaseWord(f"mcop.{name}", "one", FIRST).get_task_states()["one"]

    def client(self, name="ann", role="ADMIN"):
        return self.airflow.client(name, role)

    def shown(self, name):
        return self.client("vera", "VIEWER").get(f"{API}/executions/mcop.{name}/one").json()

    def find(self, name):
        with self.airflow.api() as api:
            return AirflowHistory(api).get(f"mcop.{name}/one")

    def orphan(self, name):
        """Leave an operation of a run that Airflow calls failed, as a task does that died; return its request."""
        self.publish(name, approval="never")
        self.deploy(name, run_id="one", rounds=2)
        self.client().patch(f"/api/v2/dags/mcop.{name}/dagRuns/one", json={"state": "failed"}).raise_for_status()
        artifact = self.xcoms("one", f"mcop.{name}")[RENDER, "artifact"]
        with create_session() as session:
            run = session.query(DagRun).filter_by(dag_id=f"mcop.{name}", run_id="one").one()
            context, task = (
                {"ti": SimpleNamespace(run_id="one"), "dag_run": run},
                self.dag(self.plan(name)).task_dict[FIRST],
            )
            return run_request(task, context, self.catalog.settings, Operation.APPLY, "platform.pair.first", artifact)


@pytest.fixture(scope="module")
def stopper(scheduling, tmp_path_factory):
    from tests.plugins.serving import Airflow

    folder = tmp_path_factory.mktemp("stopped")
    with pytest.MonkeyPatch.context() as patch:
        settings = Settings(
            artifact_store=f"file://{folder}/store",
            work_dir=str(folder / "runs"),
            cache_dir=str(folder / "cache"),
            exemptions=str(folder / "exemptions.toml"),
            lease_s=2.0,
        )
        for name, value in settings.to_environment().items():
            patch.setenv(name, value)
        scheduling.forget_runs()
        yield Stopper(filled(settings, folder / "states"), scheduling, folder, Airflow())


# -- doors ---------------------------------------------------------------------------------------------


def fail_run(stopper, name):
    """Airflow's UI and REST: the run is marked failed."""
    return stopper.client().patch(f"/api/v2/dags/mcop.{name}/dagRuns/one", json={"state": "failed"})


def fail_task(stopper, name):
    """Airflow's UI and REST: the task is marked failed."""
    path = f"/api/v2/dags/mcop.{name}/dagRuns/one/taskInstances/{FIRST}"
    return stopper.client().patch(path, json={"new_state": "failed"})


def command(stopper, name):
    """`mcop cancel`."""
    with stopper.airflow.api() as api:
        cancel_execution(api, AirflowHistory(api).get(f"mcop.{name}/one"))


def succeed_run(stopper, name):
    """Airflow's UI and REST: the run is marked as a success."""
    return stopper.client().patch(f"/api/v2/dags/mcop.{name}/dagRuns/one", json={"state": "success"})


DOORS = {"run": fail_run, "task": fail_task, "command": command, "success": succeed_run}
MATRIX = [
    pytest.param(door, marks=[] if door == "command" else [pytest.mark.campaign], id=door)
    for door in ("run", "task", "command")
]


@pytest.mark.parametrize("door", MATRIX)
def test_cancelled_while_it_applies(stopper, door):
    """It settles until the runner has ended; what was begun is in the state, and nothing else is made."""
    name = f"applies-{door}"

    def stop(files):
        DOORS[door](stopper, name)
        shown = stopper.shown(name)["status"]
        stopper.kill_task(files, name)
        return shown

    assert stopper.apply_until(name, stop) == ("RUNNING" if door == "task" else "SETTLING")
    assert stopper.tasks(name)[FIRST] == "failed"
    assert "awaits" not in stopper.shown(name)
    state = (stopper.catalog.states / f"team/{name}/platform/pair/first.tfstate").read_text()
    assert '"slow"' in state and '"this"' not in state
    assert not list((stopper.catalog.states / "team" / name).rglob("*.tflock"))
    assert stopper.operations.open([f"mcop.{name}/one"]) == []


def test_marked_as_a_success_while_it_applies(stopper):
    """Its runner is cancelled gracefully, and what was not done is not called done: it settles, and has failed."""
    name = "applies-success"

    def stop(files):
        DOORS["success"](stopper, name).raise_for_status()
        shown = stopper.shown(name)["status"]
        stopper.kill_task(files, name)
        return shown

    assert stopper.apply_until(name, stop) == "SETTLING"
    stopper.says(name, FIRST, "success")
    assert ["cancelled, and Airflow calls its task success" in text for text in stopper.shown(name)["awaits"]] == [True]
    assert stopper.reconcile("marked") == ("success", {"reconcile": "success"})

    shown = stopper.shown(name)
    assert shown["status"] == "FAILED"
    assert "apply of platform.pair.first ended as cancelled" in shown["settled"][0]
    listed = {one["id"]: one["status"] for one in stopper.client().get(f"{API}/executions").json()}
    assert listed[f"mcop.{name}/one"] == "FAILED"
    bill = stopper.client().get(f"{API}/executions/mcop.{name}/one/bill").json()
    assert bill["status"] == "FAILED"
    assert [step["outcome"] for step in bill["steps"]] == ["not run", "skipped"]
    state = (stopper.catalog.states / f"team/{name}/platform/pair/first.tfstate").read_text()
    assert '"slow"' in state and '"this"' not in state
    assert not list((stopper.catalog.states / "team" / name).rglob("*.tflock"))


def test_marked_as_failed_as_it_succeeds(stopper):
    """Nobody could stop it any more: what it did is not lost with the task that nobody listens to."""
    name = "too-late"

    def mark(files):
        DOORS["run"](stopper, name)
        (stopper.folder / "gate").touch()

    stopper.apply_until(name, mark)
    stopper.says(name, FIRST, "failed")
    assert ["Airflow calls its task failed" in text for text in stopper.shown(name)["awaits"]] == [True]
    assert stopper.reconcile("late") == ("success", {"reconcile": "success"})
    assert "apply of platform.pair.first succeeded: 2 added" in stopper.shown(name)["settled"][0]


def test_cleared_while_what_was_cancelled_comes_to_its_end(stopper):
    """The next attempt waits for the end of the old runner, and then begins anew from what that left."""
    name = "cleared"
    for file in ("reached", "gate"):
        (stopper.folder / file).unlink(missing_ok=True)
    old = stopper.orphan(name)
    with ThreadPoolExecutor(2) as pool:
        following = pool.submit(follow, old, stopper.catalog.settings, os.environ, on_line=lambda *_: None)
        wait_for((stopper.folder / "reached").exists, timeout_s=120)
        stopper.says(name, FIRST, "failed")
        clear_failed(f"mcop.{name}", "one", "skipped")
        cancelling = pool.submit(stopper.cancel_once_attended, name, old, following)
        run, tasks = stopper.go_on(name)

        assert cancelling.result().outcome is Outcome.CANCELLED
    assert (run, tasks[FIRST]) == ("success", "success")
    state = (stopper.catalog.states / f"team/{name}/platform/pair/first.tfstate").read_text()
    assert '"slow"' in state and '"this"' in state
    assert stopper.operations.open([f"mcop.{name}/one"]) == []
    assert stopper.shown(name)["status"] == "COMPLETED"


@pytest.mark.parametrize("door", ["run", "command"])
@pytest.mark.parametrize("phase", ["queued", "approval"])
def test_cancelled_before_a_runner_works(stopper, phase, door):
    """Waiting for a slot, or for people: the run ends as failed, nothing was made and nothing settles."""
    name = f"{phase}-{door}"
    stopper.publish(name)
    stopper.deploy(name, run_id="one", rounds=0 if phase == "queued" else 6)

    DOORS[door](stopper, name)

    assert stopper.shown(name)["status"] == "FAILED"
    assert FIRST not in {task for task, state in stopper.tasks(name).items() if state == "running"}
    assert not stopper.has_state(name)


# -- settling ------------------------------------------------------------------------------------------


def test_a_good_end_that_airflow_missed_is_settled_by_the_dag(stopper):
    """The API says settling, the DAG finds the truth, and Airflow's own record stays as it is."""
    (stopper.folder / "gate").touch()
    request = stopper.orphan("missed")
    result = follow(request, stopper.catalog.settings, os.environ, on_line=lambda *_: None)
    assert result.outcome is Outcome.SUCCEEDED, result.error
    listed = {one["id"]: one for one in stopper.client().get(f"{API}/executions").json()}
    assert listed["mcop.missed/one"]["status"] == "SETTLING"
    assert "Airflow calls its task" in listed["mcop.missed/one"]["awaits"][0]

    assert stopper.reconcile("first") == ("success", {"reconcile": "success"})
    assert stopper.reconcile("again") == ("success", {"reconcile": "success"})

    shown = stopper.shown("missed")
    assert (shown["status"], shown.get("awaits")) == ("FAILED", None)
    assert "apply of platform.pair.first succeeded: 2 added" in shown["settled"][0]


def test_what_the_dag_cannot_settle_makes_it_fail(stopper):
    """An operation of another machine is named; a person knows more."""
    request = stopper.orphan("abroad")
    follow(request, stopper.catalog.settings, os.environ, on_line=lambda *_: None)
    [note] = stopper.operations.open(["mcop.abroad/one"])
    stopper.operations.note(replace(note, machine={**note.machine, "host": "abroad"}, ended=None))

    assert stopper.reconcile("abroad")[0] == "failed"
    stopper.operations.note(replace(note, ended=replace(note.ended, outcome="failed")))
    stopper.operations.close(note.execution, note.id)


# -- force ---------------------------------------------------------------------------------------------


@pytest.fixture
def working(stopper):
    """An operation that works, of a run that Airflow calls failed."""
    request = stopper.orphan("forced")
    note = OperationNote(
        request.id,
        "mcop.forced/one",
        FIRST,
        request.step,
        "apply",
        asdict(request),
        {"host": "h", "pid": 1},
        "2026-01-01",
    )
    stopper.operations.note(note)
    yield note
    stopper.operations.note(replace(note, ended=Ending("failed", "2026-01-01", is_settled=True)))
    stopper.operations.close(note.execution, note.id)


def test_only_who_may_configure_airflow_has_terraform_killed(stopper, working):
    """After a cancellation, with the execution's id typed; each is in Airflow's audit log with its user."""
    path, body = f"{API}/executions/mcop.forced/one", {"confirm": "mcop.forced/one"}
    with stopper.airflow.api() as api, pytest.raises(Refused, match="was not asked to stop"):
        force_execution(api, stopper.find("forced"))
    asked = [stopper.client(role.lower(), role).post(f"{path}/stop").status_code for role in ("VIEWER", "USER")]
    assert asked == [403, 200]
    assert stopper.airflow.client().post(f"{path}/stop").status_code == 401
    assert stopper.operations.asked_to_stop(working.execution, working.id).by == "user"

    killed = {role: stopper.client(role.lower(), role).post(f"{path}/force-stop", json=body) for role in ROLES}
    assert {role: answer.status_code for role, answer in killed.items()} == ROLES
    assert stopper.client().post(f"{path}/force-stop", json={"confirm": "mcop.forced"}).status_code == 400
    assert stopper.operations.asked_to_stop(working.execution, working.id).force
    with stopper.airflow.api() as api:
        assert cancel_execution(api, stopper.find("forced")).runners == ("platform.pair.first",)
        assert force_execution(api, stopper.find("forced")) == ("platform.pair.first",)
    with create_session() as session:
        logged = {(row.event, row.owner) for row in session.query(Log).filter(Log.event.like("%stop_execution"))}
    assert {("stop_execution", "user"), ("force_stop_execution", "admin")} <= logged


ROLES = {"VIEWER": 403, "USER": 403, "ADMIN": 200}
