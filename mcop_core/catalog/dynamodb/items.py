"""
What lies in the two tables. Pure: items are the plain dictionaries of DynamoDB's wire format.

    table    partition key          sort key                    what
    objects  <kind>#<name>          <version key>               one published version
    objects  <kind>#<name>          users#<kind>#<name>@<v>     a version that refers to the object (reverse index)
    rules    <parameter name>       <version key>               one published rule
    objects  !active                <manifest name>             the active version
    objects  !log                   <revision>                  the change that made the revision
    objects  !head                  !head                       revision, snapshot, what is under way
    objects  !staging               <change id>                 a large change that is being written
    objects  !staged#<change id>    <number>                    a part of it

Names of kinds and objects cannot start with `!`, version keys start with a digit. Only published versions
have `object_type` and `object_name`, so only they are in the indexes.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from mcop_core.catalog.canonical import canonical_json
from mcop_core.catalog.models import object_from_document
from mcop_core.catalog.references import references
from mcop_core.catalog.repository import CatalogEntry, Head, Standing
from mcop_core.catalog.versions import version_key
from mcop_core.errors import InvalidInput
from mcop_core.refs import Kind, ObjectRef

Item = dict[str, dict[str, Any]]
ReadDocument = Callable[[dict[str, Any]], dict[str, Any]]

MAX_ITEM_BYTES = 400 * 1024
"""DynamoDB's limit for one item, names included."""

ACTIVE, LOG, STAGING = "!active", "!log", "!staging"
USERS_PREFIX = "users#"


class Table(StrEnum):
    """The two tables, whatever their names."""

    OBJECTS = "objects"
    RULES = "rules"


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """Where an item lies."""

    table: Table
    partition: str
    sort: str

    def key(self) -> Item:
        """Return DynamoDB's form of the primary key."""
        return {PARTITION[self.table]: {"S": self.partition}, "version_key": {"S": self.sort}}


PARTITION = {Table.OBJECTS: "object_key", Table.RULES: "parameter_name"}
"""Table -> name of its partition key."""

HEAD = Address(Table.OBJECTS, "!head", "!head")


@dataclass(frozen=True, slots=True)
class Write:
    """One item to be put whole, or (None) deleted."""

    address: Address
    item: Item | None


@dataclass(frozen=True, slots=True)
class HeadItem:
    """
    The head item.

    Attributes:
        head: What the rest of MCOP sees of it.
        change: Id of the last change.
        pending: Id of a change that is committed while its items are still staged; empty otherwise.
        pending_digest: SHA-256 of the staged bytes.
        restoring: Digest of the backup that is being restored; empty otherwise.
        counts: Kind -> number of published versions, to notice an index that lags.
    """

    head: Head = field(default_factory=Head)
    change: str = ""
    pending: str = ""
    pending_digest: str = ""
    restoring: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)


def encode_head(record: HeadItem) -> Item:
    """Return the item of *record*; what is empty is left out, so that conditions can ask for its absence."""
    texts = {
        "snapshot": record.head.snapshot,
        "change_id": record.change,
        "pending": record.pending,
        "pending_digest": record.pending_digest,
        "restoring": record.restoring,
    }
    return {
        **HEAD.key(),
        "revision": {"N": str(record.head.revision)},
        "counts": {"M": {kind: {"N": str(count)} for kind, count in sorted(record.counts.items())}},
        **{name: {"S": text} for name, text in texts.items() if text},
    }


def decode_head(item: Item | None) -> HeadItem:
    """Return the record in *item*; without an item that of an empty catalog."""
    if item is None:
        return HeadItem()
    counts = {kind: int(count["N"]) for kind, count in item["counts"]["M"].items()}
    return HeadItem(
        head=Head(int(item["revision"]["N"]), text_of(item, "snapshot")),
        change=text_of(item, "change_id"),
        pending=text_of(item, "pending"),
        pending_digest=text_of(item, "pending_digest"),
        restoring=text_of(item, "restoring"),
        counts=counts,
    )


def text_of(item: Item, name: str) -> str:
    """Return a text attribute, empty if it is not there."""
    return str(item.get(name, {}).get("S", ""))


def address_of(ref: ObjectRef) -> Address:
    """Return where the published version *ref* lies."""
    if ref.kind is Kind.RULE:
        return Address(Table.RULES, ref.name, version_key(ref.version))
    return Address(Table.OBJECTS, ref.key, version_key(ref.version))


def address_in(table: Table, item: Item) -> Address:
    """Return where *item* lies."""
    return Address(table, item[PARTITION[table]]["S"], item["version_key"]["S"])


def is_version(item: Item) -> bool:
    """Whether *item* is a published version."""
    return "document" in item


