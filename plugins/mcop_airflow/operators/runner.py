"""
RunnerOperator: start the runner or find it, stream its log, wait for its end; ask where it deviates.

Where a runner has only to wait, the task gives its slot back and looks again later.

StepOperator: the same for one component of the plan.
"""

from __future__ import annotations

import json
import os
import threading
import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from airflow.sdk import BaseOperator, timezone
from airflow.sdk.exceptions import AirflowException, AirflowTaskTimeout, TaskDeferred

from mcop_airflow.cut_off import check_whole
from mcop_airflow.failures import final_unless_unreachable
from mcop_airflow.metrics import operation_ended
from mcop_airflow.reporter import LogReporter
from mcop_airflow.retries import OUTLASTS
from mcop_airflow.run_conf import check_changes, execution_facts
from mcop_core.bootstrap import open_store
from mcop_core.errors import Deviates, Unreachable
from mcop_core.runner.request import Approval, Operation, Outcome, RunRequest, RunResult
from mcop_core.settings import Settings

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.types import RuntimeTaskInstanceProtocol

    from mcop_core.approval_store import ApprovalStore
    from mcop_core.artifacts.store import ObjectStore
    from mcop_core.compiler.plan import DeploymentPlan, Step
    from mcop_core.hand_over import HandOver


@dataclass(frozen=True, slots=True)
class Work:
    """
    One operation of a task.

    Attributes:
        step: The component, under the id that it is deployed by.
        artifact: Digest of the artifact to work on.
        moved_from: Digests of the artifacts that it was last applied with under other ids.
    """

    step: str
    artifact: str
    moved_from: tuple[str, ...] = ()


GOES_ON = frozenset(
    {None, "running", "queued", "scheduled", "restarting", "up_for_retry", "deferred", "awaiting_input"}
)
"""States in which Airflow means a task to finish: whatever killed this attempt, the next one re-attaches."""


LOOK_AGAIN = "look_again"
"""Method of a `RunnerOperator` that is called with (context, event, …) when it is time to look again."""

_UNKNOWN = "unknown"


