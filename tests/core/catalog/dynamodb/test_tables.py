"""The tables are defined in one file."""

import pytest

from mcop_core.catalog.dynamodb import create_tables
from mcop_core.catalog.dynamodb.items import Table
from mcop_core.catalog.dynamodb.tables import definitions
from tests.contracts.catalog_repository import primitive, publish


@pytest.mark.emulator
def test_creating_tables_twice_is_no_matter(client, tables, open_dynamodb):
    """Tables that are there keep what they hold."""
    publish(open_dynamodb(), primitive())
    create_tables(client, *tables)

    assert {primitive().ref} == open_dynamodb().keys()


def test_the_keys_are_those_of_the_design():
    """Objects by `type#name` and version, with two indexes; rules by parameter name."""
    found = definitions()
    keys = {table: [key["AttributeName"] for key in found[table]["KeySchema"]] for table in Table}

    assert keys == {Table.OBJECTS: ["object_key", "version_key"], Table.RULES: ["parameter_name", "version_key"]}
    assert [index["IndexName"] for index in found[Table.OBJECTS]["GlobalSecondaryIndexes"]] == [
        "ObjectNameIndex",
        "ObjectTypeIndex",
    ]
