"""Changes bigger than one transaction are there whole or not at all, whoever dies when."""

import itertools
from functools import partial

import pytest

from mcop_core.catalog.dynamodb.items import Address, Table, Write
from mcop_core.catalog.dynamodb.staging import MAX_BYTES, batches, decode_writes, encode_writes
from mcop_core.catalog.repository import Head, Standing
from mcop_core.errors import ObjectNotFound
from mcop_core.refs import Kind
from tests.contracts.catalog_repository import everything, manifest, pattern, primitive, publish, race, rule
from tests.core.catalog.dynamodb.clients import Killed, PausingClient, StoppingClient
from tests.core.catalog.dynamodb.conftest import LARGE, many


def leftovers(client, tables):
    """What staging has left in the objects table."""
    pages = client.get_paginator("scan").paginate(TableName=tables[0], ConsistentRead=True)
    keys = [item["object_key"]["S"] for page in pages for item in page["Items"]]
    return sorted(key for key in keys if key.startswith("!staging"))


@pytest.mark.parametrize("count", [3, LARGE])
@pytest.mark.emulator
def test_a_killed_writer_leaves_all_or_nothing_and_blocks_nobody(client, new_catalog, count):
    """Killed before any of its writes, a publication is there whole or not at all; the next one works and tidies up."""
    outcomes = []
    for after in itertools.count():
        names, reopen = new_catalog()
        publish(reopen(), rule(), primitive("old"))
        before = everything(reopen())
        try:
            publish(reopen(StoppingClient(client, after)), *many(count), activate={})
        except Killed:
            done = reopen().head().revision == 2
        else:
            break
        outcomes.append(done)
        assert (everything(reopen()) == before) is not done
        assert len(reopen().keys()) == len(reopen().entries()) == (count + 2 if done else 2)
        publish(reopen(), *many(count, version="1.1.0"), pattern(uses="p1"))
        assert count + 3 + (count if done else 0) == len(reopen().entries()) == len(reopen().keys())
        assert [pattern().ref] == reopen().users(Kind.PRIMITIVE, "p1")
        assert leftovers(client, names) == []

    assert sorted(outcomes) == outcomes
    assert (False, count == LARGE) == (outcomes[0], outcomes[-1])


@pytest.mark.emulator
def test_a_committed_change_is_read_while_it_is_staged(client, new_catalog):
    """Killed right after its commit, a publication is seen by every kind of reading, though nothing is in place."""
    shop = manifest()
    pins = {"primitive#p1@~> 1.0": "1.0.0"}
    for after in itertools.count(3):
        names, reopen = new_catalog()
        publish(reopen(), primitive("p1", "0.9.0"), shop, pins={shop.ref: {"rule#size": "1.0.0"}})
        revised = {"pins": {shop.ref: pins}, "standings": {shop.ref: (Standing.DEPRECATED, "old")}}
        with pytest.raises(Killed):
            publish(reopen(StoppingClient(client, after)), *many(), rule(), **revised, activate={"shop": "1.0.0"})
        if reopen().head().revision == 2:
            break
    catalog = reopen()

    assert leftovers(client, names)
    assert [entry.ref.version for entry in catalog.versions(Kind.PRIMITIVE, "p1")] == ["0.9.0", "1.0.0"]
    assert primitive("p7") == catalog.get(primitive("p7").ref).object
    assert (rule(), [rule()]) == (
        catalog.get(rule().ref).object,
        [e.object for e in catalog.versions(Kind.RULE, "size")],
    )
    assert LARGE + 3 == len(catalog.entries()) == len(catalog.keys()) == len(catalog.documents())
    assert len(catalog.entries(Kind.PRIMITIVE)) == LARGE + 1
    assert (pins, Standing.DEPRECATED) == (catalog.get(shop.ref).pins, catalog.get(shop.ref).standing)
    assert catalog.active() == {"shop": "1.0.0"}
    assert ([shop.ref], []) == (catalog.users(Kind.PRIMITIVE, "p1"), catalog.users(Kind.RULE, "size"))
    with pytest.raises(ObjectNotFound):
        catalog.get(primitive("p999").ref)


@pytest.mark.emulator
def test_a_writer_that_wakes_up_late_undoes_nothing(client, new_catalog):
    """While a writer sleeps, another finishes its change and makes the next; waking up, it leaves that alone."""
    item = many()[0]
    overtaken = 0
    for after in itertools.count(3):
        _, reopen = new_catalog()
        sleeper = PausingClient(client, after, partial(revoke_if_published, reopen, item.ref))
        publish(reopen(sleeper), *many())
        assert len(reopen().entries()) == LARGE
        if reopen().head().revision == 2:
            overtaken += 1
            assert reopen().get(item.ref).standing is Standing.REVOKED
        if sleeper.left >= 0:
            break

    assert overtaken > 3


def revoke_if_published(reopen, ref):
    if reopen().head().revision == 1:
        publish(reopen(), standings={ref: (Standing.REVOKED, "meanwhile")})


@pytest.mark.emulator
def test_large_publications_at_once_end_in_one(client, new_catalog):
    """Of several large publications on one revision one wins; nothing of the others is seen or left for long."""
    names, reopen = new_catalog()
    writers = [reopen() for _ in range(4)]
    contents = [many(source=f"content-{number}") for number in range(4)]
    told = race([lambda c=one, o=objects: publish(c, *o) for one, objects in zip(writers, contents, strict=True)])
    winner = next(objects for objects, answer in zip(contents, told, strict=True) if isinstance(answer, Head))
    publish(reopen(), *many(version="1.1.0"))
    entries = reopen().entries()

    assert sum(isinstance(answer, Head) for answer in told) == 1
    assert {item.digest for item in winner} == {e.digest for e in entries if e.ref.version == "1.0.0"}
    assert len(entries) == 2 * LARGE
    assert leftovers(client, names) == []


def write(number, size_bytes=10):
    address = Address(Table.OBJECTS, "p", f"{number:03d}")
    return Write(address, {**address.key(), "data": {"B": b"x" * size_bytes}})


def test_staged_writes_come_back_as_they_were():
    """Puts and deletions, texts, numbers, bytes and maps, in their order."""
    item = {"object_key": {"S": "bytes"}, "version_key": {"S": "é"}, "n": {"N": "1"}, "b": {"B": b"\x00\xff"}}
    writes = [
        Write(Address(Table.OBJECTS, "bytes", "é"), {**item, "B": {"S": "B"}, "m": {"M": {"B": {"N": "2"}}}}),
        Write(Address(Table.RULES, "a", "b"), None),
    ]

    assert decode_writes(encode_writes(writes)) == writes


def test_batches_hold_what_one_transaction_takes():
    """By number and by bytes; nothing is lost, nothing out of order."""
    many = [write(number) for number in range(250)]
    big = [write(number, MAX_BYTES // 3) for number in range(7)]

    assert [len(batch) for batch in batches(many, 99)] == [99, 99, 52]
    assert [len(batch) for batch in batches(big, 99)] == [2, 2, 2, 1]
    assert [one for batch in batches(many, 7) for one in batch] == many
    assert list(batches([], 99)) == []
