"""Documents of an older schema version are read, and rewritten without losing what was published."""

import json
import zlib

import pytest

from mcop_core.catalog.canonical import canonical_json
from mcop_core.catalog.dynamodb.items import encode_entry
from mcop_core.catalog.memory import MemoryRepository
from mcop_core.catalog.migrations import migrate, migrate_document, plan_migration
from mcop_core.catalog.models import SCHEMA_VERSION
from mcop_core.catalog.repository import CatalogEntry
from mcop_core.catalog.yaml_files import read_text
from mcop_core.errors import InvalidInput, PreconditionFailed, VersionConflict
from tests.contracts.catalog_repository import NOON, primitive, publish, rule

OLD = {
    "kind": "primitive",
    "name": "vpc",
    "version": "1.0.0",
    "schema_version": 0,
    "cloud": "aws",
    "primitive_type": "terraform",
    "source": "vpc",
}


def name_the_provider(document):
    """Version 0 called a primitive's provider its cloud."""
    document["schema_version"] = 1
    if "cloud" in document:
        document["provider"] = document.pop("cloud")
    return document


MIGRATIONS = {0: name_the_provider}


def store_old(client, tables, document=OLD):
    """Put *document* where an MCOP of schema version 0 has put it."""
    item = encode_entry(CatalogEntry(primitive(), NOON))
    item["document"] = {"B": zlib.compress(canonical_json(document))}
    item["digest"] = {"S": "digest-of-old"}
    client.put_item(TableName=tables[0], Item=item)


def stored(client, tables):
    items = client.scan(TableName=tables[0])["Items"]
    return next(json.loads(zlib.decompress(item["document"]["B"])) for item in items if "document" in item)


def test_a_document_takes_every_step():
    """Each migration leads to the next version; the given document is not altered."""
    new = migrate_document(OLD, MIGRATIONS)

    assert new == {
        **{key: value for key, value in OLD.items() if key != "cloud"},
        "provider": "aws",
        "schema_version": 1,
    }
    assert OLD["schema_version"] == 0


def test_a_document_of_today_is_left_alone():
    """No schema version means 1."""
    document = {"kind": "rule"}

    assert migrate_document(document, MIGRATIONS) is document


@pytest.mark.parametrize(
    ("document", "migrations", "message"),
    [
        ({"schema_version": SCHEMA_VERSION + 1}, MIGRATIONS, "newer than this MCOP"),
        ({"schema_version": 0}, {}, "no migration leads on from it"),
        ({"schema_version": "1"}, {}, "is no whole number"),
        ({"schema_version": True}, {}, "is no whole number"),
        ({"schema_version": 0}, {0: lambda document: document}, "does not lead to 1"),
    ],
)
def test_what_cannot_be_migrated_is_refused(document, migrations, message):
    """The error says which version, and why."""
    with pytest.raises(InvalidInput, match=message):
        migrate_document(document, migrations)


def test_an_old_yaml_document_is_read():
    """An author's file of an older version gives today's object."""
    text = "\n".join(f"{key}: {value}" for key, value in OLD.items())
    (document,) = read_text(text, "vpc.yaml", migrations=MIGRATIONS)
    (refused,) = read_text(text, "vpc.yaml", migrations={})

    assert document.object == primitive()
    assert [str(fault) for fault in refused.faults] == [
        "vpc.yaml:4, primitive#vpc@1.0.0, schema_version: "
        "schema_version 0 cannot be read: no migration leads on from it."
    ]


def test_nothing_is_planned_for_a_catalog_of_today():
    """And nothing moves."""
    catalog = MemoryRepository()
    head = publish(catalog, primitive(), rule())
    plan = plan_migration(catalog)

    assert (plan.documents, migrate(catalog, plan), catalog.head()) == ((), head, head)


@pytest.mark.emulator
def test_an_old_stored_document_is_read_in_todays_form(client, tables, open_dynamodb):
    """Reading changes nothing; the published digest is the old one, and both forms count as published."""
    store_old(client, tables)
    catalog = open_dynamodb(migrations=MIGRATIONS)
    entry = catalog.get(primitive().ref)

    assert (entry.object, entry.digest) == (primitive(), "digest-of-old")
    assert stored(client, tables) == OLD == catalog.documents()[primitive().ref]
    assert publish(catalog, primitive(), snapshot="").revision == 0
    with pytest.raises(VersionConflict):
        publish(catalog, primitive(source="elsewhere"))


@pytest.mark.emulator
def test_a_dry_run_lists_what_a_migration_changes(client, tables, open_dynamodb):
    """Each outdated document with its differences; nothing is written."""
    publish(open_dynamodb(), rule())
    store_old(client, tables)
    (found,) = plan_migration(open_dynamodb(migrations=MIGRATIONS), MIGRATIONS).documents

    assert (found.ref, found.from_version, found.object) == (primitive().ref, 0, primitive())
    assert [str(difference) for difference in found.differences] == [
        '- cloud: "aws"',
        '+ provider: "aws"',
        "- schema_version: 0",
    ]
    assert stored(client, tables) == OLD


@pytest.mark.emulator
def test_a_migration_rewrites_the_form_and_keeps_the_identity(client, tables, open_dynamodb):
    """Afterwards an MCOP without the migration reads it; address, time and published digest are as before."""
    publish(open_dynamodb(), rule())
    store_old(client, tables)
    catalog = open_dynamodb(migrations=MIGRATIONS)
    before = catalog.get(primitive().ref)
    head = migrate(catalog, plan_migration(catalog, MIGRATIONS))
    after = open_dynamodb(migrations={}).get(primitive().ref)

    assert before == after
    assert (after.digest, head.revision) == ("digest-of-old", 2)
    assert plan_migration(open_dynamodb()).documents == ()


@pytest.mark.emulator
def test_a_plan_of_another_revision_is_not_carried_out(client, tables, open_dynamodb):
    """What somebody published since the dry run is not overlooked."""
    store_old(client, tables)
    catalog = open_dynamodb(migrations=MIGRATIONS)
    plan = plan_migration(catalog, MIGRATIONS)
    publish(catalog, rule())
    with pytest.raises(PreconditionFailed):
        migrate(catalog, plan)

    assert stored(client, tables) == OLD


@pytest.mark.emulator
def test_a_migration_cannot_change_an_address(client, tables, open_dynamodb):
    """A document that would become another version is named, before anything is written."""
    store_old(client, tables)
    catalog = open_dynamodb(migrations=MIGRATIONS)
    with pytest.raises(InvalidInput, match=r"primitive#vpc@1\.0\.0: its migration makes it primitive#net@1\.0\.0"):
        plan_migration(catalog, {0: lambda document: {**name_the_provider(document), "name": "net"}})
