"""
One holder per state: the object `<key>.mcop-lease` in the state store, with a fencing token.

The document names the holder, a token that grows with every holding, and when the lease runs out; its
holder renews it every third of its time by a conditional write. A lease is taken over only when it has run
out *and* its holder is proved dead (`holder.prove`), or when its holder has ended itself, as the document says
that it does (`fence`); otherwise `StateLocked` names the holder. The document stays after a release, without
a holder, so that tokens never start again.

Who asks for the same operation on another machine, a task's next attempt, waits for the holder.

Clocks: that a lease has run out is judged by the taker having watched the document unchanged for the
lease's whole time on its own monotonic clock, or by the wall clock plus a margin. Only the holder's own
machine can prove it dead, so that the wall clock is always the one that wrote the time. That a holder on another
machine has ended itself is judged by having watched alone. A live holder without a fence that cannot reach the
store keeps its lease: nobody can prove it dead, and nobody takes over from it.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from pathlib import Path
from typing import Any
from uuid import uuid4

from mcop_core.artifacts.store import ObjectStore
from mcop_core.errors import (
    Cancelled,
    PreconditionFailed,
    StateConflict,
    StateLocked,
    StoredObjectMissing,
    Unreachable,
)
from mcop_core.runner.fence import NO_FENCE, Fence
from mcop_core.runner.holder import Holder, Proof, prove

CLOCK_MARGIN_S = 1.0
"""How far past its end the wall clock must be before a lease counts as run out."""

REMEMBERED = 20
"""How many dead holders a lease names: what they left may still lie there after a release."""

_WATCH_S = 0.5


@dataclass(frozen=True, slots=True)
class LeaseDocument:
    """
    What lies under `<key>.mcop-lease`.

    Attributes:
        token: Grows by one with every holding.
        id: Of the holding.
        holder: None after a release.
        since, expires_at: ISO 8601, UTC.
        lease_s: How long it lasts without renewal, seconds.
        abandoned: Ids of dead holders' holdings, the latest `REMEMBERED` of them.
        left: Their workspaces, the oldest first; likewise.
        fence_s: After how long without a renewal its holder has ended itself, seconds; 0: never.
    """

    token: int
    id: str
    holder: Holder | None
    since: str
    expires_at: str
    lease_s: float
    abandoned: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    fence_s: float = 0.0

    def to_json(self) -> bytes:
        """Return the stored form."""
        holder = None if self.holder is None else self.holder.to_json()
        fields = {name: getattr(self, name) for name in self.__slots__}
        return json.dumps({**fields, "holder": holder}, indent=1).encode()

    @classmethod
    def from_json(cls, data: bytes) -> LeaseDocument:
        """Read the stored form."""
        fields: dict[str, Any] = json.loads(data)
        holder = None if fields["holder"] is None else Holder(**fields["holder"])
        lists = {name: tuple(fields[name]) for name in ("abandoned", "left")}
        return cls(**{**fields, **lists, "holder": holder})


def lease_key(key: str) -> str:
    """Return the key of the lease on the state under *key*."""
    return f"{key}.mcop-lease"


def has_run_out(document: LeaseDocument, *, watched_s: float, now: datetime) -> bool:
    """Whether a lease seen unchanged for *watched_s* seconds, at wall clock time *now*, has run out. Pure."""
    ends = datetime.fromisoformat(document.expires_at) + timedelta(seconds=CLOCK_MARGIN_S)
    return watched_s >= document.lease_s or now > ends


class Step(Enum):
    """What to do about a lease that somebody holds."""

    TAKE = auto()
    WAIT = auto()
    REFUSE = auto()


def next_step(
    document: LeaseDocument, proof: Proof, *, watched_s: float, is_renewed: bool, is_same: bool, now: datetime
) -> Step:
    """
    Say what to do about a held lease. Pure.

    Args:
        proof: What this machine can say of the holder.
        watched_s: For how long the document has been seen unchanged, seconds, on this machine's monotonic clock.
        is_renewed: Whether it was seen to be renewed.
        is_same: Whether the holder works on the operation that the lease is asked for.
        now: By the wall clock.
    """
    if proof is Proof.ALIVE:
        return Step.REFUSE
    run_out = has_run_out(document, watched_s=watched_s, now=now)
    if proof is Proof.DEAD:
        return Step.TAKE if run_out else Step.WAIT
    if document.fence_s and watched_s >= document.fence_s + CLOCK_MARGIN_S:
        return Step.TAKE
    waits = document.fence_s or not run_out if is_same else document.fence_s and not is_renewed
    return Step.WAIT if waits else Step.REFUSE


def successor(
    found: LeaseDocument | None,
    holder: Holder,
    *,
    lease_id: str,
    lease_s: float,
    now: datetime,
    fence_s: float = 0.0,
) -> LeaseDocument:
    """Return the document by which *holder* takes the lease after *found*. Pure."""
    abandoned, left = (found.abandoned, found.left) if found else ((), ())
    if found is not None and found.holder is not None:
        abandoned, left = (*abandoned, found.id), (*left, found.holder.workspace)
    return LeaseDocument(
        token=(found.token if found else 0) + 1,
        id=lease_id,
        holder=holder,
        since=now.isoformat(),
        expires_at=(now + timedelta(seconds=lease_s)).isoformat(),
        lease_s=lease_s,
        abandoned=abandoned[-REMEMBERED:],
        left=tuple(dict.fromkeys(left))[-REMEMBERED:],
        fence_s=fence_s,
    )


class StateLease:
    """
    One holding of the lease on one state; renews itself in a thread until it is given back.

    Implements `engines.workspace.Lease`.
    """

    def __init__(
        self, store: ObjectStore, key: str, document: LeaseDocument, etag: str, fence: Fence = NO_FENCE
    ) -> None:
        self._store, self._key, self._document, self._etag = store, lease_key(key), document, etag
        self._fence = fence
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="mcop-lease", daemon=True)
        self._lost = False
        self._keeps = False
        self._given_back = False

    @property
    def id(self) -> str:
        """Of this holding."""
        return self._document.id

    @property
    def token(self) -> int:
        """The fencing token."""
        return self._document.token

    @property
    def abandoned(self) -> tuple[str, ...]:
        """Ids of the dead holders' holdings."""
        return self._document.abandoned

    @property
    def left(self) -> tuple[Path, ...]:
        """Workspaces of the dead holders, the oldest first."""
        return tuple(Path(path) for path in self._document.left)

    @property
    def is_given_back(self) -> bool:
        """Whether it ended, and the store knows that nobody holds it; somebody else's is not ours to give back."""
        return self._given_back or self._lost

    @property
    def is_lost(self) -> bool:
        """Whether a renewal found somebody else."""
        return self._lost

    def check(self) -> None:
        """Ask the store whether this is still the newest holding; see `Lease.check`."""
        found = _read(self._store, self._key)
        if self._lost or found is None or (found[0].id, found[0].token) != (self.id, self.token):
            self._lost = True
            holder = found[0].holder.owner if found and found[0].holder else "nobody"
            raise StateConflict(
                f"the lease {self._key} with token {self.token} was taken away; it is {holder}'s now, "
                "and nothing is written with an old token",
                key=self._key,
            )

    def keep(self) -> None:
        """Leave the lease to run out; see `Lease.keep`."""
        self._keeps = True

    def start(self) -> None:
        """Renew from now on."""
        self._thread.start()

    def end(self) -> None:
        """Stop renewing, and give the lease back unless it is to be kept."""
        self._stop.set()
        self._thread.join()
        self._fence.lift(self.id)
        if not (self._keeps or self._lost):
            with suppress(Unreachable, PreconditionFailed):  # it runs out by itself
                self._write(replace(self._document, holder=None))
                self._given_back = True

    def _renew(self) -> None:
        while not self._stop.wait(self._document.lease_s / 3) and not self._lost:
            ends, asked_at = datetime.now(UTC) + timedelta(seconds=self._document.lease_s), self._fence.clock()
            with suppress(Unreachable):
                if self._write_or_lose(replace(self._document, expires_at=ends.isoformat())):
                    self._fence.put_off(self.id, asked_at)

    def _write_or_lose(self, document: LeaseDocument) -> bool:
        """Write *document*, and say whether it is what lies there now."""
        try:
            self._write(document)
        except PreconditionFailed:
            found = _read(self._store, self._key)
            if found is None or found[0].id != self.id:
                self._lost = True
            else:
                self._etag = found[1]  # our own renewal, whose answer was lost
            return False
        return True

    def _write(self, document: LeaseDocument) -> None:
        self._etag = self._store.put(self._key, document.to_json(), if_match=self._etag)
        self._document = document


