"""
EDGE subprocess: long-running components, each in a session of its own.

A component is known by its pid *and* the moment its process started, so that a pid that the system gave to
somebody else is never signalled.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from mcop_core.embedded.home import write_private
from mcop_core.errors import EngineFailed

_TAIL_LINES = 25
_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Component:
    """
    Something to start.

    Attributes:
        name: What it is called in messages and in the register.
        command: Program and arguments.
        environment: Variables that decide what the process does; part of the fingerprint.
        surroundings: The other variables: those of whoever starts it, which differ from terminal to terminal.
        log: File that its output is appended to.
        stop_s: How long it gets to stop by itself, seconds.
        version: Anything that must not change under a running process; part of the fingerprint.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    surroundings: Mapping[str, str]
    log: Path
    stop_s: float = 15.0
    version: str = ""

    @property
    def fingerprint(self) -> str:
        """Digest of what decides: a running component with another one is out of date."""
        facts = [self.command, sorted(self.environment.items()), self.version]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Started:
    """
    A component's process.

    Attributes:
        pid: Also its process group and session.
        mark: When it started, as the system tells it; see `start_mark`.
        fingerprint: `Component.fingerprint` it was started with.
        log: Its log file.
        stop_s: As in `Component`.
    """

    name: str
    pid: int
    mark: str
    fingerprint: str
    log: str
    stop_s: float = 15.0

    @property
    def is_alive(self) -> bool:
        """Whether this very process still runs."""
        return start_mark(self.pid) == self.mark


@dataclass(slots=True)
class Register:
    """
    What was started, in a file, so that another call finds it again.

    Attributes:
        path: The file.
        components: Name -> process, in the order of their start.
        ports: What for -> port; kept after a stop, so that a restarted stack has its addresses again.
    """

    path: Path
    components: dict[str, Started] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    _asked: set[str] = field(default_factory=set)

    @classmethod
    def load(cls, path: Path) -> Register:
        """Read the file; an absent one is an empty register."""
        if not path.is_file():
            return cls(path)
        document = json.loads(path.read_text())
        components = {entry["name"]: Started(**entry) for entry in document["components"]}
        return cls(path, components, document["ports"])

    def save(self) -> None:
        """Write the file in one step."""
        document = {"components": [asdict(item) for item in self.components.values()], "ports": self.ports}
        write_private(self.path, json.dumps(document, indent=2))

    def start(self, component: Component) -> Started:
        """Start *component* and write it down before anything else can fail."""
        started = start(component)
        self.components[component.name] = started
        self.save()
        return started

    def stop(self, name: str) -> None:
        """Stop a component, if it runs, and forget it."""
        started = self.components.get(name)
        if started is None:
            return
        self.ask_to_stop(name)
        await_end(started)
        del self.components[name]
        self._asked.discard(name)
        self.save()

    def ask_to_stop(self, name: str) -> None:
        """Ask a component to stop, once, and do not wait: a second signal would mean "at once" to many a program."""
        started = self.components.get(name)
        if started is not None and name not in self._asked:
            self._asked.add(name)
            terminate(started)


