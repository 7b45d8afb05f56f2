"""Runners of a build that takes long: each looks and goes; what nobody looks at any more is stopped."""

import os
from dataclasses import replace

import pytest

from mcop_core.catalog.models import AdapterSettings
from mcop_core.engines.base import RenderRequest
from mcop_core.engines.jenkins.engine import JenkinsEngine
from mcop_core.executions.record import ExecutionRecord, StepRecord
from mcop_core.executions.status import Status, from_airflow
from mcop_core.operations import Operations
from mcop_core.runner import attach
from mcop_core.runner.request import Outcome
from mcop_core.settings import Settings
from mcop_core.settling import Reconciler, Verdict, ask_to_stop, stop_waiting, with_truth
from tests.contracts.engine import ADDRESS
from tests.core.engines.jenkins.controllers import FILES
from tests.core.runner.conftest import wait_for
from tests.fakes.jenkins_server import TOKEN, USERNAME, running_jenkins

JOB = "/".join(ADDRESS)
STEP = ".".join(ADDRESS[2:])
EXECUTION, TASK = "mcop.shop/manual", "base.net.apply_thing"
CAMPAIGN = pytest.mark.campaign
FACTS = {"namespace": "shop", "manifest": "shop-test"}


class Waiter:
    """A manifest's step whose build is held, and the runners that look at it."""

    def __init__(self, works, jenkins):
        self.works, self.jenkins = works, jenkins
        self.environment = {**os.environ, "MCOP_SECRET_JENKINS": TOKEN}
        self.request = self._request()
        self.operations = Operations(works.store)
        jenkins.is_held = True

    def _request(self):
        engine = JenkinsEngine(Settings())
        configuration = {"url": self.jenkins.url, "username": USERNAME, "wait_in_slot_s": 0}
        settings = AdapterSettings(configuration=configuration, credentials={"token": "secret://env/JENKINS"})
        backend = {"type": "local", "path": str(self.works.folder / "store")}
        interface = engine.describe(FILES)
        rendered = engine.render(RenderRequest(ADDRESS, FILES, interface, {"value": [1]}, settings, {}, backend))
        asked = self.works.request(rendered, run_key=f"{EXECUTION}/{TASK}/{STEP}")
        return replace(asked, step=STEP, execution=FACTS)

    def look(self, works=None, *, is_awaited=True):
        """Have a runner look, on another machine if *works* is given; return how it ended."""
        works = works or self.works
        return attach.follow(
            self.request,
            works.settings,
            self.environment,
            on_line=lambda level, line: works.lines.append(line),
            is_awaited=is_awaited,
        )

    def started(self):
        """Leave a build that runs, after one look."""
        result = self.look(is_awaited=False)
        wait_for(lambda: bool(self.builds) and "Started" in self.builds[0].console)
        return result

    def end(self):
        """Have the build come to its end."""
        self.jenkins.is_held = False
        wait_for(lambda: not self.builds[0].is_running)

    @property
    def builds(self):
        return self.jenkins.builds_of(JOB)

    @property
    def note(self):
        (found,) = self.operations.open([EXECUTION])
        return found

    def record(self, state):
        word = Status.RUNNING if state == "deferred" else Status.FAILED
        return ExecutionRecord(EXECUTION, "shop-test", word, steps=(StepRecord(TASK, from_airflow(state), state),))

    def reconcile(self, state="failed"):
        said = lambda level, line: self.works.lines.append(line)  # noqa: E731
        word = lambda name: self.record(state)  # noqa: E731
        return Reconciler(self.works.store, self.works.settings, self.environment, word, said).run()


@pytest.fixture
def waiter(works):
    with running_jenkins() as jenkins:
        yield Waiter(works, jenkins)


def test_a_look_ends_and_the_next_goes_on(waiter):
    """It says when to look again, holds nothing meanwhile, tells no line twice, and has its outputs at the end."""
    waiter.started()
    second = waiter.look()
    waiter.end()
    result = waiter.look()

    assert (Outcome.WAITING, 5.0) == (second.outcome, second.facts["look_again_s"])
    assert "runs as build 1" in second.error
    assert (Outcome.SUCCEEDED, [1], 2) == (result.outcome, result.outputs["result"], result.added)
    told = [line.removeprefix("| ") for line in waiter.works.lines if line.startswith("| ")]
    assert waiter.builds[0].console.splitlines() == told
    assert (1, [f"{JOB}.jenkins.json"]) == (len(waiter.builds), waiter.works.keys())


def test_its_note_says_that_it_waits(waiter):
    """It is not taken away, names no lease that was given back, and is true for what Airflow calls running."""
    waiter.started()
    waiter.operations.close(EXECUTION, waiter.request.id)
    note, shown = waiter.note, with_truth(waiter.record("deferred"), waiter.works.store)

    assert (True, ()) == (note.is_waiting, note.leases[1:])
    assert (Status.RUNNING, ()) == (shown.status, shown.awaits)
    assert [] == waiter.reconcile("deferred")
    assert waiter.builds[0].is_running


