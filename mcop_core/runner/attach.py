"""
The runner as its callers see it: start it or find it, follow it, stop it.

`follow` may be called any number of times, by any number of processes, for one request: there is one runner.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

from mcop_core import bootstrap
from mcop_core.artifacts.store import ObjectStore
from mcop_core.errors import EngineFailed, McopError, StoredObjectMissing, UnknownOutcome, Unreachable
from mcop_core.operations import Operations
from mcop_core.runner.folder import OperationFolder, error_of, failed
from mcop_core.runner.journal import in_flight, read_journal
from mcop_core.runner.request import Outcome, RunRequest, RunResult
from mcop_core.settings import Settings
from mcop_core.telemetry import carried

POLL_S = 0.05
"""How often the runner's files are looked at, seconds."""

RESUMES = 5
"""How often one call starts a runner again that died without a result."""

KEPT_DAYS = 7
"""How long the folder of an operation that succeeded is kept."""

_RUNNER = (sys.executable, "-P", "-m", "mcop_core.runner.main")

_started: dict[int, subprocess.Popen[bytes]] = {}
"""Runners that this process started and that have not been seen to end: their parent must collect them."""


def follow(
    request: RunRequest,
    settings: Settings,
    environment: Mapping[str, str],
    *,
    on_line: Callable[[str, str], None],
    secrets: Mapping[str, str] = MappingProxyType({}),
    open_store: Callable[[str], ObjectStore] = bootstrap.open_store,
    is_awaited: bool = False,
) -> RunResult:
    """
    See *request* done, and return how it ended; `raise_for` turns a failure into its error.

    An operation that succeeded before is not repeated while the state is still as it left it. One that is
    running is followed, its log from the start. One that failed before is tried again, one that had only to wait is
    gone on with. A runner that dies without a result is started again, and goes on from where it was.

    Args:
        environment: The runner's, where engine and stores find credentials; settings go on top.
        on_line: Called with (level, line) for each line of the operation's log, as it is written.
        secrets: Those that the caller alone can read, by reference as text: handed over through a pipe to each runner
            that is started.
        open_store: How a state is looked at, to see whether an old success still holds.
        is_awaited: Whether this goes on with what had only to wait: whoever asked meanwhile that it stops is heard.

    Raises:
        Refused: The operation's folder cannot be made.
    """
    folder = OperationFolder.of(request, settings)
    folder.make()
    prune(Path(settings.work_dir))
    tail, starts, follows = LogTail(folder.log), 0, False
    if is_awaited and folder.read_result() is not None:
        tail.skip()  # whoever waited passed it on
    while True:
        alive = folder.hold()
        tail.pass_on(on_line)
        if alive is None:
            follows = True
            _collect()
            time.sleep(POLL_S)
            continue
        try:
            result = _result(folder, open_store, follows=follows, starts=starts)
            if result is not None:
                tail.pass_on(on_line)
                return result
            _start(folder, request, settings, environment, secrets, alive, resumes=follows, is_awaited=is_awaited)
        finally:
            os.close(alive)
        starts, follows = starts + 1, True


def _result(
    folder: OperationFolder, open_store: Callable[[str], ObjectStore], *, follows: bool, starts: int
) -> RunResult | None:
    """Return the result to give back now that nobody is alive, None if a runner must be started."""
    result = folder.read_result()
    if result is not None:
        is_final = follows or (result.outcome is Outcome.SUCCEEDED and still_holds(folder, open_store))
        return result if is_final else None
    if starts <= RESUMES:
        return None
    result = failed(died(folder))
    folder.write_result(result)
    return result


def still_holds(folder: OperationFolder, open_store: Callable[[str], ObjectStore]) -> bool:
    """Whether the state is the one that the operation in *folder* left; True if that cannot be asked."""
    settled = [record for record in read_journal(folder.journal) if record["event"] == "settled"]
    if not settled:
        return True
    last = settled[-1]
    try:
        found = open_store(last["store"]).get(last["key"]).etag
        return bool(found == last["etag"])
    except StoredObjectMissing:
        return last["etag"] is None
    except Unreachable:
        return True


def died(folder: OperationFolder) -> McopError:
    """Return the error for a runner that died again and again."""
    records = read_journal(folder.journal)
    said = folder.output.read_text(errors="replace").strip().splitlines()[-1:] if folder.output.exists() else []
    text = f"the runner died {RESUMES + 1} times without a result; its output is in {folder.output}"
    text += f": {said[0]}" if said else ""
    if not any(record["event"] in ("terraform_started", "resource_started") for record in records):
        return EngineFailed(text, diagnostics=(), hint="Nothing was started in the cloud.")
    resources = in_flight(records)
    named = f" In flight, by the journal: {', '.join(resources)}." if resources else ""
    return UnknownOutcome(text + "." + named, resources=resources)


def _start(
    folder: OperationFolder,
    request: RunRequest,
    settings: Settings,
    environment: Mapping[str, str],
    secrets: Mapping[str, str],
    alive: int,
    *,
    resumes: bool,
    is_awaited: bool,
) -> None:
    folder.result.unlink(missing_ok=True)
    if not (resumes or is_awaited):
        folder.cancel.unlink(missing_ok=True)
        Operations(bootstrap.open_store(request.store)).forget_stop(request.place[0], request.id)
    if not resumes:
        with suppress(FileNotFoundError):
            folder.log.replace(folder.log.with_name("log.previous.jsonl"))
    folder.write_request(request)
    _spawn(folder, settings, environment, alive, secrets=secrets)


