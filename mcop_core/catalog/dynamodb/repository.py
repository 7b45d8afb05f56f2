"""The catalog in DynamoDB: `CatalogRepository` over two tables."""

from __future__ import annotations

import hashlib
import logging
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from mcop_core.catalog.changes import Decision, check_restorable, conflict, decide, missing, touched, utc_now
from mcop_core.catalog.dynamodb.items import (
    ACTIVE,
    HEAD,
    Address,
    HeadItem,
    Item,
    Table,
    Write,
    active_write,
    address_of,
    counted,
    decode_document,
    decode_entry,
    decode_head,
    encode_head,
    log_address,
    log_write,
    ref_of,
    text_of,
    user_of,
    writes_of,
)
from mcop_core.catalog.dynamodb.reading import Reading
from mcop_core.catalog.dynamodb.requests import Requests, TransactionRefused
from mcop_core.catalog.dynamodb.staging import MAX_ITEMS, Overlay, Staging, batches, encode_writes
from mcop_core.catalog.migrations import MIGRATIONS, Migrations, migrate_document
from mcop_core.catalog.references import catalog_order, dead_end
from mcop_core.catalog.repository import CatalogEntry, Change, Head
from mcop_core.errors import Conflict, ObjectNotFound, PreconditionFailed, Tampered, Unreachable, VersionConflict
from mcop_core.refs import Kind, ObjectRef

TRIES = 8
"""How often a commit is tried when others are in the way, and a reading when the catalog moves under it."""

LOG = logging.getLogger(__name__)
Found = TypeVar("Found")


def pause(attempt: int) -> None:
    """Wait before try *attempt* + 1: 20 ms, doubled each time, two seconds at most."""
    time.sleep(min(0.02 * 2**attempt, 2.0))


