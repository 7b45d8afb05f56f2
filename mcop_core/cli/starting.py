"""`mcop execute` and `mcop destroy`: asking Airflow to start an execution."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mcop_core import bootstrap
from mcop_core.cli.console import AsJson, Dependants, Only, Sets, check_slice, say, settings, tell
from mcop_core.cli.executions import finish, print_document
from mcop_core.errors import Fault, InvalidDocuments, InvalidInput, Unreachable, closest

if TYPE_CHECKING:
    from mcop_core.executions.airflow_api import AirflowApi
    from mcop_core.executions.record import ExecutionRecord
    from mcop_core.settings import Settings

DAG_S = 180.0
"""How long a publication may take to become a DAG."""


def execute(
    manifest: Annotated[
        str, typer.Argument(metavar="MANIFEST", help="Name of the manifest; NAME@VERSION is --version.")
    ],
    version: Annotated[
        str,
        typer.Option(
            "--version", metavar="VERSION", help="Make this version the active one first, through the DAG mcop_execute."
        ),
    ] = "",
    sets: Sets = [],  # noqa: B006 (Typer reads the default once)
    only: Only = [],  # noqa: B006
    dependants: Dependants = False,
    preview: Annotated[bool, typer.Option("--preview", help="Only say, in Airflow, what it would change.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Follow it to its end; exit code 1 if it fails.")] = False,
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="Why; shown with the run in Airflow.")] = "",
    key: Annotated[
        str,
        typer.Option(
            "--key", metavar="TEXT", help="Whose request it is: asked again with the same key, nothing is started."
        ),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """
    Start the execution of a manifest.

    What was published last is executed, also when Airflow does not show it yet. A value of --set is text for a
    parameter that is text, and YAML for every other: 3 is a number, [a, b] a list.

    With --only everything else stays as it is: what the slice takes from other components are their last outputs.

    Example: mcop execute storefront-staging --set log_retention_days=14 --set 'zones=[a, b]' --wait

    Example: mcop execute storefront-production --version 1.1.0 --note CHG-77

    Example: mcop execute storefront-production --only platform.network --with-dependants

    Example: mcop execute storefront-production --key build-4711
    """
    check_slice(only, dependants)
    name, _, named = manifest.partition("@")
    if version and named and version != named:
        raise InvalidInput(f"{manifest} and --version {version} disagree")
    with bootstrap.open_airflow(settings()) as api:
        plan = "" if version or named else await_published(api, name, settings())
        action = "preview" if preview else ""
        started = request_execution(
            api, name, version or named, sets, only, note=note, action=action, dependants=dependants, plan=plan, key=key
        )
        _tell_started(api, started, wait=wait, as_json=as_json)


def destroy(
    manifest: Annotated[str, typer.Argument(metavar="MANIFEST", help="Name of the manifest.")],
    confirm: Annotated[
        str, typer.Option("--confirm", metavar="NAME", help="The manifest's name; without it, it is asked for.")
    ] = "",
    preview: Annotated[bool, typer.Option("--preview", help="Only say, in Airflow, what would be destroyed.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Follow it to its end; exit code 1 if it fails.")] = False,
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="Why; shown with the run in Airflow.")] = "",
    as_json: AsJson = False,
) -> None:
    """
    Destroy what a manifest deployed, the last first.

    It is previewed, and approved if the manifest asks for that; what the cloud protects is refused before anything
    is destroyed. The manifest stays in the catalog.

    Example: mcop destroy storefront-staging --preview --wait
    """
    import secrets

    from mcop_core.executions.requests import new_run_id, start_destruction

    typed = confirm or (manifest if preview else _typed_name(manifest))
    with bootstrap.open_airflow(settings()) as api:
        run_id = new_run_id(datetime.now(UTC), lambda: secrets.token_hex(4))
        action = "preview" if preview else ""
        started = start_destruction(api, manifest, typed, run_id=run_id, note=note, action=action)
        _tell_started(api, started, wait=wait, as_json=as_json)


def _typed_name(manifest: str) -> str:
    if not sys.stdin.isatty():
        raise InvalidInput(f"nobody can be asked back here: --confirm {manifest} destroys what it deployed")
    return str(typer.prompt(f"This destroys what {manifest} deployed. Type its name", err=True))


def _tell_started(api: AirflowApi, started: ExecutionRecord, *, wait: bool, as_json: bool) -> None:
    if wait:
        finish(api, started.id, as_json=as_json)
    elif as_json:
        print_document(started)
    else:
        say(f"started {started.id}")


def await_published(api: AirflowApi, manifest: str, settings: Settings) -> str:
    """
    Wait until Airflow runs what the catalog holds of *manifest*, and return that plan's digest.

    Where no catalog answers, say so, do not wait, and return an empty text.

    Raises:
        NotFound: No version of it is active; names the nearest.
        Refused: The active version does not compile, Airflow cannot load its DAG, or the DAG is paused; says why.
        EngineFailed: Airflow does not show it in time.
    """
    from mcop_core.compiler.snapshot import active_plan, holds_plan
    from mcop_core.executions.awaiting import await_dag

    try:
        store = bootstrap.open_store(settings.artifact_store)
        plan = active_plan(store, bootstrap.open_repository(settings).head().snapshot, manifest)
    except Unreachable as error:
        tell(f"the catalog was not asked; what Airflow shows is executed, which may be older: {error}")
        return ""
    await_dag(api, manifest, plan, lambda found: holds_plan(store, found, manifest, plan), timeout_s=DAG_S)
    return plan


def request_execution(
    api: AirflowApi,
    manifest: str,
    version: str = "",
    sets: list[str] | None = None,
    only: Sequence[str] = (),
    *,
    note: str,
    action: str = "",
    dependants: bool = False,
    plan: str = "",
    key: str = "",
) -> ExecutionRecord:
    """
    Start an execution, with the overrides *sets* as they were typed; raises as `requests.start_execution`.

    Args:
        only: The patterns that it is about; none: all.
        dependants: Whether it is also about those that take outputs of them.
        plan: Digest of the plan that is meant; empty: of whichever Airflow creates it from.
        key: See `requests.run_id_of`; empty: it is like no other.
    """
    import secrets

    from mcop_core.compiler.run_conf import PLAN_KEY
    from mcop_core.executions.requests import new_run_id, run_id_of, start_execution

    overrides = _read_sets(api, manifest, version, sets) if sets else {}
    conf = {**overrides, **({PLAN_KEY: plan} if plan else {})}
    if only and not version:
        _check_patterns(api, manifest, only)
    run_id = run_id_of(key) if key else new_run_id(datetime.now(UTC), lambda: secrets.token_hex(4))
    return start_execution(
        api,
        manifest,
        version,
        conf,
        run_id=run_id,
        note=note,
        action=action,
        only=only,
        with_dependants=dependants,
    )


def _check_patterns(api: AirflowApi, manifest: str, only: Sequence[str]) -> None:
    """Refuse a pattern that the manifest's DAG does not have, with the nearest; Airflow would name none."""
    from mcop_core.executions.requests import parameter_schemas

    known = parameter_schemas(api, manifest).get("only", {}).get("items", {}).get("enum")
    faults = [
        Fault(f"{manifest} has no pattern {name!r}.", "--only", allowed=tuple(known), suggestion=closest(name, known))
        for name in only
        if known and name not in known
    ]
    if faults:
        raise InvalidDocuments.of(faults)


def _read_sets(api: AirflowApi, manifest: str, version: str, sets: list[str]) -> dict[str, Any]:
    """Read overrides by the parameters of the manifest's DAG; those of another version may differ, so it may judge."""
    from mcop_core.cli.overrides import check_names, read_overrides
    from mcop_core.compiler.doors import RUN_OPTIONS
    from mcop_core.executions.requests import parameter_schemas

    schemas = {name: one for name, one in parameter_schemas(api, manifest).items() if name not in RUN_OPTIONS}
    overrides = read_overrides(sets, schemas)
    if schemas and not version:
        check_names(manifest, overrides, schemas)
    return overrides