def _spawn(
    folder: OperationFolder,
    settings: Settings,
    environment: Mapping[str, str],
    alive: int,
    *options: str,
    secrets: Mapping[str, str] = MappingProxyType({}),
) -> subprocess.Popen[bytes]:
    """Start a runner that holds *alive* from now on."""
    given = [*options, *(["--secrets-on-stdin"] if secrets else [])]
    output = os.open(folder.output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        runner = subprocess.Popen(
            [*_RUNNER, str(folder.path), "--alive-fd", str(alive), *given],
            env={**environment, **settings.to_environment(), **carried()},
            stdin=subprocess.PIPE if secrets else subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=(alive,),
            start_new_session=True,
        )
    finally:
        os.close(output)
    _started[runner.pid] = runner
    if runner.stdin is not None:
        with suppress(BrokenPipeError), runner.stdin as pipe:  # broken: it died, which is seen as any death is
            pipe.write(json.dumps(dict(secrets)).encode())
    return runner


def settle(
    request: RunRequest,
    settings: Settings,
    environment: Mapping[str, str],
    *,
    on_line: Callable[[str, str], None],
    secrets: Mapping[str, str] = MappingProxyType({}),
) -> bool:
    """
    Have what a dead runner of *request* left settled by one that begins nothing, and wait for it.

    What came of it stands in the operation's note (`operations`) and in the log. The runner outlives this process.

    Args:
        environment, on_line, secrets: As `follow`.

    Returns:
        False if a runner lives, which is left alone.

    Raises:
        Refused: The operation's folder cannot be made.
    """
    folder = OperationFolder.of(request, settings)
    tail = LogTail(folder.log)
    tail.skip()
    runner = begin_settling(request, settings, environment, secrets=secrets)
    if runner is None:
        return False
    while runner.poll() is None:
        tail.pass_on(on_line)
        time.sleep(POLL_S)
    _started.pop(runner.pid, None)
    tail.pass_on(on_line)
    return True


def begin_settling(
    request: RunRequest,
    settings: Settings,
    environment: Mapping[str, str],
    *,
    secrets: Mapping[str, str] = MappingProxyType({}),
) -> subprocess.Popen[bytes] | None:
    """Start what `settle` waits for, and return it; None if a runner lives, which is left alone. Raises as `settle`."""
    folder = OperationFolder.of(request, settings)
    folder.make()
    alive = folder.hold()
    if alive is None:
        return None
    try:
        folder.write_request(request)
        return _spawn(folder, settings, environment, alive, "--settle", secrets=secrets)
    finally:
        os.close(alive)


def lives(request: RunRequest, settings: Settings) -> bool:
    """Whether a runner works on *request* on this machine."""
    folder = OperationFolder.of(request, settings)
    if not folder.path.is_dir():
        return False
    alive = folder.hold()
    if alive is not None:
        os.close(alive)
    return alive is None


def _collect() -> None:
    for pid, runner in list(_started.items()):
        if runner.poll() is not None:
            _started.pop(pid, None)


class LogTail:
    """Reads the lines of an operation's log as they are written; a new attempt's log from its start."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._inode, self._offset = 0, 0

    def pass_on(self, on_line: Callable[[str, str], None]) -> None:
        """Call *on_line* with (level, line) for every whole line that is new."""
        for entry in self._new():
            on_line(entry["level"], entry["line"])

    def skip(self) -> None:
        """Leave out what is there already."""
        for _ in self._new():
            pass

    def _new(self) -> Iterator[dict[str, str]]:
        try:
            with self._path.open("rb") as stream:
                inode = os.fstat(stream.fileno()).st_ino
                if inode != self._inode:
                    self._inode, self._offset = inode, 0
                stream.seek(self._offset)
                data = stream.read()
        except FileNotFoundError:
            return
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        for line in whole.splitlines():
            with suppress(ValueError):  # cut off by a crash
                yield json.loads(line)


def raise_for(result: RunResult) -> None:
    """
    Raise the error that ended the operation; do nothing if it succeeded.

    Raises:
        McopError: Of the class, with the message and the facts that the runner saw.
    """
    if result.outcome is not Outcome.SUCCEEDED:
        raise error_of(result)


def request_cancel(request: RunRequest, settings: Settings) -> None:
    """Ask the operation to stop gracefully, and return at once; nothing happens if there is none."""
    folder = OperationFolder.of(request, settings)
    with suppress(FileNotFoundError):
        folder.cancel.touch(mode=0o600)


def prune(work_dir: Path, *, days: float = KEPT_DAYS) -> None:
    """Remove the folders of operations that succeeded more than *days* days ago."""
    before = time.time() - days * 86_400
    for path in work_dir.iterdir():
        if re.fullmatch(r"[0-9a-f]{32}", path.name):
            _prune(OperationFolder(path), before)


def _prune(folder: OperationFolder, before: float) -> None:
    try:
        if folder.result.stat().st_mtime >= before:
            return
        alive = folder.hold()
    except OSError:
        return  # not ended yet, or removed by somebody else
    if alive is None:
        return
    try:
        result = folder.read_result()
        if result is not None and result.outcome is Outcome.SUCCEEDED:
            shutil.rmtree(folder.path, ignore_errors=True)
    finally:
        os.close(alive)
