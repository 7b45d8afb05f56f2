"""
Who holds a lease, and the proof that a holder is dead.

Proof needs the holder's own machine: its boot, its process table. Host names are taken to be unique among
the machines that share a state store. Everything else is *unknown*, and an unknown holder is never robbed.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from mcop_core.engines.terraform.command import pids_by_argument


class Proof(StrEnum):
    """What this machine can say of a holder."""

    ALIVE = "alive"
    DEAD = "dead"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Holder:
    """
    A runner, so that another machine can name it and its own machine can tell whether it lives.

    Attributes:
        boot: The kernel's boot id.
        pids: The pid namespace: a container's pids mean nothing outside of it.
        started: The kernel's start time of the process: a pid alone may be somebody else's by now.
        owner: `mcop.<manifest> <run id>`, for people.
        operation: The run's id.
        workspace: Where it works; also how its engine's process is found.
    """

    host: str
    boot: str
    pids: str
    pid: int
    started: str
    owner: str
    operation: str
    workspace: str

    @classmethod
    def here(cls, *, owner: str, operation: str, workspace: Path) -> Holder:
        """Return this process as a holder."""
        pid = os.getpid()
        return cls(
            host=socket.gethostname(),
            boot=_read("/proc/sys/kernel/random/boot_id"),
            pids=_link("/proc/self/ns/pid"),
            pid=pid,
            started=started_at(pid) or "",
            owner=owner,
            operation=operation,
            workspace=str(workspace),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the fields as a mapping."""
        return asdict(self)


def prove(
    holder: Holder,
    here: Holder,
    *,
    lives: Callable[[int, str], bool] | None = None,
    works_in: Callable[[str], bool] | None = None,
) -> Proof:
    """
    Say whether *holder* is dead, as seen by *here*. Pure, given the two questions to the machine.

    A runner of this same workspace counts as dead although its Terraform still works: its successor
    follows that process on. In any other workspace a working Terraform is alive.

    Args:
        lives: (pid, start time) -> whether that process runs.
        works_in: Workspace -> whether an engine's process works there.
    """
    if holder.host != here.host:
        return Proof.UNKNOWN
    if holder.boot != here.boot:
        return Proof.DEAD
    if holder.pids != here.pids:
        return Proof.UNKNOWN
    if (lives or is_running)(holder.pid, holder.started):
        return Proof.ALIVE
    if holder.workspace != here.workspace and (works_in or is_worked_in)(holder.workspace):
        return Proof.ALIVE
    return Proof.DEAD


def is_running(pid: int, started: str) -> bool:
    """Whether process *pid* runs and is the one that started at *started*; a zombie does not."""
    return started_at(pid) == started


def is_worked_in(workspace: str) -> bool:
    """Whether a Terraform works in *workspace*, the folder's removal notwithstanding."""
    return bool(pids_by_argument(f"-chdir={workspace}"))


def started_at(pid: int) -> str | None:
    """Return the start time of process *pid* in the system's own form; None if it is gone or a zombie."""
    if not Path("/proc/self/stat").exists():
        return _started_by_ps(pid)
    stat = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return stat[19] if len(stat) > 19 and stat[0] not in ("Z", "X") else None


def _started_by_ps(pid: int) -> str | None:
    found = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    ).stdout.split(maxsplit=1)
    return found[1].strip() if len(found) == 2 and not found[0].startswith("Z") else None


def _read(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def _link(path: str) -> str:
    try:
        return str(Path(path).readlink())
    except OSError:
        return ""
