"""
The runners that work for a stack: told to stop before the stack is.

A runner outlives the Airflow task that started it, so stopping Airflow does not stop it. It is asked to cancel,
which ends Terraform gracefully, with its state written and its lock free.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable
from pathlib import Path

from mcop_core.errors import UnknownOutcome
from mcop_core.runner.folder import OperationFolder
from mcop_core.runner.request import RunRequest

ALIVE = "alive"
"""File in an operation's folder that its runner holds a lock on while it lives."""
_POLL_S = 0.2


def active_operations(runs: Path) -> list[Path]:
    """Return the folders of the operations that a runner works on now."""
    return [path.parent for path in sorted(runs.glob(f"*/{ALIVE}")) if _is_held(path)]


def _is_held(path: Path) -> bool:
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def cancel_all(
    runs: Path,
    cancel: Callable[[RunRequest], None],
    *,
    timeout_s: float,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """
    Ask every runner below *runs* to stop, wait until all have, and return how many there were.

    Raises:
        UnknownOutcome: One still works after *timeout_s* seconds; names its folder.
    """
    asked: set[Path] = set()
    deadline = clock() + timeout_s
    while active := active_operations(runs):
        for folder in active:
            if folder not in asked:
                cancel(OperationFolder(folder).read_request())
                asked.add(folder)
        if clock() > deadline:
            names = tuple(str(folder) for folder in active)
            raise UnknownOutcome(f"still working after {timeout_s:g} s: {', '.join(names)}", resources=names)
        time.sleep(_POLL_S)
    return len(asked)
