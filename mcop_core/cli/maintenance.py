"""`mcop catalog prepare`, `backup`, `restore` and `migrate`: the catalog as a whole."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from mcop_core.cli.catalog import repository, store
from mcop_core.cli.console import AsJson, print_json, print_lines, say, settings


def prepare(
    buckets: Annotated[
        list[str] | None,
        typer.Argument(metavar="BUCKET[=REGION]", help="To exist beside the artifact store's, as those of states."),
    ] = None,
) -> None:
    """
    Create the tables and buckets that are not there.

    The catalog's tables, the artifact store's bucket, and those that are named. This is for an emulator and for a
    first look. In an account of yours whatever makes its buckets makes these, with versioning and encryption;
    include/dynamodb/tables.json has the tables.

    Example: mcop catalog prepare acme-terraform-state acme-logs=eu-west-1
    """
    from mcop_core.embedded.foundation import HOME_REGION, artifact_bucket, lay_foundation, read_bucket

    own = settings()
    region = os.environ.get("AWS_DEFAULT_REGION") or os.environ.get("AWS_REGION") or HOME_REGION
    named = dict(read_bucket(text, region) for text in buckets or [])
    made = lay_foundation(own, artifact_bucket(own, region) | named, region_name=region)
    say(f"tables {own.objects_table} and {own.rules_table}; buckets made: {', '.join(made) or 'none'}")


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
