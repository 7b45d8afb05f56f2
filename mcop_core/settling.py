"""
Where Airflow's word and what runners note disagree: what an execution waits for, and the reconciler that settles it.

Airflow can call an execution failed while its runner still works, or died and left a lock, or came to a good end
unseen. Airflow's record stays as it is; what is true is kept beside it (`operations.Settlement`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from mcop_core import bootstrap
from mcop_core.artifacts.store import ObjectStore
from mcop_core.deployments import Deployments
from mcop_core.errors import InvalidInput, McopError, Refused, StateConflict
from mcop_core.executions.record import ExecutionRecord
from mcop_core.executions.status import Status
from mcop_core.operations import HeldLease, OperationNote, Operations, Settlement, StopRequest, belied, latest
from mcop_core.runner import attach
from mcop_core.runner.folder import OperationFolder
from mcop_core.runner.holder import Holder
from mcop_core.runner.lease import break_lease, has_ended_itself, is_abandoned
from mcop_core.runner.request import Operation, Outcome, RunRequest
from mcop_core.settings import Settings


def awaited(note: OperationNote, record: ExecutionRecord | None) -> str:
    """
    Return what an operation waits for although Airflow calls its execution ended; empty if it waits for nothing. Pure.

    Args:
        record: Airflow's, with its steps; None if Airflow has no such execution any more.
    """
    what, ended = f"{note.word} of {note.step or note.task}", note.ended
    if ended is None:
        machine = f"process {note.machine['pid']} on {note.machine['host']}"
        return f"{what}: its runner ({machine}, since {note.since[:19]}Z) has not said how it ended"
    if ended.in_doubt:
        return f"{what}: nobody knows yet whether the cloud holds {', '.join(ended.in_doubt)}"
    if not ended.is_settled:
        return f"{what} ended as {ended.outcome} without giving its lock back: {ended.error}"
    if note.is_waiting:
        return f"{what}: nobody looks any more what becomes of it, and it is to be stopped: {ended.error}"
    state = task_state(note, record)
    if (ended.outcome == Outcome.SUCCEEDED) != (state == "success"):
        return f"{what} ended as {ended.outcome}, and Airflow calls its task {state or 'unknown'}"
    return ""


def task_state(note: OperationNote, record: ExecutionRecord | None) -> str:
    """Return Airflow's word for the task that asked for an operation; empty if there is none."""
    steps = record.steps if record else ()
    return next((step.state or "" for step in steps if step.id == note.task), "")


def with_settling(
    records: Iterable[ExecutionRecord], store: ObjectStore, whole: Callable[[str], ExecutionRecord]
) -> list[ExecutionRecord]:
    """
    Return *records* as they really stand: an ended one that still waits for something is settling, and says for what;
    one of which somebody marked a task as a success that was none has failed.

    Args:
        store: The artifact store.
        whole: Execution id -> its record with its steps; asked for those alone that may wait.

    Raises:
        Unreachable: The store did not answer.
    """
    found = list(records)
    ended = {record.id for record in found if record.status.is_final}
    operations = Operations(store)
    notes = operations.open(ended) if ended else []
    waiting: dict[str, tuple[str, ...]] = {}
    for name in {note.execution for note in notes}:
        record = whole(name)
        its = latest([note for note in notes if note.execution == name])
        waiting[name] = tuple(text for note in its if (text := awaited(note, record)))
    completed = operations.settled({record.id for record in found if record.status is Status.COMPLETED})
    failed = {name for name in completed if _is_belied(whole(name), operations)}
    return [_as_it_stands(record, waiting.get(record.id, ()), failed) for record in found]


def _as_it_stands(record: ExecutionRecord, awaits: tuple[str, ...], failed: Collection[str]) -> ExecutionRecord:
    if awaits:
        return replace(record, status=Status.SETTLING, awaits=awaits)
    return replace(record, status=Status.FAILED) if record.id in failed else record


def _is_belied(record: ExecutionRecord, operations: Operations) -> bool:
    """Whether a step of *record* that Airflow calls a success was none."""
    return belied(operations.settlements(record.id), {step.id: step.started_at for step in record.steps})


def with_truth(record: ExecutionRecord, store: ObjectStore) -> ExecutionRecord:
    """Return *record*, an execution with its steps, with what it waits for and with what reconcilers found out."""
    settled = tuple(one.text for one in Operations(store).settlements(record.id))
    return replace(with_settling([record], store, lambda _: record)[0], settled=settled)


# -- stopping ------------------------------------------------------------------------------------------


def ask_to_stop(operations: Operations, execution: str, by: str, *, force: bool = False) -> list[str]:
    """Ask the runners of an execution to stop, and those that are to look at what waits; return their steps."""
    working = [note for note in operations.open([execution]) if note.is_open]
    for note in working:
        ask_to_stop_one(operations, note, by, force=force)
    return [note.step for note in working]


