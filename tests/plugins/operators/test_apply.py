import os
import threading
from types import SimpleNamespace

import pytest

from mcop_airflow.operators.apply import ApplyPrimitiveOperator
from mcop_airflow.operators.runner import GOES_ON, earlier_requests, is_running, is_stopped, run_request
from mcop_core.runner.folder import OperationFolder
from mcop_core.runner.request import Operation
from mcop_core.settings import Settings
from tests.plugins.plans import step, storefront

TASK = ("mcop.shop", "run1", "w.p.apply_e")


def request(clear_number=0, conf=None):
    """The request that an apply task makes."""
    operator = ApplyPrimitiveOperator(task_id="apply_e", plan=storefront(), step=step("w.p.e"))
    run = SimpleNamespace(clear_number=clear_number, triggering_user_name="ann", conf=conf)
    context = {"ti": SimpleNamespace(run_id="run1"), "dag_run": run}
    return run_request(operator, context, Settings(), Operation.APPLY, "w.p.e", "d" * 64)


def test_every_attempt_makes_the_same_request():
    """A retry has the request of the attempt before it, and so finds its runner."""
    assert request() == request()
    assert request().run_key.endswith("/run1/apply_e/w.p.e")


def test_a_cleared_run_asks_anew():
    """After a run was cleared there is a new request; the earlier ones are known still."""
    assert earlier_requests(request(2), 2) == [request(), request(1)]
    assert earlier_requests(request(), 0) == []
    assert len({one.id for one in (request(), request(1), request(2))}) == 3


def test_a_request_tells_the_policies_what_it_is_about():
    """Who asked, what for, and with which overrides."""
    assert request(conf={"size": "m", "action": "apply"}).execution == {
        "manifest": "storefront",
        "namespace": "shop",
        "action": "apply",
        "requested_by": "ann",
        "overrides": {"size": "m"},
    }


def test_a_runner_is_told_by_its_lock(settings):
    """A request is being worked on while somebody holds the lock of its folder."""
    asked = request()
    folder = OperationFolder.of(asked, settings)

    assert not is_running(asked, settings)
    folder.make()
    assert not is_running(asked, settings)
    held = folder.hold()
    assert is_running(asked, settings)
    os.close(held)
    assert not is_running(asked, settings)


@pytest.mark.parametrize("state", ["failed", "success", "skipped", "removed", "upstream_failed"])
def test_a_task_in_a_final_state_was_stopped(state):
    """Somebody marked the task, or the run, while it was running."""
    assert is_stopped({"run1": {"t": state}}, "run1", "t")


@pytest.mark.parametrize("state", sorted(GOES_ON, key=str))
def test_a_task_that_is_to_go_on_was_not_stopped(state):
    """Killed by a lost worker, a scheduler's restart or a silent API, it will be tried again."""
    assert not is_stopped({"run1": {"t": state}}, "run1", "t")


@pytest.mark.parametrize("states", [{}, {"run1": {}}])
def test_a_deleted_task_was_stopped(states):
    """A run that was deleted leaves nobody to follow the apply."""
    assert is_stopped(states, "run1", "t")


class Airflow:
    """What a task asks Airflow while it is being killed: a real answer, late."""

    dag_id, run_id, task_id = TASK

    def __init__(self, answer):
        self.answer = answer

    def get_task_states(self, **_):
        if isinstance(self.answer, Exception):
            raise self.answer
        return {self.run_id: {self.task_id: self.answer}}


def killed(answer, environment):
    """Kill an apply task whose runner works; return whether the runner was asked to stop."""
    asked = request()
    folder = OperationFolder.of(asked, environment)
    folder.make()
    operator = ApplyPrimitiveOperator(task_id="apply_e", plan=storefront(), step=step("w.p.e"))
    operator._running = (asked, Airflow(answer))
    before = set(threading.enumerate())
    operator.on_kill()
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
    return folder.cancel.exists()


def test_a_stopped_task_cancels_its_runner(environment):
    """Marked failed in the UI, the apply is cancelled gracefully."""
    assert killed("failed", environment)


@pytest.mark.parametrize("answer", ["running", "restarting", "up_for_retry", ConnectionError("no API server")])
def test_a_lost_task_leaves_its_runner_alone(environment, answer):
    """While Airflow means the task to go on, or does not answer, the apply goes on too."""
    assert not killed(answer, environment)


def test_a_task_that_has_not_begun_cancels_nothing(environment):
    """Killed before it asked for anything, there is nothing to stop."""
    before = threading.active_count()
    ApplyPrimitiveOperator(task_id="apply_e", plan=storefront(), step=step("w.p.e")).on_kill()

    assert threading.active_count() == before