def _never() -> bool:
    return False


@contextmanager
def hold_lease(
    store: ObjectStore,
    key: str,
    *,
    holder: Holder,
    lease_s: float,
    tell: Callable[[str], None],
    fence: Fence = NO_FENCE,
    is_stopped: Callable[[], bool] = _never,
) -> Iterator[StateLease]:
    """
    Hold the lease on the state under *key* inside the block.

    Args:
        tell: One line when somebody's lease is waited for, and one when it is taken over.
        fence: What ends this process when it cannot renew the lease.
        is_stopped: Asked while somebody else is waited for.

    Raises:
        StateLocked: Somebody holds it who is alive, or whom nobody here can prove dead.
        Cancelled: It was stopped while it waited.
        Unreachable: The store does not answer.
    """
    lease_id = str(uuid4())
    try:
        lease = _acquire(store, key, holder, lease_id, lease_s, tell, fence, is_stopped)
    except BaseException:
        fence.lift(lease_id)
        raise
    lease.start()
    try:
        yield lease
    finally:
        lease.end()


def _acquire(
    store: ObjectStore,
    key: str,
    holder: Holder,
    lease_id: str,
    lease_s: float,
    tell: Callable[[str], None],
    fence: Fence,
    is_stopped: Callable[[], bool],
) -> StateLease:
    while True:
        found = _wait_until_free(store, key, holder, tell, is_stopped)
        now = datetime.now(UTC)
        fence.put_off(lease_id, fence.clock())
        before = found[0] if found else None
        document = successor(before, holder, lease_id=lease_id, lease_s=lease_s, now=now, fence_s=fence.fence_s)
        try:
            etag = _put(store, lease_key(key), document, found[1] if found else None)
        except (PreconditionFailed, Unreachable) as error:
            found = _read(store, lease_key(key))
            if found is None or found[0].id != lease_id:
                if isinstance(error, Unreachable):
                    raise
                continue  # somebody was faster
            etag = found[1]  # our own write, whose answer was lost
        for gone in document.abandoned:
            fence.lift(gone)  # a predecessor's in the same folder, whose engine this process follows on
        return StateLease(store, key, document, etag, fence)


