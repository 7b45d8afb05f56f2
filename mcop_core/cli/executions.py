"""`mcop execute` and `mcop executions …`: start a manifest's DAG through Airflow's REST API, and read what ran."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from mcop_core import bootstrap
from mcop_core.cli.console import AsJson, Sets, err, out, parse_sets, print_json, print_table, settings
from mcop_core.cli.live import aligned, progress_display
from mcop_core.errors import InvalidInput, McopError, NotFound, closest
from mcop_core.executions.history import (
    DAG_PREFIX,
    EXECUTE_DAG,
    AirflowHistory,
    dag_of,
    execution_id,
    record_document,
    split_id,
)
from mcop_core.executions.progress import Progress, follow
from mcop_core.executions.record import ExecutionRecord
from mcop_core.executions.status import Status

if TYPE_CHECKING:
    from mcop_core.executions.airflow_api import AirflowApi

executions_app = typer.Typer(no_args_is_help=True, help="What ran, when, with which parameters; read from Airflow.")

_DEPLOY_TASK = "deploy"
_CHILD_RUN_KEY = "trigger_run_id"
_LEVELS = {"error": "red", "critical": "red", "warning": "yellow", "debug": "dim"}

ExecutionArgument = Annotated[
    str, typer.Argument(metavar="EXECUTION", help="Id as `mcop executions list` prints it, or a manifest: its latest.")
]


def execute(
    manifest: Annotated[str, typer.Argument(help="Name of the manifest; NAME@VERSION is --version.")],
    version: Annotated[
        str, typer.Option("--version", help="Make this version the active one first, through the DAG mcop_execute.")
    ] = "",
    sets: Sets = [],  # noqa: B006 (Typer reads the default once)
    wait: Annotated[bool, typer.Option("--wait", help="Follow it to its end; exit code 1 if it fails.")] = False,
    note: Annotated[str, typer.Option("--note", help="Why; shown with the run in Airflow.")] = "",
    as_json: AsJson = False,
) -> None:
    """
    Start the execution of a manifest.

    A value of --set is YAML: 3 is a number, [a, b] a list, anything else text.

    Example: mcop execute storefront-staging --set log_retention_days=14 --set zones=[a,b] --wait

    Example: mcop execute storefront-production --version 1.1.0 --note CHG-77
    """
    name, _, named = manifest.partition("@")
    if version and named and version != named:
        raise InvalidInput(f"{manifest} and --version {version} disagree")
    with bootstrap.open_airflow(settings()) as api:
        started = start_execution(api, name, version or named, parse_sets(sets), note=note)
        if wait:
            finished = follow_execution(api, started.id, quiet=as_json)
            _print_execution(finished, as_json=as_json)
            raise_if_failed(finished)
        elif as_json:
            print_json(record_document(started))
        else:
            out.print(Text(f"started {started.id}"))


def start_execution(
    api: AirflowApi, manifest: str, version: str, overrides: Mapping[str, Any], *, note: str = ""
) -> ExecutionRecord:
    """
    Start an execution of the active version, or of *version* through `mcop_execute`, and return its record.

    Raises:
        NotFound: Airflow has no DAG of the manifest; names the nearest.
        InvalidInput: Airflow refuses an override; in its own words.
    """
    dag_id = EXECUTE_DAG if version else dag_of(manifest)
    _check_dag(api, dag_id, manifest)
    conf = _request(manifest, version, overrides) if version else overrides
    run = api.trigger(dag_id, run_id=new_run_id(datetime.now(UTC)), conf=conf, note=note or None)
    return AirflowHistory(api).get(execution_id(dag_id, run["dag_run_id"]))


def _request(manifest: str, version: str, overrides: Mapping[str, Any]) -> dict[str, Any]:
    request: dict[str, Any] = {"manifest_name": manifest, "manifest_version": version}
    return request | ({"overrides": dict(overrides)} if overrides else {})


def _check_dag(api: AirflowApi, dag_id: str, manifest: str) -> None:
    """Refuse what would be queued for ever, and say which manifests there are when there is no such one."""
    try:
        dag = api.dag(dag_id)
    except NotFound as error:
        known = [found["dag_id"].removeprefix(DAG_PREFIX) for found in api.dags(DAG_PREFIX)]
        near = closest(manifest, known)
        hint = f'Did you mean "{near}"?' if near else f"Airflow shows: {', '.join(known) or 'none'}."
        raise NotFound(f"Airflow has no DAG {dag_id} of manifest {manifest!r}. {hint}", suggestion=near) from error
    if dag["is_paused"]:
        raise InvalidInput(f"{dag_id} is paused in Airflow: a run would wait until somebody unpauses it")


def new_run_id(now: datetime) -> str:
    """Return a run id that says when it was asked for, and that nobody else has."""
    return f"mcop__{now:%Y-%m-%dT%H-%M-%S}__{secrets.token_hex(4)}"


def follow_execution(api: AirflowApi, wanted: str, *, quiet: bool) -> ExecutionRecord:
    """Show the progress of an execution, on the error stream, and return it when it has ended."""
    dag_id, run_id = split_id(wanted)
    if quiet:
        return _follow(api, dag_id, run_id, lambda progress: None)
    with progress_display(err) as show:
        return _follow(api, dag_id, run_id, show)


def _follow(api: AirflowApi, dag_id: str, run_id: str, show: Callable[[Progress], None]) -> ExecutionRecord:
    return follow(api, dag_id, run_id, on_progress=show, now=lambda: datetime.now(UTC))


def raise_if_failed(execution: ExecutionRecord) -> None:
    """
    Raise the error that makes the exit code 1, naming the steps that failed.

    Raises:
        McopError: *execution* has not completed.
    """
    if execution.status is Status.COMPLETED:
        return
    failed = [step.id for step in execution.steps if step.state == "failed"]
    raise McopError(
        f"execution {execution.id} ended as {execution.status}; failed: {', '.join(failed) or 'no step'}",
        hint=f"mcop executions logs {execution.id} {failed[0]}" if failed else "",
    )


@executions_app.command("list")
def list_executions(
    manifest: Annotated[str, typer.Argument(help="Only those of this manifest.")] = "",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many, newest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """
    List executions, newest first.

    Example: mcop executions list storefront-staging --limit 5
    """
    with bootstrap.open_airflow(settings()) as api:
        records = AirflowHistory(api).find(manifest, limit=limit)
    if as_json:
        print_json([record_document(record) for record in records])
        return
    rows = [(r.id, r.status, _when(r.queued_at), _seconds(r.started_at, r.ended_at), r.requested_by) for r in records]
    print_table(("EXECUTION", "STATUS", "REQUESTED", "SECONDS", "BY"), rows)


@executions_app.command()
def show(execution: ExecutionArgument, as_json: AsJson = False) -> None:
    """
    Show one execution with its steps.

    Example: mcop executions show storefront-staging
    """
    with bootstrap.open_airflow(settings()) as api:
        record = find_execution(api, execution)
    _print_execution(record, as_json=as_json)


def find_execution(api: AirflowApi, wanted: str) -> ExecutionRecord:
    """
    Return the execution with this id, or the latest one of the manifest with this name.

    Raises:
        NotFound: There is none.
    """
    history = AirflowHistory(api)
    return history.get(wanted) if "/" in wanted else history.latest(wanted)


@executions_app.command()
def logs(
    execution: ExecutionArgument,
    step: Annotated[str, typer.Argument(help="Task id; without it every step that was started.")] = "",
    attempt: Annotated[int | None, typer.Option("--attempt", min=1, help="Which attempt; without it the last.")] = None,
    as_json: AsJson = False,
) -> None:
    """
    Print the logs of an execution's steps.

    Example: mcop executions logs storefront-staging platform.network.apply_vpc
    """
    with bootstrap.open_airflow(settings()) as api:
        record = find_execution(api, execution)
        dag_id, run_id = split_id(record.id)
        attempts = _attempts(record, step, attempt)
        found = {name: list(api.logs(dag_id, run_id, name, attempt=number)) for name, number in attempts.items()}
    if as_json:
        print_json([{"step": name, "attempt": attempts[name], "lines": lines} for name, lines in found.items()])
        return
    for name, lines in found.items():
        if not step:
            out.print(Text(f"== {name}, attempt {attempts[name]}", style="bold"))
        for line in lines:
            out.print(Text(_log_text(line), style=_LEVELS.get(str(line.get("level")), "")))


def _attempts(record: ExecutionRecord, step: str, attempt: int | None) -> dict[str, int]:
    """Return the steps whose logs are asked for -> which attempt."""
    known = {item.id: item for item in record.steps}
    if step and step not in known:
        near = closest(step, known)
        hint = f'Did you mean "{near}"?' if near else f"It has: {', '.join(known)}."
        raise NotFound(f"execution {record.id} has no step {step!r}. {hint}", suggestion=near)
    if step:
        return {step: attempt or max(known[step].attempts, 1)}
    return {item.id: attempt or item.attempts for item in record.steps if item.started_at and item.attempts}


def _log_text(line: Mapping[str, Any]) -> str:
    stamp = str(line.get("timestamp") or "")[11:19]
    return f"{stamp} {line.get('event', '')}" if stamp else str(line.get("event", ""))


def _print_execution(record: ExecutionRecord, *, as_json: bool) -> None:
    if as_json:
        print_json(record_document(record))
        return
    print_execution(record)


def print_execution(record: ExecutionRecord) -> None:
    """Print an execution and every step with its state and seconds."""
    out.print(Text(f"execution {record.id}: {record.status}", style="bold"))
    conf = ", ".join(f"{name}={value!r}" for name, value in record.conf.items())
    facts = {
        "requested": f"{_when(record.queued_at)} by {record.requested_by or 'nobody'}",
        "conf": conf or "none",
        "snapshot": record.bundle_version or "none",
        "seconds": _seconds(record.started_at, record.ended_at),
    }
    for name, value in facts.items():
        out.print(Text(f"  {name}: {value}"))
    rows = [
        (step.id, step.state or "waiting", "" if step.duration_s is None else f"{step.duration_s:.1f} s")
        for step in record.steps
    ]
    for line in aligned(rows):
        out.print(Text(f"  {line}"))


def _when(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}Z" if moment else ""


def _seconds(start: datetime | None, end: datetime | None) -> str:
    return f"{(end - start).total_seconds():.1f}" if start and end else ""
