"""
EDGE process: `mcop-runner <operation folder>`, one engine operation that outlives the task that asked for it.

It runs in a session of its own, ignores SIGHUP, and takes SIGTERM and SIGINT as a request to stop
gracefully. Whatever happens, short of its own death, it leaves a `result.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from functools import partial
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any

from mcop_core import bootstrap
from mcop_core.artifacts.store import ObjectStore
from mcop_core.engines.base import ApplyResult, Engine, Lease, Workspace, load_artifact, load_origin
from mcop_core.errors import McopError
from mcop_core.runner.folder import OperationFolder, failed
from mcop_core.runner.gate import open_gate
from mcop_core.runner.holder import Holder
from mcop_core.runner.journal import Journal
from mcop_core.runner.lease import hold_lease
from mcop_core.runner.request import Operation, Outcome, RunRequest, RunResult
from mcop_core.settings import Settings


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the operation in the folder that the command line names; return 0 if it succeeded.

    `--alive-fd N` names the open, locked `alive` file that a follower handed over; without it the lock is taken
    here, and a second runner ends at once with 3. With `--secrets-on-stdin` the follower hands over secrets that it
    alone can read: a JSON object, reference to value.
    """
    options = _options(arguments)
    folder = OperationFolder(options.folder.absolute())
    os.umask(0o077)
    with suppress(PermissionError):
        os.setsid()  # already a session's leader when a follower started it
    alive = folder.hold() if options.alive_fd is None else options.alive_fd
    if alive is None:
        sys.stderr.write(f"a runner works in {folder.path} already\n")
        return 3
    os.set_inheritable(alive, False)
    secrets = json.load(sys.stdin) if options.secrets_on_stdin else {}
    result = run_operation(folder, dict(os.environ), stop=_stop_on_signals(), secrets=secrets)
    return 0 if result.outcome is Outcome.SUCCEEDED else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="mcop-runner", description="Run one operation of MCOP to its end.")
    parser.add_argument("folder", type=Path, help="the operation's folder; holds request.json")
    parser.add_argument("--alive-fd", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--secrets-on-stdin", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def run_operation(
    folder: OperationFolder,
    environment: Mapping[str, str],
    *,
    stop: threading.Event,
    secrets: Mapping[str, str] = MappingProxyType({}),
    open_store: Callable[[str], ObjectStore] = bootstrap.open_store,
    open_engine: Callable[[str, Settings], Engine] = bootstrap.open_engine,
) -> RunResult:
    """
    Carry out the request in *folder*, and write the result there; it is also returned.

    Args:
        environment: The engine's, before its allow-list; also where the settings come from.
        stop: Set from outside to stop gracefully; the file `cancel` does the same.
        secrets: Those that were read already, by reference as text.

    Never raises: an error of the runner's own code is a failed result too.
    """
    with Report(folder) as report:
        report.record("runner_started", pid=os.getpid())
        try:
            request = folder.read_request()
            settings = Settings.from_environment(environment)
            done = _carry_out(folder, request, settings, environment, secrets, report, stop, open_store, open_engine)
            result = succeeded(done)
            shutil.rmtree(folder.workspace, ignore_errors=True)
        except McopError as error:
            result = failed(error)
        except Exception as error:
            result = _crashed(error)
        report.record("runner_ended", outcome=result.outcome, error_type=result.error_type)
        folder.write_result(result)
    return result


def _carry_out(
    folder: OperationFolder,
    request: RunRequest,
    settings: Settings,
    environment: Mapping[str, str],
    secrets: Mapping[str, str],
    report: Report,
    stop: threading.Event,
    open_store: Callable[[str], ObjectStore],
    open_engine: Callable[[str, Settings], Engine],
) -> ApplyResult:
    store = open_store(request.store)
    artifact = load_artifact(store, request.artifact)
    gate = open_gate(request, store, settings.policies)
    engine = open_engine(artifact.engine, settings)
    workspace = Workspace(
        directory=folder.workspace,
        open_store=open_store,
        environment=environment,
        cancelled=lambda: stop.is_set() or folder.cancel.exists(),
        owner=request.owner,
        lease=partial(_lease, request, folder, settings, report),
        read_secrets=bootstrap.open_secrets(settings, environment, secrets),
    )
    for origin in request.moved_from:
        engine.move(load_origin(store, origin, artifact.engine), artifact, workspace, report)
    carry_out = {Operation.APPLY: engine.apply, Operation.DESTROY: engine.destroy}[request.operation]
    return carry_out(artifact, workspace, report, gate)


def _lease(
    request: RunRequest, folder: OperationFolder, settings: Settings, report: Report, store: ObjectStore, key: str
) -> AbstractContextManager[Lease]:
    holder = Holder.here(owner=request.owner, operation=request.id, workspace=folder.workspace)
    return hold_lease(store, key, holder=holder, lease_s=settings.lease_s, tell=report.log)


def succeeded(done: ApplyResult) -> RunResult:
    """Return the result of an operation that did *done*."""
    return RunResult(
        Outcome.SUCCEEDED,
        outputs=done.outputs,
        added=done.added,
        changed=done.changed,
        destroyed=done.destroyed,
        resources=done.resources,
    )


def _crashed(error: Exception) -> RunResult:
    """Name a fault of the runner's own code by its type, message and place; no values of variables."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    text = f"the runner failed: {type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno})"
    return RunResult(Outcome.FAILED, error=text, error_type="McopError")


class Report:
    """What the engine tells: lines to `log.jsonl`, records to the journal. Implements `engines.base.Reporter`."""

    def __init__(self, folder: OperationFolder) -> None:
        self._journal = Journal(folder.journal)
        self._log = os.open(folder.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def log(self, line: str, *, level: str = "info") -> None:
        """Append one line, whole."""
        os.write(self._log, json.dumps({"level": level, "line": line}).encode() + b"\n")

    def record(self, event: str, **facts: Any) -> None:
        """Append one record, durably."""
        self._journal.append(event, **facts)

    def __enter__(self) -> Report:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._journal.close()
        os.close(self._log)


if __name__ == "__main__":
    sys.exit(main())
