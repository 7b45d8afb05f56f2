"""Rows as plain text: columns one below the other, one line a row however wide the terminal is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

_GAP = "  "
_LONGEST = 100


def table_lines(rows: Iterable[Sequence[object]]) -> list[str]:
    """
    Return one line per row, all rows having the same number of cells.

    A log keeps such lines whole, a search finds what stands in them, and `cut` and `awk` can take them apart. What is
    not text is printed as text, None as nothing, line breaks as spaces; nothing trails.
    """
    cells = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [_GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def one_line(value: object) -> str:
    """Return *value* as text on one line."""
    return "" if value is None else " ".join(str(value).split())


def shortened(value: object) -> str:
    """Return *value* on one line of at most 100 characters; what was cut off shows as `…`."""
    line = one_line(value)
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
