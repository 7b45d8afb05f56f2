"""
Which snapshot is shown: the catalog's current one, or the last good one while the catalog or the store is out of reach.

Looking costs one GetItem while nothing changes. Now and then the source checks that what the snapshot stands on is
still there; what vanished behind MCOP's back breaks the manifests that stood on it, and no other.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import NamedTemporaryFile

from mcop_airflow.snapshot_folder import (
    EMPTY,
    SnapshotFiles,
    is_complete,
    kept_plans,
    plan_digests,
    plan_file,
    read_snapshot,
    touch_changed,
    write_folder,
)
from mcop_core.artifacts.store import ObjectStore
from mcop_core.catalog.repository import CatalogRepository
from mcop_core.compiler.plan import DeploymentPlan
from mcop_core.compiler.snapshot import Snapshot, build_snapshot, load_snapshot, pinned_objects, plan_key, save_snapshot
from mcop_core.errors import McopError, PreconditionFailed, StoredObjectMissing
from mcop_core.refs import ObjectRef

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LastGood:
    """
    What was shown when the catalog last answered.

    Attributes:
        snapshot: Digest, or `EMPTY`.
        seen_at: Seconds since the epoch.
    """

    snapshot: str
    seen_at: float


@dataclass(frozen=True, slots=True)
class Audit:
    """
    One look at whether a snapshot still stands.

    Attributes:
        head: The catalog's snapshot.
        shown: What is shown for it: itself, or one where what vanished breaks its manifests.
        missing: Addresses that had vanished.
        at: Seconds of the monotonic clock.
    """

    head: str
    shown: str
    missing: frozenset[ObjectRef]
    at: float


class SnapshotSource:
    """
    The snapshots of one catalog, kept in a folder of this machine.

    Args:
        folder: Where `versions/<digest>` and the note of the last good one lie; survives this process.
        audit_s: Seconds between two audits; infinite for none.
        clock: Seconds since the epoch.
        timer: Seconds of a clock that is never set.
    """

    def __init__(
        self,
        folder: Path,
        repository: CatalogRepository,
        store: ObjectStore,
        *,
        audit_s: float,
        clock: Callable[[], float] = time.time,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._repository = repository
        self._store = store
        self._audit_s = audit_s
        self._clock = clock
        self._timer = timer
        self._audit = Audit("", "", frozenset(), float("-inf"))

    def folder_of(self, snapshot: str) -> Path:
        """Return where the snapshot with this digest lies, or is to lie."""
        return self._folder / "versions" / snapshot

    def fetch(self, snapshot: str) -> Path:
        """
        Make sure that the snapshot with this digest lies on this machine, and return its folder.

        Raises:
            StoredObjectMissing, Tampered, Unreachable: It does not, and cannot be had.
        """
        folder = self.folder_of(snapshot)
        if not is_complete(folder):
            earlier = self._shown_last()
            kept = kept_plans(earlier) if earlier else {}
            files = read_snapshot(self._store, snapshot, kept) if snapshot != EMPTY else SnapshotFiles()
            write_folder(folder, files, earlier)
        return folder

    def _shown_last(self) -> Path | None:
        good = self._noted()
        folder = self.folder_of(good.snapshot) if good else None
        return folder if folder and is_complete(folder) else None

    def current(self) -> str:
        """
        Return the snapshot to show, fetched: its digest, or `EMPTY`.

        Raises:
            McopError: The catalog or the store cannot be used, and no earlier snapshot lies on this machine.
        """
        try:
            shown = self._audited(self._repository.head().snapshot or EMPTY)
            folder, earlier = self.fetch(shown), self._shown_last()
        except McopError as error:
            return self._last_good(error)
        if earlier and earlier != folder:
            touch_changed(folder, earlier)
        self._remember(shown)
        return shown

    # -- the last good one ---------------------------------------------------------------------------------

    def _remember(self, shown: str) -> None:
        note = json.dumps(asdict(LastGood(shown, self._clock())))
        with NamedTemporaryFile("w", dir=self._folder, prefix=".last-", delete=False) as file:
            file.write(note)
        Path(file.name).replace(self._note)

    def _last_good(self, error: McopError) -> str:
        good = self._noted()
        if good is None or not is_complete(self.folder_of(good.snapshot)):
            log.error("The catalog's current snapshot cannot be had, and none was kept here: %s", error)
            raise error
        age = max(0, round(self._clock() - good.seen_at))
        log.warning("%s. The last good snapshot %s stays, seen %s s ago", error, good.snapshot, age)
        return good.snapshot

    def _noted(self) -> LastGood | None:
        return LastGood(**json.loads(self._note.read_text())) if self._note.is_file() else None

    @property
    def _note(self) -> Path:
        return self._folder / "last_good.json"

    # -- the audit -----------------------------------------------------------------------------------------

    def _audited(self, head: str) -> str:
        if head == EMPTY or math.isinf(self._audit_s):
            return head
        due = self._timer() - self._audit.at >= self._audit_s
        if due or head != self._audit.head:
            self._audit = self._look(head)
        return self._audit.shown

    def _look(self, head: str) -> Audit:
        base = self._fetch_or_compile(head)
        restore_plans(self._store, self.folder_of(base))
        missing = frozenset(pinned_in(self.folder_of(base))) - self._repository.keys()
        if head == self._audit.head and missing == self._audit.missing:
            shown = self._audit.shown
        else:
            shown = self._without(missing, base) if missing else base
        return Audit(head, shown, missing, self._timer())

    def _fetch_or_compile(self, head: str) -> str:
        try:
            self.fetch(head)
        except StoredObjectMissing as error:
            log.error("Vanished from the store: %s. The catalog is compiled anew", error)
            head = rebuild_snapshot(self._repository, self._store, None)
            self.fetch(head)
        return head

    def _without(self, missing: frozenset[ObjectRef], base: str) -> str:
        names = ", ".join(str(ref) for ref in sorted(missing))
        log.error("Vanished from the catalog: %s. The manifests that stand on it are shown as broken", names)
        return rebuild_snapshot(self._repository, self._store, load_snapshot(self._store, base))


def rebuild_snapshot(repository: CatalogRepository, store: ObjectStore, previous: Snapshot | None) -> str:
    """
    Compile the catalog as it is, store the snapshot, and return its digest; the catalog's head is left alone.

    The new snapshot is stored by its digest like any other, so that workers find what a run is pinned to.

    Args:
        previous: Plans whose objects are all there still are taken from it as they are; without it all are compiled.
    """
    snapshot, plans = build_snapshot(repository.entries(), repository.active(), previous)
    return save_snapshot(store, snapshot, plans)


def restore_plans(store: ObjectStore, folder: Path) -> None:
    """Put back every plan of the snapshot in *folder* that has vanished from the store."""
    stored = set(store.keys("plans/"))
    for name, digest in plan_digests(folder).items():
        key = plan_key(digest)
        if key not in stored:
            log.error("Vanished from the store: %s, the plan of manifest %s. It is put back", key, name)
            _put_back(store, key, plan_file(folder, name).read_bytes())


def _put_back(store: ObjectStore, key: str, data: bytes) -> None:
    try:
        store.put(key, data, if_absent=True)
    except PreconditionFailed:
        return


@lru_cache(maxsize=4)
def pinned_in(folder: Path) -> frozenset[ObjectRef]:
    """Return every published version that the snapshot in *folder* stands on."""
    plans = [plan_file(folder, name) for name in plan_digests(folder)]
    found = (pinned_objects(DeploymentPlan.model_validate_json(path.read_bytes())) for path in plans)
    return frozenset(ref for refs in found for ref in refs)
