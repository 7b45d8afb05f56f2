"""
The journal of an operation: one JSON object a line, append-only, on disk before `append` returns.

It says what really happened: every step of the runner, every resource started and finished with its id.
It holds no values of inputs or outputs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

JOURNAL_FILE = "journal.jsonl"


class Journal:
    """
    Appends records to the file at *path*, made with mode 0600 if it is not there.

    A line that a crash or a full disk cut off is ended, so that the next record stands on a line of its own.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def append(self, event: str, **facts: Any) -> None:
        """Write one record; it is durable when this returns."""
        record = {"at": datetime.now(UTC).isoformat(), "event": event, **facts}
        os.write(self._descriptor, self._end_of_last() + json.dumps(record, default=str).encode() + b"\n")
        os.fsync(self._descriptor)

    def _end_of_last(self) -> bytes:
        size = os.fstat(self._descriptor).st_size
        return b"\n" if size and os.pread(self._descriptor, 1, size - 1) != b"\n" else b""

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_journal(path: Path) -> list[dict[str, Any]]:
    """Return the records in their order; none if there is no file. A line that a crash cut off is left out."""
    if not path.exists():
        return []
    return [record for line in path.read_text(errors="replace").splitlines() if (record := _record(line))]


def _record(line: str) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) and "event" in record else None


def in_flight(records: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the addresses that were started last and neither finished nor failed since, in order. Pure."""
    open_: dict[str, None] = {}
    for record in records:
        if record["event"] == "resource_started":
            open_[record["address"]] = None
        elif record["event"] in ("resource_finished", "resource_failed"):
            open_.pop(record["address"], None)
        elif record["event"] == "settled":
            open_.clear()
    return tuple(open_)
