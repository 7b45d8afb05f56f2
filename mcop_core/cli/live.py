"""How an execution's progress is shown: a table that redraws itself on a terminal, a line per change elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

import typer

from mcop_core.cli.tables import table_lines
from mcop_core.executions.progress import Progress, StepProgress, changed_lines, describe, summary_line

if TYPE_CHECKING:
    from rich.console import Console, Group

Show = Callable[[Progress], None]

_STYLES = {"running": "bold cyan", "done": "green", "failed": "bold red", "not run": "red", "will retry": "yellow"}
_ROWS_BESIDE_STEPS = 4


@contextmanager
def progress_display(stream: TextIO) -> Iterator[Show]:
    """Yield what shows a progress on *stream*; call it with each new reading."""
    if not stream.isatty():
        yield LineDisplay(stream)
        return
    from rich.console import Console

    with redrawn_display(Console(file=stream)) as show:
        yield show


@contextmanager
def redrawn_display(console: Console) -> Iterator[Show]:
    """Yield what shows a progress on a terminal, each reading over the one before; the last one vanishes."""
    from rich.live import Live

    with Live(console=console, refresh_per_second=4, transient=True) as live:
        yield lambda progress: live.update(table_of(progress, console.height))


class LineDisplay:
    """Prints one line for every step that changed."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._last: Progress | None = None

    def __call__(self, progress: Progress) -> None:
        """Print what changed since the last call, and how far it is when anything did."""
        lines = changed_lines(self._last, progress)
        self._last = progress
        for line in [*lines, summary_line(progress)] if lines else []:
            typer.echo(f"  {line}", file=self._stream)


def table_of(progress: Progress, height: int) -> Group:
    """Return the steps as a table of at most *height* lines: what ran longest ago gives way first."""
    from rich.console import Group
    from rich.text import Text

    steps = visible_steps(progress, max(height - _ROWS_BESIDE_STEPS, 5))
    head, *lines = table_lines([("STEP", "STATE"), *((step.id, describe(step)) for step in steps)])
    styles = ["bold", *(_STYLES.get(step.word, "dim") for step in steps), "bold"]
    texts = [head, *lines, summary_line(progress)]
    return Group(
        *(Text(text, style=style, no_wrap=True, overflow="ellipsis") for text, style in zip(texts, styles, strict=True))
    )


def visible_steps(progress: Progress, room: int) -> list[StepProgress]:
    """Return at most *room* steps, in order: first those that run or failed, then what waits, then what is done."""
    ranks = {"done": 2, "skipped": 2, "waiting": 1, "not run": 1}
    ranked = sorted(enumerate(progress.steps), key=lambda item: (ranks.get(item[1].word, 0), item[0]))
    kept = sorted(index for index, _ in ranked[:room])
    return [progress.steps[index] for index in kept]
