import io
from datetime import UTC, datetime

from rich.console import Console

from mcop_core.cli.live import progress_display, redrawn_display, table_of, visible_steps
from mcop_core.executions.progress import Progress, StepProgress
from mcop_core.executions.record import ExecutionRecord
from mcop_core.executions.status import Status

RECORD = ExecutionRecord("mcop.shop/r1", "shop", Status.RUNNING, started_at=datetime(2026, 1, 1, tzinfo=UTC))
FIRST = Progress(RECORD, (StepProgress("a", "running", 1.0), StepProgress("b", "waiting", None, ("a",))))
SECOND = Progress(RECORD, (StepProgress("a", "done", 2.0), StepProgress("b", "running", 0.0)))


def test_a_log_gets_a_line_per_change():
    """Where nothing can be redrawn, each change is one line, and standing still is none."""
    log = io.StringIO()
    with progress_display(log) as show:
        for reading in (FIRST, FIRST, SECOND):
            show(reading)

    assert log.getvalue().splitlines() == [
        "  a: running 1 s",
        "  0 of 2 done, 1 waiting; running: a",
        "  a: done in 2.0 s",
        "  b: running 0 s",
        "  1 of 2 done; running: b",
    ]


def test_a_terminal_gets_a_table():
    """On a terminal every step is shown with what it waits for."""
    console = Console(file=io.StringIO(), width=200, force_terminal=True, color_system=None)
    with redrawn_display(console) as show:
        show(FIRST)

    assert "waiting for a" in console.file.getvalue()


def test_a_table_fits_its_terminal():
    """With more steps than lines, what runs is shown, then what waits; what is done gives way first."""
    steps = [StepProgress(f"d{n}", "done", 1.0) for n in range(40)]
    steps += [StepProgress("r", "running", 1.0), StepProgress("w", "waiting")]

    shown = [step.id for step in visible_steps(Progress(RECORD, tuple(steps)), 4)]
    assert shown == ["d0", "d1", "r", "w"]

    console = Console(file=io.StringIO(), width=80)
    console.print(table_of(Progress(RECORD, tuple(steps)), 20))
    assert len(console.file.getvalue().splitlines()) <= 20


def test_a_narrow_terminal_folds_nothing():
    """A line that is too long is cut at the edge: the table keeps its height."""
    console = Console(file=io.StringIO(), width=10)
    console.print(table_of(FIRST, 20))

    assert [len(line) <= 10 for line in console.file.getvalue().splitlines()] == [True] * 4
