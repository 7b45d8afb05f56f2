"""`mcop once`: one manifest from the environment of a container to its end, with an Airflow of its own."""

from __future__ import annotations

import json
import os
import secrets
import signal
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mcop_core import bootstrap
from mcop_core.cli import catalog as catalog_commands
from mcop_core.cli.console import print_table, say, settings, tell
from mcop_core.cli.executions import follow_execution, inner_execution, print_execution, raise_if_failed
from mcop_core.cli.plan import compiled_plan, render_all, write_files
from mcop_core.cli.stack import CANCEL_S, Project
from mcop_core.cli.starting import await_published
from mcop_core.errors import InvalidDocuments, InvalidInput, Refused

if TYPE_CHECKING:
    from mcop_core.compiler.plan import DeploymentPlan
    from mcop_core.embedded.alone import Alone
    from mcop_core.executions.airflow_api import AirflowApi
    from mcop_core.executions.record import ExecutionRecord
    from mcop_core.settings import Settings


def once(
    manifest: Annotated[
        str, typer.Argument(metavar="[MANIFEST]", envvar="MANIFEST_NAME", help="Name of the manifest.")
    ] = "",
    version: Annotated[
        str,
        typer.Option("--version", metavar="VERSION", envvar="MANIFEST_VERSION", help="Make this the active one first."),
    ] = "",
    overrides: Annotated[
        str, typer.Option("--overrides", metavar="JSON", envvar="OVERRIDES", help="A JSON object: parameter to value.")
    ] = "",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            metavar="FOLDER",
            envvar="OUTPUT_PATH",
            file_okay=False,
            help="Where plan, artifacts, outputs and record are written.",
        ),
    ] = None,
    render_only: Annotated[
        bool, typer.Option("--render-only", envvar="RENDER_ONLY", help="Apply nothing, and start no Airflow.")
    ] = False,
    project: Project = Path(),
) -> None:
    """
    Execute one manifest to its end, and stop.

    With an Airflow that is there for this alone. The image does so when no command is given; catalog, stores and cloud
    are those of the environment. Into --output go plan.json, artifacts/<step>/, outputs.json and execution.json, the
    bill of materials. With --render-only, artifacts of those steps that need no outputs of others.

    A manifest that asks for an approval is refused: nobody sees the question here.

    Example: mcop once storefront-staging --overrides '{"log_retention_days": 14}' --output out
    """
    if not manifest:
        raise InvalidInput("no manifest is named: set MANIFEST_NAME, or write mcop once MANIFEST")
    given = read_overrides(overrides)
    target = manifest + (f"@{version}" if version else "")
    with compiled_plan(target, None) as (plan, store):
        _check_overrides(plan, given)
        if output:
            _write_plan(plan, output)
        if render_only:
            rows = render_all(plan, store, (output or Path()) / "artifacts", given, {})
            print_table(("STEP", "ARTIFACT", "WAITS FOR"), [tuple(map(_cell, row.values())) for row in rows])
            return
        if plan.approval.is_asked:
            raise Refused(f"{target} asks for an approval, and nobody can be asked here: execute it in an Airflow")
    active = catalog_commands.repository().active().get(manifest)
    _execute(manifest, "" if version == active else version, given, output, project)


def read_overrides(text: str) -> dict[str, Any]:
    """
    Return the overrides in *text*, a JSON object; none if it is empty.

    Raises:
        InvalidInput: It is something else; says where it stops being JSON.
    """
    if not text.strip():
        return {}
    allowed = 'write a JSON object of parameter to value, as {"log_retention_days": 14}'
    try:
        found = json.loads(text)
    except ValueError as error:
        raise InvalidInput(f"OVERRIDES is no JSON: {error}; {allowed}") from error
    if not isinstance(found, dict):
        raise InvalidInput(f"OVERRIDES is {type(found).__name__}, not an object; {allowed}")
    return found


def _check_overrides(plan: DeploymentPlan, overrides: Mapping[str, Any]) -> None:
    from mcop_core.compiler.resolution import check_overrides

    faults = check_overrides(plan, dict(overrides), settings().limits)
    if faults:
        raise InvalidDocuments.of(faults)


def _write_plan(plan: DeploymentPlan, output: Path) -> None:
    """Write the plan; a folder that cannot be written to is found out here, before anything is applied."""
    from mcop_core.compiler.outline import to_json

    try:
        write_files({"plan.json": to_json(plan).encode()}, output)
    except OSError as error:
        raise InvalidInput(
            f"OUTPUT_PATH is {str(output)!r}: nothing can be written there ({error.strerror}); name a folder that user "
            f"{os.geteuid()} may write to"
        ) from error


def _cell(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else value or "-"


def _execute(manifest: str, version: str, overrides: Mapping[str, Any], output: Path | None, project: Path) -> None:
    from mcop_core.embedded.alone import Alone
    from mcop_core.embedded.home import Home

    # A container is asked to stop by SIGTERM: the runner must get the time to end what it has begun.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="mcop-once-") as folder:
        stack = Alone(Home.of(project, Path(folder)), dict(os.environ), lambda line: tell(line, dim=True))
        with stack.locked():
            own = stack.start(buckets={})
            try:
                stack.wait()
                _carry_out(own, manifest, version, overrides, output)
            finally:
                stack.stop(lambda: _cancel(stack, own))


def _cancel(stack: Alone, own: Settings) -> int:
    from mcop_core.embedded.runners import cancel_all
    from mcop_core.runner.attach import request_cancel

    return cancel_all(Path(own.work_dir), lambda request: request_cancel(request, own), timeout_s=CANCEL_S)


def _carry_out(own: Settings, manifest: str, version: str, overrides: Mapping[str, Any], output: Path | None) -> None:
    from mcop_core.compiler.run_conf import PLAN_KEY
    from mcop_core.executions.requests import new_run_id, start_execution

    run_id = new_run_id(datetime.now(UTC), lambda: secrets.token_hex(4))
    with bootstrap.open_airflow(own) as api:
        digest = "" if version else await_published(api, manifest, own)
        conf = {**overrides, **({PLAN_KEY: digest} if digest else {})}
        started = start_execution(api, manifest, version, conf, run_id=run_id, note="mcop once")
        tell(f"execution {started.id}", dim=True)
        followed = follow_execution(api, started.id, quiet=False)
        record = inner_execution(api, followed)
        print_execution(record)
        if output:
            _write_record(api, own, record, output)
            say(f"written to {output}")
        raise_if_failed(followed, record if record.id != followed.id else None)


def _write_record(api: AirflowApi, own: Settings, record: ExecutionRecord, output: Path) -> None:
    """Write what the execution was made of and what it put out; a sensitive output as the pointer that it is."""
    from mcop_core.embedded.deployment import look_back
    from mcop_core.embedded.resources import Listing
    from mcop_core.engines.artifact import load_artifact
    from mcop_core.executions.history import AirflowHistory
    from mcop_core.records.bill import bill_document
    from mcop_core.records.reading import read_bill

    store = bootstrap.open_store(own.artifact_store)
    bill = read_bill(AirflowHistory(api), store, record)
    done = look_back(api, record, Listing((), {}))
    documents = {"execution.json": bill_document(bill), "outputs.json": done.outputs}
    texts = {name: json.dumps(one, indent=2).encode() for name, one in documents.items()}
    write_files(texts, output)
    for step in bill.steps:
        if step.artifact:
            write_files(load_artifact(store, step.artifact).files, output / "artifacts" / step.id)
