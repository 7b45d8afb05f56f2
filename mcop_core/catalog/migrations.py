"""
Documents of an older schema version, brought to this one: when they are read, and for good.

A migration is a function from the document of one schema version to that of the next; a registry
(`Migrations`) is passed as a value. Three places use it: a YAML document of an older version is migrated
before it is checked; a stored one whenever it is read; and `migrate` rewrites the stored ones.

Identity: what was published stays what was published. A rewritten version keeps its address, its time of
publication and its *published digest* (`CatalogEntry.digest`), so that records that name it stay true;
only `CatalogEntry.object` changes its form. Publishing it again is recognised in both forms.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mcop_core.catalog.difference import Difference, differences
from mcop_core.catalog.models import SCHEMA_VERSION, CatalogObject, object_from_document
from mcop_core.catalog.references import catalog_order
from mcop_core.catalog.repository import CatalogRepository, Change, Head
from mcop_core.errors import InvalidInput
from mcop_core.refs import ObjectRef

Document = dict[str, Any]
Migrations = Mapping[int, Callable[[Document], Document]]
"""Schema version -> what turns a document of it into one of the next version."""

MIGRATIONS: Migrations = {}
"""MCOP's own. Version 1 is the first, so there is none yet."""


@dataclass(frozen=True, slots=True)
class Migrated:
    """One stored document that is of an older schema version, and what it becomes."""

    ref: ObjectRef
    from_version: int
    object: CatalogObject
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class MigrationPlan:
    """What `migrate` would do: the head that it was computed on, and each document, in catalog order."""

    head: Head
    documents: tuple[Migrated, ...] = field(default=())


def schema_version_of(document: Mapping[str, Any]) -> int:
    """
    Return the schema version that *document* states; 1 where it states none.

    Raises:
        InvalidInput: It is no whole number.
    """
    version = document.get("schema_version", 1)
    if isinstance(version, bool) or not isinstance(version, int):
        raise InvalidInput(f"schema_version {version!r} is no whole number")
    return version


def migrate_document(document: Document, migrations: Migrations = MIGRATIONS) -> Document:
    """
    Return *document* in this MCOP's schema version; one that is in it already is returned as it is.

    Raises:
        InvalidInput: The version is newer than this MCOP, or no migration leads here from it, or a migration
            does not lead to the next version.
    """
    version = schema_version_of(document)
    if version > SCHEMA_VERSION:
        raise InvalidInput(f"schema_version {version} is newer than this MCOP, which knows up to {SCHEMA_VERSION}")
    while version < SCHEMA_VERSION:
        if version not in migrations:
            raise InvalidInput(f"schema_version {version} cannot be read: no migration leads on from it")
        document = migrations[version](dict(document))
        if schema_version_of(document) != version + 1:
            raise InvalidInput(f"the migration of schema_version {version} does not lead to {version + 1}")
        version += 1
    return document


def plan_migration(repository: CatalogRepository, migrations: Migrations = MIGRATIONS) -> MigrationPlan:
    """
    Say what `migrate` would change; nothing is written.

    Raises:
        InvalidInput: A document cannot be migrated; names it. A document that is not of its form afterwards
            raises pydantic's ValidationError.
    """
    head = repository.head()
    stored = repository.documents()
    outdated = [ref for ref in sorted(stored, key=catalog_order) if schema_version_of(stored[ref]) < SCHEMA_VERSION]
    return MigrationPlan(head, tuple(_migrated(ref, stored[ref], migrations) for ref in outdated))


def migrate(repository: CatalogRepository, plan: MigrationPlan) -> Head:
    """
    Rewrite what *plan* says in one change; nothing moves when it says nothing.

    Raises:
        PreconditionFailed: The catalog has moved on since the plan was made; plan again.
    """
    rewrite = {document.ref: document.object for document in plan.documents}
    if not rewrite:
        return repository.head()
    return repository.commit(Change(expected_revision=plan.head.revision, snapshot=plan.head.snapshot, rewrite=rewrite))


def _migrated(ref: ObjectRef, document: Document, migrations: Migrations) -> Migrated:
    try:
        new = migrate_document(document, migrations)
    except InvalidInput as error:
        raise InvalidInput(f"{ref}: {error.message}", ref=ref) from error
    found = object_from_document(new)
    if found.ref != ref:
        raise InvalidInput(f"{ref}: its migration makes it {found.ref}, an address never changes", ref=ref)
    return Migrated(ref, schema_version_of(document), found, tuple(differences(document, found.document())))
