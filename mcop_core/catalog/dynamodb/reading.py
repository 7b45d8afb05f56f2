"""The tables as of one revision: what lies in them, under what a pending change lays over it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from mcop_core.catalog.dynamodb.items import (
    ACTIVE,
    PARTITION,
    USERS_PREFIX,
    Address,
    HeadItem,
    Item,
    Table,
    address_in,
    is_version,
    ref_of,
)
from mcop_core.catalog.dynamodb.requests import Requests
from mcop_core.catalog.dynamodb.staging import Overlay
from mcop_core.refs import Kind, ObjectRef

TYPE_INDEX, NAME_INDEX = "ObjectTypeIndex", "ObjectNameIndex"

Range = tuple[str, str]
"""Lowest and highest sort key."""

VERSIONS: Range = ("0", ":")
USERS: Range = (USERS_PREFIX, USERS_PREFIX[:-1] + "$")
ALL: Range = (" ", "~")


class Reading:
    """
    One look at the tables.

    Args:
        record: The head that was read before.
        overlay: The writes of the change that the head names pending.
    """

    def __init__(self, requests: Requests, record: HeadItem, overlay: Overlay) -> None:
        self.record = record
        self._requests = requests
        self._overlay = overlay

    def items(self, addresses: Iterable[Address]) -> list[Item]:
        """Return those of the items that are there."""
        wanted = sorted(set(addresses))
        laid = [item for address in wanted if (item := self._overlay.get(address))]
        return [*self._requests.get_batch([it for it in wanted if it not in self._overlay]), *laid]

    def versions(self, kind: Kind, name: str) -> list[Item]:
        """Return the published versions of one object, oldest first."""
        if kind is Kind.RULE:
            return self._partition(Table.RULES, name, VERSIONS)
        return self._partition(Table.OBJECTS, f"{kind}#{name}", VERSIONS)

    def users(self, kind: Kind, name: str) -> list[Item]:
        """Return the edges of the reverse index that lead to one object."""
        return self._partition(Table.OBJECTS, f"{kind}#{name}", USERS)

    def active(self) -> list[Item]:
        """Return the items of the active versions, by manifest name."""
        return self._partition(Table.OBJECTS, ACTIVE, ALL)

    def all_versions(self) -> list[Item]:
        """Return every published version, whole; both tables are read to their end."""
        return [item for table in Table for item in self._laid(table, self._scan(table), is_version)]

    def keys(self, kind: Kind) -> set[ObjectRef]:
        """Return the addresses of the published versions of *kind*, without their documents."""
        if kind is Kind.RULE:
            return self._scanned_keys(Table.RULES, kind)
        found = self._laid(Table.OBJECTS, self._index(TYPE_INDEX, "object_type", kind), _is_of(kind))
        keys = {ref_of(item) for item in found}
        return keys if len(keys) >= self.record.counts.get(kind, 0) else self._scanned_keys(Table.OBJECTS, kind)

    def kinds_named(self, name: str) -> set[Kind]:
        """Return the kinds that have an object called *name*; a hint, since the index may lag."""
        return {ref_of(item).kind for item in self._index(NAME_INDEX, "object_name", name)}

    def _scanned_keys(self, table: Table, kind: Kind) -> set[ObjectRef]:
        """Return the keys by a consistent scan: what the index of rules is, and what tells when an index lags."""
        fields = ("object_type", "object_name", "version") if table is Table.OBJECTS else ("version",)
        names = ", ".join((PARTITION[table], "version_key", *fields))
        found = self._laid(table, self._scan(table, ProjectionExpression=names), _is_of(kind))
        return {ref for item in found if (ref := ref_of(item)).kind is kind}

    def _index(self, index: str, attribute: str, value: str) -> Iterator[Item]:
        """Yield what an index holds under *value*; on AWS it follows the table by up to a second."""
        return self._requests.query(
            Table.OBJECTS,
            IndexName=index,
            KeyConditionExpression=f"{attribute} = :value",
            ExpressionAttributeValues={":value": {"S": str(value)}},
        )

    def _scan(self, table: Table, **arguments: Any) -> Iterator[Item]:
        return self._requests.scan(table, FilterExpression="attribute_exists(document)", **arguments)

    def _partition(self, table: Table, partition: str, between: Range) -> list[Item]:
        low, high = between
        found = self._requests.query(
            table,
            KeyConditionExpression=f"{PARTITION[table]} = :partition AND version_key BETWEEN :low AND :high",
            ExpressionAttributeValues={":partition": {"S": partition}, ":low": {"S": low}, ":high": {"S": high}},
            ConsistentRead=True,
        )
        return self._laid(
            table,
            found,
            lambda item: item[PARTITION[table]]["S"] == partition and low <= item["version_key"]["S"] <= high,
        )

    def _laid(self, table: Table, found: Iterable[Item], belongs: Callable[[Item], bool]) -> list[Item]:
        """Return *found* under those of the overlay's items that belong to it, in the order of their keys."""
        items = {address_in(table, item): item for item in found}
        for address, item in self._overlay.items():
            if item is None:
                items.pop(address, None)
            elif address.table is table and belongs(item):
                items[address] = item
        return [items[address] for address in sorted(items)]


def _is_of(kind: Kind) -> Callable[[Item], bool]:
    return lambda item: is_version(item) and ref_of(item).kind is kind