def ask_to_stop_one(operations: Operations, note: OperationNote, by: str, *, force: bool = False) -> None:
    """Ask the runner of one operation to stop, or the next one."""
    operations.ask_to_stop(note, StopRequest(by, datetime.now(UTC).isoformat(), force))


def stop_waiting(
    store: ObjectStore,
    settings: Settings,
    environment: Mapping[str, str],
    note: OperationNote,
    by: str,
    secrets: Callable[[RunRequest], Mapping[str, str]] = lambda request: {},
) -> bool:
    """
    Have what an operation waits for stopped by a runner that begins nothing, and return at once.

    That somebody wants it stopped is written first: should the runner not come to it, the reconciler's will.

    Args:
        secrets: As `Reconciler.secrets`.

    Returns:
        False if a runner looks at it right now, which hears it, too.

    Raises:
        Refused: The operation's folder cannot be made.
        Unreachable: The store did not answer.
    """
    ask_to_stop_one(Operations(store), note, by)
    request = RunRequest.from_json(note.request)
    return attach.begin_settling(request, settings, environment, secrets=secrets(request)) is not None


def force_to_stop(operations: Operations, execution: str, by: str, *, confirm: str) -> list[str]:
    """
    Have the engines of an execution killed, and return their steps.

    Raises:
        InvalidInput: *confirm* is not the execution's id.
        Refused: One of its runners was not asked before to stop gracefully.
    """
    if confirm != execution:
        raise InvalidInput(f"{confirm!r} is not {execution}: type the id of the execution whose Terraform is killed")
    for note in operations.open([execution]):
        if note.ended is None and operations.asked_to_stop(execution, note.id) is None:
            raise Refused(
                f"{note.step} of {execution} was not asked to stop. Cancel it first and give it time: Terraform then "
                "finishes what it has begun."
            )
    return ask_to_stop(operations, execution, by, force=True)


# -- the reconciler ------------------------------------------------------------------------------------


RECONCILER = "the reconciler"
"""Who asks that what nobody waits for any more is stopped."""


class Verdict(StrEnum):
    """What a reconciler made of an operation."""

    SETTLED = "settled"
    WORKS = "works"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class Finding:
    """
    One operation that a reconciler looked at.

    Attributes:
        text: For people: what it found out, what is waited for, or who can help.
    """

    execution: str
    step: str
    verdict: Verdict
    text: str


