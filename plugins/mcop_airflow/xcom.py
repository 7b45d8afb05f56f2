"""Outputs between tasks: one XCom key each, with its type; a sensitive output is a pointer, never its value."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from mcop_core.errors import NotFound
from mcop_core.executions import naming
from mcop_core.refs import OutputRef, StepRef
from mcop_core.runner.request import RunResult


class XComSource(Protocol):
    """What values are pulled from: the task instance, or another run as this one sees it."""

    def xcom_pull(self, task_ids: str, *, key: str, map_indexes: None = None) -> Any:
        """Return one value; None if it is null, and None if it is not there."""


class XComSink(Protocol):
    """What values are pushed to: the task instance."""

    def xcom_push(self, key: str, value: Any) -> None:
        """Store one JSON value under *key* of this task."""


def push_outputs(ti: XComSink, result: RunResult) -> None:
    """Store every output under its name, and what was done under `naming.RESULT_KEY`."""
    for name, value in sorted(result.outputs.items()):
        ti.xcom_push(key=name, value=value)
    summary = {
        "added": result.added,
        "changed": result.changed,
        "destroyed": result.destroyed,
        "outputs": sorted(result.outputs),
        "versions": dict(result.versions),
    }
    ti.xcom_push(key=naming.RESULT_KEY, value=summary)


def pull_outputs(source: XComSource, refs: Iterable[OutputRef]) -> dict[OutputRef, Any]:
    """
    Return the value of each of *refs* from the apply tasks of a run.

    Raises:
        NotFound: A step was not applied in this run, or has no such output; names those it has.
    """
    return {ref: _pull(source, ref) for ref in refs}


def _pull(source: XComSource, ref: OutputRef) -> Any:
    task, key = naming.output_source(ref)
    value = source.xcom_pull(task, key=key, map_indexes=None)
    if value is None:
        _check_is_null(source, ref)
    return value


def _check_is_null(source: XComSource, ref: OutputRef) -> None:
    known = pull_summary(source, ref.step).get("outputs", [])
    if ref.output not in known:
        listed = ", ".join(known) or "none"
        raise NotFound(f"step {ref.step} left no output {ref.output!r} in this run. It left: {listed}")


def pull_summary(source: XComSource, step: StepRef) -> dict[str, Any]:
    """Return what *step* did, as `push_outputs` stored it; empty if it was not applied."""
    task = naming.task_id(step, naming.StepTask.APPLY)
    return source.xcom_pull(task, key=naming.RESULT_KEY, map_indexes=None) or {}
