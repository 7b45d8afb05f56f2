"""
How far an execution is: what runs, what waits and for whom, how long.

Pure but for `follow`, which asks Airflow until the run has ended.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mcop_core.executions.history import AirflowHistory, find_started, read_execution
from mcop_core.executions.naming import DEPLOY_TASK_ID, split_id
from mcop_core.executions.record import ExecutionRecord, StepRecord

if TYPE_CHECKING:
    from mcop_core.executions.airflow_api import AirflowApi

_WORDS = {
    "success": "done",
    "skipped": "skipped",
    "failed": "failed",
    "upstream_failed": "not run",
    "removed": "removed",
    "running": "running",
    "deferred": "running",
    "awaiting_input": "needs a person",
    "restarting": "restarting",
    "up_for_retry": "will retry",
    "up_for_reschedule": "will look again",
    "queued": "queued",
    "scheduled": "queued",
}
_FINISHED = frozenset({"success", "skipped", "failed", "upstream_failed", "removed"})
_NAMED_WAITS = 2


@dataclass(frozen=True, slots=True)
class StepProgress:
    """
    One step as a person sees it.

    Attributes:
        word: `waiting`, `queued`, `running`, `done`, `failed`, `not run`, …
        seconds: How long it ran, or has been running; None before it started.
        waits_for: Ids of the direct predecessors that are not finished; empty once it was queued.
        attempts: How many attempts were started.
    """

    id: str
    word: str
    seconds: float | None = None
    waits_for: tuple[str, ...] = ()
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """An execution and its steps at one moment, in an order in which they can run."""

    execution: ExecutionRecord
    steps: tuple[StepProgress, ...]

    @property
    def finished(self) -> int:
        """How many steps will not change any more."""
        return sum(step.word in ("done", "skipped", "failed", "not run", "removed") for step in self.steps)


def measure(execution: ExecutionRecord, downstream: Mapping[str, Iterable[str]], now: datetime) -> Progress:
    """
    Return how far *execution* is.

    Args:
        execution: With its steps.
        downstream: Task id -> ids of the tasks that come after it.
        now: For the seconds of what still runs.
    """
    before: dict[str, list[str]] = {}
    for task, successors in downstream.items():
        for successor in successors:
            before.setdefault(successor, []).append(task)
    states = {step.id: step.state for step in execution.steps}
    depth = _depths(downstream, states)
    ordered = sorted(execution.steps, key=lambda step: (depth[step.id], step.id))
    return Progress(execution, tuple(_step(step, before.get(step.id, []), states, now) for step in ordered))


def _step(step: StepRecord, before: Iterable[str], states: Mapping[str, str | None], now: datetime) -> StepProgress:
    word = _WORDS.get(step.state, step.state) if step.state else "waiting"
    end = step.ended_at or now
    started = step.started_at if word not in ("waiting", "queued", "not run") else None
    seconds = max((end - started).total_seconds(), 0.0) if started else None
    open_ones = tuple(sorted(task for task in before if states.get(task) not in _FINISHED))
    return StepProgress(step.id, word, seconds, open_ones if word == "waiting" else (), step.attempts)


def _depths(downstream: Mapping[str, Iterable[str]], tasks: Iterable[str]) -> dict[str, int]:
    """Return how many steps lie before each task on the longest way to it; a graph of any size, no recursion."""
    depth = dict.fromkeys(tasks, 0)
    after = {task: [other for other in downstream.get(task, ()) if other in depth] for task in depth}
    missing = Counter(other for others in after.values() for other in others)
    ready = [task for task in depth if not missing[task]]
    while ready:
        task = ready.pop()
        for other in after[task]:
            depth[other] = max(depth[other], depth[task] + 1)
            missing[other] -= 1
            if not missing[other]:
                ready.append(other)
    return depth


def describe(step: StepProgress) -> str:
    """Return one line, without the step's id: `running 12 s`, `waiting for platform.network.apply_vpc`."""
    text = step.word
    if step.waits_for:
        rest = len(step.waits_for) - _NAMED_WAITS
        text += f" for {', '.join(step.waits_for[:_NAMED_WAITS])}" + (f" and {rest} more" if rest > 0 else "")
    if step.seconds is not None:
        text += f" {step.seconds:.0f} s" if step.word == "running" else f" in {step.seconds:.1f} s"
    return text + (f", attempt {step.attempts}" if step.attempts > 1 else "")


