"""`mcop deployments`: what is deployed, and what of it is missing."""

from __future__ import annotations

from dataclasses import asdict

from mcop_core import bootstrap
from mcop_core.cli.console import AsJson, print_json, print_table, say, settings
from mcop_core.errors import NotFound


def deployments(as_json: AsJson = False) -> None:
    """
    Show what is deployed, and what of it is missing.

    Needed are its version in the catalog, its plan and its artifacts in the artifact store, and its states. Ask after
    one of these was restored from a backup: the exit code is 3 if something is missing.

    Example: mcop deployments
    """
    from mcop_core.deployed import list_deployed

    read = settings()
    found = list_deployed(
        bootstrap.open_store(read.artifact_store),
        bootstrap.open_repository(read),
        lambda engine: bootstrap.open_engine(engine, read),
        bootstrap.open_store,
    )
    if as_json:
        print_json([asdict(one) for one in found])
    else:
        print_table(
            ("NAMESPACE", "MANIFEST", "DEPLOYED", "ACTIVE", "COMPONENTS", "SINCE", "EXECUTION"),
            [
                (one.namespace, one.manifest, one.version, one.active, one.components, one.at[:19], one.execution)
                for one in found
            ],
        )
        for one in found:
            for text in one.missing:
                say(f"missing: {one.namespace}/{one.manifest}: {text}", fg="red")
    lost = [f"{one.namespace}/{one.manifest}" for one in found if one.missing]
    if lost:
        raise NotFound(f"not all that is needed is there: {', '.join(lost)}")