def ref_of(item: Item) -> ObjectRef:
    """Return the address of the published version in *item*; an index's projection is enough."""
    kind = Kind(item["object_type"]["S"]) if "object_type" in item else Kind.RULE
    name = item["object_name" if "object_name" in item else "parameter_name"]["S"]
    return ObjectRef(kind, name, item["version"]["S"])


def encode_entry(entry: CatalogEntry) -> Item:
    """
    Return the item of one published version.

    Raises:
        InvalidInput: It would be larger than DynamoDB takes.
    """
    document = canonical_json(entry.object.document())
    item: Item = {
        **address_of(entry.ref).key(),
        "version": {"S": entry.ref.version},
        "document": {"B": zlib.compress(document, 9)},
        "digest": {"S": entry.digest},
        "standing": {"S": entry.standing.value},
        "reason": {"S": entry.reason},
        "published_at": {"S": entry.published_at.isoformat()},
    }
    if entry.ref.kind is not Kind.RULE:
        item |= {"object_type": {"S": entry.ref.kind.value}, "object_name": {"S": entry.ref.name}}
    if entry.pins:
        item["pins"] = {"B": zlib.compress(canonical_json(dict(entry.pins)), 9)}
    return _checked(item, entry.ref, len(document))


def _checked(item: Item, ref: ObjectRef, document_bytes: int) -> Item:
    size = size_bytes(item)
    if size > MAX_ITEM_BYTES:
        raise InvalidInput(
            f"{ref} is too big to be stored: {size} bytes after compression (its document has {document_bytes}), "
            f"DynamoDB takes {MAX_ITEM_BYTES}. Split it, or shorten descriptions and defaults.",
            ref=ref,
            size_bytes=size,
            limit_bytes=MAX_ITEM_BYTES,
        )
    return item


def decode_document(item: Item) -> dict[str, Any]:
    """Return the document of a published version, in the schema version in which it is stored."""
    document: dict[str, Any] = json.loads(zlib.decompress(item["document"]["B"]))
    return document


def decode_entry(item: Item, read: ReadDocument) -> CatalogEntry:
    """
    Return the published version in *item*.

    Args:
        read: Brings a document of an older schema version to this one (`catalog.migrations`).
    """
    found = object_from_document(read(decode_document(item)))
    pins = json.loads(zlib.decompress(item["pins"]["B"])) if "pins" in item else {}
    published = item["digest"]["S"]
    return CatalogEntry(
        object=found,
        published_at=datetime.fromisoformat(item["published_at"]["S"]),
        standing=Standing(item["standing"]["S"]),
        reason=text_of(item, "reason"),
        pins=pins,
        published_digest="" if published == found.digest else published,
    )


def writes_of(entry: CatalogEntry, before: CatalogEntry | None) -> Iterator[Write]:
    """Yield the writes that store *entry* where *before* was: the version, and its edges of the reverse index."""
    yield Write(address_of(entry.ref), encode_entry(entry))
    new = references(entry)
    old = references(before) if before else frozenset()
    for kind, name in sorted(new ^ old):
        edge = Address(Table.OBJECTS, f"{kind}#{name}", f"{USERS_PREFIX}{entry.ref}")
        yield Write(edge, edge.key() if (kind, name) in new else None)


def user_of(item: Item) -> ObjectRef:
    """Return the version that an edge of the reverse index comes from."""
    return ObjectRef.parse(item["version_key"]["S"].removeprefix(USERS_PREFIX))


def active_write(manifest: str, version: str) -> Write:
    """Return the write that makes *version* the active one."""
    address = Address(Table.OBJECTS, ACTIVE, manifest)
    return Write(address, {**address.key(), "active_version": {"S": version}})


def log_address(revision: int) -> Address:
    """Return where the change that made *revision* is noted."""
    return Address(Table.OBJECTS, LOG, f"{revision:012d}")


def log_write(record: HeadItem, now: datetime) -> Write:
    """Return the note of the change that made *record*."""
    address = log_address(record.head.revision)
    facts = {"change_id": {"S": record.change}, "committed_at": {"S": now.isoformat()}}
    return Write(address, {**address.key(), **facts, "snapshot": {"S": record.head.snapshot}})


def counted(record: HeadItem, added: list[ObjectRef]) -> HeadItem:
    """Return *record* with the versions in *added* counted."""
    counts = dict(record.counts)
    for ref in added:
        counts[ref.kind] = counts.get(ref.kind, 0) + 1
    return replace(record, counts=counts)


def size_bytes(item: Item) -> int:
    """Return what DynamoDB counts for *item*, rounded up: names, and values in UTF-8."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(value: dict[str, Any]) -> int:
    ((kind, content),) = value.items()
    if kind == "M":
        return 3 + size_bytes(content) + len(content)
    return len(content.encode() if isinstance(content, str) else content) + 1
