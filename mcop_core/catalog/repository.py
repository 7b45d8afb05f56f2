"""The catalog's door: one protocol, and the values that pass it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from mcop_core.catalog.models import CatalogObject
from mcop_core.refs import Kind, ObjectRef


class Standing(StrEnum):
    """What may still be done with a published version."""

    ACTIVE = "active"
    DEPRECATED = "deprecated"
    """Use warns."""
    REVOKED = "revoked"
    """New runs are refused."""


Pins = Mapping[str, str]
"""
What a manifest compiled with: `kind#name@requirement` -> exact version, for every pin of its closure,
and for what is found otherwise `rule#name` -> exact version, `adapter#provider/primitive_type` and
`primitive#interface@requirement/provider/primitive_type` -> `name@version`.
"""


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """
    One published version: the object, and what happened to it since.

    Attributes:
        object: The object as published; never changes.
        published_at: Aware UTC.
        standing: Whether it may still be used, with the reason given for it.
        pins: For a manifest, what it compiled with; empty for the other kinds.
        published_digest: Digest under which it was published, where a later MCOP rewrote the document in a newer
            form (`catalog.migrations`); empty while the document is the published one.
    """

    object: CatalogObject
    published_at: datetime
    standing: Standing = Standing.ACTIVE
    reason: str = ""
    pins: Pins = field(default_factory=dict)
    published_digest: str = ""

    @property
    def ref(self) -> ObjectRef:
        """The object's address."""
        return self.object.ref

    @property
    def digest(self) -> str:
        """The digest under which the version was published; a migration does not change it."""
        return self.published_digest or self.object.digest

    def has_published(self, offered: CatalogObject) -> bool:
        """Whether *offered* is what was published, in the form of then or of now."""
        return offered.digest in (self.digest, self.object.digest)


@dataclass(frozen=True, slots=True)
class Head:
    """
    The one item that every change of the catalog moves.

    Attributes:
        revision: 0 for an empty catalog; each change adds one.
        snapshot: Digest of the snapshot of this revision; empty while there is none.
    """

    revision: int = 0
    snapshot: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """
    What one transaction does; all of it, or nothing.

    Attributes:
        put: New versions. One that is there with the same digest is left alone; with another digest the whole
            change is refused.
        pins: New pins of manifest versions (published before, or in `put`).
        standings: New standing and reason of published versions.
        activate: Manifest name -> the version that its DAG runs.
        rewrite: Published versions in a newer form, their published digest kept (`catalog.migrations` alone).
        snapshot: Digest of the snapshot of the catalog after this change.
        expected_revision: The revision this change was computed on.
    """

    expected_revision: int
    snapshot: str
    put: Sequence[CatalogObject] = ()
    pins: Mapping[ObjectRef, Pins] = field(default_factory=dict)
    standings: Mapping[ObjectRef, tuple[Standing, str]] = field(default_factory=dict)
    activate: Mapping[str, str] = field(default_factory=dict)
    rewrite: Mapping[ObjectRef, CatalogObject] = field(default_factory=dict)


class CatalogRepository(Protocol):
    """
    Where the catalog is kept. Every method raises `Unreachable` when the store does not answer.

    The suite `tests/contracts/catalog_repository.py` is the specification; `memory` is the reference.
    """

    def head(self) -> Head:
        """Return revision and snapshot, strongly consistent, in one read."""

    def get(self, ref: ObjectRef) -> CatalogEntry:
        """
        Return one published version.

        Raises:
            ObjectNotFound: With the nearest name or the known versions.
        """

    def get_many(self, refs: Iterable[ObjectRef]) -> dict[ObjectRef, CatalogEntry]:
        """Return what is there of *refs*, in batches; what is missing is missing from the answer."""

    def versions(self, kind: Kind, name: str) -> list[CatalogEntry]:
        """Return every version of one object, oldest first; empty if there is none."""

    def entries(self, kind: Kind | None = None) -> list[CatalogEntry]:
        """Return every version of every object (of *kind*), by kind, name, version."""

    def keys(self) -> set[ObjectRef]:
        """Return the addresses of all published versions, without reading the objects."""

    def documents(self) -> dict[ObjectRef, dict[str, Any]]:
        """Return every published document as it is stored, in whatever schema version."""

    def users(self, kind: Kind, name: str) -> list[ObjectRef]:
        """
        Return the versions that refer to any version of `kind#name`, sorted (the reverse index).

        A document refers to what it names; a manifest moreover to everything its pins name.
        """

    def active(self) -> dict[str, str]:
        """Return manifest name -> active version."""

    def commit(self, change: Change) -> Head:
        """
        Do *change* in one transaction and return the new head; a change that changes nothing moves nothing.

        Raises:
            VersionConflict: A version is published with other bytes; carries both digests. Told first, since
                computing the change again would not help.
            PreconditionFailed: The revision has moved on; compute the change again.
            ObjectNotFound: Pins, standing or activation of a version that is not there.
            InvalidInput: A version is too big to be stored; names it, its size and the limit.
        """

    def restore(self, entries: Sequence[CatalogEntry], active: Mapping[str, str], head: Head) -> None:
        """
        Fill an empty catalog with what a backup holds; resumable: call again with the same to go on.

        Raises:
            VersionConflict: Something else is there.
        """
