"""What was fetched once and never changes, in a folder of this machine: bytes by their digest."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def kept_or_fetched(cache_dir: Path, digest: str, fetch: Callable[[], bytes]) -> bytes:
    """
    Return the bytes with *digest*: those that are kept, else what *fetch* gives, which is kept from then on.

    Args:
        cache_dir: Shared by all processes of the machine, under several at once. What is damaged there is fetched
            again; where nothing can be written, nothing is kept.
        digest: SHA-256 in hex.
        fetch: Gives bytes that have this digest, or raises.
    """
    kept = cache_dir / "files" / digest[:2] / digest
    with suppress(OSError):
        data = kept.read_bytes()
        if hashlib.sha256(data).hexdigest() == digest:
            return data
    data = fetch()
    with suppress(OSError):
        _keep(kept, data)
    return data


def _keep(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)
