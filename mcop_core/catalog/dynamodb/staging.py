"""
Changes bigger than one transaction: staged whole, committed by one move of the head, then rolled forward.

1. The writes lie, as parts of one compressed text, in a partition of the change's own: nobody else writes
   there, and nobody reads it.
2. One transaction moves the head and names the change `pending`. From here on it is done: readers lay the
   staged writes over what the tables hold.
3. The writes go to their places in transactions that check that the change still is pending, so that
   somebody who wakes up late cannot undo what came afterwards. Then the head forgets it.

A writer that dies before 2 has changed nothing; its parts are swept by a later change. One that dies after 2
has committed; the next writer finishes 3. Either way nobody waits for it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from mcop_core.catalog.canonical import canonical_json
from mcop_core.catalog.dynamodb.items import (
    HEAD,
    STAGING,
    Address,
    HeadItem,
    Item,
    Table,
    Write,
    address_in,
    decode_head,
    encode_head,
    size_bytes,
)
from mcop_core.catalog.dynamodb.requests import Requests, TransactionRefused
from mcop_core.errors import Tampered

MAX_ITEMS = 100
"""DynamoDB's limit for one transaction."""

MAX_BYTES = 3_500_000
"""DynamoDB's limit for one transaction is 4 MB; this leaves room for what it counts besides."""

PART_BYTES = 350_000

Overlay = Mapping[Address, Item | None]
"""What a pending change has written, by place; None where it deletes."""


def encode_writes(writes: Iterable[Write]) -> bytes:
    """Return *writes* as bytes that `decode_writes` reads."""
    rows = [
        [write.address.table, write.address.partition, write.address.sort, _to_json(write.item)] for write in writes
    ]
    return zlib.compress(canonical_json(rows))


def decode_writes(data: bytes) -> list[Write]:
    """Return the writes in *data*, in their order."""
    rows = json.loads(zlib.decompress(data))
    return [Write(Address(Table(table), partition, sort), _from_json(item)) for table, partition, sort, item in rows]


def _to_json(value: Any) -> Any:
    """Return DynamoDB's wire format as JSON: bytes, which stand under `B` alone, become base64."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return {key: _to_json(part) for key, part in value.items()} if isinstance(value, dict) else value


def _from_json(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("B"), str):
        return {"B": base64.b64decode(value["B"])}
    return {key: _from_json(part) for key, part in value.items()}


def batches(writes: Iterable[Write], max_items: int) -> Iterator[list[Write]]:
    """Yield *writes* in parts of up to *max_items*, each small enough for one transaction."""
    part: list[Write] = []
    total = 0
    for write in writes:
        size = size_bytes(write.item or write.address.key())
        if part and (len(part) >= max_items or total + size > MAX_BYTES):
            yield part
            part, total = [], 0
        part.append(write)
        total += size
    if part:
        yield part


class Staging:
    """
    The staged changes in the objects table.

    Args:
        max_items: How many items go into one transaction.
    """

    def __init__(self, requests: Requests, max_items: int) -> None:
        self._requests = requests
        self._max_items = max_items

    def store(self, change: str, revision: int, data: bytes) -> None:
        """
        Write *data* as the parts of *change*, which was computed on *revision*; replaces an earlier try.

        Raises:
            TransactionRefused: Somebody has swept the change, since the head has moved past *revision*.
        """
        self.remove(change)
        note = _note(change)
        self._requests.write(Write(note, {**note.key(), "base_revision": {"N": str(revision)}}))
        unswept = self._requests.check(note, ConditionExpression="attribute_exists(base_revision)")
        for number, start in enumerate(range(0, len(data), PART_BYTES)):
            address = _part(change, number)
            part = Write(address, {**address.key(), "part": {"B": data[start : start + PART_BYTES]}})
            self._requests.transact([unswept, self._requests.put(part)])

    def load(self, change: str, digest: str) -> list[Write]:
        """
        Return the writes of *change*.

        Raises:
            Tampered: The parts do not have *digest*; so it is once the change is rolled forward and swept.
        """
        data = b"".join(bytes(item["part"]["B"]) for item in self._parts(change))
        found = hashlib.sha256(data).hexdigest()
        if found != digest:
            raise Tampered(f"the parts of change {change} have the digest {found}, not {digest}", found=found)
        return decode_writes(data)

    def roll_forward(self, record: HeadItem) -> None:
        """Bring the writes of the change that *record* names pending to their places, unless somebody has."""
        condition = {"ConditionExpression": "pending = :id", "ExpressionAttributeValues": _pending(record)}
        writes = self.load(record.pending, record.pending_digest)
        settled = Write(HEAD, encode_head(replace(record, pending="", pending_digest="")))
        try:
            for batch in batches(writes, self._max_items - 1):
                operations = [self._requests.put(write) for write in batch]
                self._requests.transact([self._requests.check(HEAD, **condition), *operations])
            self._requests.transact([self._requests.put(settled, **condition)])
        except TransactionRefused:
            if decode_head(self._requests.get(HEAD)).pending == record.pending:
                raise
        self.remove(record.pending)

    def sweep(self, record: HeadItem) -> None:
        """Remove the parts of changes that can never be committed, since the head has moved past their base."""
        notes = list(self._partition(STAGING))
        for note in notes:
            change = note["version_key"]["S"]
            base = int(note.get("base_revision", {"N": "-1"})["N"])
            if base < record.head.revision and change != record.pending:
                self.remove(change)

    def remove(self, change: str) -> None:
        """Remove the parts of *change*; its note first forbids new ones, and goes last."""
        self._requests.write(Write(_note(change), _note(change).key()))
        for item in list(self._parts(change, ProjectionExpression="object_key, version_key")):
            self._requests.write(Write(address_in(Table.OBJECTS, item), None))
        self._requests.write(Write(_note(change), None))

    def _parts(self, change: str, **arguments: Any) -> Iterator[Item]:
        return self._partition(f"{STAGING}#{change}", **arguments)

    def _partition(self, partition: str, **arguments: Any) -> Iterator[Item]:
        return self._requests.query(
            Table.OBJECTS,
            KeyConditionExpression="object_key = :partition",
            ExpressionAttributeValues={":partition": {"S": partition}},
            ConsistentRead=True,
            **arguments,
        )


def _note(change: str) -> Address:
    return Address(Table.OBJECTS, STAGING, change)


def _part(change: str, number: int) -> Address:
    return Address(Table.OBJECTS, f"{STAGING}#{change}", f"{number:06d}")


def _pending(record: HeadItem) -> Item:
    return {":id": {"S": record.pending}}
