"""What a change of the catalog comes to: decided here, on values, for every repository alike."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from mcop_core.catalog.models import CatalogObject
from mcop_core.catalog.repository import CatalogEntry, Change, Head
from mcop_core.errors import ObjectNotFound, PreconditionFailed, VersionConflict
from mcop_core.refs import Kind, ObjectRef

Entries = Mapping[ObjectRef, CatalogEntry]


@dataclass(frozen=True, slots=True)
class Decision:
    """
    What a repository has to write, all of it in one transaction.

    Attributes:
        head: The head afterwards; the head of before when there is nothing to write.
        entries: The entries that are new or altered, whole.
        active: Manifest name -> version, where that is new.
    """

    head: Head
    entries: Entries
    active: Mapping[str, str]


def utc_now() -> datetime:
    """Return the present, aware UTC: the clock of a repository that was given no other."""
    return datetime.now(UTC)


def touched(change: Change) -> set[ObjectRef]:
    """Return the addresses of everything that *change* needs to know about."""
    put = {item.ref for item in change.put}
    return put | {*change.pins, *change.standings, *change.rewrite, *_activated(change)}


def missing(change: Change, known: Entries) -> list[ObjectRef]:
    """Return what *change* speaks of and is neither *known* nor put by it, sorted."""
    return sorted(touched(change) - set(known) - {item.ref for item in change.put})


def decide(change: Change, *, head: Head, known: Entries, active: Mapping[str, str], now: datetime) -> Decision:
    """
    Say what *change* does to a catalog.

    Args:
        head: The catalog's head.
        known: What the catalog has of `touched(change)`.
        active: The active versions of the manifests that the change activates.
        now: Aware UTC; the time of publication of what is new.

    Raises:
        VersionConflict, PreconditionFailed, ObjectNotFound: As `CatalogRepository.commit` says, in this order.
    """
    entries = _altered(change, {**known, **_published(change, known, now)}, known)
    activate = {name: version for name, version in change.activate.items() if active.get(name) != version}
    absent = missing(change, known)
    if not entries and not activate and not absent and change.snapshot == head.snapshot:
        return Decision(head, {}, {})
    if change.expected_revision != head.revision:
        raise moved_on(change.expected_revision, head.revision)
    if absent:
        raise ObjectNotFound(f"{absent[0]}: there is no such version", ref=absent[0], name=absent[0].name)
    return Decision(Head(head.revision + 1, change.snapshot), entries, activate)


def moved_on(expected: int, found: int) -> PreconditionFailed:
    """Return the error of a change that was computed on another revision."""
    return PreconditionFailed(
        f"the catalog is at revision {found}, this change was computed on revision {expected}: compute it again",
        key="head",
        expected=expected,
        found=found,
    )


def conflict(ref: ObjectRef, published: str, offered: str) -> VersionConflict:
    """Return the error of a version that is published with other bytes."""
    return VersionConflict(
        f"{ref} is published with digest {published}, what is offered has digest {offered}: "
        "a published version never changes, publish the change as a new version",
        ref=ref,
        published=published,
        offered=offered,
    )


def check_restorable(found: Head, wanted: Head, strangers: Collection[ObjectRef]) -> None:
    """
    Refuse to restore over a catalog that holds something else.

    Args:
        found: The head that is there; `Head()` in an empty catalog.
        wanted: The head of the backup.
        strangers: What is there and not in the backup.

    Raises:
        VersionConflict: The catalog has lived on, or has versions of its own.
    """
    if found not in (Head(), wanted):
        raise VersionConflict(
            f"the catalog is at revision {found.revision}, the backup at {wanted.revision}: restore into an empty one",
            published=found.snapshot,
            offered=wanted.snapshot,
        )
    if strangers:
        first = min(strangers)
        raise VersionConflict(
            f"the catalog holds {first}, which is not in the backup: restore into an empty one", ref=first
        )


def _activated(change: Change) -> set[ObjectRef]:
    return {ObjectRef(Kind.MANIFEST, name, version) for name, version in change.activate.items()}


def _published(change: Change, known: Entries, now: datetime) -> dict[ObjectRef, CatalogEntry]:
    """Return the new entries of `put`; what is known already must be the same."""
    found: dict[ObjectRef, CatalogEntry] = {}
    for item in change.put:
        entry = known.get(item.ref) or found.get(item.ref)
        if entry is None:
            found[item.ref] = CatalogEntry(item, now)
        elif not entry.has_published(item):
            raise conflict(item.ref, entry.digest, item.digest)
    return found


def _altered(change: Change, entries: Entries, known: Entries) -> dict[ObjectRef, CatalogEntry]:
    """Return those of *entries* that differ from *known* once pins, standings and rewrites are in."""
    result = dict(entries)
    for ref, pins in change.pins.items():
        if ref in result:
            result[ref] = replace(result[ref], pins=dict(pins))
    for ref, (standing, reason) in change.standings.items():
        if ref in result:
            result[ref] = replace(result[ref], standing=standing, reason=reason)
    changed = {ref: entry for ref, entry in result.items() if known.get(ref) != entry}
    return changed | {ref: rewritten(result[ref], item) for ref, item in change.rewrite.items() if ref in result}


def rewritten(entry: CatalogEntry, item: CatalogObject) -> CatalogEntry:
    """Return *entry* with its document in the form *item*; it keeps the digest under which it was published."""
    return replace(entry, object=item, published_digest=entry.digest)
