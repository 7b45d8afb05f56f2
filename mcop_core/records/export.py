"""
Every execution with its bill of materials in one file, for longer than Airflow keeps them.

The file is JSON Lines (`mcop_core.signed_lines`): what it is, one line per execution, how many there are, and the
SHA-256 of all that.

    {"format": "mcop-executions", "format_version": 1, "before": "2026-01-01T00:00:00+00:00"}
    {"execution": {"id": "mcop.shop/…", "steps": […], …}, "bill": {…}, "without_bill": ""}
    {"executions": 1}
    {"sha256": "…"}
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from mcop_core.artifacts.store import ObjectStore
from mcop_core.errors import Conflict, NotFound, Refused, Tampered
from mcop_core.executions.history import ExecutionHistory, record_document
from mcop_core.executions.record import ExecutionRecord
from mcop_core.records.bill import BILL, BillOfMaterials, bill_document, hidden_conf
from mcop_core.records.reading import read_bill
from mcop_core.signed_lines import check_signed, read_lines, write_signed

FORMAT = "mcop-executions"
FORMAT_VERSION = 1
_NAMED = 5


def export(
    history: ExecutionHistory, store: ObjectStore, records: Iterable[ExecutionRecord], before: datetime, path: Path
) -> int:
    """
    Write executions to the file *path* (mode 0600), whole or not at all, read it again, and return how many there are.

    Args:
        history: Where *records* are from.
        store: Where plans and approvals lie.
        records: With their steps; every one that was to run before *before*.

    Raises:
        Conflict: There is such a file.
        Refused: Some have not ended, so that their records are not complete; names them.
        Tampered: A plan in the store is another than the one that ran, or the file is not what was written.
    """
    if path.exists():
        raise Conflict(f"{path} is there already: an export overwrites nothing")
    write_signed(path, _lines(history, store, records, before))
    return check_export(path)


def check_export(path: Path) -> int:
    """
    Return how many executions the file *path* holds.

    Raises:
        Tampered: It is cut short or altered, or no export.
    """
    check_signed(path, FORMAT, FORMAT_VERSION, what="export of executions")
    lines = list(read_lines(path))
    found, stated = sum("execution" in line for line in lines), lines[-2].get("executions")
    if found != stated:
        raise Tampered(f"{path} holds {found} executions, it says {stated}", found=found, expected=stated)
    return found


def exported_bills(path: Path) -> dict[str, BillOfMaterials]:
    """Return execution -> its bill, of those in the file *path* that have one; raises as `check_export`."""
    check_export(path)
    found = (BILL.validate_python(line["bill"]) for line in read_lines(path) if line.get("bill"))
    return {bill.execution: bill for bill in found}


def _lines(
    history: ExecutionHistory, store: ObjectStore, records: Iterable[ExecutionRecord], before: datetime
) -> Iterator[Mapping[str, Any]]:
    yield {"format": FORMAT, "format_version": FORMAT_VERSION, "before": before.isoformat()}
    count, still_open = 0, []
    for record in records:
        if not record.status.is_final:
            still_open.append(record.id)
            continue
        count += 1
        yield _line(history, store, record)
    if still_open:
        raise Refused(_open_message(still_open), executions=tuple(still_open))
    yield {"executions": count}


def _open_message(executions: list[str]) -> str:
    more = f" and {len(executions) - _NAMED} more" if len(executions) > _NAMED else ""
    return (
        f"these executions have not ended, so nothing was exported: {', '.join(executions[:_NAMED])}{more}. "
        "End them, or export up to an earlier moment."
    )


def _line(history: ExecutionHistory, store: ObjectStore, record: ExecutionRecord) -> dict[str, Any]:
    try:
        bill = read_bill(history, store, record)
    except NotFound as error:
        shown = replace(record, conf=hidden_conf(record.conf))
        return {"execution": record_document(shown), "bill": None, "without_bill": error.message}
    shown = replace(record, conf={**hidden_conf(record.conf), **bill.overrides})
    return {"execution": record_document(shown), "bill": bill_document(bill), "without_bill": ""}
