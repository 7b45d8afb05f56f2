"""
What runners do for executions, where every machine can read it: the artifact store.

A runner notes an operation before it begins and how it ended before it goes; the task that asked takes the note away
once Airflow's record says the same. What lies there longer is what Airflow's word and the truth may differ about.
`operations/<execution>/<operation id>.json` is such a note, and `settlements/<execution>/<operation id>.json` what a
reconciler found out, with the journal beside it; <execution> is the SHA-256 of its id. `stops/…` are requests to stop.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from mcop_core.artifacts.store import ObjectStore
from mcop_core.errors import PreconditionFailed, StoredObjectMissing

WAITING = "waiting"
"""Word of `runner.request.Outcome`."""
_OPEN, _SETTLED, _STOP = "operations", "settlements", "stops"


@dataclass(frozen=True, slots=True)
class HeldLease:
    """A lease that an operation took on a state: where it lies, and the id of the holding."""

    store: str
    key: str
    id: str


@dataclass(frozen=True, slots=True)
class Ending:
    """
    How an operation ended.

    Attributes:
        outcome: Word of `runner.request.Outcome`.
        at: When, ISO 8601, UTC.
        is_settled: Whether leases and locks were given back, and no creation is in doubt.
        error: The error's message, or what it waits for; empty on success.
        in_doubt: Addresses of which nobody knows whether the cloud holds them.
        forced_by: Who had its engine killed; empty if nobody did.
    """

    outcome: str
    at: str
    is_settled: bool
    error: str = ""
    added: int = 0
    changed: int = 0
    destroyed: int = 0
    in_doubt: tuple[str, ...] = ()
    forced_by: str = ""


@dataclass(frozen=True, slots=True)
class StopRequest:
    """
    That somebody wants an operation stopped.

    Attributes:
        by: Who, as Airflow authenticated them.
        at: When, ISO 8601, UTC.
        force: Whether its engine is to be killed, and not only told to stop.
    """

    by: str
    at: str
    force: bool = False


@dataclass(frozen=True, slots=True)
class OperationNote:
    """
    One operation of one execution.

    Attributes:
        id: The request's.
        execution: `<dag id>/<run id>`.
        task: Id of the task that asked.
        step: `workflow.pattern.element`.
        word: `apply` or `destroy`.
        request: JSON of the `RunRequest`.
        machine: JSON of the runner's `Holder`.
        since: When it began last, ISO 8601, UTC.
        leases: Those it took, in order.
        ended: None while it works, and if it died; of one that waits, how it stands.
    """

    id: str
    execution: str
    task: str
    step: str
    word: str
    request: Mapping[str, Any]
    machine: Mapping[str, Any]
    since: str
    leases: tuple[HeldLease, ...] = ()
    ended: Ending | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether its runner went because it had only to wait, and gave everything back; another one is to look."""
        return self.ended is not None and self.ended.outcome == WAITING and self.ended.is_settled

    @property
    def is_open(self) -> bool:
        """Whether it works, has died, or waits: whoever asks it to stop may be heard."""
        return self.ended is None or self.is_waiting

    def to_json(self) -> bytes:
        """Return the stored form."""
        return json.dumps(asdict(self), indent=1).encode()

    @classmethod
    def from_json(cls, data: bytes) -> OperationNote:
        """Read the stored form."""
        document: dict[str, Any] = json.loads(data)
        ended, leases = document["ended"], tuple(HeldLease(**one) for one in document["leases"])
        ending = Ending(**{**ended, "in_doubt": tuple(ended["in_doubt"])}) if ended else None
        return cls(**{**document, "leases": leases, "ended": ending})


@dataclass(frozen=True, slots=True)
class Settlement:
    """
    What a reconciler found out about an operation.

    Attributes:
        note: The operation, ended.
        airflow: Airflow's word for its task; empty if Airflow has no such task.
        text: For people: what came of it, and what was done about it.
        at: When, ISO 8601, UTC.
    """

    note: OperationNote
    airflow: str
    text: str
    at: str

    def to_json(self) -> bytes:
        """Return the stored form."""
        return json.dumps({**asdict(self), "note": json.loads(self.note.to_json())}, indent=1).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Settlement:
        """Read the stored form."""
        document = json.loads(data)
        return cls(**{**document, "note": OperationNote.from_json(json.dumps(document["note"]).encode())})