def _wait_until_free(
    store: ObjectStore, key: str, holder: Holder, tell: Callable[[str], None], is_stopped: Callable[[], bool]
) -> tuple[LeaseDocument, str] | None:
    seen: list[str] = []
    since, told = 0.0, ""
    while True:
        found = _read(store, lease_key(key))
        if found is None or found[0].holder is None:
            return found
        if found[1] not in seen[-1:]:
            seen.append(found[1])
            since = time.monotonic()
        document, proof = found[0], prove(found[0].holder, holder)
        watched_s, now = time.monotonic() - since, datetime.now(UTC)
        is_same = found[0].holder.operation == holder.operation
        step = next_step(document, proof, watched_s=watched_s, is_renewed=len(seen) > 1, is_same=is_same, now=now)
        if step is Step.REFUSE:
            raise held(key, document, proof, run_out=has_run_out(document, watched_s=watched_s, now=now))
        if step is Step.TAKE:
            dead = "dead" if proof is Proof.DEAD else "not heard of, and has ended itself"
            tell(f"taking over from {_name(found[0].holder)}, which is {dead}")
            return found
        line = _waits_for(document, found[0].holder, proof, is_same=is_same)
        if line != told:
            tell(line)
            told = line
        # What the dead left is settled, stopped or not: its engine may work on.
        if proof is not Proof.DEAD and is_stopped():
            raise Cancelled(f"stopped while {_name(found[0].holder)} held the state {key}; nothing was done here")
        time.sleep(min(_WATCH_S, document.lease_s / 4))