def changed_lines(before: Progress | None, after: Progress) -> list[str]:
    """Return one line for every step whose word differs from *before*; those that wait are left out."""
    words = {step.id: step.word for step in before.steps} if before else {}
    news = [step for step in after.steps if step.word != words.get(step.id) and step.word not in ("waiting", "queued")]
    return [f"{step.id}: {describe(step)}" for step in news]


def summary_line(progress: Progress) -> str:
    """Return `4 of 23 done, 17 waiting; running: a, b`."""
    running = [step.id for step in progress.steps if step.word == "running"]
    waiting = sum(step.word in ("waiting", "queued") for step in progress.steps)
    text = f"{progress.finished} of {len(progress.steps)} done" + (f", {waiting} waiting" if waiting else "")
    return text + (f"; running: {', '.join(running)}" if running else "")


def with_started(outer: Progress, inner: Progress) -> Progress:
    """Return *outer*, a run of `mcop_execute`, with the steps of the run that it started after its own `deploy`."""
    steps = outer.steps
    place = next((number for number, step in enumerate(steps, 1) if step.id == DEPLOY_TASK_ID), len(steps))
    return Progress(outer.execution, (*steps[:place], *inner.steps, *steps[place:]))


def follow(
    api: AirflowApi,
    dag: str,
    run_id: str,
    *,
    on_progress: Callable[[Progress], None],
    now: Callable[[], datetime],
    pause_s: float = 1.0,
    sleep: Callable[[float], None] = time.sleep,
) -> ExecutionRecord:
    """
    Call *on_progress* with every reading of a run until it has ended, and return the last one.

    A run of `mcop_execute` is read together with the steps of the run that it starts.

    Raises:
        NotFound: There is no such run.
        Unreachable: Airflow did not answer for longer than a read is tried.
    """
    reader = _Reader(api, now)
    while True:
        progress = reader.read(dag, run_id)
        on_progress(progress)
        if progress.execution.status.is_final:
            return progress.execution
        sleep(pause_s)


class _Reader:
    """Reads how far executions are; what does not change while they run is asked for once."""

    def __init__(self, api: AirflowApi, now: Callable[[], datetime]) -> None:
        self._api = api
        self._now = now
        self._graphs: dict[str, dict[str, list[str]]] = {}
        self._started: dict[tuple[str, int], str] = {}

    def read(self, dag: str, run_id: str) -> Progress:
        outer = self._read(dag, run_id)
        started = self._started_by(outer.execution)
        if not started:
            return outer
        progress = with_started(outer, self._read(*split_id(started)))
        return replace(progress, execution=replace(outer.execution, started=started))

    def _read(self, dag: str, run_id: str) -> Progress:
        execution = read_execution(self._api.run(dag, run_id), self._api.task_instances(dag, run_id))
        if dag not in self._graphs:
            self._graphs[dag] = _downstream(self._api.tasks(dag))
        return measure(execution, self._graphs[dag], self._now())

    def _started_by(self, execution: ExecutionRecord) -> str:
        attempts = sum(step.attempts for step in execution.steps if step.id == DEPLOY_TASK_ID)
        found = self._started.get((execution.id, attempts)) or find_started(AirflowHistory(self._api), execution)
        self._started[execution.id, attempts] = found
        return found


def _downstream(tasks: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    return {task["task_id"]: list(task.get("downstream_task_ids") or ()) for task in tasks}
