"""The catalog in a dictionary: the reference behaviour, thread-safe, gone with the process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from mcop_core.catalog.changes import check_restorable, conflict, decide, missing, utc_now
from mcop_core.catalog.references import catalog_order, dead_end, references
from mcop_core.catalog.repository import CatalogEntry, Change, Head
from mcop_core.errors import ObjectNotFound
from mcop_core.refs import Kind, ObjectRef


class MemoryRepository:
    """
    A `CatalogRepository` in memory.

    Args:
        now: The clock that publications are stamped with.
    """

    def __init__(self, now: Callable[[], datetime] = utc_now) -> None:
        self._now = now
        self._lock = threading.RLock()
        self._entries: dict[ObjectRef, CatalogEntry] = {}
        self._active: dict[str, str] = {}
        self._head = Head()

    def head(self) -> Head:
        """Return revision and snapshot."""
        with self._lock:
            return self._head

    def get(self, ref: ObjectRef) -> CatalogEntry:
        """Return one published version; raises `ObjectNotFound` with what is near."""
        with self._lock:
            entry = self._entries.get(ref)
            if entry is None:
                raise self._dead_end(ref)
            return entry

    def get_many(self, refs: Iterable[ObjectRef]) -> dict[ObjectRef, CatalogEntry]:
        """Return what is there of *refs*."""
        with self._lock:
            return {ref: self._entries[ref] for ref in refs if ref in self._entries}

    def versions(self, kind: Kind, name: str) -> list[CatalogEntry]:
        """Return every version of one object, oldest first."""
        return [entry for entry in self.entries(kind) if entry.object.name == name]

    def entries(self, kind: Kind | None = None) -> list[CatalogEntry]:
        """Return every version of every object (of *kind*), by kind, name, version."""
        with self._lock:
            chosen = [ref for ref in self._entries if kind is None or ref.kind is kind]
            return [self._entries[ref] for ref in sorted(chosen, key=catalog_order)]

    def keys(self) -> set[ObjectRef]:
        """Return the addresses of all published versions."""
        with self._lock:
            return set(self._entries)

    def documents(self) -> dict[ObjectRef, dict[str, Any]]:
        """Return every published document."""
        with self._lock:
            return {ref: entry.object.document() for ref, entry in self._entries.items()}

    def users(self, kind: Kind, name: str) -> list[ObjectRef]:
        """Return the versions that refer to any version of `kind#name`."""
        return [entry.ref for entry in self.entries() if (kind, name) in references(entry)]

    def active(self) -> dict[str, str]:
        """Return manifest name -> active version."""
        with self._lock:
            return dict(sorted(self._active.items()))

    def commit(self, change: Change) -> Head:
        """Do *change*, all of it or nothing; raises as `CatalogRepository.commit` says."""
        with self._lock:
            try:
                decision = decide(change, head=self._head, known=self._entries, active=self._active, now=self._now())
            except ObjectNotFound:
                raise self._dead_end(missing(change, self._entries)[0]) from None
            self._entries.update(decision.entries)
            self._active.update(decision.active)
            self._head = decision.head
            return self._head

    def restore(self, entries: Sequence[CatalogEntry], active: Mapping[str, str], head: Head) -> None:
        """Fill an empty catalog; raises `VersionConflict` when something else is there."""
        with self._lock:
            for entry in entries:
                there = self._entries.get(entry.ref, entry)
                if there != entry:
                    raise conflict(entry.ref, there.digest, entry.digest)
            check_restorable(self._head, head, self.keys() - {entry.ref for entry in entries})
            self._entries = {entry.ref: entry for entry in entries}
            self._active = dict(active)
            self._head = head

    def _dead_end(self, ref: ObjectRef) -> ObjectNotFound:
        versions = [entry.object.version for entry in self.versions(ref.kind, ref.name)]
        names = {other.name for other in self._entries if other.kind is ref.kind}
        kinds = {other.kind for other in self._entries if other.name == ref.name}
        return dead_end(ref, versions=versions, names=names, kinds=kinds)