class RunnerOperator(BaseOperator):
    """
    Have runners carry out one operation on components, one after the other.

    The work is done by a runner that outlives this task; a retry finds it and goes on listening. So retries (see
    `retries.OUTLASTS`) mend what happens to the task, such as a lost worker or an unreachable store. What the engine
    itself reports fails the task at once.

    Where a preview was approved, the runner is held to it. Should its own plan do anything else, it does nothing, and
    a person is asked about the difference: a required action of this task.

    Where a runner says that nothing is left to do but to wait, the task waits too, deferred, and then has the same
    operation carried on: neither a worker slot nor a lock is held meanwhile, and `execution_timeout` counts over all.

    The runner is cancelled when Airflow's record says that somebody stopped the task, and not when Airflow merely lost
    it. No field is templated.

    Args:
        plan: The whole plan; its policy says whom to ask.
    """

    template_fields = ()
    operation: ClassVar[Operation]
    is_held: bool
    """Whether nothing may be done but what a preview said."""

    def __init__(self, *, plan: DeploymentPlan, **kwargs: object) -> None:
        super().__init__(**{**OUTLASTS, "do_xcom_push": False, **kwargs})
        self.plan = plan
        self._running: tuple[RunRequest, RuntimeTaskInstanceProtocol] | None = None
        self._is_awaited = self._was_asked = False

    @abstractmethod
    def work(self, context: Context, store: ObjectStore) -> Sequence[Work]:
        """Return what is to do, one after the other; nothing, if there is nothing to do."""

    @abstractmethod
    def finish(self, context: Context, store: ObjectStore, work: Work, result: RunResult) -> None:
        """Keep what the success of *work* brought."""

    def execute(self, context: Context) -> None:
        """Follow the runner to its end; ask where it would do what nobody approved."""
        check_changes(context["dag_run"].conf)
        check_whole(context, self.plan)
        self._ask_anew(context, self._carry_out(context))

    def answered(
        self, context: Context, event: Mapping[str, Any], people: Sequence[Mapping[str, str]], changes: str
    ) -> None:
        """Go on if enough people approved the deviation *changes*, ask on if not; fail if it was rejected."""
        from mcop_airflow.asking import read_answer
        from mcop_core.approvals import Decision

        self._was_asked = True
        verdict = read_answer(context, self.plan.approval, event, people)
        self.log.info("%s", verdict.reason)
        if verdict.decision is Decision.ASK_ON:
            self._ask(context, changes, verdict.people)
        with final_unless_unreachable():
            self._approvals(context, _store()).allow(self.task_id, changes, verdict.people)
        self._ask_anew(context, self._carry_out(context))

    def look_again(self, context: Context, event: Any, was_asked: bool = False) -> None:
        """Go on with what had only to be waited for: *event* says no more than that it is time."""
        self._is_awaited, self._was_asked = True, was_asked
        self._ask_anew(context, self._carry_out(context))

    def _ask_anew(self, context: Context, changes: str | None) -> None:
        if changes is not None and self._was_asked:
            # A question of this attempt would show the text of the one before: the next attempt asks.
            raise AirflowException("this deviates again, otherwise than was approved: it is asked again")
        if changes is not None:
            self._ask(context, changes, ())

    def _carry_out(self, context: Context) -> str | None:
        """Work; return the JSON of the changes that nobody approved, None when all is done."""
        settings = Settings.from_environment(os.environ)
        with final_unless_unreachable():
            store = open_store(settings.artifact_store)
            for work in self.work(context, store):
                changes = self._do(context, settings, store, work)
                if changes is not None:
                    return changes
        return None

    def _do(self, context: Context, settings: Settings, store: ObjectStore, work: Work) -> str | None:
        own, ti = self._request(context, settings, store, work), context["ti"]
        request = self._running_already(own, context, settings)
        result = self._attend(request, context, settings, store, work)
        if request != own and result.outcome is Outcome.CANCELLED and self._word(ti) in GOES_ON:
            self.log.info("What was cancelled before this task was cleared has come to its end: it begins anew")
            close(store, request)
            request, result = own, self._attend(own, context, settings, store, work)
        if result.outcome is Outcome.WAITING:
            self._defer(context, request, result)
        if result.outcome is not Outcome.SUCCEEDED:
            return self._unsuccessful(request, ti, store, work, result)
        self.finish(context, store, work, result)
        if self._word(ti) in GOES_ON:  # Else the note says what Airflow's record does not.
            close(store, request)
            supersede(store, earlier_requests(own, context["dag_run"].clear_number))
        counts = f"{result.added} added, {result.changed} changed, {result.destroyed} destroyed"
        self.log.info("Done with %s: %s", work.step, counts)
        return None

    def _defer(self, context: Context, request: RunRequest, result: RunResult) -> NoReturn:
        """Give the slot back until it is time to look again, or until this attempt has taken too long."""
        from mcop_airflow.triggers import LookAgainTrigger

        now, pause = timezone.utcnow(), timedelta(seconds=result.facts["look_again_s"])
        left = self._left(context["ti"], now)
        if left is not None and left <= timedelta():
            raise AirflowTaskTimeout(f"{self.execution_timeout} are over: {result.error}")
        self.log.info("Waiting without a worker slot for %.0f s: %s", pause.total_seconds(), result.error)
        moment = (now + pause).isoformat(timespec="milliseconds")
        raise TaskDeferred(
            trigger=LookAgainTrigger(moment=moment, execution=request.place[0], operation=request.id),
            method_name=LOOK_AGAIN,
            kwargs={"was_asked": self._was_asked},
            timeout=left,
        )

    def _left(self, ti: RuntimeTaskInstanceProtocol, now: datetime) -> timedelta | None:
        """Return how long this attempt may still take; Airflow counts each of its parts alone."""
        if self.execution_timeout is None or ti.start_date is None:
            return self.execution_timeout
        return ti.start_date + self.execution_timeout - now

    def _unsuccessful(
        self, request: RunRequest, ti: RuntimeTaskInstanceProtocol, store: ObjectStore, work: Work, result: RunResult
    ) -> str:
        """Return the changes that were not approved, if these ended it; raise any other end."""
        from mcop_core.runner.attach import raise_for

        # Somebody who marks the task as a success cancels its runner: the note has to say that it was none.
        if result.outcome is not Outcome.CANCELLED or self._word(ti) not in ("success", _UNKNOWN):
            close(store, request)
        if result.error_type != Deviates.__name__:
            raise_for(result)
        return json.dumps({**result.facts["changes"], "step": work.step})

    def _word(self, ti: RuntimeTaskInstanceProtocol) -> str | None:
        """Return what Airflow calls this task now, `_UNKNOWN` where it does not say."""
        try:
            return states_of(ti).get(ti.run_id, {}).get(ti.task_id, _UNKNOWN)
        except Exception as error:  # what ends the task has ended its connection, too
            self.log.warning("Airflow does not say what it calls this task: %s", error)
            return _UNKNOWN

    def _ask(self, context: Context, changes: str, people: Sequence[Any]) -> None:
        from mcop_airflow.approval_page import deviation_page
        from mcop_airflow.asking import ask
        from mcop_core.approvals import APPROVE, REJECT
        from mcop_core.engines.changes import ComponentChanges
        from mcop_core.executions.naming import execution_id

        strange = ComponentChanges.from_json(changes)
        ask(
            context,
            self.plan.approval,
            subject=f"{strange.step} would do what was not approved",
            body=deviation_page(strange, execution_id(self.dag_id, context["ti"].run_id)),
            options=[APPROVE, REJECT],
            people=people,
            changes=changes,
        )

    def _request(self, context: Context, settings: Settings, store: ObjectStore, work: Work) -> RunRequest:
        request = run_request(self, context, settings, self.operation, work.step, work.artifact)
        return replace(request, approval=self._approval(context, store), moved_from=work.moved_from)

    def _running_already(self, request: RunRequest, context: Context, settings: Settings) -> RunRequest:
        """Return what a runner works on that this task asked for before it was cleared, else *request*."""
        earlier = earlier_requests(request, context["dag_run"].clear_number)
        return next((one for one in earlier if is_running(one, settings)), request)

    def _approval(self, context: Context, store: ObjectStore) -> Approval | None:
        if not self.is_held:
            return None
        approvals = self._approvals(context, store)
        return Approval(approvals.preview(), approvals.allowed(self.task_id))

    def _approvals(self, context: Context, store: ObjectStore) -> ApprovalStore:
        from mcop_core.approval_store import ApprovalStore

        return ApprovalStore(store, self.dag_id, context["ti"].run_id, record_key())

    def _handed(self, context: Context, store: ObjectStore) -> HandOver:
        from mcop_core.hand_over import HandOver

        return HandOver(store, self.dag_id, context["ti"].run_id, record_key())

    def _connections(self, store: ObjectStore, work: Work, settings: Settings) -> Mapping[str, str]:
        from mcop_airflow.connections import connections_of
        from mcop_core.engines.artifact import load_artifact

        return connections_of(load_artifact(store, work.artifact), self.plan.namespace, settings)

    def _attend(
        self, request: RunRequest, context: Context, settings: Settings, store: ObjectStore, work: Work
    ) -> RunResult:
        """See *request* done, and return how it ended."""
        # Imported here: the parser builds thousands of these operators and runs none of them.
        from mcop_core.runner.attach import follow

        self._running = (request, context["ti"])
        self.log.info("%s %s: artifact %s, runner %s", self.operation, work.step, work.artifact, request.id)
        reporter, began = LogReporter(self.log), time.monotonic()
        result = follow(
            request,
            settings,
            os.environ,
            on_line=lambda level, line: reporter.log(line, level=level),
            secrets=self._connections(store, work, settings),
            is_awaited=self._is_awaited,
        )
        if result.outcome is not Outcome.WAITING:
            operation_ended(request, result, timedelta(seconds=time.monotonic() - began))
        return result

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
            states = states_of(ti)
        except Exception as error:  # The task dies either way; without Airflow's word the runner goes on.
            self.log.warning("Airflow does not say why this task is stopped (%s): the runner goes on", error)
            return
        if not is_stopped(states, ti.run_id, ti.task_id):
            self.log.warning("Airflow lost this task, nobody stopped it: the runner goes on, the next attempt finds it")
            return
        self.log.warning("This task was stopped: cancelling runner %s gracefully", request.id)
        request_cancel(request, Settings.from_environment(os.environ))


