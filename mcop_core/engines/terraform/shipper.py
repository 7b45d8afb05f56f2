"""Copies a state that changes to the state store, so that a machine that burns down loses a second's work."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from mcop_core.artifacts.store import ObjectStore
from mcop_core.engines.state import Leftover, StateAddress, StateFile, get_or_none, put_if, write_durably
from mcop_core.engines.terraform.log import EventReader
from mcop_core.engines.terraform.work_copy import COPY_FILE, STATE_FILE, read_local
from mcop_core.errors import PreconditionFailed, StateConflict, Unreachable


class Shipper:
    """
    Copies the workspace's state to the state store whenever it changed, in a thread, until it is stopped.

    Args:
        reader: Of what Terraform says: what must not be created blindly again, and what its state does not say yet.
        tell: Told once when the store stops answering, and once when it answers again.
        every_s: How often it looks, seconds: what a machine that burns down loses.

    Attributes:
        is_fenced: True once somebody else wrote the copy: this operation has lost the state.
    """

    def __init__(
        self,
        store: ObjectStore,
        address: StateAddress,
        directory: Path,
        *,
        base: str,
        reader: EventReader,
        tell: Callable[[str], None],
        every_s: float,
    ) -> None:
        self._store, self._key, self._directory, self._base = store, address.inflight, directory, base
        self._reader, self._tell, self._every_s = reader, tell, every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mcop-ship", daemon=True)
        self._shipped = b""
        self._seen = Leftover("", base, read_local(directory)).to_json()
        self._etag: str | None = None
        self._knows_etag = False
        self._answers = True
        self.is_fenced = False

    def __enter__(self) -> Shipper:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._every_s) and not self.is_fenced:
            self.ship()

    def ship(self) -> None:
        """Copy the state now, if it changed; a store that does not answer is tried again the next time."""
        data = self._now()
        if data is None or data == self._seen:
            return
        try:
            self._put(data)
            self._note(True, "the state store answers again")
            self._seen = data
        except Unreachable as error:
            self._note(False, f"{error}; the state is kept in the workspace and shipped when the store answers")
        except PreconditionFailed:
            self.is_fenced = True

    def _now(self) -> bytes | None:
        try:
            path = self._directory / STATE_FILE
            data = path.read_bytes() if path.exists() else b""
            # Empty it is in the middle of a write, and with OpenTofu until the first.
            state = StateFile.parse(data, str(path)) if data else read_local(self._directory)
        except StateConflict:
            return None  # caught in the middle of Terraform's write
        if state is not None:
            with suppress(OSError):  # on a full disk; the copy in the store counts for more
                write_durably(self._directory / COPY_FILE, state.data)
            state = self._reader.corrected(state)
        recorded = state.instances() if state else ()
        return Leftover(
            "", self._base, state, self._reader.doubtful(recorded), self._reader.planned(recorded)
        ).to_json()

    def _put(self, data: bytes) -> None:
        if not self._knows_etag:
            stored = get_or_none(self._store, self._key)
            self._etag, self._knows_etag = (stored[1] if stored else None), True
        try:
            self._etag = put_if(self._store, self._key, data, self._etag)
        except PreconditionFailed:
            stored = get_or_none(self._store, self._key)
            if stored is None or stored[0] not in (data, self._shipped):
                raise
            self._etag = put_if(self._store, self._key, data, stored[1])
        self._shipped = data

    def _note(self, answers: bool, line: str) -> None:
        if answers != self._answers:
            self._answers = answers
            self._tell(line)
