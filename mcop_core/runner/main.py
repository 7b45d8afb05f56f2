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
import time
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any

from mcop_core import __version__, bootstrap
from mcop_core.artifacts.store import ObjectStore
from mcop_core.engines.artifact import RenderedArtifact, load_artifact, load_origin
from mcop_core.engines.base import ApplyResult, Engine
from mcop_core.engines.terraform.command import hint_for
from mcop_core.engines.workspace import Lease, Workspace
from mcop_core.errors import Cancelled, McopError, UnknownOutcome, Unreachable
from mcop_core.operations import Ending, HeldLease, OperationNote, Operations, StopRequest, with_lease
from mcop_core.runner.fence import Fence
from mcop_core.runner.folder import OperationFolder, failed
from mcop_core.runner.gate import open_gate
from mcop_core.runner.holder import Holder, Proof, prove
from mcop_core.runner.journal import Journal
from mcop_core.runner.lease import StateLease, hold_lease
from mcop_core.runner.request import Operation, Outcome, RunRequest, RunResult
from mcop_core.runner.stopping import StopWatch, kill_engine
from mcop_core.settings import Settings
from mcop_core.telemetry import Span, joined, span

_SAYS_S = 10.0
"""How long a runner that gave its lease back may take to note how it ended, seconds."""


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the operation in the folder that the command line names; return 0 if it succeeded, or has only to wait.

    `--alive-fd N` names the open, locked `alive` file that a follower handed over; without it the lock is taken
    here, and a second runner ends at once with 3. With `--settle` nothing is begun: what a dead runner of this folder
    left is settled. With `--secrets-on-stdin` whoever started it hands over secrets that it alone can read: a JSON
    object, reference to value.
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
    work = run_settlement if options.settle else run_operation
    secrets = json.load(sys.stdin) if options.secrets_on_stdin else {}
    environment = dict(os.environ)
    with joined(environment, "mcop-runner"):
        result = work(folder, environment, stop=_stop_on_signals(), secrets=secrets)
    return 0 if result.outcome in (Outcome.SUCCEEDED, Outcome.CUT_OFF, Outcome.WAITING) else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="mcop-runner", description="Run one operation of MCOP to its end.")
    parser.add_argument("folder", type=Path, help="the operation's folder; holds request.json")
    parser.add_argument("--settle", action="store_true", help="begin nothing: settle what a dead runner left")
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
        book: Book | None = None
        try:
            request = folder.read_request()
            job = Job.of(request, folder, environment, secrets, report, stop, open_store, open_engine)
            book = job.book
            book.begin()
            with _traced(request, str(request.operation), job.artifact.engine) as told:
                with book.watch(stop, folder.workspace):
                    result = book.with_share(succeeded(_carry_out(job)))
                told.count(added=result.added, changed=result.changed, destroyed=result.destroyed)
            shutil.rmtree(folder.workspace, ignore_errors=True)
        except McopError as error:
            result = failed(error)
        except Exception as error:
            result = _crashed(error)
        report.record("runner_ended", outcome=result.outcome, error_type=result.error_type)
        if book is not None:
            book.end(result)
        folder.write_result(result)
    return result


def run_settlement(
    folder: OperationFolder,
    environment: Mapping[str, str],
    *,
    stop: threading.Event,
    secrets: Mapping[str, str] = MappingProxyType({}),
    open_store: Callable[[str], ObjectStore] = bootstrap.open_store,
    open_engine: Callable[[str, Settings], Engine] = bootstrap.open_engine,
) -> RunResult:
    """
    Settle what a dead runner of the request in *folder* left, and return what came of its operation.

    The result is written only if the operation had come to its end: else nobody has spoken the last word, and
    asked again it is carried out. What cannot be settled now leaves everything as it was. Arguments as `run_operation`.
    """
    with Report(folder) as report:
        report.record("settling_started", pid=os.getpid())
        try:
            request = folder.read_request()
            job = Job.of(request, folder, environment, secrets, report, stop, open_store, open_engine)
            with _traced(request, "settle", job.artifact.engine), job.book.watch(stop, folder.workspace):
                result = _settle(folder, job)
            job.book.end(result)
        except (Cancelled, UnknownOutcome) as error:
            result = failed(error)
            job.book.end(result)
        except McopError as error:
            result = failed(error)
            report.log(str(error), level="error")
        except Exception as error:
            result = _crashed(error)
            report.log(result.error, level="error")
        report.record("settling_ended", outcome=result.outcome, error_type=result.error_type)
    return result


def _traced(request: RunRequest, operation: str, engine: str) -> AbstractContextManager[Span]:
    named = [str(request.execution[word]) for word in ("namespace", "manifest") if word in request.execution]
    return span(
        operation,
        manifest="/".join(named),
        component=request.step,
        execution=request.place[0],
        engine=engine,
    )


