"""MCOP's errors as Airflow's: what a retry may mend is retried, everything else fails the task at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from airflow.sdk.exceptions import AirflowFailException

from mcop_core.errors import McopError, Unreachable

OUTLASTS: dict[str, Any] = {
    "retries": 6,
    "retry_delay": timedelta(seconds=10),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=5),
}
"""
How a task that changes the cloud is tried again: after 10 s, 20 s, 40 s, 80 s, 160 s and 300 s at least.

So a store may be away for ten minutes in the middle of an apply, however quickly each attempt finds that out.
"""


@contextmanager
def final_unless_unreachable() -> Iterator[None]:
    """
    Let `Unreachable` pass, so that Airflow tries again; turn every other `McopError` into a failure without retry.

    Raises:
        AirflowFailException: With the error's own message, from the error.
    """
    try:
        yield
    except Unreachable:
        raise
    except McopError as error:
        raise AirflowFailException(f"{type(error).__name__}: {error}") from error
