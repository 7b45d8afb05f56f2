"""`mcop catalog reference`: a page with every input and output of a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mcop_core.cli.catalog import engine_opener
from mcop_core.cli.console import print_lines, settings

TITLE = "Catalog reference"


def reference(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", exists=True, file_okay=False, help="Folder of YAML documents.")
    ],
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write it there.")] = None,
    title: Annotated[str, typer.Option(metavar="TEXT", help="Heading of the page.")] = TITLE,
) -> None:
    """
    Write a page of what there is to use.

    It has, in Markdown, every interface, primitive and pattern below FOLDER with what it takes and what it gives, as it
    stands in the primitives' own files. Nothing is published.

    Example: mcop catalog reference include/catalog --output reference.md
    """
    from mcop_core.publishing.reference import read_described
    from mcop_core.publishing.reference import reference as page_of

    page = page_of(read_described(folder, engine_opener(), limits=settings().limits), title)
    if output is None:
        print_lines(page.splitlines())
    else:
        output.write_text(page)
