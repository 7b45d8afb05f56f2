"""
The history of executions, as `ExecutionRecord`.

One execution is one run of a manifest's DAG, and its id is `<dag id>/<run id>`. Reading Airflow's JSON is pure;
`AirflowHistory` asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import (
    TYPE_CHECKING,
    Any,
    NotRequired,  # pydantic reads these before Python 3.12
    Protocol,
    TypeAlias,
)

from typing_extensions import TypedDict

from mcop_core.errors import NotFound, closest
from mcop_core.executions.naming import (
    ANY_PREFIX,
    DAG_PREFIX,
    DEPLOY_TASK_ID,
    EXECUTE_DAG_ID,
    STARTED_RUN_KEY,
    dag_id,
    execution_id,
    manifest_of,
    runs_manifests,
    split_id,
)
from mcop_core.executions.record import ExecutionRecord, StepRecord
from mcop_core.executions.status import UNSUCCESSFUL, Status, from_airflow

if TYPE_CHECKING:
    from mcop_core.executions.airflow_api import AirflowApi

TaskKey: TypeAlias = tuple[str, str]
"""Task id and XCom key."""
RunKey: TypeAlias = tuple[str, str]
"""DAG id and run id."""
_NEAR_AMONG = 200
"""How many of the latest executions are searched for one that was meant."""


class TaskValues(Protocol):
    """What tasks left."""

    def values(self, execution: str, wanted: Collection[TaskKey]) -> dict[TaskKey, Any]:
        """Return what tasks of an execution left, of what is *wanted*: JSON values, None where it is null."""


class ExecutionHistory(TaskValues, Protocol):
    """What ran."""

    def find(self, manifest: str = "", *, limit: int) -> list[ExecutionRecord]:
        """Return the latest executions (of *manifest*, destructions too), newest first, without their steps."""

    def get(self, wanted: str) -> ExecutionRecord:
        """
        Return the execution with the id *wanted*, with its steps.

        Raises:
            NotFound: There is none of that id; names the nearest.
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
        found = [read_execution(run) for run in islice(self._runs(manifest), limit)]
        return with_failures(found, self._api.unsuccessful_runs)

    def get(self, wanted: str) -> ExecutionRecord:
        """
        Return the execution with the id *wanted*, with its steps in the order in which they started.

        Raises:
            NotFound: There is none of that id; names the nearest.
            InvalidName: It is no execution id.
        """
        dag, run_id = split_id(wanted)
        try:
            run = self._api.run(dag, run_id)
        except NotFound as error:
            raise self._unknown(wanted) from error
        record = read_execution(run, self._api.task_instances(dag, run_id))
        return replace(record, started=find_started(self, record))

    def values(self, execution: str, wanted: Collection[TaskKey]) -> dict[TaskKey, Any]:
        """Return what tasks of an execution left, of what is *wanted*: JSON values, None where it is null."""
        return self._api.xcom_values(*split_id(execution), wanted)

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

    def older(self, before: datetime) -> Iterator[ExecutionRecord]:
        """Yield every execution, runs of `mcop_execute` too, that was to run before a moment, newest first, whole."""
        for run in self._api.runs(dag_id_prefix=ANY_PREFIX, before=before):
            if runs_manifests(run["dag_id"]):
                yield self.get(execution_id(run["dag_id"], run["dag_run_id"]))

    def _runs(self, manifest: str) -> Iterator[Mapping[str, Any]]:
        if not manifest:
            return self._api.runs(dag_id_prefix=DAG_PREFIX)
        found = self._api.runs(dag_id_prefix=find_dag(self._api, manifest)["dag_id"])
        return (run for run in found if manifest_of(run["dag_id"]) == manifest)

    def _unknown(self, wanted: str) -> NotFound:
        near = closest(wanted, (execution_id(run["dag_id"], run["dag_run_id"]) for run in self._nearby(wanted)))
        hint = f' Did you mean "{near}"?' if near else " `mcop executions list` shows the latest."
        return NotFound(f"there is no execution {wanted!r}.{hint}", suggestion=near)

    def _nearby(self, wanted: str) -> list[Mapping[str, Any]]:
        """Return the latest runs of the DAG that *wanted* names, or of all manifests when there is no such DAG."""
        try:
            return list(islice(self._api.runs(split_id(wanted)[0]), _NEAR_AMONG))
        except NotFound:
            return list(islice(self._api.runs(dag_id_prefix=DAG_PREFIX), _NEAR_AMONG))


