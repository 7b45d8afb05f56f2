"""
The whole catalog in one file: every version with what happened to it, the active ones, the head, and the
files in the artifact store without which a version is worth nothing: templates, the head's snapshot, its plans.

The file is JSON Lines. First a line that says what it is, then one line per version, one of the active
versions, one per stored file, and last the SHA-256 of every byte before it. All of it is checked before
anything is restored.

    {"format": "mcop-catalog-backup", "format_version": 1, "revision": 7, "snapshot": "9f…"}
    {"entry": {"document": {…}, "digest": "…", "published_at": "…", "standing": "active", "reason": "", "pins": {…}}}
    {"active": {"storefront-staging": "1.0.0"}}
    {"file": {"key": "terraform/aws/vpc/1.2.0/…/main.tf", "base64": "…"}}
    {"sha256": "…"}
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from mcop_core.artifacts.store import ObjectStore
from mcop_core.catalog.migrations import MIGRATIONS, Migrations, migrate_document
from mcop_core.catalog.models import Primitive, Template, object_from_document
from mcop_core.catalog.repository import CatalogEntry, CatalogRepository, Head, Standing
from mcop_core.errors import PreconditionFailed, StoredObjectMissing, Tampered, VersionConflict
from mcop_core.signed_lines import check_signed, read_lines, write_signed

FORMAT = "mcop-catalog-backup"
FORMAT_VERSION = 1
TRIES = 5


@dataclass(frozen=True, slots=True)
class CatalogCopy:
    """A catalog at one revision."""

    head: Head
    entries: tuple[CatalogEntry, ...]
    active: Mapping[str, str]


def back_up(repository: CatalogRepository, store: ObjectStore, path: Path) -> int:
    """
    Write the catalog to the file *path* (mode 0600), whole or not at all; return the number of versions.

    Raises:
        PreconditionFailed: The catalog changed `TRIES` times while it was read.
        StoredObjectMissing: A template's file is gone; such a backup could not be restored.
        Tampered: A template's file has other bytes than were published.
    """
    copy = _steady_copy(repository)
    write_signed(path, _lines(copy, store))
    return len(copy.entries)


def restore(
    repository: CatalogRepository, store: ObjectStore, path: Path, *, migrations: Migrations = MIGRATIONS
) -> int:
    """
    Fill an empty catalog and its store from the file *path*; return the number of versions.

    Called again after an interruption it goes on; called after it is done it changes nothing. Documents of an
    older schema version come in today's form and keep their published digest.

    Raises:
        Tampered: The file is cut short or altered, or no backup; nothing was restored.
        VersionConflict: The catalog or the store holds something else.
    """
    check_backup(path)
    copy = _read_copy(path, migrations)
    for key, data in _files_in(path):
        _store_file(store, key, data)
    repository.restore(copy.entries, copy.active, copy.head)
    return len(copy.entries)


def check_backup(path: Path) -> None:
    """
    Check that *path* is a whole, unaltered backup of a format that this MCOP reads.

    Raises:
        Tampered: It is not; says what was found.
    """
    check_signed(path, FORMAT, FORMAT_VERSION, what="backup")


# -- writing -------------------------------------------------------------------------------------------


def _steady_copy(repository: CatalogRepository) -> CatalogCopy:
    for _ in range(TRIES):
        head = repository.head()
        copy = CatalogCopy(head, tuple(repository.entries()), repository.active())
        if repository.head() == head:
            return copy
    raise PreconditionFailed(f"the catalog changed {TRIES} times while it was read: try again", key="head")


def _lines(copy: CatalogCopy, store: ObjectStore) -> Iterator[Mapping[str, Any]]:
    yield {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "revision": copy.head.revision,
        "snapshot": copy.head.snapshot,
    }
    yield from ({"entry": encode_entry(entry)} for entry in copy.entries)
    yield {"active": dict(copy.active)}
    for key, data in _stored_files(copy, store):
        yield {"file": {"key": key, "base64": base64.b64encode(data).decode()}}


def encode_entry(entry: CatalogEntry) -> dict[str, Any]:
    """Return *entry* as JSON."""
    return {
        "document": entry.object.document(),
        "digest": entry.digest,
        "published_at": entry.published_at.isoformat(),
        "standing": entry.standing.value,
        "reason": entry.reason,
        "pins": dict(entry.pins),
    }


def _stored_files(copy: CatalogCopy, store: ObjectStore) -> Iterator[tuple[str, bytes]]:
    for template in _templates(copy.entries):
        _check_listed(template, store)
        for key in store.keys(f"{template.prefix}/"):
            yield key, _published_bytes(template, key, store.get(key).data)
    if copy.head.snapshot:
        yield from _snapshot_files(f"snapshots/{copy.head.snapshot}.json", store)


def _snapshot_files(key: str, store: ObjectStore) -> Iterator[tuple[str, bytes]]:
    """Yield the snapshot and its plans, as `compiler.snapshot` lays them down; without it they are compiled anew."""
    try:
        snapshot = store.get(key).data
    except StoredObjectMissing:
        return
    manifests = json.loads(snapshot).get("manifests", {})
    for plan in sorted({manifest.get("plan", "") for manifest in manifests.values()} - {""}):
        yield f"plans/{plan}.json", store.get(f"plans/{plan}.json").data
    yield key, snapshot


def _templates(entries: Iterable[CatalogEntry]) -> list[Template]:
    """Return each template once, by prefix."""
    primitives = [entry.object for entry in entries if isinstance(entry.object, Primitive)]
    found = {item.template.prefix: item.template for item in primitives if item.template}
    return [found[prefix] for prefix in sorted(found)]


def _check_listed(template: Template, store: ObjectStore) -> None:
    there = set(store.keys(f"{template.prefix}/"))
    for path in sorted(template.files):
        if (key := f"{template.prefix}/{path}") not in there:
            raise StoredObjectMissing(f"{store.url}: {key} is gone, a backup without it could not be restored", key=key)


def _published_bytes(template: Template, key: str, data: bytes) -> bytes:
    listed = template.files.get(key.removeprefix(f"{template.prefix}/"))
    found = hashlib.sha256(data).hexdigest()
    if listed and listed.sha256 != found:
        raise Tampered(f"{key} has the digest {found}, published was {listed.sha256}", key=key, found=found)
    return data


# -- reading -------------------------------------------------------------------------------------------


def _read_copy(path: Path, migrations: Migrations) -> CatalogCopy:
    entries: list[CatalogEntry] = []
    active: dict[str, str] = {}
    head = Head()
    for line in read_lines(path):
        if "entry" in line:
            entries.append(decode_entry(line["entry"], migrations))
        elif "active" in line:
            active = line["active"]
        elif "format" in line:
            head = Head(line["revision"], line["snapshot"])
    return CatalogCopy(head, tuple(entries), active)


def decode_entry(record: Mapping[str, Any], migrations: Migrations = MIGRATIONS) -> CatalogEntry:
    """Return what `encode_entry` wrote, the document in today's form."""
    found = object_from_document(migrate_document(record["document"], migrations))
    return CatalogEntry(
        object=found,
        published_at=datetime.fromisoformat(record["published_at"]),
        standing=Standing(record["standing"]),
        reason=record["reason"],
        pins=record["pins"],
        published_digest="" if record["digest"] == found.digest else record["digest"],
    )


def _files_in(path: Path) -> Iterator[tuple[str, bytes]]:
    for line in read_lines(path):
        if "file" in line:
            yield line["file"]["key"], base64.b64decode(line["file"]["base64"])


def _store_file(store: ObjectStore, key: str, data: bytes) -> None:
    try:
        store.put(key, data, if_absent=True)
    except PreconditionFailed:
        if store.get(key).data != data:
            raise VersionConflict(f"{store.url}: {key} is there with other bytes", key=key) from None