def test_another_machine_looks_next(waiter, tmp_path_factory):
    """Nothing of the folder of the one before is needed."""
    waiter.started()
    waiter.end()
    there = type(waiter.works)(tmp_path_factory.mktemp("there"))
    there.settings = replace(waiter.works.settings, work_dir=str(there.folder / "runs"))
    result = waiter.look(there)

    assert (Outcome.SUCCEEDED, 2, 1) == (result.outcome, result.added, len(waiter.builds))


def test_whoever_asks_between_two_looks_that_it_stops_is_heard(waiter):
    """By the next look; an attempt that begins anew has forgotten it."""
    waiter.started()
    assert [STEP] == ask_to_stop(waiter.operations, EXECUTION, "ann")
    waiter.look(is_awaited=False)
    assert waiter.builds[0].is_running
    ask_to_stop(waiter.operations, EXECUTION, "ann")
    result = waiter.look()

    assert Outcome.CANCELLED is result.outcome
    assert ["ABORTED"] == [build.result for build in waiter.builds]


@pytest.mark.parametrize("state", ["success", *(pytest.param(one, marks=CAMPAIGN) for one in ("failed", "skipped"))])
def test_what_nobody_looks_at_any_more_is_stopped_by_the_reconciler(waiter, state):
    """Until then the execution settles; whatever Airflow calls the task, its build was cancelled."""
    waiter.started()
    before = with_truth(waiter.record(state), waiter.works.store)
    (finding,) = waiter.reconcile(state)
    after = with_truth(waiter.record(state), waiter.works.store)

    assert Status.SETTLING is before.status
    assert "nobody looks any more" in before.awaits[0] and waiter.jenkins.url in before.awaits[0]
    assert (Verdict.SETTLED, ["ABORTED"]) == (finding.verdict, [build.result for build in waiter.builds])
    assert "ended as cancelled" in finding.text
    assert (Status.FAILED, [finding.text]) == (after.status, list(after.settled))
    assert [] == waiter.operations.open([EXECUTION])


@CAMPAIGN
def test_it_is_stopped_without_the_machine_that_looked_last(waiter):
    """It had given everything back, so any machine can look."""
    waiter.started()
    note = waiter.note
    waiter.operations.note(replace(note, machine={**note.machine, "host": "gone", "boot": "gone"}))
    (finding,) = waiter.reconcile()

    assert (Verdict.SETTLED, ["ABORTED"]) == (finding.verdict, [build.result for build in waiter.builds])


@CAMPAIGN
def test_a_controller_that_is_away_keeps_it_settling(waiter):
    """What is to be stopped stays named, and is stopped once the controller answers."""
    waiter.works.settings = replace(waiter.works.settings, store_patience_s=0.1)
    waiter.started()
    waiter.jenkins.is_away = True
    (finding,) = waiter.reconcile()
    shown = with_truth(waiter.record("failed"), waiter.works.store)
    assert (Verdict.LEFT, Status.SETTLING) == (finding.verdict, shown.status)
    waiter.jenkins.is_away = False
    (finding,) = waiter.reconcile()

    assert (Verdict.SETTLED, ["ABORTED"]) == (finding.verdict, [build.result for build in waiter.builds])


def test_a_task_that_was_stopped_while_it_waited_has_a_runner_stop_the_build(waiter):
    """At once, and nobody waits for that runner; what it leaves for the reconciler is to agree."""
    waiter.started()
    assert stop_waiting(waiter.works.store, waiter.works.settings, waiter.environment, waiter.note, "Airflow")
    wait_for(lambda: waiter.note.ended is not None and not waiter.note.is_waiting)

    assert ("cancelled", ["ABORTED"]) == (waiter.note.ended.outcome, [build.result for build in waiter.builds])
    assert () == with_truth(waiter.record("failed"), waiter.works.store).awaits
    assert [] == waiter.reconcile()
    assert [] == waiter.operations.open([EXECUTION])


def test_a_note_that_waited_is_superseded_by_what_came_after(waiter):
    """Of a run that was cleared; one that works, or has ended, is not touched."""
    waiter.started()
    note = waiter.note
    waiter.operations.supersede(EXECUTION, waiter.request.id)
    left = []
    for one in (note, replace(note, ended=None), replace(note, ended=replace(note.ended, outcome="failed"))):
        waiter.operations.note(one)
        waiter.operations.supersede(EXECUTION, waiter.request.id)
        left.append(bool(waiter.operations.open([EXECUTION])))

    assert [False, True, True] == left
