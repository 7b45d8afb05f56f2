"""`mcop execute`, `mcop cancel` and `mcop executions …`: what Airflow runs, ran, and is asked to run."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mcop_core import bootstrap
from mcop_core.cli.console import (
    INTERRUPTED,
    AsJson,
    Dependants,
    Only,
    Sets,
    check_slice,
    print_json,
    print_rows,
    print_table,
    say,
    settings,
    tell,
)
from mcop_core.cli.help import Commands
from mcop_core.cli.settling import as_it_stands, as_they_stand
from mcop_core.errors import Fault, InvalidDocuments, InvalidInput, McopError, NotFound, Unreachable, closest

if TYPE_CHECKING:
    from mcop_core.executions.airflow_api import AirflowApi
    from mcop_core.executions.record import ExecutionRecord
    from mcop_core.executions.requests import Cancellation
    from mcop_core.settings import Settings

executions_app = Commands(help="What ran, when, with which parameters; read from Airflow.")

DAG_S = 180.0
"""How long a publication may take to become a DAG."""

_LEVELS = {"error": "red", "critical": "red", "warning": "yellow"}

ExecutionArgument = Annotated[
    str, typer.Argument(metavar="EXECUTION", help="Id as `mcop executions list` prints it, or a manifest: its latest.")
]


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
        _finish(api, started.id, as_json=as_json)
    elif as_json:
        _print_document(started)
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


def cancel(
    execution: ExecutionArgument,
    force: Annotated[
        bool,
        typer.Option("--force", help="Kill the Terraforms of an execution that was cancelled; for administrators."),
    ] = False,
    confirm: Annotated[
        str,
        typer.Option("--confirm", metavar="ID", help="With --force: the execution's id, where nobody can be asked."),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """
    Stop an execution gracefully; what it made stays.

    What runs is told to stop, nothing else starts, and Airflow marks it failed. Terraform gets one interrupt,
    finishes the resources that it has begun and writes its state; until then the state stays locked, and the execution
    is settling. The next execution goes on from there.

    With --force Terraform and its providers are killed, where they were asked before and do not come to an end. The
    runner still writes the state and frees the lock. What was being created in that moment is looked for in the cloud:
    it is found and taken into the state, or named; a type that cannot be looked for may stay in the cloud unknown to
    every state. It asks twice.

    Example: mcop cancel storefront-staging
    """
    from mcop_core.executions.requests import cancel_execution, force_execution

    if confirm and not force:
        raise InvalidInput("--confirm says nothing without --force")
    with bootstrap.open_airflow(settings()) as api:
        found = find_execution(api, execution)
        if force:
            _ask_twice(found.id, confirm)
            _print_killed(found.id, force_execution(api, found), as_json=as_json)
            return
        cancelled = cancel_execution(api, found)
    if as_json:
        print_json(
            {
                "cancelled": list(cancelled.executions),
                "stopping": list(cancelled.stopping),
                "runners": list(cancelled.runners),
            }
        )
    else:
        _print_cancellation(found.id, cancelled)


_COST = (
    "This kills Terraform in the middle of its work. A resource that is being created in that moment may exist without "
    "any state knowing it: MCOP looks for it in the cloud and names what it cannot tell."
)


def _ask_twice(execution: str, confirm: str) -> None:
    """
    Say what it may cost, and have it confirmed and the execution's id typed.

    Raises:
        InvalidInput: What was typed is not the id, or nobody can be asked.
    """
    if confirm:
        typed = confirm
    elif not sys.stdin.isatty():
        raise InvalidInput(f"nobody can be asked back here: --confirm {execution} kills its Terraform")
    else:
        tell(_COST, fg="yellow")
        typer.confirm(f"Kill the Terraform of {execution}?", abort=True, err=True)
        typed = str(typer.prompt("Type the execution's id", err=True))
    if typed != execution:
        raise InvalidInput(f"{typed!r} is not {execution}: nothing was killed")


def _print_killed(execution: str, steps: Sequence[str], *, as_json: bool) -> None:
    if as_json:
        print_json({"killed": list(steps)})
        return
    for step in steps:
        say(f"to be killed within seconds: the Terraform of {step}")
    say(f"What was in doubt, and what became of it: mcop executions show {execution}")


def _print_cancellation(execution: str, cancelled: Cancellation) -> None:
    for name in cancelled.executions:
        say(f"cancelled {name}")
    for step in dict.fromkeys([*cancelled.stopping, *cancelled.runners]):
        say(f"  told to stop: {step}")
    if cancelled.stopping or cancelled.runners:
        say("Terraform finishes what it has begun and writes its state; until then the state stays locked.")
        say(f"What was said until now: mcop executions logs {(*cancelled.executions, execution)[-1]}")


def follow_execution(api: AirflowApi, wanted: str, *, quiet: bool) -> ExecutionRecord:
    """
    Show the progress of an execution, on the error stream, and return it when it has ended.

    An interrupt ends the following and not the execution, and says so.
    """
    from mcop_core.cli.live import progress_display
    from mcop_core.executions.naming import split_id
    from mcop_core.executions.progress import follow

    display = nullcontext(lambda progress: None) if quiet else progress_display(sys.stderr)
    try:
        with display as show:
            return follow(api, *split_id(wanted), on_progress=show, now=lambda: datetime.now(UTC))
    except KeyboardInterrupt:
        tell(f"interrupted; execution {wanted} goes on")
        tell(f"follow it: mcop executions follow {wanted}")
        tell(f"stop it:   mcop cancel {wanted}")
        raise typer.Exit(INTERRUPTED) from None


def _finish(api: AirflowApi, wanted: str, *, as_json: bool) -> None:
    """Follow an execution and what it starts, print both, and make its end the exit code."""
    from mcop_core.executions.history import AirflowHistory

    finished = follow_execution(api, wanted, quiet=as_json)
    inner = AirflowHistory(api).get(finished.started) if finished.started else None
    if as_json:
        _print_document(finished, inner)
    else:
        print_execution(finished)
        if inner:
            print_execution(inner)
    raise_if_failed(finished, inner)


def raise_if_failed(execution: ExecutionRecord, inner: ExecutionRecord | None = None) -> None:
    """
    Raise the error that makes the exit code 1, naming the steps that failed.

    Args:
        inner: The execution that *execution* started; its steps are named where it failed.

    Raises:
        McopError: *execution* has not completed.
    """
    from mcop_core.executions.status import Status

    if execution.status is Status.COMPLETED:
        return
    cause = inner if inner and inner.status is not Status.COMPLETED else execution
    failed = [step.id for step in cause.steps if step.state == "failed"]
    raise McopError(
        f"execution {cause.id} ended as {cause.status}; failed: {', '.join(failed) or 'no step'}",
        hint=f"mcop executions logs {cause.id} {failed[0]}" if failed else "",
    )


@executions_app.command("list")
def list_executions(
    manifest: Annotated[str, typer.Argument(metavar="MANIFEST", help="Only those of this manifest.")] = "",
    limit: Annotated[int, typer.Option("--limit", "-n", metavar="N", min=1, help="How many, newest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """
    List executions, newest first.

    Example: mcop executions list storefront-staging --limit 5
    """
    from mcop_core.executions.history import AirflowHistory, record_document

    with bootstrap.open_airflow(settings()) as api:
        records = as_they_stand(api, AirflowHistory(api).find(manifest, limit=limit))
    if as_json:
        print_json([record_document(record) for record in records])
        return
    rows = [(r.id, r.status, when(r.queued_at), _seconds(r.started_at, r.ended_at), r.requested_by) for r in records]
    print_table(("EXECUTION", "STATUS", "REQUESTED", "SECONDS", "BY"), rows)


@executions_app.command()
def show(
    execution: ExecutionArgument,
    bill: Annotated[
        bool,
        typer.Option("--bill", help="Its bill of materials: versions, digests, parameters, approvals and outcomes."),
    ] = False,
    export: Annotated[
        Path | None,
        typer.Option("--export", metavar="FILE", exists=True, dir_okay=False, help="With --bill: read this export."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """
    Show one execution with its steps, or its bill of materials.

    Example: mcop executions show storefront-staging

    Example: mcop executions show storefront-production --bill --json
    """
    if bill:
        from mcop_core.cli.records import show_bill

        show_bill(execution, export, as_json=as_json)
        return
    if export:
        raise InvalidInput("an export is read for its bills: add --bill")
    with bootstrap.open_airflow(settings()) as api:
        record = as_it_stands(find_execution(api, execution))
    if as_json:
        _print_document(record)
    else:
        print_execution(record)


@executions_app.command()
def follow(execution: ExecutionArgument, as_json: AsJson = False) -> None:
    """
    Follow an execution to its end; exit code 1 if it fails.

    Example: mcop executions follow storefront-staging
    """
    with bootstrap.open_airflow(settings()) as api:
        _finish(api, find_execution(api, execution).id, as_json=as_json)


def find_execution(api: AirflowApi, wanted: str) -> ExecutionRecord:
    """
    Return the execution with this id, or the latest one of the manifest with this name.

    Raises:
        NotFound: There is none; names the nearest.
    """
    from mcop_core.executions.history import AirflowHistory

    history = AirflowHistory(api)
    return history.get(wanted) if "/" in wanted else history.latest(wanted)


@executions_app.command()
def logs(
    execution: ExecutionArgument,
    step: Annotated[str, typer.Argument(metavar="STEP", help="Task id; without it every step that was started.")] = "",
    attempt: Annotated[
        int | None, typer.Option("--attempt", metavar="N", min=1, help="Which attempt; without it the last.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """
    Print the logs of an execution's steps.

    Example: mcop executions logs storefront-staging platform.network.apply_vpc
    """
    from mcop_core.executions.naming import split_id

    with bootstrap.open_airflow(settings()) as api:
        record = _holder(api, find_execution(api, execution), step)
        attempts = _attempts(record, step, attempt)
        found = {name: list(api.logs(*split_id(record.id), name, attempt=number)) for name, number in attempts.items()}
    if as_json:
        print_json([{"step": name, "attempt": attempts[name], "lines": lines} for name, lines in found.items()])
        return
    for name, lines in found.items():
        if not step:
            say(f"== {name}, attempt {attempts[name]}", bold=True)
        for line in lines:
            say(_log_text(line), fg=_LEVELS.get(str(line.get("level"))), dim=line.get("level") == "debug")


@executions_app.command("preview")
def show_preview(execution: ExecutionArgument, as_json: AsJson = False) -> None:
    """
    Show what an execution was to change, by its preview.

    Example: mcop executions preview storefront-production
    """
    from mcop_core.cli.preview import print_preview
    from mcop_core.engines.changes import Preview, preview_key
    from mcop_core.executions.naming import PREVIEW_KEY, PREVIEW_TASK_ID, split_id

    with bootstrap.open_airflow(settings()) as api:
        record = inner_execution(api, find_execution(api, execution))
        digest = api.xcoms(*split_id(record.id), PREVIEW_TASK_ID).get(PREVIEW_KEY)
    if not digest:
        raise NotFound(f"execution {record.id} has no preview")
    found = bootstrap.open_store(settings().artifact_store).get(preview_key(digest))
    print_preview(Preview.from_json(found.data, digest), as_json=as_json)


def inner_execution(api: AirflowApi, record: ExecutionRecord) -> ExecutionRecord:
    """Return the execution that a run of `mcop_execute` started, or *record* itself."""
    return find_execution(api, record.started) if record.started else record


def _holder(api: AirflowApi, record: ExecutionRecord, step: str) -> ExecutionRecord:
    """Return the execution that *step* is of: *record*, or the one that it started."""
    if step in {"", *(item.id for item in record.steps)} or not record.started:
        return record
    return find_execution(api, record.started)


def _attempts(record: ExecutionRecord, step: str, attempt: int | None) -> dict[str, int]:
    """Return the steps whose logs are asked for -> which attempt."""
    known = {item.id: item for item in record.steps}
    if step and step not in known:
        near = closest(step, known)
        hint = f'Did you mean "{near}"?' if near else f"It has: {', '.join(known)}."
        raise NotFound(f"execution {record.id} has no step {step!r}. {hint}", suggestion=near)
    wanted = [known[step]] if step else [item for item in record.steps if item.started_at]
    found = {item.id: attempt or item.attempts for item in wanted if item.attempts >= (attempt or 1)}
    if step and not found:
        raise NotFound(f"{step} of execution {record.id} has {known[step].attempts} attempts, so no such log")
    return found


def _log_text(line: Mapping[str, Any]) -> str:
    stamp = str(line.get("timestamp") or "")[11:19]
    return f"{stamp} {line.get('event', '')}" if stamp else str(line.get("event", ""))


def _print_document(record: ExecutionRecord, inner: ExecutionRecord | None = None) -> None:
    """Print an execution as one JSON document; one that it started stands in it as `started_execution`."""
    from mcop_core.executions.history import record_document

    print_json(record_document(record) | ({"started_execution": record_document(inner)} if inner else {}))


def print_execution(record: ExecutionRecord) -> None:
    """Print an execution and every step with its state and seconds."""
    say(f"execution {record.id}: {record.status}", bold=True)
    conf = ", ".join(f"{name}={value!r}" for name, value in record.conf.items())
    facts = {
        "requested": f"{when(record.queued_at)} by {record.requested_by or 'nobody'}",
        "note": record.note,
        "conf": conf or "none",
        "snapshot": record.bundle_version or "none",
        "seconds": _seconds(record.started_at, record.ended_at),
        "started execution": record.started,
    }
    for name, value in facts.items():
        if value:
            say(f"  {name}: {value}")
    for line in record.awaits:
        say(f"  waits: {line}", fg="yellow")
    for line in record.settled:
        say(f"  settled: {line}")
    print_rows(
        (s.id, s.state or "waiting", "" if s.duration_s is None else f"{s.duration_s:.1f} s") for s in record.steps
    )


def when(moment: datetime | None) -> str:
    """Return a moment as people read it, in UTC."""
    return f"{moment:%Y-%m-%d %H:%M:%S}Z" if moment else ""


def _seconds(start: datetime | None, end: datetime | None) -> str:
    return f"{(end - start).total_seconds():.1f}" if start and end else ""
