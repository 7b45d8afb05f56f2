"""`mcop executions …`: what Airflow runs and ran."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mcop_core import bootstrap
from mcop_core.cli.console import (
    INTERRUPTED,
    AsJson,
    print_json,
    print_rows,
    print_table,
    say,
    settings,
    tell,
)
from mcop_core.cli.help import Commands
from mcop_core.cli.settling import as_it_stands, as_they_stand
from mcop_core.errors import InvalidInput, McopError, NotFound, closest

if TYPE_CHECKING:
    from mcop_core.executions.airflow_api import AirflowApi
    from mcop_core.executions.record import ExecutionRecord

executions_app = Commands(help="What ran, when, with which parameters; read from Airflow.")

_LEVELS = {"error": "red", "critical": "red", "warning": "yellow"}

ExecutionArgument = Annotated[
    str, typer.Argument(metavar="EXECUTION", help="Id as `mcop executions list` prints it, or a manifest: its latest.")
]


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


def finish(api: AirflowApi, wanted: str, *, as_json: bool) -> None:
    """Follow an execution and what it starts, print both, and make its end the exit code."""
    from mcop_core.executions.history import AirflowHistory

    finished = follow_execution(api, wanted, quiet=as_json)
    inner = AirflowHistory(api).get(finished.started) if finished.started else None
    if as_json:
        print_document(finished, inner)
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
        print_document(record)
    else:
        print_execution(record)


@executions_app.command()
def follow(execution: ExecutionArgument, as_json: AsJson = False) -> None:
    """
    Follow an execution to its end; exit code 1 if it fails.

    Example: mcop executions follow storefront-staging
    """
    with bootstrap.open_airflow(settings()) as api:
        finish(api, find_execution(api, execution).id, as_json=as_json)


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


def print_document(record: ExecutionRecord, inner: ExecutionRecord | None = None) -> None:
    """Print an execution as one JSON document; one that it started stands in it as `started_execution`."""
    from mcop_core.executions.history import record_document

    print_json(record_document(record) | ({"started_execution": record_document(inner)} if inner else {}))


def print_execution(record: ExecutionRecord) -> None:
    """Print an execution and every step with its state and seconds."""
    say(f"execution {record.id}: {record.status}", bold=True)
    from mcop_core.compiler.run_conf import PLAN_KEY

    conf = ", ".join(f"{name}={value!r}" for name, value in record.conf.items() if name != PLAN_KEY)
    facts = {
        "requested": f"{when(record.queued_at)} by {record.requested_by or 'nobody'}",
        "note": record.note,
        "conf": conf or "none",
        "plan": record.conf.get(PLAN_KEY),
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
