"""
The history of executions in Airflow's database: for the API server alone, whose code may read it.

Everything becomes the JSON that Airflow's REST API answers with, so that core reads both the same way.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from sqlalchemy import select, tuple_

from mcop_core.errors import NotFound
from mcop_core.executions.history import find_started, read_execution, with_failures
from mcop_core.executions.naming import DAG_PREFIX, dag_id, destroy_dag_id, split_id
from mcop_core.executions.status import UNSUCCESSFUL

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from mcop_core.executions.history import RunKey, TaskKey
    from mcop_core.executions.record import ExecutionRecord


class DatabaseHistory:
    """
    `ExecutionHistory` in Airflow's database.

    Args:
        session: Of the request; closed by whoever opened it.
        readable: The DAGs whose runs are listed; None: all.
    """

    def __init__(self, session: Session, readable: Collection[str] | None = None) -> None:
        self._session = session
        self._readable = readable

    def find(self, manifest: str = "", *, limit: int, offset: int = 0) -> list[ExecutionRecord]:
        """
        Return the latest executions (of *manifest*, destructions too), newest first, without their steps.

        Args:
            offset: How many of the latest are left out.

        Raises:
            InvalidName: *manifest* is no name.
        """
        runs = select(DagRun).where(DagRun.dag_id.startswith(DAG_PREFIX, autoescape=True))
        if manifest:
            runs = runs.where(DagRun.dag_id.in_([dag_id(manifest), destroy_dag_id(manifest)]))
        if self._readable is not None:
            runs = runs.where(DagRun.dag_id.in_(self._readable))
        newest = runs.order_by(DagRun.run_after.desc(), DagRun.id.desc()).offset(offset).limit(limit)
        found = [read_execution(_run_json(run)) for run in self._session.scalars(newest)]
        return with_failures(found, self._unsuccessful)

    def get(self, wanted: str) -> ExecutionRecord:
        """
        Return the execution with the id *wanted*, with its steps in the order in which they started.

        Raises:
            NotFound: There is none of that id.
            InvalidName: It is no execution id.
        """
        dag, run_id = split_id(wanted)
        run = self._session.scalar(select(DagRun).where(DagRun.dag_id == dag, DagRun.run_id == run_id))
        if run is None:
            raise NotFound(f"there is no execution {wanted!r}")
        record = read_execution(_run_json(run), [_task_json(task) for task in self._tasks(dag, run_id)])
        return replace(record, started=find_started(self, record))

    def values(self, execution: str, wanted: Collection[TaskKey]) -> dict[TaskKey, Any]:
        """Return what tasks of an execution left, of what is *wanted*: JSON values, None where it is null."""
        dag, run_id = split_id(execution)
        rows = self._session.execute(
            select(XComModel.task_id, XComModel.key, XComModel.value).where(
                XComModel.dag_id == dag, XComModel.run_id == run_id, XComModel.key.in_({key for _, key in wanted})
            )
        )
        return {(task, key): value for task, key, value in rows if (task, key) in wanted}

    def _unsuccessful(self, runs: Collection[RunKey]) -> set[RunKey]:
        states = TaskInstance.state.in_(UNSUCCESSFUL)
        wanted = tuple_(TaskInstance.dag_id, TaskInstance.run_id).in_(runs)
        rows = self._session.execute(select(TaskInstance.dag_id, TaskInstance.run_id).where(wanted, states).distinct())
        return {(dag, run) for dag, run in rows}

    def _tasks(self, dag: str, run_id: str) -> Sequence[TaskInstance]:
        found = select(TaskInstance).where(TaskInstance.dag_id == dag, TaskInstance.run_id == run_id)
        start = TaskInstance.start_date
        return self._session.scalars(found.order_by(start.is_(None), start, TaskInstance.task_id)).all()


def _run_json(run: DagRun) -> dict[str, Any]:
    return {
        "dag_id": run.dag_id,
        "dag_run_id": run.run_id,
        "state": run.state,
        "conf": run.conf,
        "note": run.note,
        "triggering_user_name": run.triggering_user_name,
        "bundle_version": run.bundle_version,
        "queued_at": _iso(run.queued_at),
        "start_date": _iso(run.start_date),
        "end_date": _iso(run.end_date),
    }


def _task_json(task: TaskInstance) -> dict[str, Any]:
    return {
        "task_id": task.task_id,
        "state": task.state,
        "try_number": task.try_number,
        "start_date": _iso(task.start_date),
        "end_date": _iso(task.end_date),
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