def _settle(folder: OperationFolder, job: Job) -> RunResult:
    done = job.engine.settle(str(job.request.operation), job.artifact, job.workspace, job.report)
    for origin in job.request.moved_from:
        aside = replace(job.workspace, directory=job.workspace.directory / "origin")
        job.engine.settle("move", load_origin(job.store, origin, job.artifact.engine), aside, job.report)
    if done is not None:
        result = succeeded(done)
        folder.write_result(result)
    else:
        told = folder.read_result()
        result = told if told is not None and told.outcome is not Outcome.UNKNOWN else RunResult(Outcome.CUT_OFF)
    shutil.rmtree(folder.workspace, ignore_errors=True)
    return result


@dataclass(frozen=True, slots=True)
class Job:
    """What a runner works with."""

    request: RunRequest
    store: ObjectStore
    settings: Settings
    artifact: RenderedArtifact
    engine: Engine
    workspace: Workspace
    report: Report
    book: Book

    @classmethod
    def of(
        cls,
        request: RunRequest,
        folder: OperationFolder,
        environment: Mapping[str, str],
        secrets: Mapping[str, str],
        report: Report,
        stop: threading.Event,
        open_store: Callable[[str], ObjectStore],
        open_engine: Callable[[str, Settings], Engine],
    ) -> Job:
        """Open everything that *request* names."""

        def is_stopped() -> bool:
            return stop.is_set() or folder.cancel.exists()

        settings, store = Settings.from_environment(environment), open_store(request.store)
        artifact = load_artifact(store, request.artifact)
        book = Book(
            Operations(store),
            request,
            Holder.here(owner=request.owner, operation=request.id, workspace=folder.workspace),
            report,
        )
        workspace = Workspace(
            directory=folder.workspace,
            open_store=open_store,
            environment=environment,
            cancelled=is_stopped,
            owner=request.owner,
            lease=partial(_lease, book, settings, Fence(folder.path, settings.fence_s), is_stopped),
            read_secrets=bootstrap.open_secrets(settings, environment, secrets),
        )
        return cls(request, store, settings, artifact, open_engine(artifact.engine, settings), workspace, report, book)


def _carry_out(job: Job) -> ApplyResult:
    gate = open_gate(job.request, job.store, job.settings.policies)
    for origin in job.request.moved_from:
        job.engine.move(load_origin(job.store, origin, job.artifact.engine), job.artifact, job.workspace, job.report)
    carry_out = {Operation.APPLY: job.engine.apply, Operation.DESTROY: job.engine.destroy}[job.request.operation]
    return carry_out(job.artifact, job.workspace, job.report, gate)


@contextmanager
def _lease(
    book: Book, settings: Settings, fence: Fence, is_stopped: Callable[[], bool], store: ObjectStore, key: str
) -> Iterator[Lease]:
    def gives_up() -> bool:
        if is_stopped():
            book.stop_elsewhere()
        return is_stopped()

    lease: StateLease | None = None
    try:
        with hold_lease(
            store,
            key,
            holder=book.machine,
            lease_s=settings.lease_s,
            tell=book.report.log,
            fence=fence,
            is_stopped=gives_up,
        ) as lease:
            book.leased(HeldLease(store.url, key, lease.id), lease.abandoned)
            yield lease
    finally:
        if lease is not None and lease.is_given_back:
            book.given_back(lease.id)


