"""What every command shares: printing values as text or JSON, and errors as an exit code."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

import typer

from mcop_core.cli.tables import table_lines
from mcop_core.errors import (
    CloudFailed,
    Conflict,
    EngineFailed,
    InvalidInput,
    McopError,
    NotFound,
    Refused,
    UnknownOutcome,
    Unreachable,
)
from mcop_core.settings import Settings, load_settings

EXIT_CODES: dict[type[McopError], int] = {
    InvalidInput: 2,
    NotFound: 3,
    Conflict: 4,
    Refused: 5,
    Unreachable: 6,
    EngineFailed: 7,
    UnknownOutcome: 8,
    CloudFailed: 10,
}
"""Error class -> exit code of `mcop`."""

FAILURE = 1
DRIFTED = 9
INTERRUPTED = 130
MEANINGS = {
    0: "success",
    FAILURE: "the execution failed, or another failure",
    2: "what was typed or written is not valid",
    3: "something that was named is not there",
    4: "conflict: other bytes are published, a state is locked",
    5: "refused: MCOP does not do this, or the user may not",
    6: "the catalog, the store, Airflow or a cloud did not answer",
    7: "the engine failed",
    8: "what happened in the cloud cannot be told",
    DRIFTED: "drift was found",
    10: "a cloud failed, or not every cloud did what was asked",
    INTERRUPTED: "interrupted; an execution that was started goes on",
}
"""Exit code -> what it means."""

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
Sets = Annotated[list[str], typer.Option("--set", metavar="NAME=VALUE", help="Override a parameter; may be repeated.")]
Only = Annotated[
    list[str],
    typer.Option("--only", metavar="PATTERN", help="Only this pattern, as workflow.pattern; may be repeated."),
]
Dependants = Annotated[
    bool, typer.Option("--with-dependants", help="Beside --only: also the patterns that take outputs of those.")
]
CatalogFolder = Annotated[
    Path | None,
    typer.Option("--catalog", exists=True, file_okay=False, help="Read YAML files from this folder, not the catalog."),
]


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Return the settings of this process, read once."""
    return load_settings()


def check_slice(only: Sequence[str], dependants: bool) -> None:
    """
    Make sure that --with-dependants has something to depend on.

    Raises:
        InvalidInput: It has not.
    """
    if dependants and not only:
        raise InvalidInput("--with-dependants says nothing without --only")


def say(text: str = "", **style: Any) -> None:
    """Print *text* as it is; *style* (`bold`, `dim`, `fg`) shows on a terminal only."""
    _print(text, style, err=False)


def tell(text: str, **style: Any) -> None:
    """Print *text* on the error stream: what is no result."""
    _print(text, style, err=True)


def _print(text: str, style: dict[str, Any], *, err: bool) -> None:
    typer.echo(typer.style(text, **style) if style else text, err=err, color=_color())


def _color() -> bool | None:
    """Return False where nobody wants colour (https://no-color.org), else None: as the stream is."""
    return False if os.environ.get("NO_COLOR") else None


def print_json(value: Any) -> None:
    """Print *value* as one JSON document."""
    say(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under *columns*, in capitals."""
    head, *lines = table_lines([[column.upper() for column in columns], *rows])
    say(head, bold=True)
    print_lines(lines)


def print_rows(rows: Iterable[Sequence[object]]) -> None:
    """Print rows without a head, a little indented."""
    print_lines(f"  {line}" for line in table_lines(rows))


def print_lines(lines: Iterable[str]) -> None:
    """Print one line after the other."""
    for line in lines:
        say(line)


def run(command: Callable[[], Any], *, debug: bool) -> int:
    """Call *command* and return the exit code; an error is printed without its traceback unless *debug*."""
    try:
        command()
    except McopError as error:
        if debug:
            import traceback

            traceback.print_exc()
        _print_error(error)
        return next((code for kind, code in EXIT_CODES.items() if isinstance(error, kind)), FAILURE)
    except KeyboardInterrupt:
        tell("interrupted")
        return INTERRUPTED
    return 0


def _print_error(error: McopError) -> None:
    tell(typer.style("error: ", fg="red", bold=True) + error.message)
    hint = error.facts.get("hint")
    if hint:
        tell(typer.style("hint: ", fg="yellow") + str(hint))


def exit_code_lines() -> list[str]:
    """Return one line per exit code, for the help."""
    return table_lines(MEANINGS.items())
