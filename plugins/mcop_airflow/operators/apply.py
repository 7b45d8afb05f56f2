"""ApplyPrimitiveOperator: start the runner or find it, stream its log, bring its outputs."""

from __future__ import annotations

import logging
import os
import threading
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from mcop_airflow import naming
from mcop_airflow.failures import final_unless_unreachable
from mcop_airflow.xcom import push_outputs
from mcop_core.refs import StepRef
from mcop_core.runner.request import Operation, Outcome, RunRequest, RunResult
from mcop_core.settings import Settings

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.types import RuntimeTaskInstanceProtocol

    from mcop_core.compiler.plan import Step

GOES_ON = frozenset({None, "running", "queued", "scheduled", "restarting", "up_for_retry", "deferred"})
"""States in which Airflow means a task to finish: whatever killed this attempt, the next one re-attaches."""

_LEVELS = {"debug": logging.DEBUG, "warning": logging.WARNING, "error": logging.ERROR}


class ApplyPrimitiveOperator(BaseOperator):
    """
    Make the cloud what the step's render task wrote.

    The work is done by a runner that outlives this task; a retry finds it and goes on listening. So retries (3, after
    10 seconds each) mend what happens to the task, such as a lost worker or an unreachable store. What the engine
    itself reports fails the task at once. Outputs go to XCom, one key each; sensitive ones are pointers to the state.

    The runner is cancelled when Airflow's record says that somebody stopped the task, and not when Airflow merely lost
    it. No field is templated.

    Args:
        step: The step to apply; its render task stands in the same group.
    """

    template_fields = ()
    ui_color = "#e4f4e4"

    def __init__(self, *, step: Step, **kwargs: object) -> None:
        super().__init__(**{"retries": 3, "retry_delay": timedelta(seconds=10), "do_xcom_push": False, **kwargs})
        self.step = step
        self._running: tuple[RunRequest, RuntimeTaskInstanceProtocol] | None = None

    def execute(self, context: Context) -> None:
        """Follow the runner to its end."""
        settings = Settings.from_environment(os.environ)
        ti = context["ti"]
        request = self._request(context, settings)
        self._running = (request, ti)
        self.log.info("Applying %s: artifact %s, operation %s", self.step.id, request.artifact, request.id)
        with final_unless_unreachable():
            result = self._follow(request, settings)
        push_outputs(ti, result)
        counts = f"{result.added} added, {result.changed} changed, {result.destroyed} destroyed"
        self.log.info("Applied %s: %s; outputs: %s", self.step.id, counts, ", ".join(sorted(result.outputs)) or "none")

    def _request(self, context: Context, settings: Settings) -> RunRequest:
        ti = context["ti"]
        source = naming.task_id(StepRef(*self.step.id.split(".")), naming.StepTask.RENDER)
        artifact = ti.xcom_pull(task_ids=source, key=naming.ARTIFACT_KEY, map_indexes=None)
        if not isinstance(artifact, str):
            raise AirflowFailException(f"{source} left no artifact in this run: clear it together with {self.task_id}")
        attempts = run_requests(
            artifact,
            settings.artifact_store,
            task=(self.dag_id, ti.run_id, self.task_id),
            clear_number=context["dag_run"].clear_number,
        )
        return next((request for request in attempts[:-1] if is_running(request, settings)), attempts[-1])

    def _follow(self, request: RunRequest, settings: Settings) -> RunResult:
        # Imported here: the parser builds thousands of these operators and runs none of them.
        from mcop_core.runner.attach import follow, raise_for

        result = follow(request, settings, os.environ, on_line=self._write)
        if result.outcome is not Outcome.SUCCEEDED:
            raise_for(result)
        return result

    def _write(self, level: str, line: str) -> None:
        self.log.log(_LEVELS.get(level, logging.INFO), "%s", line)

    def on_kill(self) -> None:
        """
        Cancel the runner if somebody stopped the task; returns at once.

        This is called from a signal handler, perhaps while the task itself is talking to its supervisor: so the
        question to Airflow is asked in a thread of its own.
        """
        if self._running:
            threading.Thread(target=self._cancel_if_stopped, args=self._running, daemon=True).start()

    def _cancel_if_stopped(self, request: RunRequest, ti: RuntimeTaskInstanceProtocol) -> None:
        from mcop_core.runner.attach import request_cancel

        try:
            states = ti.get_task_states(dag_id=ti.dag_id, task_ids=[ti.task_id], run_ids=[ti.run_id])
        except Exception as error:  # The task dies either way; without Airflow's word the runner goes on.
            self.log.warning("Airflow does not say why this task is stopped (%s): the runner goes on", error)
            return
        if not is_stopped(states, ti.run_id, ti.task_id):
            self.log.warning("Airflow lost this task, nobody stopped it: the runner goes on, the next attempt finds it")
            return
        self.log.warning("This task was stopped: cancelling operation %s gracefully", request.id)
        request_cancel(request, Settings.from_environment(os.environ))


def run_requests(artifact: str, store: str, *, task: tuple[str, str, str], clear_number: int) -> list[RunRequest]:
    """
    Return the requests that one apply task may have made so far, the present one last.

    Every attempt has the same request, so that a retry re-attaches. After somebody cleared the run there is a new one,
    since the cloud may have changed after what was applied once; the earlier ones tell whether that still goes on.

    Args:
        task: DAG id, run id, task id.
        clear_number: How often the run was cleared.
    """
    key, owner = "/".join(task), " ".join(task[:2])
    keys = [key, *(f"{key}/{number}" for number in range(1, clear_number + 1))]
    return [RunRequest(Operation.APPLY, artifact, run_key, owner, store) for run_key in keys]


def is_running(request: RunRequest, settings: Settings) -> bool:
    """Whether a runner works on *request* on this machine."""
    from mcop_core.runner.folder import OperationFolder

    folder = OperationFolder.of(request, settings)
    if not folder.path.is_dir():
        return False
    alive = folder.hold()
    if alive is not None:
        os.close(alive)
    return alive is None


def is_stopped(states: dict[str, dict[str, str | None]], run_id: str, task_id: str) -> bool:
    """
    Whether somebody stopped a task, by what Airflow says of it.

    Args:
        states: Run id -> task id -> state, as Airflow answers; a task that is not in it was deleted.
    """
    run = states.get(run_id, {})
    return task_id not in run or run[task_id] not in GOES_ON
