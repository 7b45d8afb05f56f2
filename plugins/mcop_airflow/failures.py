"""MCOP's errors as Airflow's: what a retry may mend is retried, everything else fails the task at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow.sdk.exceptions import AirflowFailException

from mcop_core.errors import McopError, Unreachable


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
