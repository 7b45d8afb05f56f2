"""What ran, when, with which versions and parameters: read from Airflow's own records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mcop_core.executions.status import Status


@dataclass(frozen=True, slots=True)
class StepRecord:
    """
    One Airflow task of an execution.

    Attributes:
        id: Task id, `platform.network.apply_vpc`.
        state: Airflow's own word.
        attempts: How many attempts were started.
    """

    id: str
    status: Status
    state: str | None
    attempts: int = 0
    started_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def duration_s(self) -> float | None:
        """Seconds from start to end; None while one of them is unknown."""
        if self.started_at is None or self.ended_at is None:
            return None
        return (self.ended_at - self.started_at).total_seconds()


@dataclass(frozen=True, slots=True)
class ExecutionRecord:
    """
    One DAG run.

    Attributes:
        id: `<dag id>/<run id>`.
        manifest: Name of the manifest.
        requested_by: User who triggered it, as Airflow authenticated them; empty if nobody did.
        note: Why, as somebody noted it.
        conf: What was given at trigger.
        bundle_version: Snapshot that the run is pinned to.
        awaits: What it waits for while it is settling, a sentence each.
        settled: What reconcilers found out, a sentence each.
        started: For a run of `mcop_execute`, the id of the execution that it started; empty for others, and before.
    """

    id: str
    manifest: str
    status: Status
    requested_by: str = ""
    conf: Mapping[str, Any] = field(default_factory=dict)
    bundle_version: str | None = None
    queued_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    steps: tuple[StepRecord, ...] = ()
    started: str = ""
    note: str = ""
    awaits: tuple[str, ...] = ()
    settled: tuple[str, ...] = ()
