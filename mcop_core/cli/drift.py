"""`mcop drift`: what in the cloud is not as it was deployed."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mcop_core import bootstrap
from mcop_core.cli.console import DRIFTED, INTERRUPTED, AsJson, print_json, settings, tell
from mcop_core.cli.preview import Telling, interruption, print_change_lines
from mcop_core.errors import Cancelled, NotFound, closest

if TYPE_CHECKING:
    from mcop_core.artifacts.store import ObjectStore
    from mcop_core.drift.report import DriftReport


def drift(
    manifests: Annotated[
        list[str] | None, typer.Argument(metavar="MANIFEST", help="Left out: everything that is deployed.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """
    Say what in the cloud is not as it was deployed, and why.

    It is one Terraform plan of all components of a manifest, with the versions and values that were deployed last.
    Nothing is locked or written; the cloud is read with this shell's credentials. The exit code is 9 if something
    drifted, or if that cannot be told.

    Example: mcop drift storefront-staging
    """
    try:
        reports = [_look(*one) for one in _chosen(bootstrap.open_store(settings().artifact_store), manifests or [])]
    except Cancelled as error:
        tell(str(error))
        raise typer.Exit(INTERRUPTED) from None
    if as_json:
        print_json([json.loads(report.to_json()) for report in reports])
    else:
        for report in reports:
            print_change_lines(report.to_lines())
    if not all(report.is_clean for report in reports):
        raise typer.Exit(DRIFTED)


def _chosen(store: ObjectStore, wanted: list[str]) -> list[tuple[str, str]]:
    """Return (namespace, manifest) of what is to be looked at; raises NotFound for one that is not deployed."""
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
    return [(namespace, manifest) for namespace, manifest in deployed if not wanted or manifest in wanted]


def _look(namespace: str, manifest: str) -> DriftReport:
    from mcop_core.drift.detect import detect_drift

    read = settings()
    with (
        tempfile.TemporaryDirectory(prefix="mcop-templates-") as templates,
        interruption() as cancelled,
        bootstrap.open_workspace(read, os.environ, f"mcop drift {manifest}", cancelled=cancelled) as workspace,
    ):
        return detect_drift(
            namespace,
            manifest,
            bootstrap.open_repository(read).head().snapshot,
            lambda engine: bootstrap.open_engine(engine, read),
            bootstrap.open_store(read.artifact_store),
            Path(templates),
            workspace,
            Telling(),
        )
