"""
What reaches a runner from outside its machine: somebody asks through the artifact store that it stops.

Airflow tells a task to stop, and the task tells its runner. Where the task is gone, this is the way that is left; and
the only one by which Terraform is killed.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from mcop_core.engines.terraform.command import pids_by_argument
from mcop_core.errors import Unreachable
from mcop_core.operations import StopRequest

LOOK_S = 2.0
"""How often it is asked whether somebody wants it stopped, seconds."""


class StopWatch:
    """
    Looks, in a thread, whether somebody asked that an operation stops, inside a `with`.

    Args:
        ask: Returns who asked last, None if nobody did; raises `Unreachable`.
        on_stop: Called once, when somebody asks.
        on_force: Called once, when somebody asks that Terraform is killed.
        has_waited: Whether the block goes on with what waited: somebody may have asked since, and is heard before it.
    """

    def __init__(
        self,
        ask: Callable[[], StopRequest | None],
        on_stop: Callable[[StopRequest], None],
        on_force: Callable[[StopRequest], None],
        *,
        look_s: float = LOOK_S,
        has_waited: bool = False,
    ) -> None:
        self._ask, self._on_stop, self._on_force, self._look_s = ask, on_stop, on_force, look_s
        self._has_waited, self._has_stopped = has_waited, False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mcop-stop", daemon=True)

    def __enter__(self) -> StopWatch:
        if self._has_waited:
            self._look()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(self._look_s) and not self._look():
            pass

    def _look(self) -> bool:
        """Ask once; return whether nothing more can be asked for."""
        with suppress(Unreachable):
            asked = self._ask()
            if asked is not None and not self._has_stopped:
                self._has_stopped = True
                self._on_stop(asked)
            if asked is not None and asked.force:
                self._on_force(asked)
                return True
        return False


def kill_engine(workspace: Path) -> list[int]:
    """
    Kill the Terraform that works in *workspace* and its providers, and return the pids of the Terraforms.

    What they were creating may exist without anybody having heard of it.
    """
    killed = pids_by_argument(f"-chdir={workspace}")
    for pid in killed:
        with suppress(ProcessLookupError):
            os.killpg(os.getpgid(pid), signal.SIGKILL)  # a session of its own, see `Process.start`
    return killed
