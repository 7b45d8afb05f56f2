"""Changes to what is published: compute the next snapshot, commit both together, try again when somebody was faster."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mcop_core.catalog.models import CatalogObject, Manifest
from mcop_core.catalog.repository import CatalogEntry, Change, Head, Pins, Standing
from mcop_core.catalog.view import CatalogView
from mcop_core.compiler.compiler import compile_manifest
from mcop_core.compiler.snapshot import Snapshot, build_snapshot, load_snapshot, save_snapshot
from mcop_core.errors import Conflict, InvalidInput, ObjectNotFound, PreconditionFailed, StoredObjectMissing
from mcop_core.refs import Kind, ObjectRef

if TYPE_CHECKING:
    from mcop_core.artifacts.store import ObjectStore
    from mcop_core.catalog.repository import CatalogRepository

_ATTEMPTS = 8


@dataclass(frozen=True, slots=True)
class CatalogEdit:
    """What somebody wants of the catalog: `Change` without what depends on the moment."""

    put: Sequence[CatalogObject] = ()
    pins: Mapping[ObjectRef, Pins] = field(default_factory=dict)
    standings: Mapping[ObjectRef, tuple[Standing, str]] = field(default_factory=dict)
    activate: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WholeCatalog:
    """Every version in the catalog, read after its head was *head*."""

    head: Head
    entries: list[CatalogEntry]

    @classmethod
    def read(cls, repository: CatalogRepository) -> WholeCatalog:
        """Read all of it."""
        return cls(repository.head(), repository.entries())


def commit_edit(
    edit: Callable[[Mapping[str, str]], CatalogEdit],
    repository: CatalogRepository,
    store: ObjectStore,
    known: WholeCatalog | None = None,
) -> Head:
    """
    Commit an edit together with the snapshot of the catalog after it.

    Args:
        edit: Active versions -> the edit; asked again when another writer was faster.
        known: What was read before, which is not read again while the head has not moved since.

    Returns:
        The new head; the old one when nothing changes.

    Raises:
        Conflict: Other writers were faster eight times in a row.
        VersionConflict, ObjectNotFound: As `CatalogRepository.commit`.
    """
    for _ in range(_ATTEMPTS):
        head = repository.head()
        active = repository.active()
        wanted = edit(active)
        entries = known.entries if known is not None and known.head == head else repository.entries()
        snapshot = _snapshot_after(wanted, entries, active, head, store)
        try:
            return repository.commit(
                Change(
                    expected_revision=head.revision,
                    snapshot=snapshot,
                    put=wanted.put,
                    pins=wanted.pins,
                    standings=wanted.standings,
                    activate=wanted.activate,
                )
            )
        except PreconditionFailed:
            continue
    raise Conflict(f"other writers changed the catalog {_ATTEMPTS} times in a row: try again")


def _snapshot_after(
    edit: CatalogEdit, entries: Sequence[CatalogEntry], active: Mapping[str, str], head: Head, store: ObjectStore
) -> str:
    after = {entry.ref: entry for entry in entries}
    for item in edit.put:
        after.setdefault(item.ref, CatalogEntry(item, datetime.now(UTC)))
    for ref, pins in edit.pins.items():
        after[ref] = replace(after[ref], pins=pins)
    for ref, (standing, reason) in edit.standings.items():
        after[ref] = replace(after[ref], standing=standing, reason=reason)
    snapshot, plans = build_snapshot(after.values(), {**active, **edit.activate}, _previous(head, store))
    return save_snapshot(store, snapshot, plans)


def _previous(head: Head, store: ObjectStore) -> Snapshot | None:
    """Return the snapshot of *head*; without one every plan is compiled anew, which costs time and nothing else."""
    try:
        return load_snapshot(store, head.snapshot) if head.snapshot else None
    except StoredObjectMissing:
        return None


def activate(repository: CatalogRepository, store: ObjectStore, name: str, version: str) -> Head:
    """
    Make *version* the one that the manifest's DAG runs.

    Raises:
        ObjectNotFound: No such version; carries the known ones.
        InvalidInput: The version is revoked.
    """
    entry = repository.get(ObjectRef(Kind.MANIFEST, name, version))
    if entry.standing is Standing.REVOKED:
        raise InvalidInput(f"{entry.ref} is revoked: {entry.reason or 'no reason given'}")
    return commit_edit(lambda _: CatalogEdit(activate={name: version}), repository, store)


def set_standing(
    repository: CatalogRepository, store: ObjectStore, ref: ObjectRef, standing: Standing, reason: str
) -> Head:
    """
    Deprecate, revoke or reinstate a published version.

    Raises:
        ObjectNotFound: No such version.
    """
    repository.get(ref)
    return commit_edit(lambda _: CatalogEdit(standings={ref: (standing, reason)}), repository, store)


@dataclass(frozen=True, slots=True)
class Upgrade:
    """
    What re-pinning a manifest would change.

    Attributes:
        ref: The manifest version.
        pins: All pins as they would be.
        changes: (pin, version now, version then); None where a pin comes or goes.
    """

    ref: ObjectRef
    pins: Pins
    changes: tuple[tuple[str, str | None, str | None], ...]


def plan_upgrade(repository: CatalogRepository, name: str) -> Upgrade:
    """
    Compile the active version of a manifest with the newest versions its requirements allow; change nothing.

    Raises:
        ObjectNotFound: No such manifest.
        InvalidDocuments: With the newest versions it does not compile.
    """
    version = repository.active().get(name)
    if version is None:
        raise ObjectNotFound(f"there is no active manifest {name!r}", name=name, allowed=tuple(repository.active()))
    entry = repository.get(ObjectRef(Kind.MANIFEST, name, version))
    entries = repository.entries()
    revoked = {item.ref for item in entries if item.standing is Standing.REVOKED}
    manifest = entry.object
    if not isinstance(manifest, Manifest):
        raise TypeError(f"{entry.ref} is no manifest")
    pins = compile_manifest(manifest, CatalogView((item.object for item in entries), hidden=revoked)).pins
    changes = tuple(
        (pin, entry.pins.get(pin), pins.get(pin))
        for pin in sorted({*entry.pins, *pins})
        if entry.pins.get(pin) != pins.get(pin)
    )
    return Upgrade(entry.ref, pins, changes)


def upgrade(repository: CatalogRepository, store: ObjectStore, planned: Upgrade) -> Head:
    """Pin what `plan_upgrade` found."""
    return commit_edit(lambda _: CatalogEdit(pins={planned.ref: planned.pins}), repository, store)
