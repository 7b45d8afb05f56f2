"""LookAgainTrigger: lets a task wait without a worker slot until it is time to look again at what its runner left."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from airflow.sdk import timezone
from airflow.triggers.base import BaseTrigger, TriggerEvent

from mcop_core.bootstrap import open_store
from mcop_core.executions.naming import split_id
from mcop_core.operations import Operations
from mcop_core.settings import Settings

BY = "whoever stopped the waiting task"
"""Who asks a runner to stop that looks in the place of a task."""
_LONGEST_NAP_S = 60.0


class LookAgainTrigger(BaseTrigger):
    """
    Fires at a moment. It knows what is waited for by its name alone: secrets are read by runners.

    Airflow ends a task that waits by taking its trigger away, without a worker: `on_kill` then has a runner stop what
    was waited for. A triggerer that dies, or is not there, loses nothing: the next one fires at the same moment, and
    what was to be stopped the reconciler has stopped.

    Args:
        moment: When to look again, ISO 8601, UTC.
        execution: `<dag id>/<run id>`.
        operation: Id of the runner's request.
    """

    def __init__(self, *, moment: str, execution: str, operation: str) -> None:
        super().__init__()
        self.moment, self.execution, self.operation = moment, execution, operation

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return where this class lies, and what makes this trigger again."""
        kept = {"moment": self.moment, "execution": self.execution, "operation": self.operation}
        return f"{type(self).__module__}.{type(self).__name__}", kept

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Fire once, at the moment; at once if that is over."""
        moment = datetime.fromisoformat(self.moment)
        while (left_s := (moment - timezone.utcnow()).total_seconds()) > 0:
            await asyncio.sleep(min(left_s, _LONGEST_NAP_S))
        yield TriggerEvent(self.moment)

    async def on_kill(self) -> None:
        """Have what was waited for stopped, unless the task was only cleared and goes on; returns at once."""
        await asyncio.to_thread(self._stop)

    def _stop(self) -> None:
        from mcop_airflow.connections import connections_of_request
        from mcop_airflow.operators.runner import is_stopped
        from mcop_core.settling import stop_waiting

        settings = Settings.from_environment(os.environ)
        store = open_store(settings.artifact_store)
        note = Operations(store).get(self.execution, self.operation)
        if note is None or not note.is_waiting:
            return
        dag_id, run_id = split_id(self.execution)
        if not is_stopped(self.states(dag_id, run_id, note.task), run_id, note.task):
            self.log.info("The task was cleared: its next attempt looks what became of it")
            return
        self.log.warning("This task was stopped: a runner is started that stops what it waited for")
        stop_waiting(
            store,
            settings,
            os.environ,
            note,
            BY,
            secrets=lambda request: connections_of_request(store, request, settings),
        )

    def states(self, dag_id: str, run_id: str, task_id: str) -> dict[str, dict[str, str | None]]:
        """Return run id -> task id -> what Airflow calls the task that waited."""
        from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

        return RuntimeTaskInstance.get_task_states(dag_id=dag_id, task_ids=[task_id], run_ids=[run_id])
