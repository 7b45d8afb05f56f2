"""`mcop catalog lint`: what a reviewer would want better in primitives."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mcop_core.cli.catalog import engine_opener
from mcop_core.cli.console import EXIT_CODES, AsJson, print_json, print_lines, say, settings
from mcop_core.errors import InvalidInput

if TYPE_CHECKING:
    from mcop_core.errors import Fault


def lint(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", exists=True, file_okay=False, help="Folder of YAML documents.")
    ],
    as_json: AsJson = False,
) -> None:
    """
    Say what a reviewer would want better.

    It is about the primitives below FOLDER, and publishes nothing. Looked at are descriptions, types, versions of
    providers, inputs that nothing uses, tags that are not passed on, and what is open to everybody by default. The exit
    code is 2 if there is something.

    Example: mcop catalog lint include/catalog
    """
    from mcop_core.publishing.linting import lint_folder

    found = lint_folder(folder, engine_opener(), limits=settings().limits)
    remarks = [(ref, fault) for ref, faults in found.items() for fault in faults]
    if as_json:
        print_json([_document(ref, fault) for ref, fault in remarks])
    else:
        print_lines(str(fault) for _, fault in remarks)
        say(f"{len(found)} primitives, {len(remarks)} remarks")
    if remarks:
        raise typer.Exit(EXIT_CODES[InvalidInput])


def _document(ref: str, fault: Fault) -> dict[str, object]:
    return {"primitive": ref, "file": fault.file, "line": fault.line, "message": fault.message}
