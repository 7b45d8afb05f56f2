"""`mcop drift`: what in the cloud is not as it was deployed."""

from __future__ import annotations

import json
import os
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mcop_core import bootstrap
from mcop_core.cli.console import DRIFTED, INTERRUPTED, AsJson, print_json, settings, tell
from mcop_core.cli.preview import Telling, interruption, print_change_lines
from mcop_core.errors import Cancelled, McopError, NotFound, closest

if TYPE_CHECKING:
    from mcop_core.artifacts.store import ObjectStore
    from mcop_core.deployments import DeployedName
    from mcop_core.drift.report import DriftReport


def drift(
    manifests: Annotated[
        list[str] | None, typer.Argument(metavar="MANIFEST", help="Left out: everything that is deployed.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """
    Say what in the cloud is not as it was deployed, and why.

    It is one Terraform plan of all components of all manifests whose providers are configured alike, with the versions
    and values that were deployed last. Nothing is locked or written; the cloud is read with this shell's credentials.
    The exit code is 9 if something drifted, or if that cannot be told.

    Example: mcop drift storefront-staging
    """
    try:
        found = _look(_chosen(bootstrap.open_store(settings().artifact_store), manifests or []))
    except Cancelled as error:
        tell(str(error))
        raise typer.Exit(INTERRUPTED) from None
    reports = [one for one in found if not isinstance(one, McopError)]
    if as_json:
        print_json([json.loads(report.to_json()) for report in reports])
    else:
        for report in reports:
            print_change_lines(report.to_lines())
    failed = [one for one in found if isinstance(one, McopError)]
    for one in failed[1:]:
        tell(str(one))
    if failed:
        raise failed[0]
    if not all(report.is_clean for report in reports):
        raise typer.Exit(DRIFTED)


def _chosen(store: ObjectStore, wanted: list[str]) -> list[DeployedName]:
    """Return the names of what is to be looked at; raises NotFound for one that is not deployed."""
    from mcop_core.deployments import deployed_manifests

    deployed = deployed_manifests(store)
    names = sorted({manifest for _, manifest in deployed})
    for name in wanted:
        if name not in names:
            near = closest(name, names)
            hint = f'Did you mean "{near}"?' if near else f"Deployed: {', '.join(names) or 'nothing'}."
            raise NotFound(f"nothing of manifest {name!r} is deployed. {hint}", suggestion=near)
    if not deployed:
        tell("nothing is deployed")
    return [name for name in deployed if not wanted or name[1] in wanted]


def _look(names: list[DeployedName]) -> list[DriftReport | McopError]:
    """Return what looking at each of *names* found, in their order."""
    from mcop_core.drift.detect import Watch, batched, detect_drift

    read = settings()
    store = bootstrap.open_store(read.artifact_store)
    snapshot = bootstrap.open_repository(read).head().snapshot
    found: dict[DeployedName, DriftReport | McopError] = {}
    with tempfile.TemporaryDirectory(prefix="mcop-templates-") as templates, interruption() as cancelled:
        for batch in batched(names, store):
            with bootstrap.open_workspace(read, os.environ, "mcop drift", cancelled=cancelled) as workspace:
                open_engine = partial(bootstrap.open_engine, settings=read)
                found |= detect_drift(batch, Watch(store, snapshot, open_engine, Path(templates), workspace, Telling()))
    return [found[name] for name in names]