def start(component: Component) -> Started:
    """
    Start *component* in a session of its own, its output appended to its log.

    Raises:
        EngineFailed: The program cannot be run.
    """
    component.log.parent.mkdir(parents=True, exist_ok=True)
    with component.log.open("ab") as log:
        try:
            process = subprocess.Popen(
                component.command,
                env={**component.surroundings, **component.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise EngineFailed(f"{component.name} cannot be started: {error}") from error
    _children[process.pid] = process
    mark = start_mark(process.pid) or "gone"
    return Started(component.name, process.pid, mark, component.fingerprint, str(component.log), component.stop_s)


_children: dict[int, subprocess.Popen[bytes]] = {}
"""Processes that this process started: they must be asked for their end, or they stay as zombies."""


def start_mark(pid: int) -> str | None:
    """
    Return what tells this process from a later one of the same pid; None when it has ended.

    On Linux the clock ticks of its start since boot, and the boot; elsewhere what `ps` says.
    """
    child = _children.get(pid)
    if child is not None and child.poll() is not None:
        del _children[pid]
        return None
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        return _mark_from_stat(stat)
    command = ("/bin/ps", "-o", "lstart=", "-p", str(pid))
    told = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return told or None


def _mark_from_stat(stat: Path) -> str | None:
    try:
        fields = stat.read_text().rpartition(")")[2].split()
    except OSError:
        return None
    if fields[0] in "ZX":
        return None
    boot = Path("/proc/sys/kernel/random/boot_id")
    return f"{boot.read_text().strip() if boot.exists() else ''}:{fields[19]}"


def terminate(started: Started) -> None:
    """Ask a component's process to stop, and do not wait."""
    if started.is_alive:
        _signal(started.pid, signal.SIGTERM)


def await_end(started: Started, *, clock: Callable[[], float] = time.monotonic) -> None:
    """
    Wait until a component that was asked to stop has; SIGKILL to all of its session after `stop_s` seconds.

    What is left of its session when it has gone is killed too, were it long dead itself.
    """
    members = _members(started)
    deadline = clock() + started.stop_s
    while started.is_alive and clock() < deadline:
        members |= _members(started)
        time.sleep(_POLL_S)
    members |= _members(started)
    while left := [pid for pid, mark in members.items() if start_mark(pid) == mark]:
        for pid in left:
            _signal(pid, signal.SIGKILL)
        time.sleep(_POLL_S)


def _members(started: Started) -> dict[int, str]:
    """Return the processes of its session; none once its pid, which is the session's, is somebody else's."""
    return session_members(started.pid) if start_mark(started.pid) in (None, started.mark) else {}


def session_members(session: int) -> dict[int, str]:
    """Return pid -> start mark of every process in a session."""
    found: dict[int, str] = {}
    for pid in _all_pids():
        try:
            member = os.getsid(pid) == session
        except OSError:
            continue
        mark = start_mark(pid) if member else None
        if mark is not None:
            found[pid] = mark
    return found


def _all_pids() -> Iterable[int]:
    if Path("/proc/self/stat").exists():
        return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    told = subprocess.run(("/bin/ps", "-axo", "pid="), capture_output=True, text=True, check=False).stdout
    return [int(line) for line in told.split()]


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def wait_until_healthy(
    started: Iterable[Started],
    is_healthy: Callable[[], bool],
    *,
    timeout_s: float,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """
    Return once *is_healthy* says so.

    Raises:
        EngineFailed: One of the processes has ended, or *timeout_s* seconds are over. Names the part, its log,
            and the last lines of it.
    """
    processes = list(started)
    deadline = clock() + timeout_s
    while not is_healthy():
        for process in processes:
            if not process.is_alive:
                raise EngineFailed(f"{process.name} has stopped. {_where(process)}", component=process.name)
        if clock() > deadline:
            told = "\n".join(_where(process) for process in processes)
            names = ", ".join(process.name for process in processes)
            raise EngineFailed(f"{names}: not healthy after {timeout_s:g} s. {told}", component=names)
        time.sleep(3 * _POLL_S)


def _where(process: Started) -> str:
    return f"Its log is {process.log}; it ends with:\n{tail(Path(process.log))}"


def tail(log: Path, lines: int = _TAIL_LINES) -> str:
    """Return the last lines of a log, indented; it need not exist."""
    if not log.is_file():
        return "  (no log)"
    with log.open("rb") as file:
        file.seek(max(file.seek(0, os.SEEK_END) - 64 * 1024, 0))
        text = file.read().decode(errors="replace")
    return "\n".join(f"  {line}" for line in text.splitlines()[-lines:]) or "  (empty log)"


def choose_ports(names: Iterable[str], before: Mapping[str, int]) -> dict[str, int]:
    """Return a free port of 127.0.0.1 for each name: the one it had before, if that is free."""
    chosen: dict[str, int] = {}
    for name in names:
        wanted = before.get(name, 0)
        port = wanted if wanted and wanted not in chosen.values() and is_free(wanted) else 0
        while not port or port in chosen.values():
            port = _any_free_port()
        chosen[name] = port
    return chosen


def is_free(port: int) -> bool:
    """Whether a server could listen on *port* of 127.0.0.1 now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _any_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
