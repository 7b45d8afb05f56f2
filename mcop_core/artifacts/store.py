"""
Bytes by key: the one door to S3 and to folders.

Template files, snapshots, plans, rendered artifacts, Terraform states, their locks, leases and journals all
lie in an `ObjectStore`. The suite `tests/contracts/object_store.py` is the specification.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from mcop_core.errors import InvalidName, PreconditionFailed

_KEY = re.compile(r"[\x21-\x5b\x5d-\x7e]+", re.ASCII)
_MAX_KEY = 900
"""Characters of a key; S3 allows 1,024 with the store's own prefix."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """The bytes under one key, and the tag by which a conditional write names them."""

    data: bytes
    etag: str


class ObjectStore(Protocol):
    """
    A flat, strongly consistent map of keys to bytes.

    Keys are `/`-separated paths of visible ASCII without `.` or `..` parts; others raise `InvalidName`.
    Every method raises `Unreachable` when the store does not answer.
    """

    url: str
    """`s3://bucket/prefix` or `file:///folder`: what `bootstrap.open_store` opens again elsewhere."""

    def get(self, key: str) -> StoredObject:
        """
        Return what lies under *key*.

        Raises:
            StoredObjectMissing: Nothing does.
        """

    def put(self, key: str, data: bytes, *, if_absent: bool = False, if_match: str | None = None) -> str:
        """
        Write *data* whole and return its etag.

        Args:
            if_absent: Only if nothing lies there.
            if_match: Only if what lies there still has this etag.

        Raises:
            PreconditionFailed: The condition does not hold; nothing was written.
        """

    def delete(self, key: str, *, if_match: str | None = None) -> None:
        """
        Remove *key*; that it is not there is no error.

        Raises:
            PreconditionFailed: What lies there has another etag than *if_match*.
        """

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield every key that starts with *prefix*, sorted."""


def put_once(store: ObjectStore, key: str, data: bytes) -> None:
    """Write what its key names by digest: that it lies there already is no error."""
    with suppress(PreconditionFailed):
        store.put(key, data, if_absent=True)


def check_key(key: str) -> str:
    """
    Return *key* unchanged if it is one: visible ASCII without backslash, no empty, `.` or `..` part.

    Raises:
        InvalidName: It is none; carries it as `name`.
    """
    parts = key.split("/")
    if len(key) > _MAX_KEY or not _KEY.fullmatch(key) or any(part in ("", ".", "..") for part in parts):
        raise InvalidName(
            f"key {key[:200]!r} is not allowed: visible ASCII without backslash, no empty, '.' or '..' part, "
            f"up to {_MAX_KEY} characters",
            name=key,
        )
    return key


def check_prefix(prefix: str) -> str:
    """
    Return *prefix* unchanged if a key may start with it; the last part may be unfinished, or all of it empty.

    Raises:
        InvalidName: No key starts so.
    """
    if prefix:
        check_key(f"{prefix}x")
    return prefix