class Book:
    """
    Keeps the note of one operation in the artifact store true.

    A note that a runner on another machine keeps is that one's until its lease is held here: the task's last attempt
    was there, and its runner may work on.
    """

    def __init__(self, operations: Operations, request: RunRequest, machine: Holder, report: Report) -> None:
        self._operations, self.machine, self.report = operations, machine, report
        execution, task = request.place
        known = operations.get(execution, request.id)
        self._note = OperationNote(
            id=request.id,
            execution=execution,
            task=task,
            step=request.step,
            word=str(request.operation),
            request=asdict(request),
            machine=machine.to_json(),
            since=_now(),
            leases=known.leases if known and not (known.ended and known.ended.is_settled) else (),
        )
        self._has_waited = known is not None and known.is_waiting
        self._held: set[str] = set()
        self._forced_by = ""
        self._elsewhere = known if known and not known.ended and _is_elsewhere(known, machine) else None
        self._share: Ending | None = None

    def begin(self) -> None:
        """Note that it begins; raises `Unreachable`, before anything is done that nobody would know of."""
        if self._elsewhere is None:
            self._operations.note(self._note)

    def stop_elsewhere(self) -> None:
        """Ask the runner on another machine to stop, since this one, which waits for it, is to."""
        if self._elsewhere is not None:
            with suppress(Unreachable):
                self._operations.ask_to_stop(self._elsewhere, StopRequest(self._note.task, _now()))

    def with_share(self, result: RunResult) -> RunResult:
        """Return *result*, with what a runner on another machine had done of the operation before it ended well."""
        if self._share is None or self._share.outcome != Outcome.SUCCEEDED:
            return result
        share = self._share
        return replace(
            result,
            added=result.added + share.added,
            changed=result.changed + share.changed,
            destroyed=result.destroyed + share.destroyed,
        )

    def watch(self, stop: threading.Event, workspace: Path) -> StopWatch:
        """Return what sets *stop* once somebody asks through the store, and kills the engine if that is asked."""

        def halt(asked: StopRequest) -> None:
            self.report.log(f"{asked.by} asks it to stop", level="warning")
            stop.set()

        def kill(asked: StopRequest) -> None:
            self._forced_by = asked.by
            self.report.record("forced", by=asked.by, pids=kill_engine(workspace))
            self.report.log(f"{asked.by} had the engine killed: what it was creating is looked for", level="warning")

        execution, operation = self._note.execution, self._note.id
        ask = partial(self._operations.asked_to_stop, execution, operation)
        return StopWatch(ask, halt, kill, has_waited=self._has_waited)

    def leased(self, lease: HeldLease, abandoned: Collection[str] = ()) -> None:
        """
        Note a lease before anything is done under it.

        Args:
            abandoned: Ids of the holdings that were taken from their holders.
        """
        if self._elsewhere is not None:
            if not any(one.id in abandoned for one in self._elsewhere.leases):
                self._share = self._await_ending()
            self._elsewhere = None
        self._held.add(lease.id)
        self._note = with_lease(self._note, lease)
        self._operations.note(self._note)

    def given_back(self, lease_id: str) -> None:
        """Note that a lease is nobody's again."""
        self._held.discard(lease_id)

    def end(self, result: RunResult) -> None:
        """Note how it ended. A store that does not answer keeps the note open: a reconciler reads the folder then."""
        doubt = self.report.in_doubt
        if self._elsewhere is not None:
            return  # nothing was begun here
        ended = Ending(
            str(result.outcome),
            _now(),
            is_settled=not (self._held or doubt),
            error=result.error,
            added=result.added,
            changed=result.changed,
            destroyed=result.destroyed,
            in_doubt=doubt,
            forced_by=self._forced_by,
        )
        try:
            self._operations.note(replace(self._note, ended=ended))
            self._operations.forget_stop(self._note.execution, self._note.id)
        except Unreachable as error:
            self.report.log(f"how it ended is not noted, a reconciler will find out: {error}", level="warning")

    def _await_ending(self) -> Ending | None:
        """Return how the runner on another machine ended that gave its lease back just now; None if it does not say."""
        execution, operation = self._note.execution, self._note.id
        ends = time.monotonic() + _SAYS_S
        while time.monotonic() < ends:
            found = self._operations.get(execution, operation)
            if found is None or found.ended is not None:
                return found.ended if found else None
            time.sleep(_SAYS_S / 20)
        return None


def _is_elsewhere(note: OperationNote, machine: Holder) -> bool:
    """Whether the runner of *note* is on another machine, of which nothing can be said here."""
    return prove(Holder(**note.machine), machine) is Proof.UNKNOWN


def _now() -> str:
    return datetime.now(UTC).isoformat()


def succeeded(done: ApplyResult) -> RunResult:
    """Return the result of an operation that did *done*."""
    return RunResult(
        Outcome.SUCCEEDED,
        outputs=done.outputs,
        added=done.added,
        changed=done.changed,
        destroyed=done.destroyed,
        resources=done.resources,
        versions={"mcop": __version__, **done.versions},
    )


def _crashed(error: Exception) -> RunResult:
    """Name a fault of the runner's own code by its type, message and place; no values of variables."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    text = f"the runner failed: {type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno})"
    hint = hint_for(str(error))
    text += f". {hint}" if hint else ""
    return RunResult(Outcome.FAILED, error=text, error_type="McopError")


class Report:
    """
    What the engine tells: lines to `log.jsonl`, records to the journal. Implements `engines.workspace.Reporter`.

    A disk that is full loses lines and records. It must not keep an apply from being followed to its end.
    """

    def __init__(self, folder: OperationFolder) -> None:
        self.in_doubt: tuple[str, ...] = ()
        """Addresses of which nobody knows yet whether the cloud holds them."""
        self._journal = Journal(folder.journal)
        self._log = os.open(folder.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def log(self, line: str, *, level: str = "info") -> None:
        """Append one line, whole."""
        with suppress(OSError):
            os.write(self._log, json.dumps({"level": level, "line": line}).encode() + b"\n")

    def record(self, event: str, **facts: Any) -> None:
        """Append one record, durably."""
        if event in ("in_doubt", "adopted"):
            self.in_doubt = tuple(facts["resources"]) if event == "in_doubt" else ()
        with suppress(OSError):
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
