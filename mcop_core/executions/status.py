"""Execution states, and Airflow's words for them, in one table."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """The state of an execution or of one of its steps. Source: design, section 7."""

    INITIATED = "INITIATED"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    SETTLING = "SETTLING"
    """Airflow calls it ended, and what really happened is not settled yet; see `settling`."""

    @property
    def is_final(self) -> bool:
        """Whether it will not change any more by itself."""
        return self in (Status.COMPLETED, Status.FAILED)


_FROM_AIRFLOW = {
    "success": Status.COMPLETED,
    "skipped": Status.COMPLETED,
    "failed": Status.FAILED,
    "upstream_failed": Status.FAILED,
    "removed": Status.FAILED,
    "running": Status.RUNNING,
    "deferred": Status.RUNNING,
    "awaiting_input": Status.RUNNING,
    "restarting": Status.RUNNING,
    "up_for_retry": Status.RUNNING,
    "up_for_reschedule": Status.RUNNING,
    "queued": Status.INITIATED,
    "scheduled": Status.INITIATED,
    None: Status.INITIATED,
}


UNSUCCESSFUL = ("failed", "upstream_failed")
"""What Airflow calls a task that did not do its work."""


def from_airflow(state: str | None) -> Status:
    """Return the status that Airflow's *state* of a run or a task means; an unheard-of one is RUNNING."""
    return _FROM_AIRFLOW.get(state, Status.RUNNING)