class DynamoDBRepository:
    """
    A `CatalogRepository` in the tables of `include/dynamodb/tables.json`.

    Every reading is of one revision: the head is read before and, where a reading takes more than one
    request, after it. Every change is one transaction on the head; `staging` says how that holds for changes
    of any size.

    Args:
        objects_table, rules_table: Names of the tables.
        client: boto3's low-level client; None for one as boto3 finds its settings, made at first use.
        now: The clock that publications are stamped with.
        new_id: Makes the id of a change; must never give one twice.
        migrations: What brings stored documents of older schema versions to this one when they are read.
        max_items: How many items go into one transaction; DynamoDB takes up to 100.
    """

    def __init__(
        self,
        objects_table: str,
        rules_table: str,
        *,
        client: Any = None,
        now: Callable[[], datetime] = utc_now,
        new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
        migrations: Migrations = MIGRATIONS,
        max_items: int = MAX_ITEMS,
    ) -> None:
        self._requests = Requests(client, {Table.OBJECTS: objects_table, Table.RULES: rules_table}, pause)
        self._staging = Staging(self._requests, max_items)
        self._max_items = max_items
        self._now = now
        self._new_id = new_id
        self._migrations = migrations
        self._overlay: tuple[str, Overlay] = ("", {})

    # -- reading -------------------------------------------------------------------------------------------

    def head(self) -> Head:
        """Return revision and snapshot; one strongly consistent GetItem."""
        return self._record().head

    def get(self, ref: ObjectRef) -> CatalogEntry:
        """Return one published version; raises `ObjectNotFound` with what is near."""
        entry = self._load(self._reading(), [ref]).get(ref)
        if entry is None:
            raise self._dead_end(ref)
        return entry

    def get_many(self, refs: Iterable[ObjectRef]) -> dict[ObjectRef, CatalogEntry]:
        """Return what is there of *refs*, 100 in a request."""
        wanted = list(refs)
        return self._steady(lambda reading: self._load(reading, wanted))

    def versions(self, kind: Kind, name: str) -> list[CatalogEntry]:
        """Return every version of one object, oldest first."""
        return self._steady(lambda reading: self._decoded(reading.versions(kind, name)))

    def entries(self, kind: Kind | None = None) -> list[CatalogEntry]:
        """Return every version of every object (of *kind*), by kind, name, version."""
        if kind is None:
            found = self._steady(lambda reading: self._decoded(reading.all_versions()))
        else:
            found = self._steady(lambda reading: list(self._load(reading, reading.keys(kind)).values()))
        return sorted(found, key=lambda entry: catalog_order(entry.ref))

    def keys(self) -> set[ObjectRef]:
        """Return the addresses of all published versions, from the indexes."""
        return self._steady(lambda reading: {ref for kind in Kind for ref in reading.keys(kind)})

    def documents(self) -> dict[ObjectRef, dict[str, Any]]:
        """Return every published document as it is stored."""
        items = self._steady(lambda reading: reading.all_versions())
        return {ref_of(item): decode_document(item) for item in items}

    def users(self, kind: Kind, name: str) -> list[ObjectRef]:
        """Return the versions that refer to any version of `kind#name`."""
        return sorted(map(user_of, self._steady(lambda reading: reading.users(kind, name))), key=catalog_order)

    def active(self) -> dict[str, str]:
        """Return manifest name -> active version."""
        items = self._steady(lambda reading: reading.active())
        return {item["version_key"]["S"]: text_of(item, "active_version") for item in items}

    def _record(self) -> HeadItem:
        return decode_head(self._requests.get(HEAD))

    def _reading(self) -> Reading:
        """Return a look at the tables as of now."""
        for attempt in range(TRIES):
            record = self._record()
            try:
                return Reading(self._requests, record, self._overlay_of(record))
            except Tampered:
                if attempt + 1 == TRIES or self._record().pending == record.pending:
                    raise
        raise AssertionError("unreachable")

    def _overlay_of(self, record: HeadItem) -> Overlay:
        if not record.pending:
            return {}
        change, overlay = self._overlay
        if change != record.pending:
            writes = self._staging.load(record.pending, record.pending_digest)
            overlay = {write.address: write.item for write in writes}
            self._overlay = (record.pending, overlay)
        return overlay

    def _steady(self, read: Callable[[Reading], Found]) -> Found:
        """Return what *read* gives, once the head has not moved meanwhile."""
        for attempt in range(TRIES):
            reading = self._reading()
            found = read(reading)
            if self._record().head == reading.record.head:
                return found
            pause(attempt)
        raise PreconditionFailed(f"the catalog changed {TRIES} times while it was read: ask again", key="head")

    def _load(self, reading: Reading, refs: Iterable[ObjectRef]) -> dict[ObjectRef, CatalogEntry]:
        return {entry.ref: entry for entry in self._decoded(reading.items(map(address_of, refs)))}

    def _decoded(self, items: Iterable[Item]) -> list[CatalogEntry]:
        return [decode_entry(item, self._migrated) for item in items]

    def _migrated(self, document: dict[str, Any]) -> dict[str, Any]:
        return migrate_document(document, self._migrations)

    def _dead_end(self, ref: ObjectRef) -> ObjectNotFound:
        reading = self._reading()
        versions = [ref_of(item).version for item in reading.versions(ref.kind, ref.name)]
        names = {other.name for other in reading.keys(ref.kind)}
        return dead_end(ref, versions=versions, names=names, kinds=reading.kinds_named(ref.name))

    # -- changing ------------------------------------------------------------------------------------------

    def commit(self, change: Change) -> Head:
        """
        Do *change*, all of it or nothing; raises as `CatalogRepository.commit` says.

        A lost answer is told from a lost request by the change's id in the log, so that trying again is safe.
        """
        change_id, now = self._new_id(), self._now()
        for attempt in range(TRIES):
            try:
                return self._commit_once(change, change_id, now)
            except (TransactionRefused, Unreachable) as error:
                if self._made(change, change_id):
                    return Head(change.expected_revision + 1, change.snapshot)
                if attempt + 1 == TRIES:
                    raise _told(error) from error
                pause(attempt)
            except Conflict:
                if attempt and self._made(change, change_id):
                    return Head(change.expected_revision + 1, change.snapshot)
                self._abandon(change, change_id, attempt)
                raise
        raise AssertionError("unreachable")

    def _abandon(self, change: Change, change_id: str, attempt: int) -> None:
        """Remove what earlier attempts have staged, once none of them can be committed any more."""
        if attempt and self._record().head.revision > change.expected_revision:
            self._staging.remove(change_id)

    def _commit_once(self, change: Change, change_id: str, now: datetime) -> Head:
        record = self._settled()
        reading = Reading(self._requests, record, {})
        known = self._load(reading, touched(change))
        active = self._active_of(reading, change.activate)
        try:
            decision = decide(change, head=record.head, known=known, active=active, now=now)
        except ObjectNotFound:
            raise self._dead_end(missing(change, known)[0]) from None
        if decision.head == record.head:
            return record.head
        added = [ref for ref in decision.entries if ref not in known]
        moved = counted(replace(record, head=decision.head, change=change_id), added)
        self._write(record, moved, _writes(decision, known), now)
        return decision.head

    def _settled(self) -> HeadItem:
        """Return the head once no change is pending and no backup half restored."""
        while (record := self._record()).pending:
            try:
                self._staging.roll_forward(record)
            except Tampered:
                if self._record().pending == record.pending:
                    raise
        if record.restoring:
            raise PreconditionFailed(f"backup {record.restoring} is half restored: finish that first", key="head")
        return record

    def _active_of(self, reading: Reading, names: Iterable[str]) -> dict[str, str]:
        items = reading.items(Address(Table.OBJECTS, ACTIVE, name) for name in names)
        return {item["version_key"]["S"]: text_of(item, "active_version") for item in items}

    def _write(self, before: HeadItem, moved: HeadItem, writes: Sequence[Write], now: datetime) -> None:
        """Move the head from *before* to *moved*, and make *writes* with it."""
        if len(list(batches(writes, self._max_items - 2))) <= 1:
            operations = [self._requests.put(write, **_unpublished(write)) for write in writes]
            self._requests.transact([*self._move(before, moved, now), *operations])
        else:
            self._write_staged(before, moved, writes, now)

    def _write_staged(self, before: HeadItem, moved: HeadItem, writes: Sequence[Write], now: datetime) -> None:
        data = encode_writes(writes)
        self._staging.store(moved.change, before.head.revision, data)
        pending = replace(moved, pending=moved.change, pending_digest=hashlib.sha256(data).hexdigest())
        self._requests.transact(self._move(before, pending, now))
        try:
            self._staging.roll_forward(pending)
            self._staging.sweep(moved)
        except (TransactionRefused, Unreachable) as error:
            LOG.warning("revision %d is committed; the next change finishes writing it: %s", moved.head.revision, error)

    def _move(self, before: HeadItem, moved: HeadItem, now: datetime) -> list[dict[str, Any]]:
        head = self._requests.put(Write(HEAD, encode_head(moved)), **_still(before))
        note = self._requests.put(log_write(moved, now), ConditionExpression="attribute_not_exists(version_key)")
        return [head, note]

    def _made(self, change: Change, change_id: str) -> bool:
        """Whether the change after the expected revision is the one with *change_id*."""
        note = self._requests.get(log_address(change.expected_revision + 1))
        return note is not None and text_of(note, "change_id") == change_id

    # -- restoring -----------------------------------------------------------------------------------------

    def restore(self, entries: Sequence[CatalogEntry], active: Mapping[str, str], head: Head) -> None:
        """
        Fill an empty catalog; a second call with the same goes on where the first stopped.

        Until it is done the head says so and every commit is refused.
        """
        for attempt in range(TRIES):
            try:
                return self._restore_once(entries, active, head)
            except TransactionRefused as error:
                if attempt + 1 == TRIES:
                    raise _told(error) from error
                pause(attempt)
        raise AssertionError("unreachable")

    def _restore_once(self, entries: Sequence[CatalogEntry], active: Mapping[str, str], head: Head) -> None:
        record = self._record()
        if self._holds(entries, record.head, head):
            return
        writes = [write for entry in entries for write in writes_of(entry, None)]
        writes += [active_write(manifest, version) for manifest, version in sorted(active.items())]
        restoring = self._begin_restore(record, hashlib.sha256(encode_writes(writes)).hexdigest())
        guard = {
            "ConditionExpression": "restoring = :id",
            "ExpressionAttributeValues": _text(":id", restoring.restoring),
        }
        for batch in batches(writes, self._max_items - 1):
            operations = [self._requests.put(write) for write in batch]
            self._requests.transact([self._requests.check(HEAD, **guard), *operations])
        done = counted(HeadItem(head, change=self._new_id()), [entry.ref for entry in entries])
        self._requests.transact([self._requests.put(Write(HEAD, encode_head(done)), **guard)])

    def _holds(self, entries: Sequence[CatalogEntry], found: Head, wanted: Head) -> bool:
        """Whether the catalog is what a backup holds; raises `VersionConflict` when it holds something else."""
        check_restorable(found, wanted, self.keys() - {entry.ref for entry in entries})
        there = self.get_many(entry.ref for entry in entries)
        for entry in entries:
            if there.get(entry.ref, entry) != entry:
                raise conflict(entry.ref, there[entry.ref].digest, entry.digest)
        return found == wanted and len(there) == len(entries)

    def _begin_restore(self, record: HeadItem, digest: str) -> HeadItem:
        if record.restoring not in ("", digest):
            raise VersionConflict(
                f"backup {record.restoring} is half restored: finish that, or empty the tables",
                published=record.restoring,
                offered=digest,
            )
        restoring = replace(record, restoring=digest)
        self._requests.transact([self._requests.put(Write(HEAD, encode_head(restoring)), **_still(record))])
        return restoring


