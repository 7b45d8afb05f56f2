"""How an execution's progress is shown: a table that redraws itself on a terminal, a line per change elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from mcop_core.executions.progress import Progress, StepProgress, changed_lines, describe, summary_line

_STYLES = {"running": "bold cyan", "done": "green", "failed": "bold red", "not run": "red", "will retry": "yellow"}
_ROWS_BESIDE_STEPS = 4
_VALUE_WIDTH = 100


@contextmanager
def progress_display(console: Console) -> Iterator[Callable[[Progress], None]]:
    """Yield what shows a progress on *console*; call it with each new reading."""
    if not console.is_terminal:
        yield LineDisplay(console)
        return
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        yield lambda progress: live.update(table_of(progress, console.height))


class LineDisplay:
    """Prints one line for every step that changed."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last: Progress | None = None

    def __call__(self, progress: Progress) -> None:
        """Print what changed since the last call, and how far it is when anything did."""
        lines = changed_lines(self._last, progress)
        self._last = progress
        for line in lines:
            self._console.print(Text(f"  {line}"))
        if lines:
            self._console.print(Text(f"  {summary_line(progress)}"))


def table_of(progress: Progress, height: int) -> Group:
    """Return the steps as a table of at most *height* lines: what ran longest ago gives way first."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("STEP")
    table.add_column("STATE", overflow="ellipsis", no_wrap=True)
    for step in visible_steps(progress, max(height - _ROWS_BESIDE_STEPS, 5)):
        table.add_row(step.id, Text(describe(step), style=_STYLES.get(step.word, "dim")))
    return Group(table, Text(summary_line(progress), style="bold"))


def visible_steps(progress: Progress, room: int) -> list[StepProgress]:
    """Return at most *room* steps, in order: first those that run or failed, then what waits, then what is done."""
    ranks = {"done": 2, "skipped": 2, "waiting": 1, "not run": 1}
    ranked = sorted(enumerate(progress.steps), key=lambda item: (ranks.get(item[1].word, 0), item[0]))
    kept = sorted(index for index, _ in ranked[:room])
    return [progress.steps[index] for index in kept]


def aligned(rows: Iterable[Sequence[str]]) -> list[str]:
    """
    Return one line per row, its columns one below the other however wide the terminal is; the last may be cut short.

    A log keeps such lines whole, and a search finds what stands in them.
    """
    cells = [[*row[:-1], _shortened(row[-1])] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _VALUE_WIDTH else f"{line[: _VALUE_WIDTH - 1]}…"