@dataclass(frozen=True, slots=True)
class Reconciler:
    """
    Settles what Airflow calls ended and what is not.

    It may be killed anywhere, and run beside live runners and other reconcilers: who works in an operation's folder
    holds a lock on it, who works on a state holds its lease, and what was found out is written before its note goes.

    Attributes:
        store: The artifact store.
        environment: Of runners that it starts.
        word: Execution id -> Airflow's record with its steps, None if Airflow has none.
        on_line: Called with (level, line) for each line of such a runner's log.
        lost: Names of machines that somebody knows to be gone for certain, with everything on them.
        secrets: Request -> the secrets that this process alone can read for it, by reference as text.
    """

    store: ObjectStore
    settings: Settings
    environment: Mapping[str, str]
    word: Callable[[str], ExecutionRecord | None]
    on_line: Callable[[str, str], None]
    lost: Collection[str] = ()
    secrets: Callable[[RunRequest], Mapping[str, str]] = lambda request: {}

    def run(self, executions: Collection[str] | None = None) -> list[Finding]:
        """
        Look at every operation of *executions*, or of all, and say what came of those that had to be looked at.

        Raises:
            Unreachable: The store or Airflow did not answer, when it was asked what there is.
        """
        notes = Operations(self.store).open(executions)
        newest = {note.id for note in latest(notes)}
        words = {name: self.word(name) for name in {note.execution for note in notes}}
        findings = [self._look(note, words[note.execution], is_newest=note.id in newest) for note in notes]
        return [finding for finding in findings if finding]

    def _look(self, note: OperationNote, record: ExecutionRecord | None, *, is_newest: bool) -> Finding | None:
        if record is not None and not record.status.is_final:
            return None  # Airflow's next attempt goes on from there
        try:
            if note.ended is None or not note.ended.is_settled:
                return self._settle(note, record)
            if note.is_waiting:
                ask_to_stop_one(Operations(self.store), note, RECONCILER)
                return self._settle(note, record)
            if note.ended.forced_by or (is_newest and awaited(note, record)):
                return self._conclude(note, record)
            Operations(self.store).close(note.execution, note.id)
        except McopError as error:
            return self._finding(note, Verdict.LEFT, str(error))
        return None

    def _settle(self, note: OperationNote, record: ExecutionRecord | None) -> Finding | None:
        settings = self._place(note)
        if settings is None:
            return self._finding(note, Verdict.LEFT, _elsewhere(note))
        said: list[str] = []

        def hear(level: str, line: str) -> None:
            self.on_line(level, line)
            if level == "error":
                said.append(line)

        request = RunRequest.from_json(note.request)
        secrets = self.secrets(request)
        if not attach.settle(request, settings, self.environment, on_line=hear, secrets=secrets):
            return self._finding(note, Verdict.WORKS, f"{awaited(note, record)}; it is alive: wait for it")
        after = Operations(self.store).get(note.execution, note.id)
        if after is None:
            return None  # another reconciler was faster
        if after.ended is None or not after.ended.is_settled or after.is_waiting:
            return self._finding(note, Verdict.LEFT, said[-1] if said else awaited(after, record))
        return self._conclude(after, record)

    def _place(self, note: OperationNote) -> Settings | None:
        """Return the settings with which what *note* left can be settled here; None if that is not for here."""
        machine = Holder(**note.machine)
        here = Holder.here(owner=machine.owner, operation=note.id, workspace=Path(machine.workspace))
        if machine.host == here.host and (machine.pids == here.pids or machine.boot != here.boot):
            return replace(self.settings, work_dir=str(Path(machine.workspace).parents[1]))
        if note.is_waiting:
            return self.settings  # it gave everything back: any machine can look
        if machine.host in self.lost:
            for lease in note.leases:
                with suppress(StateConflict):  # it was given back, or broken before
                    break_lease(bootstrap.open_store(lease.store), lease.key, lease_id=lease.id)
            return self.settings
        return self.settings if note.leases and all(map(_is_nobodys, note.leases)) else None

    def _conclude(self, note: OperationNote, record: ExecutionRecord | None) -> Finding:
        """Keep what came of an operation, and make the records that its task would have made."""
        text = conclusion(note, record)
        self._book(note)
        journal = OperationFolder.of(RunRequest.from_json(note.request), self._place(note) or self.settings).journal
        data = journal.read_bytes() if journal.exists() else b""
        settlement = Settlement(note, task_state(note, record), text, datetime.now(UTC).isoformat())
        Operations(self.store).settle(settlement, data)
        return self._finding(note, Verdict.SETTLED, text)

    def _book(self, note: OperationNote) -> None:
        facts = note.request["execution"]
        if not (facts and note.ended and note.ended.outcome == Outcome.SUCCEEDED):
            return
        deployments = Deployments(self.store, facts["namespace"], facts["manifest"])
        gone = (note.request["artifact"],) if note.word == Operation.DESTROY else tuple(note.request["moved_from"])
        for step, one in deployments.all().items() if gone else ():
            is_origin = note.word == Operation.DESTROY or step != note.step
            if one.artifact in gone and is_origin and _time(one.at) <= _time(note.since):
                deployments.forget(step)

    def _finding(self, note: OperationNote, verdict: Verdict, text: str) -> Finding:
        return Finding(note.execution, note.step, verdict, text)


def conclusion(note: OperationNote, record: ExecutionRecord | None) -> str:
    """Return what came of an operation that has ended, in one sentence. Pure."""
    ended = note.ended
    if ended is None:
        raise ValueError(f"operation {note.id} has not ended")
    word = task_state(note, record)
    airflow = f"Airflow calls its task {word}" if word else "Airflow has no such task"
    what = f"{note.word} of {note.step or note.task}"
    if ended.outcome == Outcome.SUCCEEDED:
        done = f"{ended.added} added, {ended.changed} changed, {ended.destroyed} destroyed"
        return f"{what} succeeded: {done}; {airflow}"
    if ended.outcome == Outcome.CUT_OFF:
        return f"{what} was cut off: what it had made is in the state, and the lock is free; {airflow}"
    forced = f" after {ended.forced_by} had Terraform killed" if ended.forced_by else ""
    return f"{what} ended as {ended.outcome}{forced}: {ended.error}; {airflow}"


def _elsewhere(note: OperationNote) -> str:
    host = note.machine["host"]
    return (
        f"only {host} can tell what became of the {note.word} of {note.step}: run `mcop reconcile` there. If that "
        f"machine is gone for certain: mcop reconcile {note.execution} --lost {host}"
    )


def _is_nobodys(lease: HeldLease) -> bool:
    """Whether a lease was taken from its holder, or may be taken from one that has ended itself."""
    store = bootstrap.open_store(lease.store)
    return is_abandoned(store, lease.key, lease_id=lease.id) or has_ended_itself(store, lease.key, lease_id=lease.id)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
