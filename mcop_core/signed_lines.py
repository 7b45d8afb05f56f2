"""
Files of JSON Lines that say what they are and end in the SHA-256 of every byte before.

    {"format": "mcop-catalog-backup", "format_version": 1, …}
    …
    {"sha256": "…"}
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mcop_core.catalog.canonical import canonical_json
from mcop_core.errors import Tampered


def write_signed(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    """Write *lines*, the first with `format` and `format_version`, to *path* (mode 0600), whole or not at all."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(_signed(lines))
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def _signed(lines: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    digest = hashlib.sha256()
    for line in lines:
        data = canonical_json(line) + b"\n"
        digest.update(data)
        yield data
    yield canonical_json({"sha256": digest.hexdigest()}) + b"\n"


def check_signed(path: Path, form: str, version: int, *, what: str) -> None:
    """
    Check that *path* is whole and unaltered, and of this format and version.

    Args:
        what: What such a file is, for people.

    Raises:
        Tampered: It is not; says what was found.
    """
    digest, line = hashlib.sha256(), b""
    with path.open("rb") as file:
        first = file.readline()
        for following in _each(first, file):
            digest.update(line)
            line = following
    found, stated = digest.hexdigest(), _json(line).get("sha256")
    if stated is None:
        raise Tampered(f"{path} is cut short or no {what}: its last line holds no digest", found=found)
    if stated != found:
        raise Tampered(f"{path} was altered: it has the digest {found}, it says {stated}", found=found, expected=stated)
    header = _json(first)
    if (header.get("format"), header.get("format_version")) != (form, version):
        raise Tampered(f"{path} is no {what} of format {form} {version}", found=header.get("format"))


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines of *path*, the first and the last one too; what is no JSON object as an empty one."""
    with path.open("rb") as file:
        yield from map(_json, file)


def _json(line: bytes) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def _each(first: bytes, rest: Iterable[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest
