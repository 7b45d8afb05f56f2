"""What every command shares: printing values as text or JSON, and errors as an exit code."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from rich.console import Console
from rich.table import Table

from mcop_core.errors import (
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
}
"""Error class -> exit code of `mcop`; 0 is success, 1 any other failure (an execution that failed, for one)."""

_WIDE = 100_000
"""Width of a table that no terminal shows: a pipe gets one line a row."""

out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else _WIDE)
err = Console(stderr=True, highlight=False, soft_wrap=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
Sets = Annotated[list[str], typer.Option("--set", metavar="NAME=VALUE", help="Override a parameter; may be repeated.")]
CatalogFolder = Annotated[
    Path | None,
    typer.Option("--catalog", exists=True, file_okay=False, help="Read YAML files from this folder, not the catalog."),
]


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Return the settings of this process, read once."""
    return load_settings()


def print_json(value: Any) -> None:
    """Print *value* as one JSON document."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under *columns*; every cell is plain text."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(_plain(cell) for cell in row))
    out.print(table)


def _plain(cell: object) -> str:
    return str(cell).replace("[", "\\[") if cell is not None else ""


def parse_sets(sets: Iterable[str]) -> dict[str, Any]:
    """
    Read `name=value` pairs; a value is YAML, so `zones=[a, b]` is a list and `size=3` a number.

    Raises:
        InvalidInput: No `=`, a name given twice, or a value that is no YAML.
    """
    values: dict[str, Any] = {}
    for pair in sets:
        name, equals, text = pair.partition("=")
        if not (equals and name):
            raise InvalidInput(f"--set {pair!r}: write NAME=VALUE, for example --set zones=[a,b]")
        if name in values:
            raise InvalidInput(f"--set {name}: given twice")
        try:
            values[name] = yaml.safe_load(text) if text else ""
        except yaml.YAMLError as error:
            raise InvalidInput(f"--set {name}: the value is no YAML: {error}") from error
    return values


def run(command: Callable[[], Any], *, debug: bool) -> int:
    """Call *command* and return the exit code; an error is printed without its traceback unless *debug*."""
    try:
        command()
    except McopError as error:
        if debug:
            traceback.print_exc()
        err.print(f"[bold red]error:[/] {_plain(error.message)}")
        hint = error.facts.get("hint")
        if hint:
            err.print(f"[yellow]hint:[/] {_plain(hint)}")
        return next((code for kind, code in EXIT_CODES.items() if isinstance(error, kind)), 1)
    except KeyboardInterrupt:
        err.print("interrupted")
        return 130
    return 0