class Operations:
    """The notes in one artifact store; every method raises `Unreachable` when it does not answer."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def note(self, note: OperationNote) -> None:
        """Write how an operation stands; its runner alone does so, or who holds the runner's place."""
        self._store.put(_key(_OPEN, note.execution, note.id), note.to_json())

    def get(self, execution: str, operation: str) -> OperationNote | None:
        """Return one note, None if there is none."""
        found = self._read(_key(_OPEN, execution, operation))
        return found[0] if found else None

    def open(self, executions: Collection[str] | None = None) -> list[OperationNote]:
        """Return the notes that lie there, of *executions* or of all, the oldest first."""
        wanted = None if executions is None else {_folder(execution) for execution in executions}
        keys = [key for key in self._store.keys(f"{_OPEN}/") if wanted is None or key.split("/")[1] in wanted]
        found = [read[0] for key in keys if (read := self._read(key))]
        return sorted(found, key=lambda note: (note.since, note.id))

    def close(self, execution: str, operation: str) -> None:
        """Take the note of an operation away if it ended and left nothing to settle: Airflow's record says the same."""
        found = self._read(_key(_OPEN, execution, operation))
        if found and found[0].ended and found[0].ended.is_settled and not found[0].is_waiting:
            self._remove(found[0], found[1])

    def supersede(self, execution: str, operation: str) -> None:
        """Take the note of an operation away that waited: another one of its task has come to its end since."""
        found = self._read(_key(_OPEN, execution, operation))
        if found and found[0].is_waiting:
            self._remove(found[0], found[1])

    def settle(self, settlement: Settlement, journal: bytes) -> None:
        """Keep what was found out, with the journal, and take the note away; done twice, it changes nothing."""
        note = settlement.note
        key = _key(_SETTLED, note.execution, note.id)
        self._store.put(key.removesuffix(".json") + ".journal", journal)
        self._store.put(key, settlement.to_json())
        found = self._read(_key(_OPEN, note.execution, note.id))
        if found and found[0] == note:
            self._remove(note, found[1])

    def ask_to_stop(self, note: OperationNote, request: StopRequest) -> None:
        """Ask the runner of an operation to stop, wherever it is; it looks every few seconds."""
        self._store.put(_key(_STOP, note.execution, note.id), json.dumps(asdict(request)).encode())

    def asked_to_stop(self, execution: str, operation: str) -> StopRequest | None:
        """Return who asked an operation to stop, None if nobody did."""
        try:
            return StopRequest(**json.loads(self._store.get(_key(_STOP, execution, operation)).data))
        except StoredObjectMissing:
            return None

    def forget_stop(self, execution: str, operation: str) -> None:
        """Forget that somebody asked an operation to stop: it begins anew, or has ended."""
        self._store.delete(_key(_STOP, execution, operation))

    def settled(self, executions: Collection[str]) -> set[str]:
        """Return those of *executions* that reconcilers found something out about."""
        folders = {_folder(execution): execution for execution in executions}
        found = {key.split("/")[1] for key in self._store.keys(f"{_SETTLED}/")} if folders else set()
        return {folders[folder] for folder in found & folders.keys()}

    def settlements(self, execution: str) -> tuple[Settlement, ...]:
        """Return what reconcilers found out about an execution, the oldest first."""
        keys = (key for key in self._store.keys(f"{_SETTLED}/{_folder(execution)}/") if key.endswith(".json"))
        found = [Settlement.from_json(self._store.get(key).data) for key in keys]
        return tuple(sorted(found, key=lambda one: (one.at, one.note.id)))

    def _read(self, key: str) -> tuple[OperationNote, str] | None:
        try:
            stored = self._store.get(key)
        except StoredObjectMissing:
            return None
        return OperationNote.from_json(stored.data), stored.etag

    def _remove(self, note: OperationNote, etag: str) -> None:
        try:
            self._store.delete(_key(_OPEN, note.execution, note.id), if_match=etag)
        except PreconditionFailed:
            return  # it began anew meanwhile: that note is another one


def latest(notes: Collection[OperationNote]) -> Iterator[OperationNote]:
    """Yield of each task's operations on one step the one that began last."""
    found = {(note.execution, note.task, note.step): note for note in sorted(notes, key=lambda note: note.since)}
    yield from found.values()


def belied(settlements: Iterable[Settlement], started: Mapping[str, datetime | None]) -> bool:
    """
    Whether a task that Airflow calls a success was none: what its last attempt asked for, or found, ended otherwise.

    Args:
        settlements: Those of one execution.
        started: Task id -> when its last attempt started.
    """
    return any(_is_belied(one.note, started.get(one.note.task)) for one in settlements if one.airflow == "success")


def _is_belied(note: OperationNote, started: datetime | None) -> bool:
    if note.ended is None or note.ended.outcome == "succeeded":
        return False
    # What was cancelled said so itself; when a dead one ended nobody knows, but when it began.
    last_seen = note.ended.at if note.ended.outcome == "cancelled" else note.since
    return started is None or started <= datetime.fromisoformat(last_seen)


def with_lease(note: OperationNote, lease: HeldLease) -> OperationNote:
    """Return *note* with one lease more."""
    return replace(note, leases=(*note.leases, lease))


def _folder(execution: str) -> str:
    return hashlib.sha256(execution.encode()).hexdigest()


def _key(prefix: str, execution: str, operation: str) -> str:
    return f"{prefix}/{_folder(execution)}/{operation}.json"
