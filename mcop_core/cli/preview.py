"""`mcop preview`: what executing a manifest would change, without changing anything."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import typer

from mcop_core import bootstrap
from mcop_core.cli.console import (
    INTERRUPTED,
    AsJson,
    CatalogFolder,
    Dependants,
    Only,
    Sets,
    check_slice,
    say,
    settings,
    tell,
)
from mcop_core.cli.plan import ManifestArgument, checked_overrides, compiled_plan
from mcop_core.errors import Cancelled, Refused
from mcop_core.refs import ObjectRef

if TYPE_CHECKING:
    from mcop_core.engines.changes import Preview
    from mcop_core.engines.summary import Line

_COLOURS = {"create": "green", "update": "yellow", "replace": "red", "destroy": "red", "read": "cyan", "move": "cyan"}


def preview(
    manifest: ManifestArgument,
    folder: CatalogFolder = None,
    sets: Sets = [],  # noqa: B006 (Typer reads the default once)
    only: Only = [],  # noqa: B006
    dependants: Dependants = False,
    as_json: AsJson = False,
) -> None:
    """
    Say what executing a manifest would change.

    It is one Terraform plan of all components: what only apply makes known shows as (known after apply), through
    every component that it reaches. Nothing is locked or written; the cloud is read with this shell's credentials.

    Example: mcop preview storefront-staging --set log_retention_days=14

    Example: mcop preview storefront-staging --only platform.network
    """
    from mcop_core.compiler.slicing import cut
    from mcop_core.previewing import judged, preview_plan

    check_slice(only, dependants)
    read = settings()
    with (
        compiled_plan(manifest, folder) as (plan, store),
        tempfile.TemporaryDirectory(prefix="mcop-templates-") as templates,
        interruption() as cancelled,
        bootstrap.open_workspace(read, os.environ, f"mcop preview {plan.manifest}", cancelled=cancelled) as workspace,
    ):
        overrides = checked_overrides(plan, sets)
        try:
            found = preview_plan(
                plan,
                lambda engine: bootstrap.open_engine(engine, read),
                store,
                Path(templates),
                workspace,
                Telling(),
                overrides=overrides,
                part=cut(plan, only, with_dependants=dependants) if only else None,
            )
        except Cancelled as error:
            tell(str(error))
            raise typer.Exit(INTERRUPTED) from None
        found = judged(
            found,
            read.policies,
            {
                "manifest": ObjectRef.parse(plan.manifest).name,
                "namespace": plan.namespace,
                "action": "preview",
                "requested_by": "",
                "overrides": overrides,
            },
        )
    print_preview(found, as_json=as_json)
    if found.denials:
        raise Refused(f"denied by policy: {'; '.join(found.denials)}")


def print_preview(found: Preview, *, as_json: bool) -> None:
    """Print a preview: as its document, or as a summary in colours."""
    from mcop_core.engines.summary import to_lines

    if as_json:
        say(found.to_json().decode())
        return
    print_change_lines(to_lines(found))


def print_change_lines(lines: Iterable[Line]) -> None:
    """Print a summary, each change in its colour."""
    for line in lines:
        say(line.text, fg=_COLOURS.get(line.action) if line.action else None, bold=line.is_title)


class Telling:
    """A `Reporter` that tells on the error stream what takes long."""

    def log(self, line: str, *, level: str = "info") -> None:
        """Tell warnings; what Terraform says while it installs is not worth reading."""
        if level != "info":
            tell(line)

    def record(self, event: str, **facts: Any) -> None:
        """Tell which root is planned."""
        if event == "planning":
            tell(f"planning {facts['what']}", dim=True)


@contextmanager
def interruption() -> Iterator[Callable[[], bool]]:
    """Give what says whether Ctrl-C was pressed: Terraform has a session of its own and must be told by its runner."""
    told = Event()
    previous = signal.signal(signal.SIGINT, lambda number, frame: told.set())
    try:
        yield told.is_set
    finally:
        signal.signal(signal.SIGINT, previous)
