"""
EDGE boto3: Terraform's own lock on a state, held by MCOP from pull to push, so that a person's `terraform` sees it.

Two places where Terraform's S3 backend looks: the object `<key>.tflock` (`use_lockfile`), and the item
`<bucket>/<key>` of a DynamoDB table. Either holds Terraform's LockInfo as JSON. The lock's id is the id of
the lease under which it is held: so a lost answer is recognised, and a dead predecessor's lock too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar
from urllib.parse import parse_qs, urlsplit

from mcop_core.artifacts.store import ObjectStore
from mcop_core.aws import open_client
from mcop_core.engines.state import StateAddress, patiently
from mcop_core.errors import PreconditionFailed, StateConflict, StateLocked, StoredObjectMissing, Unreachable

Answer = TypeVar("Answer")

_TAKE_PATIENCE_S = 30.0
_ATTEMPTS = 5


class LockTable(Protocol):
    """A DynamoDB table with the string key `LockID`, as Terraform uses it; raises `Unreachable`."""

    def get(self, lock_id: str) -> dict[str, str] | None:
        """Return the item's string attributes, read consistently; None if there is none."""

    def put(self, item: Mapping[str, str], *, if_absent: bool = False) -> None:
        """Write *item*; raises `PreconditionFailed` if one is there and none should be."""

    def delete(self, lock_id: str, *, info: str) -> None:
        """Remove the item if its `Info` is *info*; raises `PreconditionFailed` if it is another."""


class StateLock(Protocol):
    """One place where a lock lies. Texts are LockInfo as JSON."""

    def write(self, info: str) -> None:
        """Write *info* where nothing is; raises `PreconditionFailed` if something is."""

    def read(self) -> str | None:
        """Return what lies there, None if nothing does."""

    def remove(self, info: str) -> None:
        """Remove *info*; raises `PreconditionFailed` if something else lies there."""


class ObjectLock:
    """The object `<key>.tflock` beside the state."""

    def __init__(self, store: ObjectStore, key: str) -> None:
        self._store, self._key = store, f"{key}.tflock"

    def write(self, info: str) -> None:
        """Write by a put that only succeeds where nothing is."""
        self._store.put(self._key, info.encode(), if_absent=True)

    def read(self) -> str | None:
        """Return the object's text."""
        try:
            return self._store.get(self._key).data.decode(errors="replace")
        except StoredObjectMissing:
            return None

    def remove(self, info: str) -> None:
        """Remove the object, unless it changed meanwhile."""
        try:
            stored = self._store.get(self._key)
        except StoredObjectMissing:
            return
        if stored.data != info.encode():
            raise PreconditionFailed(f"{self._store.url}#{self._key} is another lock", key=self._key)
        self._store.delete(self._key, if_match=stored.etag)


class TableLock:
    """The item `<bucket>/<key>` of a lock table, and the digest item that Terraform checks states by."""

    def __init__(self, table: LockTable, lock_id: str) -> None:
        self._table, self._id = table, lock_id

    def write(self, info: str) -> None:
        """Put the item if there is none."""
        self._table.put({"LockID": self._id, "Info": info}, if_absent=True)

    def read(self) -> str | None:
        """Return the item's `Info`."""
        item = self._table.get(self._id)
        return None if item is None else item.get("Info", "")

    def remove(self, info: str) -> None:
        """Delete the item if it is still this one."""
        self._table.delete(self._id, info=info)

    def check_digest(self, data: bytes | None) -> None:
        """
        Compare the state as read with the digest that its last writer noted.

        Raises:
            StateConflict: They differ; names both. Nothing is repaired.
        """
        item = self._table.get(f"{self._id}-md5")
        wanted = (item or {}).get("Digest", "")
        found = _md5(data) if data is not None else ""
        if wanted and wanted != found:
            raise StateConflict(
                f"the state {self._id} has the MD5 {found or 'of nothing'}, the lock table says {wanted}: "
                "somebody wrote it without the lock, or the store served an old version",
                expected=wanted,
                found=found,
            )

    def note_digest(self, data: bytes) -> None:
        """Note the digest of the state just written, as Terraform does."""
        self._table.put({"LockID": f"{self._id}-md5", "Digest": _md5(data)})

    def forget_digest(self) -> None:
        """Note that no digest is known, so that a write that is cut off leaves nothing to disagree with."""
        self._table.put({"LockID": f"{self._id}-md5", "Digest": ""})


class DynamoLockTable:
    """A `LockTable`: string items by the key `LockID`."""

    def __init__(self, client: Any, table: str) -> None:
        self._client, self._table = client, table

    @classmethod
    def open(cls, table: str, store_url: str) -> DynamoLockTable:
        """Return *table* in the region that *store_url* names; credentials and endpoint as boto3 finds them."""
        region = parse_qs(urlsplit(store_url).query).get("region", [None])[0]
        return cls(open_client("dynamodb", region=region), table)

    def get(self, lock_id: str) -> dict[str, str] | None:
        """Return the item's string attributes; see `LockTable.get`."""
        key = {"LockID": {"S": lock_id}}
        answer = self._ask(lambda: self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True))
        item = answer.get("Item")
        return None if item is None else {name: value["S"] for name, value in item.items() if "S" in value}

    def put(self, item: Mapping[str, str], *, if_absent: bool = False) -> None:
        """Write *item*; see `LockTable.put`."""
        stored = {name: {"S": value} for name, value in item.items()}
        condition = {"ConditionExpression": "attribute_not_exists(LockID)"} if if_absent else {}
        self._ask(lambda: self._client.put_item(TableName=self._table, Item=stored, **condition))

    def delete(self, lock_id: str, *, info: str) -> None:
        """Remove the item; see `LockTable.delete`."""
        self._ask(
            lambda: self._client.delete_item(
                TableName=self._table,
                Key={"LockID": {"S": lock_id}},
                ConditionExpression="attribute_not_exists(LockID) OR Info = :info",
                ExpressionAttributeValues={":info": {"S": info}},
            )
        )

    def _ask(self, call: Callable[[], Answer]) -> Answer:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return call()
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                raise PreconditionFailed(f"the lock table {self._table}: another lock lies there") from error
            raise Unreachable(f"the lock table {self._table} does not serve: {error}", service="DynamoDB") from error
        except BotoCoreError as error:
            raise Unreachable(f"the lock table {self._table} does not answer: {error}", service="DynamoDB") from error


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def lock_path(address: StateAddress) -> str:
    """Return `<bucket>/<key>`, Terraform's name for a lock."""
    parts = urlsplit(address.store)
    return f"{parts.netloc}{parts.path}".strip("/") + f"/{address.key}"


