"""`mcop up`, `mcop down`, `mcop status`: the embedded stack, and a first deployment on it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mcop_core import bootstrap
from mcop_core.cli.console import AsJson, print_json, print_lines, print_rows, print_table, say, tell
from mcop_core.cli.executions import follow_execution, print_execution
from mcop_core.cli.starting import await_published, request_execution
from mcop_core.cli.tables import shortened
from mcop_core.errors import McopError, NotFound
from mcop_core.settings import Settings, load_profile

if TYPE_CHECKING:
    from mcop_core.embedded.deployment import Deployment
    from mcop_core.embedded.home import Home
    from mcop_core.embedded.stack import Stack
    from mcop_core.executions.record import ExecutionRecord
    from mcop_core.publishing import PublicationReport

CANCEL_S = 180.0
_COLUMNS = ("name", "state", "pid", "address", "log")

Project = Annotated[
    Path, typer.Option("--project", exists=True, file_okay=False, help="The project's folder; this one if not given.")
]
Folder = Annotated[
    Path | None, typer.Option("--home", file_okay=False, help="Where the stack keeps its things; .mcop of the project.")
]


def up(
    deploy: Annotated[str, typer.Option("--deploy", metavar="MANIFEST", help="Execute this manifest then.")] = "",
    project: Project = Path(),
    home: Folder = None,
) -> None:
    """
    Start an emulated cloud and Airflow, and fill the catalog.

    The catalog is the project's include/catalog. What is healthy is used again; what is half dead is repaired.
    With --deploy, exit code 0 means that the execution completed and that the cloud's own API lists what it made.

    Example: mcop up --deploy storefront-staging
    """
    from mcop_core.embedded.stack import catalog_buckets

    stack = _stack(project, home)
    with stack.locked():
        settings = stack.start(buckets=catalog_buckets(stack.home))
        _enter(stack.home)
        _tell("using the running stack" if stack.is_reused else "waiting for Airflow")
        report = _publish(stack.home, settings)
        stack.wait()
        _tell(f"Airflow is healthy: {stack.url}")
    _tell(f"catalog: {len(report.published)} published, {len(report.unchanged)} unchanged")
    if deploy:
        _deploy(deploy, settings, stack)
    else:
        _print_login(stack)


def down(project: Project = Path(), home: Folder = None) -> None:
    """
    Stop the stack and leave no process; its data stays.

    Example: mcop down
    """
    stack = _stack(project, home)
    with stack.locked():
        stack.stop(lambda: _cancel_runners(stack.home))
    say(f"stopped; the data stays in {stack.home.folder}")


def status(project: Project = Path(), home: Folder = None, as_json: AsJson = False) -> None:
    """
    Show the stack's components, and what is settling.

    Example: mcop status --json
    """
    stack = _stack(project, home)
    parts = stack.parts()
    ill = [part.name for part in parts if part.state != "healthy"]
    settling = [] if ill else _settling(stack.home)
    rows = [(p.name, p.state, p.pid, p.address, p.log) for p in parts]
    if as_json:
        components = [dict(zip(_COLUMNS, row, strict=True)) for row in rows]
        print_json({"components": components, "settling": [{"id": one.id, "awaits": one.awaits} for one in settling]})
    else:
        print_table(("component", *_COLUMNS[1:]), rows)
        print_lines(f"settling: {one.id}: {text}" for one in settling for text in one.awaits)
    if ill:
        raise McopError(f"not healthy: {', '.join(ill)}", hint="mcop up repairs it")


def _settling(home: Home) -> list[ExecutionRecord]:
    """Return the executions that are settling, of those that the store has notes of."""
    from mcop_core.executions.history import AirflowHistory
    from mcop_core.operations import Operations
    from mcop_core.settling import with_settling

    _enter(home)
    settings = Settings.from_environment(os.environ)
    store = bootstrap.open_store(settings.artifact_store)
    records = []
    with bootstrap.open_airflow(settings) as api:
        history = AirflowHistory(api)
        for name in sorted({note.execution for note in Operations(store).open()}):
            with suppress(NotFound):  # Airflow forgot it: `mcop reconcile` settles it
                records.append(history.get(name))
        return [record for record in with_settling(records, store, history.get) if record.awaits]


def _stack(project: Path, home: Path | None) -> Stack:
    from mcop_core.embedded.home import Home
    from mcop_core.embedded.stack import Stack

    return Stack(Home.of(project, home), dict(os.environ), _tell)


def _tell(line: str) -> None:
    tell(line, dim=True)


def _enter(home: Home) -> None:
    """Make this process speak to the stack, as `mcop` will in the project's folder, and to no other account."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "MCOP_"))]:
        del os.environ[name]
    os.environ.update(load_profile({}, home.settings_file))


def _publish(home: Home, settings: Settings) -> PublicationReport:
    from mcop_core.embedded.home import CATALOG
    from mcop_core.publishing import publish_folder

    return publish_folder(
        home.project / CATALOG,
        bootstrap.open_repository(settings),
        bootstrap.open_store(settings.artifact_store),
        lambda name: bootstrap.open_engine(name, settings),
        limits=settings.limits,
    )


def _cancel_runners(home: Home) -> int:
    from mcop_core.embedded.runners import cancel_all
    from mcop_core.runner.attach import request_cancel

    profile = load_profile({}, home.settings_file)
    settings = Settings.from_environment(profile)
    return cancel_all(home.runs, lambda request: request_cancel(request, settings), timeout_s=CANCEL_S)


def _deploy(manifest: str, settings: Settings, stack: Stack) -> None:
    from mcop_core.aws import open_client
    from mcop_core.embedded.deployment import list_manifest, look_back

    repository = bootstrap.open_repository(settings)
    with bootstrap.open_airflow(settings) as api:
        plan = await_published(api, manifest, settings)
        started = request_execution(api, manifest, note="mcop up", plan=plan)
        _tell(f"execution {started.id}")
        execution = follow_execution(api, started.id, quiet=False)
        deployment = look_back(api, execution, list_manifest(repository, manifest, open_client))
    _print_deployment(deployment)
    _print_login(stack)
    if deployment.problems:
        raise McopError("; ".join(deployment.problems), hint=f"mcop executions logs {execution.id}")


def _print_deployment(deployment: Deployment) -> None:
    print_execution(deployment.execution)
    resources = deployment.listing.resources
    say("\noutputs", bold=True)
    print_rows(_output_rows(deployment.outputs))
    say("\nresources, as the cloud lists them", bold=True)
    print_rows((found.address, found.kind, found.id) for found in resources)
    total = deployment.total
    counts = ", ".join(f"{count} {word}" for word, count in total.items())
    changes = counts if any(total.values()) else "no changes"
    say(f"\n{changes}; the cloud lists {len(resources)} tagged resources", bold=True)


def _output_rows(outputs: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    from mcop_core.embedded.deployment import shown

    return [
        (step, name, shortened(shown(value)))
        for step, found in outputs.items()
        for name, value in sorted(found.items())
    ]


def _print_login(stack: Stack) -> None:
    from mcop_core.embedded.home import ADMIN, APPROVER, load_secrets

    known = load_secrets(stack.home)
    say(f"Airflow: {stack.url}   user {ADMIN}, password {known.password}", bold=True)
    say(f"Another user, who can approve what {ADMIN} asks for: {APPROVER}, password {known.approver}")
