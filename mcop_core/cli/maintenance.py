"""`mcop catalog backup`, `restore` and `migrate`: the catalog as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mcop_core.cli.catalog import repository, store
from mcop_core.cli.console import AsJson, print_json, print_lines, say


def backup(file: Annotated[Path, typer.Argument(metavar="FILE", dir_okay=False, help="The file to write.")]) -> None:
    """
    Write the whole catalog, template files included, to one file.

    Example: mcop catalog backup catalog.jsonl
    """
    from mcop_core.backup import back_up

    say(f"{back_up(repository(), store(), file)} versions written to {file}")


def restore(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="The file that backup wrote.")
    ],
) -> None:
    """
    Fill an empty catalog from a backup.

    Run it again to go on after an interruption.

    Example: mcop catalog restore catalog.jsonl
    """
    from mcop_core import backup

    say(f"{backup.restore(repository(), store(), file)} versions restored from {file}")


def migrate(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change.")] = False, as_json: AsJson = False
) -> None:
    """
    Move stored objects to this version's document form.

    Example: mcop catalog migrate --dry-run
    """
    from mcop_core.catalog import migrations

    planned = migrations.plan_migration(repository())
    if not dry_run:
        migrations.migrate(repository(), planned)
    if as_json:
        print_json(
            [
                {"ref": str(d.ref), "from": d.from_version, "changes": [c.to_json() for c in d.differences]}
                for d in planned.documents
            ]
        )
        return
    for document in planned.documents:
        say(f"{document.ref} from schema version {document.from_version}")
        print_lines(f"  {change}" for change in document.differences)
    say(f"{len(planned.documents)} objects {'would be migrated' if dry_run else 'migrated'}")
