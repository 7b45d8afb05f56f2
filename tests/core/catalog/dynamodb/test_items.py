"""What lies in the tables."""

import zlib

import pytest

from mcop_core.catalog.canonical import canonical_json
from mcop_core.catalog.dynamodb.items import (
    HeadItem,
    address_of,
    decode_entry,
    decode_head,
    encode_entry,
    encode_head,
    ref_of,
    size_bytes,
    writes_of,
)
from mcop_core.catalog.repository import CatalogEntry, Head, Standing
from tests.contracts.catalog_repository import NOON, manifest, pattern, primitive, publish, rule


@pytest.mark.emulator
def test_the_document_is_stored_with_its_digest(client, tables, open_dynamodb):
    """What lies in the table can be read by others: the keys of the design, the digest, plain attributes."""
    publish(open_dynamodb(), primitive(version="1.10.0"))
    items = client.query(
        TableName=tables[0],
        KeyConditionExpression="object_key = :key",
        ExpressionAttributeValues={":key": {"S": "primitive#vpc"}},
    )["Items"]

    (item,) = items
    assert (item["version_key"]["S"], item["version"]["S"]) == ("0000000001.0000000010.0000000000~", "1.10.0")
    assert primitive(version="1.10.0").digest == item["digest"]["S"]
    assert tuple(item[name]["S"] for name in ("object_type", "object_name", "standing")) == (
        "primitive",
        "vpc",
        "active",
    )
    assert canonical_json(primitive(version="1.10.0").document()) == zlib.decompress(item["document"]["B"])


@pytest.mark.parametrize(
    "entry",
    [
        CatalogEntry(primitive(), NOON),
        CatalogEntry(rule(), NOON, Standing.REVOKED, "wrong"),
        CatalogEntry(manifest(), NOON, pins={"rule#size": "1.0.0"}),
        CatalogEntry(pattern(), NOON, published_digest="0ld"),
    ],
    ids=lambda entry: entry.ref.kind,
)
def test_an_entry_is_its_item(entry):
    """Whatever happened to the version; its address is in the item."""
    item = encode_entry(entry)

    assert decode_entry(item, lambda document: document) == entry
    assert (ref_of(item), address_of(entry.ref).key().items() <= item.items()) == (entry.ref, True)


@pytest.mark.parametrize("record", [HeadItem(), HeadItem(Head(7, "s"), "c", "p", "d", "r", {"rule": 2})])
def test_a_head_is_its_item(record):
    """Without an item the catalog is empty."""
    assert decode_head(encode_head(record)) == record
    assert decode_head(None) == HeadItem()


def test_new_pins_move_the_edges_that_they_change():
    """What is named before and after stays as it is."""
    before = CatalogEntry(manifest(), NOON, pins={"rule#a": "1.0.0", "rule#b": "1.0.0"})
    after = CatalogEntry(manifest(), NOON, pins={"rule#b": "1.1.0", "rule#c": "1.0.0"})
    _, *edges = writes_of(after, before)

    assert [(edge.address.partition, edge.item is None) for edge in edges] == [("rule#a", True), ("rule#c", False)]


def test_sizes_are_counted_as_dynamodb_does():
    """Names and values in UTF-8, bytes as they are."""
    assert 8 <= size_bytes({"é": {"S": "ü"}, "b": {"B": b"abc"}}) <= 12
    assert size_bytes({"m": {"M": {"a": {"N": "1"}}}}) >= 4