class StepOperator(RunnerOperator):
    """
    Have a runner carry out one operation on one component of the plan; see `RunnerOperator`.

    Args:
        step: The component.
    """

    def __init__(self, *, step: Step, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.step = step


def record_key() -> str:
    """Return the secret with which this worker proves its records."""
    return Settings.from_environment(os.environ).record_key


def _store() -> ObjectStore:
    return open_store(Settings.from_environment(os.environ).artifact_store)


def run_request(
    operator: Any, context: Context, settings: Settings, operation: Operation, step: str, artifact: str
) -> RunRequest:
    """
    Return the request of a task of *operator*, which has a `plan`, for one step; not yet held to any approval.

    Every attempt has the same request, so that a retry re-attaches. After somebody cleared the run there is a new one,
    since the cloud may have changed after what was done once.
    """
    ti, run = context["ti"], context["dag_run"]
    return RunRequest(
        operation,
        artifact,
        run_key("/".join([operator.dag_id, ti.run_id, operator.task_id, step]), run.clear_number),
        f"{operator.dag_id} {ti.run_id}",
        settings.artifact_store,
        step,
        execution_facts(operator.plan, run, operation),
    )


def close(store: ObjectStore, request: RunRequest) -> None:
    """Take away the note of an operation that has ended, now that Airflow's record will say the same."""
    from mcop_core.operations import Operations

    with suppress(Unreachable):  # a reconciler takes it away then
        Operations(store).close(request.place[0], request.id)


def supersede(store: ObjectStore, requests: Sequence[RunRequest]) -> None:
    """Take away the notes of those of *requests* that waited: what they waited for has come to its end."""
    from mcop_core.operations import Operations

    for request in requests:
        with suppress(Unreachable):  # a reconciler looks then, and finds nothing
            Operations(store).supersede(request.place[0], request.id)


def run_key(key: str, clear_number: int) -> str:
    """Return the key of a task's request after its run was cleared so often."""
    return f"{key}/{clear_number}" if clear_number else key


def earlier_requests(request: RunRequest, clear_number: int) -> list[RunRequest]:
    """Return the requests that the task of *request* may have made before its run was cleared, the first one first."""
    key = request.run_key.removesuffix(f"/{clear_number}") if clear_number else request.run_key
    return [replace(request, run_key=run_key(key, number)) for number in range(clear_number)]


def is_running(request: RunRequest, settings: Settings) -> bool:
    """Whether a runner works on *request* on this machine."""
    from mcop_core.runner.attach import lives

    return lives(request, settings)


def states_of(ti: RuntimeTaskInstanceProtocol) -> dict[str, dict[str, str | None]]:
    """Return run id -> task id -> what Airflow calls this task now; one that was deleted is not in it."""
    return ti.get_task_states(dag_id=ti.dag_id, task_ids=[ti.task_id], run_ids=[ti.run_id])


def is_stopped(states: dict[str, dict[str, str | None]], run_id: str, task_id: str) -> bool:
    """
    Whether somebody stopped a task, by what Airflow says of it.

    Args:
        states: Run id -> task id -> state, as Airflow answers; a task that is not in it was deleted.
    """
    run = states.get(run_id, {})
    return task_id not in run or run[task_id] not in GOES_ON
