"""What the commands that ask clouds share: which clouds, how progress is shown, how failures end a command."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from mcop_core import bootstrap
from mcop_core.cli.console import EXIT_CODES, INTERRUPTED, settings, tell
from mcop_core.cli.tables import one_line
from mcop_core.errors import CloudFailed, InvalidInput, McopError

if TYPE_CHECKING:
    from mcop_core.clouds.answers import Failure
    from mcop_core.clouds.context import CloudContext
    from mcop_core.clouds.strategy import CloudStrategy
    from mcop_core.clouds.sweep import Answered
    from mcop_core.fleet import Fleet

Clouds = Annotated[
    list[str] | None, typer.Option("--cloud", metavar="NAME", help="Only this configured cloud; may be repeated.")
]
Providers = Annotated[
    list[str] | None, typer.Option("--provider", metavar="NAME", help="Only clouds of this provider; may be repeated.")
]
Regions = Annotated[
    list[str] | None, typer.Option("--region", metavar="NAME", help="Only this region; may be repeated.")
]
Cloud = Annotated[str, typer.Option("--cloud", metavar="NAME", help="Which cloud; may be left out if there is one.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print comma-separated values with a head, as they come.")]
Raw = Annotated[bool, typer.Option("--raw", help="Beside --json: also the clouds' own answers.")]


def open_fleet() -> Fleet:
    """Return the clouds of the settings."""
    return bootstrap.open_fleet(settings(), os.environ)


def chosen(clouds: list[str] | None, providers: list[str] | None, failures: list[Failure]) -> list[CloudStrategy]:
    """
    Return the strategies of what is asked for.

    A cloud that cannot be opened, since its secret is not there say, is put into *failures* and hides no other.

    Raises:
        InvalidInput: No cloud is configured.
        UnknownName: One is none that is configured.
    """
    from mcop_core.clouds.answers import Failure as Failed

    fleet = open_fleet()
    if not fleet.configs:
        raise InvalidInput("no cloud is configured: MCOP_CLOUDS names the folder of the files that do so")
    found: list[CloudStrategy] = []
    for name in fleet.chosen(clouds or (), providers or ()):
        try:
            found.append(fleet.open(name))
        except McopError as error:
            failures.append(Failed(name, "", "open it", error))
    return found


def context_of(cloud: str) -> CloudContext:
    """
    Return a context for the configured *cloud*; empty: the only one that there is.

    Raises:
        InvalidInput: There are several, or none.
        UnknownName: There is none of that name.
    """
    from mcop_core.clouds.context import CloudContext

    fleet = open_fleet()
    if not cloud and len(fleet.configs) != 1:
        known = ", ".join(fleet.configs) or "none: MCOP_CLOUDS names the folder of their files"
        raise InvalidInput(f"which cloud? Say --cloud. Configured: {known}.")
    strategy = fleet.open(cloud or next(iter(fleet.configs)))
    return CloudContext(strategy, others=fleet.open, tell=progress)


def progress(line: str) -> None:
    """Show *line* where a person looks on: it is no result."""
    if sys.stderr.isatty():
        tell(f"  {line}", dim=True)


def show_answered(event: Answered | Failure) -> None:
    """Show that a region of a cloud has answered, or has not."""
    from mcop_core.clouds.sweep import Answered

    if isinstance(event, Answered):
        place = f"{event.cloud}/{event.region}" if event.region else event.cloud
        progress(f"{place}: {event.found} in {event.seconds:.1f} s")


def print_csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print *rows* as they come."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_harmless(one_line(cell)) for cell in row])


def _harmless(text: str) -> str:
    """Return *text* so that no spreadsheet takes it for a formula: names in a cloud are anybody's."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text


@contextmanager
def interruptible(told: str) -> Iterator[None]:
    """End with the exit code for an interrupt, and say *told*, if a person interrupts the block."""
    try:
        yield
    except KeyboardInterrupt:
        tell(f"interrupted; {told}")
        raise typer.Exit(INTERRUPTED) from None


def end(failures: Sequence[Failure]) -> None:
    """Print what failed, and end with the exit code for it if anything did."""
    for failure in failures:
        tell(typer.style("failed: ", fg="red") + str(failure))
    if failures:
        raise typer.Exit(EXIT_CODES[CloudFailed])
