"""`StateHome`: the state of one component in its store, while this process holds its lease and its lock."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from mcop_core.artifacts.store import ObjectStore
from mcop_core.engines import lock as locks
from mcop_core.engines import state
from mcop_core.engines.artifact import RenderedArtifact
from mcop_core.engines.state import MOVED_FROM, MOVED_TO, Leftover, StateAddress, StateFile
from mcop_core.engines.workspace import Lease, Reporter, Workspace
from mcop_core.errors import StateConflict, StoredObjectMissing, Unreachable


@dataclass(slots=True)
class StateHome:
    """
    Reads and writes one state, and what is noted beside it.

    Attributes:
        open_store: URL -> store; a state that moves is looked for in another one.
        store: That of *address*.
        patience_s: How long a write waits for a store that does not answer, seconds.
        directory: The workspace, named to people where a state could not be written.
        base: The state as it was read or written last; None if there is none.
        etag: Of what lies there; None if nothing does.
    """

    address: StateAddress
    open_store: Callable[[str], ObjectStore]
    store: ObjectStore
    lease: Lease
    lock: locks.ObjectLock | locks.TableLock
    report: Reporter
    patience_s: float
    directory: Path
    base: StateFile | None = None
    etag: str | None = None

    @property
    def digest(self) -> str:
        """That of `base`."""
        return self.base.digest if self.base else state.NOTHING

    @contextmanager
    def locked(self, operation: str, owner: str, *, give_back: Callable[[], bool]) -> Iterator[None]:
        """
        Hold Terraform's lock inside the block; lock and lease are kept at the end unless *give_back* says otherwise.

        Raises:
            StateLocked: Somebody else holds it; names who and for how long.
        """
        who = f"{owner}@{socket.gethostname()}"
        info = locks.lock_info(self.lease.id, self.address, operation=operation, who=who, now=datetime.now(UTC))
        with locks.hold(
            self.lock,
            info,
            abandoned=self.lease.abandoned,
            give_back=give_back,
            on_kept=self.lease.keep,
            tell=self._warn,
            patience_s=self.patience_s,
        ):
            self.report.record("locked", state=str(self.address), lock=self.lease.id)
            yield

    def pull(self) -> None:
        """Read the state; a move that was cut off before its last write is finished."""
        found = state.held(self.open_store, self.address)
        self.base, self.etag = found.state, found.etag
        if isinstance(self.lock, locks.TableLock):
            self._check_digest(self.lock, found.data)
        if found.state is not None and found.is_noted:
            self.write(found.state)
        serial = self.base.serial if self.base else None
        self.report.record("state_pulled", state=str(self.address), serial=serial, etag=self.etag)

    def _check_digest(self, lock: locks.TableLock, data: bytes | None) -> None:
        try:
            lock.check_digest(data)
        except StateConflict:
            copy = self.read_inflight()
            if self.base is None or copy is None or copy.state is None or copy.state.data != self.base.data:
                raise
            lock.note_digest(self.base.data)  # our own push, cut off between its two writes

    def write(self, newer: StateFile) -> None:
        """
        Write the state, whatever its serial; cut off anywhere, it is the one before or this one.

        Raises:
            StateConflict: It moved, or the lease was lost; nothing was written.
            Unreachable: The store did not answer.
        """
        if isinstance(self.lock, locks.TableLock):
            self._patiently(self.lock.forget_digest)
        self.push(newer)

    def push(self, newer: StateFile) -> None:
        """Write a state that grew from this one, before which no digest need be forgotten; errors as `write`."""
        try:
            self.etag = self._patiently(
                lambda: state.push(self.store, self.address.key, newer.data, self.etag, check=self.lease.check)
            )
            if isinstance(self.lock, locks.TableLock):
                self._patiently(partial(self.lock.note_digest, newer.data))
        except Unreachable as error:
            raise Unreachable(
                f"{error}. Run the step again: what was done is found, on this worker in {self.directory}, "
                "and pushed first.",
                service=error.facts.get("service", "state store"),
            ) from error
        self.base = newer
        self.report.record("state_pushed", state=str(self.address), serial=newer.serial, etag=self.etag)

    def note_settled(self) -> None:
        """Tell the journal that the state is what the operation leaves: a follower holds a later one to it."""
        self.report.record("settled", store=self.address.store, key=self.address.key, etag=self.etag)

    # -- the copy in flight -----------------------------------------------------------------------------

    def read_inflight(self) -> Leftover | None:
        """Return the copy that an operation left beside the state, None if it left none."""
        try:
            stored = self.store.get(self.address.inflight)
        except StoredObjectMissing:
            return None
        return Leftover.from_json(stored.data, f"{self.address.store}#{self.address.inflight}")

    def note_doubt(self, addresses: tuple[str, ...]) -> None:
        """Note there which creations are in doubt, where whoever comes next finds it."""
        note = Leftover("", self.digest, None, addresses).to_json()

        def act() -> str:
            self.lease.check()
            return self.store.put(self.address.inflight, note)

        self._patiently(act)
        self.report.record("in_doubt", resources=list(addresses))

    def delete_inflight(self) -> None:
        """Remove the copy; a store that does not answer keeps it, which harms nothing."""
        try:
            self._patiently(lambda: self.store.delete(self.address.inflight))
        except Unreachable as error:
            self._warn(f"the copy in flight stays, which harms nothing: {error}")

    def _patiently(self, act: Callable[[], Any]) -> Any:
        return state.patiently(act, patience_s=self.patience_s, tell=self._warn)

    def _warn(self, line: str) -> None:
        self.report.log(line, level="warning")


@contextmanager
def leased_home(
    artifact: RenderedArtifact, workspace: Workspace, report: Reporter, patience_s: float
) -> Iterator[StateHome]:
    """
    Hold the lease on the state of *artifact* inside the block; its lock is not held yet, and nothing is read.

    Raises:
        StateLocked: Somebody else holds it.
    """
    address = StateAddress.of(artifact)
    store = workspace.open_store(address.store)
    workspace.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    with workspace.lease(store, address.key) as lease:
        lock = locks.open_lock(artifact.runtime["state"], store)
        opened, directory = workspace.open_store, workspace.directory
        yield StateHome(address, opened, store, lease, lock, report, patience_s, directory)


@contextmanager
def open_home(
    operation: str, artifact: RenderedArtifact, workspace: Workspace, report: Reporter, patience_s: float
) -> Iterator[StateHome]:
    """Hold lease and lock of the state of *artifact* inside the block; it has been read."""
    with (
        leased_home(artifact, workspace, report, patience_s) as home,
        home.locked(operation, workspace.owner, give_back=lambda: True),
    ):
        home.pull()
        yield home


def move(
    origin: RenderedArtifact, target: RenderedArtifact, workspace: Workspace, report: Reporter, patience_s: float
) -> None:
    """
    Make the state of what *origin* deployed the state of what *target* will, as it is; see `Engine.move`.

    For an engine whose state names nothing of the component's id, or whose next apply puts that right. Cut off between
    any two of its writes, the next operation on either place goes on from there.
    """
    aside = replace(workspace, directory=workspace.directory / "origin")
    with (
        open_home("move", target, workspace, report, patience_s) as into,
        open_home("move", origin, aside, report, patience_s) as out,
    ):
        found = out.base
        if found is None or found.is_empty:
            return
        if into.base is not None and not into.base.is_empty:
            raise StateConflict(
                f"one state was to move to {into.address}, and {out.address} and it hold one: nothing was moved. "
                "Make each a component of the manifest, without `moved`, or destroy what is not to stay.",
                step=into.address.key,
            )
        take_over(into, out, found)


def take_over(into: StateHome, out: StateHome, found: StateFile) -> None:
    """Make *found* the state of *into* and that of *out* an empty one, by the three writes of `moving`."""
    into.write(found.with_note(MOVED_FROM, out.address))
    out.write(_emptied(out.address, found, into.address))
    into.write(found)
    into.report.record("state_moved", origin=str(out.address), state=str(into.address))
    into.report.log(f"Moved the state {out.address.key} to {into.address.key}.")


def _emptied(address: StateAddress, found: StateFile, moved_to: StateAddress) -> StateFile:
    # the same bytes whoever writes them: a dead runner's write that arrives late is then that of who goes on
    lineage = str(uuid5(NAMESPACE_URL, f"{address} {found.lineage}"))
    document = {"version": 4, "serial": 1, "lineage": lineage, "outputs": {}, "resources": []}
    return StateFile.of(document).with_note(MOVED_TO, moved_to)