def open_lock(runtime: Mapping[str, Any], store: ObjectStore) -> ObjectLock | TableLock:
    """
    Return the lock that an artifact's `runtime["state"]` asks for.

    Args:
        runtime: `{"store", "key", "lock": "lockfile" | "dynamodb", "dynamodb_table"?}`.
    """
    if runtime["lock"] != "dynamodb":
        return ObjectLock(store, runtime["key"])
    address = StateAddress(runtime["store"], runtime["key"])
    return TableLock(DynamoLockTable.open(runtime["dynamodb_table"], address.store), lock_path(address))


def lock_info(lock_id: str, address: StateAddress, *, operation: str, who: str, now: datetime) -> str:
    """Return Terraform's LockInfo as JSON."""
    return json.dumps(
        {
            "ID": lock_id,
            "Operation": f"OperationType{operation.capitalize()}",
            "Info": "held by MCOP",
            "Who": who,
            "Version": "mcop",
            "Created": now.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "Path": lock_path(address),
        }
    )


@contextmanager
def hold(
    lock: StateLock,
    info: str,
    *,
    abandoned: tuple[str, ...],
    give_back: Callable[[], bool],
    on_kept: Callable[[], None],
    tell: Callable[[str], None],
    patience_s: float,
) -> Iterator[None]:
    """
    Hold *lock* with *info* inside the block.

    Args:
        abandoned: Ids of locks whose holders are proved dead: such a lock is broken. No other ever is.
        give_back: Asked at the end; False leaves the lock, since something under it is unsettled.
        on_kept: Called if the lock stays, for this reason or because the store does not answer.
        tell: One line per lock broken or kept.
        patience_s: How long the release is tried when the store does not answer, seconds.

    Raises:
        StateLocked: Somebody else holds it; names who and for how long.
    """
    patiently(lambda: _take(lock, info, abandoned, tell), patience_s=min(patience_s, _TAKE_PATIENCE_S))
    try:
        yield
    finally:
        if not (give_back() and _release(lock, info, tell, patience_s)):
            on_kept()


def _take(lock: StateLock, info: str, abandoned: tuple[str, ...], tell: Callable[[str], None]) -> None:
    for _ in range(_ATTEMPTS):
        try:
            return lock.write(info)
        except PreconditionFailed:
            found = lock.read()
        if found is None:
            continue  # released between the two
        holder = _read_info(found)
        if holder.get("ID") == _read_info(info)["ID"]:
            return None  # our own, whose answer was lost
        if holder.get("ID") not in abandoned:
            raise locked(holder)
        tell(f"breaking the lock {holder['ID']} of {holder.get('Who')}, which is proved dead")
        lock.remove(found)
    raise StateLocked("the state's lock changes hands faster than it can be taken", holder={})


def _release(lock: StateLock, info: str, tell: Callable[[str], None], patience_s: float) -> bool:
    """Remove the lock; return whether it is gone."""
    try:
        patiently(lambda: lock.remove(info), patience_s=patience_s, tell=tell)
    except PreconditionFailed:
        tell("the state's lock is not ours any more: somebody unlocked it by force; nothing was released")
    except Unreachable as error:
        tell(f"the lock {_read_info(info)['ID']} could not be released and is broken by the next run: {error}")
        return False
    return True


def _read_info(text: str) -> dict[str, Any]:
    try:
        info = json.loads(text)
    except ValueError:
        return {"Who": "somebody unreadable", "Info": text[:200]}
    return info if isinstance(info, dict) else {"Who": "somebody unreadable", "Info": text[:200]}


def locked(holder: Mapping[str, Any], *, now: datetime | None = None) -> StateLocked:
    """Return the error that names *holder*, a LockInfo, and how long it has held the lock."""
    age = _age(str(holder.get("Created", "")), now or datetime.now(UTC))
    lock_id, who = holder.get("ID", "unknown"), holder.get("Who") or "somebody"
    return StateLocked(
        f"the state {holder.get('Path', '')} is locked by {who} since {age} "
        f"({holder.get('Operation') or 'no operation named'}, lock id {lock_id}). Wait for it; if its holder is gone "
        f"for certain: terraform force-unlock {lock_id}",
        holder=dict(holder),
    )


def _age(created: str, now: datetime) -> str:
    try:
        began = datetime.fromisoformat(created[:19] + "+00:00")
    except ValueError:
        return "an unknown time"
    minutes, seconds = divmod(max(0, int((now - began).total_seconds())), 60)
    return f"{created} ({minutes} min {seconds} s ago)"
