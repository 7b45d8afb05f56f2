"""EDGE boto3: the few requests that the catalog makes, paged to the end, their failures told in MCOP's words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from mcop_core.aws import open_client
from mcop_core.catalog.dynamodb.items import Address, Item, Table, Write
from mcop_core.errors import Unreachable

SERVICE = "DynamoDB"
BATCH_READ_ITEMS = 100
BATCH_TRIES = 8


class TransactionRefused(Exception):
    """
    DynamoDB cancelled a transaction; does not leave this package.

    Args:
        message: DynamoDB's own words.
        reasons: One code per operation, the text `None` where nothing was wrong.
    """

    def __init__(self, message: str, reasons: tuple[str, ...]) -> None:
        super().__init__(message)
        self.reasons = reasons


class Requests:
    """
    Both tables, by the requests that the catalog needs. Reads of the tables are strongly consistent.

    Args:
        client: boto3's low-level client, or anything with its interface; None for one made at first use.
        names: What the tables are called.
        pause: Called with the number of the try before a throttled request is sent again.
    """

    def __init__(self, client: Any, names: dict[Table, str], pause: Callable[[int], None]) -> None:
        self._client = client
        self._names = names
        self._pause = pause

    def get(self, address: Address) -> Item | None:
        """Return one item."""
        name = self._names[address.table]
        with _answers():
            response = self._open().get_item(TableName=name, Key=address.key(), ConsistentRead=True)
        item: Item | None = response.get("Item")
        return item

    def get_batch(self, addresses: Sequence[Address]) -> Iterator[Item]:
        """Yield those of the items that are there, in no order; *addresses* are distinct."""
        for start in range(0, len(addresses), BATCH_READ_ITEMS):
            wanted: dict[str, Any] = {}
            for address in addresses[start : start + BATCH_READ_ITEMS]:
                entry = wanted.setdefault(self._names[address.table], {"Keys": [], "ConsistentRead": True})
                entry["Keys"].append(address.key())
            yield from self._get_wanted(wanted)

    def _get_wanted(self, wanted: dict[str, Any]) -> Iterator[Item]:
        for attempt in range(BATCH_TRIES):
            with _answers():
                response = self._open().batch_get_item(RequestItems=wanted)
            for items in response["Responses"].values():
                yield from items
            wanted = response.get("UnprocessedKeys") or {}
            if not wanted:
                return
            self._pause(attempt)
        raise Unreachable(f"{SERVICE} left keys unprocessed {BATCH_TRIES} times: it is throttled", service=SERVICE)

    def query(self, table: Table, **arguments: Any) -> Iterator[Item]:
        """Yield the items of a query, page after page."""
        return self._pages("query", TableName=self._names[table], **arguments)

    def scan(self, table: Table, **arguments: Any) -> Iterator[Item]:
        """Yield the items of a table, page after page."""
        return self._pages("scan", TableName=self._names[table], ConsistentRead=True, **arguments)

    def _pages(self, operation: str, **arguments: Any) -> Iterator[Item]:
        while True:
            with _answers():
                page = getattr(self._open(), operation)(**arguments)
            yield from page["Items"]
            if not page.get("LastEvaluatedKey"):
                return
            arguments["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def write(self, write: Write) -> None:
        """Put or delete one item, whatever is there."""
        name = self._names[write.address.table]
        with _answers():
            if write.item is None:
                self._open().delete_item(TableName=name, Key=write.address.key())
            else:
                self._open().put_item(TableName=name, Item=write.item)

    def put(self, write: Write, **condition: Any) -> dict[str, Any]:
        """Return the operation of a transaction that makes *write*, under a condition if one is given."""
        name = self._names[write.address.table]
        if write.item is None:
            return {"Delete": {"TableName": name, "Key": write.address.key(), **condition}}
        return {"Put": {"TableName": name, "Item": write.item, **condition}}

    def check(self, address: Address, **condition: Any) -> dict[str, Any]:
        """Return the operation of a transaction that only asks for a condition."""
        return {"ConditionCheck": {"TableName": self._names[address.table], "Key": address.key(), **condition}}

    def transact(self, operations: Sequence[dict[str, Any]]) -> None:
        """
        Do all of up to 100 operations, or none.

        Raises:
            TransactionRefused: A condition does not hold, or another transaction was in the way.
            Unreachable: No answer; it may have been done.
        """
        with _answers():
            self._open().transact_write_items(TransactItems=list(operations))

    def _open(self) -> Any:
        if self._client is None:
            self._client = open_client("dynamodb", connect_s=3, read_s=10)
        return self._client


@contextmanager
def _answers() -> Iterator[None]:
    """Tell botocore's failures as `Unreachable` or `TransactionRefused`; mistakes of ours stay as they are."""
    from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

    try:
        yield
    except ParamValidationError:
        raise
    except ClientError as error:
        told = _told(error.response)
        if told is None:
            raise
        raise told from error
    except BotoCoreError as error:
        raise Unreachable(f"{SERVICE} did not answer: {error}", service=SERVICE) from error


def _told(response: Any) -> Unreachable | TransactionRefused | None:
    code, text = response["Error"].get("Code", ""), response["Error"].get("Message", "")
    if code == "ValidationException":
        return None
    if code == "TransactionCanceledException":
        reasons = tuple(reason.get("Code", "None") for reason in response.get("CancellationReasons", ()))
        return TransactionRefused(f"{SERVICE} refused a transaction: {text}", reasons)
    hint = " Create the catalog's tables first." if code == "ResourceNotFoundException" else ""
    return Unreachable(f"{SERVICE} answered {code}: {text}{hint}", service=SERVICE, code=code)