def _writes(decision: Decision, known: Mapping[ObjectRef, CatalogEntry]) -> list[Write]:
    writes = [write for ref, entry in decision.entries.items() for write in writes_of(entry, known.get(ref))]
    return [*writes, *(active_write(name, version) for name, version in decision.active.items())]


def _still(record: HeadItem) -> dict[str, Any]:
    """Return the condition that the head is as *record* says; an empty catalog has none."""
    same = "revision = :revision AND attribute_not_exists(pending)"
    values = {":revision": {"N": str(record.head.revision)}}
    if record.restoring:
        same += " AND restoring = :restoring"
        values |= _text(":restoring", record.restoring)
    else:
        same += " AND attribute_not_exists(restoring)"
    if record == HeadItem():
        same = f"attribute_not_exists(object_key) OR ({same})"
    return {"ConditionExpression": same, "ExpressionAttributeValues": values}


def _unpublished(write: Write) -> dict[str, Any]:
    """Return the condition that *write* does not replace a published version by another."""
    if write.item is None or "digest" not in write.item:
        return {}
    return {
        "ConditionExpression": "attribute_not_exists(version_key) OR #digest = :digest",
        "ExpressionAttributeNames": {"#digest": "digest"},
        "ExpressionAttributeValues": {":digest": write.item["digest"]},
    }


def _text(name: str, value: str) -> dict[str, dict[str, str]]:
    return {name: {"S": value}}


def _told(error: TransactionRefused | Unreachable) -> Unreachable:
    if isinstance(error, Unreachable):
        return error
    return Unreachable(f"DynamoDB refused the change {TRIES} times: {error}", service="DynamoDB")