def _waits_for(document: LeaseDocument, holder: Holder, proof: Proof, *, is_same: bool) -> str:
    """Return what a wait is for, the same text for as long as it is the same wait."""
    if proof is Proof.DEAD:
        return f"{_name(holder)} is dead; waiting for its lease to run out at {document.expires_at}"
    if is_same:
        return f"{_name(holder)} works on this: waiting for it"
    return f"{_name(holder)} holds the state; if it is not heard of for {document.fence_s:g} s, it is taken over from"


def held(key: str, document: LeaseDocument, proof: Proof, *, run_out: bool) -> StateLocked:
    """Return the error that names the holder of *document* and says what can be done."""
    holder = document.holder
    if holder is None:
        raise ValueError("a released lease is held by nobody")
    text = f"the state {key} is held by {_name(holder)} since {document.since} (lease {document.id})."
    if proof is Proof.ALIVE:
        text += " It is alive: wait for it."
    elif not run_out:
        text += f" Its lease lasts until {document.expires_at}."
    else:
        text += (
            f" Its lease ran out at {document.expires_at}, but this machine cannot prove that it is dead. If it is "
            f"gone for certain, break the lease {document.id}."
        )
    info = {"ID": document.id, "Who": f"{holder.owner}@{holder.host}", "Created": document.since, "Operation": "lease"}
    return StateLocked(text, holder={**info, **holder.to_json(), "expires_at": document.expires_at})


def break_lease(store: ObjectStore, key: str, *, lease_id: str) -> None:
    """
    Take the lease *lease_id* from a holder that a person knows to be dead, on any machine.

    The next holder may then break that holder's lock, and resumes from the copy in flight.

    Raises:
        StateConflict: The lease is another one by now.
    """
    found = _read(store, lease_key(key))
    if found is None or found[0].id != lease_id or found[0].holder is None:
        raise StateConflict(f"the lease on {key} is not {lease_id} (any more); nothing was broken", key=key)
    document = found[0]
    _put(store, lease_key(key), replace(document, holder=None, abandoned=(*document.abandoned, document.id)), found[1])


def is_abandoned(store: ObjectStore, key: str, *, lease_id: str) -> bool:
    """Whether the holding *lease_id* was taken from a holder that was proved, or is known to be, dead."""
    found = _read(store, lease_key(key))
    return found is not None and lease_id in found[0].abandoned


def has_ended_itself(store: ObjectStore, key: str, *, lease_id: str) -> bool:
    """
    Whether the holder of *lease_id*, on whichever machine, should have ended itself by the wall clock.

    That is reason enough to ask for the lease, which is then watched before it is taken.
    """
    found = _read(store, lease_key(key))
    if found is None or found[0].id != lease_id or not found[0].fence_s:
        return False
    renewed = datetime.fromisoformat(found[0].expires_at) - timedelta(seconds=found[0].lease_s)
    return datetime.now(UTC) > renewed + timedelta(seconds=found[0].fence_s + CLOCK_MARGIN_S)


def _name(holder: Holder) -> str:
    return f"{holder.owner} (process {holder.pid} on {holder.host})"


def _read(store: ObjectStore, key: str) -> tuple[LeaseDocument, str] | None:
    try:
        stored = store.get(key)
    except StoredObjectMissing:
        return None
    return LeaseDocument.from_json(stored.data), stored.etag


def _put(store: ObjectStore, key: str, document: LeaseDocument, etag: str | None) -> str:
    data = document.to_json()
    return store.put(key, data, if_absent=True) if etag is None else store.put(key, data, if_match=etag)
