import os
import threading

import pytest

from mcop_airflow.operators.apply import ApplyPrimitiveOperator
from mcop_airflow.operators.runner import GOES_ON, is_running, is_stopped, run_requests
from mcop_core.runner.folder import OperationFolder
from mcop_core.runner.request import Operation
from tests.plugins.plans import step, storefront

TASK = ("mcop.shop", "run1", "w.p.apply_e")


def requests(clear_number=0):
    return run_requests(Operation.APPLY, "d" * 64, "file:///store", task=TASK, clear_number=clear_number)


def test_every_attempt_makes_the_same_request():
    """A retry has the request of the attempt before it, and so finds its runner."""
    assert requests() == requests()
    assert requests()[0].run_key == "mcop.shop/run1/w.p.apply_e"


def test_a_cleared_run_asks_anew():
    """After a run was cleared there is a new request; the earlier ones are known still."""
    assert requests(2)[0] == requests()[0]
    assert len({request.id for request in requests(2)}) == 3


def test_a_runner_is_told_by_its_lock(settings):
    """A request is being worked on while somebody holds the lock of its folder."""
    request = requests()[0]
    folder = OperationFolder.of(request, settings)

    assert not is_running(request, settings)
    folder.make()
    assert not is_running(request, settings)
    held = folder.hold()
    assert is_running(request, settings)
    os.close(held)
    assert not is_running(request, settings)


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
    request = requests()[0]
    folder = OperationFolder.of(request, environment)
    folder.make()
    operator = ApplyPrimitiveOperator(task_id="apply_e", plan=storefront(), step=step("w.p.e"))
    operator._running = (request, Airflow(answer))
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
