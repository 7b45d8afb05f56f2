"""
EDGE process: what ends a runner, and its engine, that could not renew their lease for too long.

A lease says after how long without a renewal its holder has ended itself, so that another machine may take over from
one that is gone. A process of its own, the guard, holds the runner to that: it outlives the runner for as long as the
engine works, and kills both at four fifths of that time. It reads when from files, one per lease, which each renewal
writes anew.

    <operation folder>/fence/<lease id>       seconds on the system's boot clock at which everything is ended
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from mcop_core.engines.terraform.command import pids_by_prefix
from mcop_core.runner.holder import is_running, started_at

FOLDER = "fence"
SHARE = 0.8
"""Of the promised time, after which everything is ended: the rest is for ending it."""

_LOOK_S = 0.25
_WIDTH = 24
_GUARD = (sys.executable, "-P", "-m", "mcop_core.runner.fence")


def boot_clock() -> float:
    """Return seconds since the system's boot, those in which it slept included: the same in all its processes."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@dataclass(slots=True)
class Fence:
    """
    When this process is to be ended, and the guard that does it.

    Attributes:
        folder: The operation's.
        fence_s: What the lease promises, seconds; 0: nothing, and there is no guard.
    """

    folder: Path
    fence_s: float
    _guard: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def clock(self) -> float:
        """Return the time by which `put_off` counts."""
        return boot_clock()

    def put_off(self, lease_id: str, asked_at: float) -> None:
        """
        Note that a lease was taken or renewed, and see that there is a guard.

        Args:
            asked_at: By `clock`, before the store was asked to write it: whoever watches the lease began later.
        """
        if not self.fence_s:
            return
        self._write(lease_id, asked_at + SHARE * self.fence_s)
        if self._guard is None or self._guard.poll() is not None:
            self._guard = self._start()

    def lift(self, lease_id: str) -> None:
        """Note that nothing is done under a lease any more."""
        if self.fence_s:
            self._path(lease_id).unlink(missing_ok=True)

    def _write(self, lease_id: str, at: float) -> None:
        self._path(lease_id).parent.mkdir(mode=0o700, exist_ok=True)
        # In place and always as long: on a disk that is full a renewal must still count.
        descriptor = os.open(self._path(lease_id), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.pwrite(descriptor, f"{at:<{_WIDTH}.3f}".encode(), 0)
        finally:
            os.close(descriptor)

    def _path(self, lease_id: str) -> Path:
        return self.folder / FOLDER / lease_id

    def _start(self) -> subprocess.Popen[bytes]:
        pid = os.getpid()
        return subprocess.Popen(
            [*_GUARD, str(self.folder), str(pid), started_at(pid) or ""],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )


NO_FENCE = Fence(Path(os.devnull), 0.0)
"""Of a holder that promises nothing."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Guard the runner of an operation until nothing of it works any more, or until it is ended."""
    parser = argparse.ArgumentParser(prog="mcop-fence", description="End a runner that cannot renew its lease.")
    parser.add_argument("folder", type=Path, help="the operation's folder")
    parser.add_argument("pid", type=int, help="the runner's")
    parser.add_argument("started", help="when the runner started, as the system tells it")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    guard(options.folder, options.pid, options.started)
    return 0


def guard(folder: Path, pid: int, started: str) -> None:
    """Return when runner and engine have ended by themselves, or were ended here."""
    while is_running(pid, started) or _engines(folder):
        if late := overdue(folder, boot_clock()):
            end(folder, pid, started)
            for path in late:
                path.unlink(missing_ok=True)
            return
        time.sleep(_LOOK_S)


def overdue(folder: Path, now: float) -> list[Path]:
    """Return the files of the leases under which there is work in *folder* and that were not renewed by *now*."""
    found = []
    for path in sorted((folder / FOLDER).glob("*")):
        with suppress(FileNotFoundError, ValueError):  # lifted, or not written yet
            if float(path.read_text()) < now:
                found.append(path)
    return found


def end(folder: Path, pid: int, started: str) -> None:
    """Kill the runner, which would start its engine again, and then the engine, until there is none."""
    line = "this runner could not renew its lease and is ended: another worker may take over from here"
    with suppress(OSError), (folder / "log.jsonl").open("a") as log:
        log.write(json.dumps({"level": "error", "line": line}) + "\n")
    while is_running(pid, started):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        time.sleep(_LOOK_S / 10)
    while found := _engines(folder):
        for one in found:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(os.getpgid(one), signal.SIGKILL)  # a session of its own, see `Process.start`
        time.sleep(_LOOK_S / 10)


def _engines(folder: Path) -> list[int]:
    return pids_by_prefix(f"-chdir={folder}/")


if __name__ == "__main__":
    sys.exit(main())