def find_dag(api: AirflowApi, manifest: str) -> dict[str, Any]:
    """
    Return the DAG that deploys *manifest*, as Airflow's JSON.

    Raises:
        NotFound: Airflow has none; names the nearest manifest, or those there are.
        InvalidName: *manifest* is no name.
    """
    dag = dag_id(manifest)
    try:
        return api.dag(dag)
    except NotFound as error:
        known = sorted({name for found in api.dags(DAG_PREFIX) if (name := manifest_of(found["dag_id"]))})
        near = closest(manifest, known)
        hint = f'Did you mean "{near}"?' if near else f"Airflow shows: {', '.join(known) or 'none'}."
        raise NotFound(f"Airflow has no DAG {dag} of manifest {manifest!r}. {hint}", suggestion=near) from error


def find_started(values: TaskValues, record: ExecutionRecord) -> str:
    """
    Return the id of the execution that a run of `mcop_execute` started, as its `deploy` task left it.

    Empty for other executions, and while nothing was started. A task that was cleared starts another one.

    Args:
        record: With its steps.
    """
    dag = split_id(record.id)[0]
    if dag != EXECUTE_DAG_ID or not record.manifest or not _was_attempted(record, DEPLOY_TASK_ID):
        return ""
    key = (DEPLOY_TASK_ID, STARTED_RUN_KEY)
    started = values.values(record.id, {key}).get(key)
    return execution_id(dag_id(record.manifest), str(started)) if started else ""


def _was_attempted(record: ExecutionRecord, task: str) -> bool:
    return any(step.id == task and step.attempts for step in record.steps)


def read_execution(run: Mapping[str, Any], task_instances: Iterable[Mapping[str, Any]] = ()) -> ExecutionRecord:
    """Return the record of Airflow's JSON of a run, and of its tasks; see `with_failures`."""
    conf = run.get("conf") or {}
    record = ExecutionRecord(
        id=execution_id(run["dag_id"], run["dag_run_id"]),
        manifest=_manifest(run["dag_id"], conf),
        status=from_airflow(run.get("state")),
        requested_by=run.get("triggering_user_name") or "",
        conf=conf,
        bundle_version=run.get("bundle_version"),
        queued_at=read_time(run.get("queued_at")),
        started_at=read_time(run.get("start_date")),
        ended_at=read_time(run.get("end_date")),
        steps=tuple(read_step(item) for item in task_instances),
        note=run.get("note") or "",
    )
    is_belied = record.status is Status.COMPLETED and any(step.state in UNSUCCESSFUL for step in record.steps)
    return replace(record, status=Status.FAILED) if is_belied else record


def with_failures(
    records: Iterable[ExecutionRecord], unsuccessful: Callable[[Collection[RunKey]], Collection[RunKey]]
) -> list[ExecutionRecord]:
    """
    Return *records* with those as failed that Airflow calls a success although a task of theirs failed.

    Airflow goes by the last tasks alone, and when a run is stopped it skips those.

    Args:
        unsuccessful: Some runs -> those of them with a task that failed.
    """
    found = list(records)
    completed = {split_id(record.id): record.id for record in found if record.status is Status.COMPLETED}
    failed = {completed[run] for run in unsuccessful(list(completed))} if completed else set()
    return [replace(record, status=Status.FAILED) if record.id in failed else record for record in found]


def _manifest(dag: str, conf: Mapping[str, Any]) -> str:
    """Return the manifest that a run is about, empty if about none: `mcop_execute` is told it in its conf."""
    return str(conf.get("manifest_name", "")) if dag == EXECUTE_DAG_ID else manifest_of(dag) or ""


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


class StepDocument(TypedDict):
    """A `StepRecord` as JSON; times in ISO 8601, UTC, the duration in seconds."""

    id: str
    status: str
    state: str | None
    attempts: int
    started_at: str | None
    ended_at: str | None
    duration_s: float | None


class ExecutionDocument(TypedDict):
    """An `ExecutionRecord` as JSON; times in ISO 8601, UTC; lists and `started` only where there are any."""

    id: str
    manifest: str
    status: str
    requested_by: str
    note: str
    conf: dict[str, Any]
    bundle_version: str | None
    queued_at: str | None
    started_at: str | None
    ended_at: str | None
    awaits: NotRequired[list[str]]
    settled: NotRequired[list[str]]
    started: NotRequired[str]
    steps: NotRequired[list[StepDocument]]


def record_document(record: ExecutionRecord) -> ExecutionDocument:
    """Return *record* as JSON."""
    document: ExecutionDocument = {
        "id": record.id,
        "manifest": record.manifest,
        "status": str(record.status),
        "requested_by": record.requested_by,
        "note": record.note,
        "conf": dict(record.conf),
        "bundle_version": record.bundle_version,
        "queued_at": _iso(record.queued_at),
        "started_at": _iso(record.started_at),
        "ended_at": _iso(record.ended_at),
    }
    if record.awaits:
        document["awaits"] = list(record.awaits)
    if record.settled:
        document["settled"] = list(record.settled)
    if record.started:
        document["started"] = record.started
    if record.steps:
        document["steps"] = [_step_document(step) for step in record.steps]
    return document


def _step_document(step: StepRecord) -> StepDocument:
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
