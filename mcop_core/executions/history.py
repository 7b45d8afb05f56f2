"""
The history of executions, as `ExecutionRecord`.

One execution is one run of a manifest's DAG, and its id is `<dag id>/<run id>`. Reading Airflow's JSON is pure;
`AirflowHistory` asks for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from mcop_core.errors import InvalidName, NotFound
from mcop_core.executions.record import ExecutionRecord, StepRecord
from mcop_core.executions.status import from_airflow

if TYPE_CHECKING:
    from mcop_core.executions.airflow_api import AirflowApi

DAG_PREFIX = "mcop."
EXECUTE_DAG = "mcop_execute"
"""The DAG by which other systems start an execution of a named version."""
DESTROY_SUFFIX = ".destroy"


class ExecutionHistory(Protocol):
    """What ran."""

    def find(self, manifest: str = "", *, limit: int) -> list[ExecutionRecord]:
        """Return the latest executions (of *manifest*), newest first, without their steps."""

    def get(self, execution_id: str) -> ExecutionRecord:
        """
        Return one execution with its steps.

        Raises:
            NotFound: There is none of that id.
        """


class AirflowHistory:
    """`ExecutionHistory` in Airflow's own records."""

    def __init__(self, api: AirflowApi) -> None:
        self._api = api

    def find(self, manifest: str = "", *, limit: int) -> list[ExecutionRecord]:
        """
        Return the latest executions (of *manifest*), newest first, without their steps.

        Raises:
            NotFound: Airflow has no DAG of *manifest*; names the nearest.
        """
        return [read_execution(run) for run in islice(self._runs(manifest), limit)]

    def get(self, execution_id: str) -> ExecutionRecord:
        """
        Return one execution with its steps, in the order in which they started.

        Raises:
            NotFound: There is none of that id.
            InvalidName: It is no execution id.
        """
        dag_id, run_id = split_id(execution_id)
        return read_execution(self._api.run(dag_id, run_id), self._api.task_instances(dag_id, run_id))

    def latest(self, manifest: str) -> ExecutionRecord:
        """
        Return the newest execution of *manifest* with its steps.

        Raises:
            NotFound: It was never executed, or there is no such manifest.
        """
        found = self.find(manifest, limit=1)
        if not found:
            raise NotFound(f"manifest {manifest!r} was never executed")
        return self.get(found[0].id)

    def _runs(self, manifest: str) -> Iterator[Mapping[str, Any]]:
        if not manifest:
            return self._api.runs(dag_id_prefix=DAG_PREFIX)
        dag_id = self._api.dag(dag_of(manifest))["dag_id"]
        return self._api.runs(dag_id)


def dag_of(manifest: str) -> str:
    """Return the id of the DAG that deploys *manifest*."""
    return f"{DAG_PREFIX}{manifest}"


def manifest_of(dag_id: str, conf: Mapping[str, Any]) -> str:
    """Return the manifest that a run of *dag_id* with *conf* is about; empty if it is about none."""
    if dag_id == EXECUTE_DAG:
        return str(conf.get("manifest_name", ""))
    if not dag_id.startswith(DAG_PREFIX):
        return ""
    return dag_id.removeprefix(DAG_PREFIX).removesuffix(DESTROY_SUFFIX)


def execution_id(dag_id: str, run_id: str) -> str:
    """Return the id of the execution that a run is."""
    return f"{dag_id}/{run_id}"


def split_id(text: str) -> tuple[str, str]:
    """
    Return the DAG id and run id of an execution id; the inverse of `execution_id`.

    Raises:
        InvalidName: It is not of the form `<dag id>/<run id>`.
    """
    dag_id, slash, run_id = text.partition("/")
    if not (dag_id and slash and run_id):
        raise InvalidName(
            f"{text!r} is no execution: write <dag id>/<run id>, as `mcop executions list` prints it", name=text
        )
    return dag_id, run_id


def read_execution(run: Mapping[str, Any], task_instances: Iterable[Mapping[str, Any]] = ()) -> ExecutionRecord:
    """Return the record of Airflow's JSON of a run, and of its tasks."""
    conf = run.get("conf") or {}
    return ExecutionRecord(
        id=execution_id(run["dag_id"], run["dag_run_id"]),
        manifest=manifest_of(run["dag_id"], conf),
        status=from_airflow(run.get("state")),
        requested_by=run.get("triggering_user_name") or "",
        conf=conf,
        bundle_version=run.get("bundle_version"),
        queued_at=read_time(run.get("queued_at")),
        started_at=read_time(run.get("start_date")),
        ended_at=read_time(run.get("end_date")),
        steps=tuple(read_step(item) for item in task_instances),
    )


def read_step(task_instance: Mapping[str, Any]) -> StepRecord:
    """Return the record of Airflow's JSON of a task."""
    state = task_instance.get("state")
    return StepRecord(
        id=task_instance["task_id"],
        status=from_airflow(state),
        state=state,
        attempts=task_instance.get("try_number") or 0,
        started_at=read_time(task_instance.get("start_date")),
        ended_at=read_time(task_instance.get("end_date")),
    )


def read_time(text: str | None) -> datetime | None:
    """Return Airflow's time stamp as an aware time; None stays None."""
    return datetime.fromisoformat(text) if text else None


def record_document(record: ExecutionRecord) -> dict[str, Any]:
    """Return *record* as JSON: times in ISO 8601, durations in seconds, steps only when they were read."""
    document: dict[str, Any] = {
        "id": record.id,
        "manifest": record.manifest,
        "status": str(record.status),
        "requested_by": record.requested_by,
        "conf": dict(record.conf),
        "bundle_version": record.bundle_version,
        "queued_at": _iso(record.queued_at),
        "started_at": _iso(record.started_at),
        "ended_at": _iso(record.ended_at),
    }
    if record.steps:
        document["steps"] = [_step_document(step) for step in record.steps]
    return document


def _step_document(step: StepRecord) -> dict[str, Any]:
    return {
        "id": step.id,
        "status": str(step.status),
        "state": step.state,
        "attempts": step.attempts,
        "started_at": _iso(step.started_at),
        "ended_at": _iso(step.ended_at),
        "duration_s": step.duration_s,
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
