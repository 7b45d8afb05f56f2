"""`mcop replay`, `mcop executions diff` and `export`, bills of materials: what executions were made of."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mcop_core import bootstrap
from mcop_core.cli.console import AsJson, print_json, print_lines, print_rows, print_table, say, settings
from mcop_core.cli.executions import ExecutionArgument, executions_app, find_execution, inner_execution, when
from mcop_core.errors import InvalidInput, McopError, NotFound, closest

if TYPE_CHECKING:
    from mcop_core.executions.airflow_api import AirflowApi
    from mcop_core.records.bill import BilledApproval, BilledParameter, BilledStep, BillOfMaterials
    from mcop_core.records.comparison import Comparison
    from mcop_core.records.replay import ReplayedStep

_SHOWN_DIGITS = 12

ExportOption = Annotated[
    Path | None,
    typer.Option("--export", metavar="FILE", exists=True, dir_okay=False, help="Read this export, and not Airflow."),
]


def read_bills(wanted: Sequence[str], export: Path | None) -> list[BillOfMaterials]:
    """
    Return the bills of executions, from an export where one is given.

    Raises:
        NotFound: There is no such execution, or its plan is not in the store any more; names the nearest.
        Tampered: The export is damaged.
    """
    if export is None:
        with bootstrap.open_airflow(settings()) as api:
            return [find_bill(api, one) for one in wanted]
    from mcop_core.records.export import exported_bills

    found = exported_bills(export)
    return [_exported(found, one, export) for one in wanted]


def _exported(bills: Mapping[str, BillOfMaterials], wanted: str, path: Path) -> BillOfMaterials:
    if wanted in bills:
        return bills[wanted]
    near = closest(wanted, bills)
    hint = f' Did you mean "{near}"?' if near else ""
    raise NotFound(f"{path} holds no bill of materials of an execution {wanted!r}.{hint}", suggestion=near)


def find_bill(api: AirflowApi, wanted: str) -> BillOfMaterials:
    """
    Return the bill of an execution, of the one that it started if it is a run of `mcop_execute`.

    Raises:
        NotFound: There is no such execution, or its plan is not in the store any more.
    """
    from mcop_core.executions.history import AirflowHistory
    from mcop_core.records.reading import read_bill

    record = inner_execution(api, find_execution(api, wanted))
    return read_bill(AirflowHistory(api), bootstrap.open_store(settings().artifact_store), record)


def show_bill(execution: str, export: Path | None, *, as_json: bool) -> None:
    """Print the bill of an execution."""
    from mcop_core.records.bill import bill_document

    (bill,) = read_bills([execution], export)
    if as_json:
        print_json(bill_document(bill))
    else:
        _print_bill(bill)


def _print_bill(bill: BillOfMaterials) -> None:
    say(f"bill of materials of {bill.execution}: {bill.status}", bold=True)
    facts = {
        "manifest": f"{bill.manifest} in namespace {bill.namespace}",
        "action": bill.action,
        "requested": f"{when(bill.requested_at)} by {bill.requested_by or 'nobody'}",
        "note": bill.note,
        "plan": bill.plan,
        "snapshot": bill.snapshot,
        "preview": bill.preview,
        "overrides": ", ".join(f"{name}={_shown(value)}" for name, value in bill.overrides.items()) or "none",
    }
    print_lines(f"  {name}: {value}" for name, value in facts.items() if value)
    print_lines(f"  approved: {line}" for approval in bill.approvals for line in _approval_lines(approval))
    print_lines(f"  object: {ref}" for ref in bill.objects)
    for step in bill.steps:
        _print_step(step)
    print_lines(f"settled: {text}" for text in bill.settled)
    print_lines(
        f"{one.step}: not in the manifest any more, {one.destroyed} destroyed, artifact {one.artifact}"
        for one in bill.removed
    )


def _approval_lines(approval: BilledApproval) -> Iterable[str]:
    what = f"{approval.task} beside the preview" if approval.task else f"preview {approval.preview[:_SHOWN_DIGITS]}"
    people = zip(approval.by, approval.at, strict=True)
    return [f"{what}, by {person} at {at}" for person, at in people] or [f"{what}, which needed nobody"]


def _print_step(step: BilledStep) -> None:
    say(f"{step.id}: {step.outcome}", bold=True)
    counts = (
        f"{step.added} added, {step.changed} changed, {step.destroyed} destroyed, " if step.added is not None else ""
    )
    facts = [
        ("primitive", f"{step.primitive} by {step.adapter} ({step.engine})"),
        ("template", step.template),
        *(("provider", f"{address} {lock.version}") for address, lock in step.locks.items()),
        *(("exempted", f"{rule}: {reason}") for rule, reason in sorted(step.exemptions.items())),
        ("artifact", step.artifact or "none"),
        *(("done by", f"{name} {version}") for name, version in sorted(step.versions.items())),
        ("result", f"{counts}attempts: {step.attempts}"),
    ]
    print_rows(facts)
    print_rows((f"  {one.name}", f"= {_shown(one.value)}", _origin(one)) for one in step.parameters)


def _origin(parameter: BilledParameter) -> str:
    return f"{parameter.layer}: {parameter.via} ({parameter.source})"


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


@executions_app.command("diff")
def diff(
    before: Annotated[str, typer.Argument(metavar="A", help="Id of an execution, or a manifest: its latest.")],
    after: Annotated[str, typer.Argument(metavar="B", help="Id of the other.")],
    export: ExportOption = None,
    as_json: AsJson = False,
) -> None:
    """
    Show what differs between two executions.

    Versions, templates, providers, overrides, parameters with the layer that set them, artifacts and outcomes.

    Example: mcop executions diff storefront-staging storefront-production
    """
    from mcop_core.records.comparison import compare

    comparison = compare(*read_bills([before, after], export))
    if as_json:
        print_json(comparison.to_json())
    else:
        _print_comparison(comparison)


def _print_comparison(comparison: Comparison) -> None:
    say(f"{comparison.before} -> {comparison.after}", bold=True)
    if not comparison.sections:
        say("  no difference")
    for section, differing in comparison.sections.items():
        say(section, bold=True)
        print_lines(f"  {one}" for one in differing)


def replay(
    execution: ExecutionArgument,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FOLDER", file_okay=False, help="Write the artifacts here.")
    ] = None,
    export: ExportOption = None,
    as_json: AsJson = False,
) -> None:
    """
    Render an execution again, and compare the bytes.

    With the plan, the overrides and the outputs that were recorded; the catalog is not asked, and nothing is applied.
    The exit code is 1 if a step's artifact is not the same.

    Example: mcop replay storefront-production --output replayed
    """
    from mcop_core.compiler.snapshot import load_plan
    from mcop_core.records import replay as replaying

    store = bootstrap.open_store(settings().artifact_store)
    (bill,) = read_bills([execution], export)
    plan = load_plan(store, bill.plan)
    with tempfile.TemporaryDirectory(prefix="mcop-replay-") as cache:
        engines = {step.engine: bootstrap.open_engine(step.engine, settings()) for step in bill.steps}
        found = list(replaying.replay(bill, plan, engines.__getitem__, store, Path(cache)))
    if output:
        _write_artifacts(found, output)
    _tell_replayed(bill, found, as_json=as_json)


def _write_artifacts(found: Iterable[ReplayedStep], folder: Path) -> None:
    from mcop_core.cli.plan import write_files

    for one in found:
        if one.artifact:
            write_files(one.artifact.files, folder / one.step)


def _tell_replayed(bill: BillOfMaterials, found: list[ReplayedStep], *, as_json: bool) -> None:
    if as_json:
        keys = ("step", "recorded", "replayed", "identical", "problem")
        print_json([dict(zip(keys, (*_row(one), one.problem), strict=True)) for one in found])
    else:
        print_table(("STEP", "RECORDED", "RESULT"), [(one.step, one.recorded or "-", _result(one)) for one in found])
    differing = [one for one in found if one.problem]
    if differing:
        raise McopError(
            f"{len(differing)} of {len(found)} steps of {bill.execution} are not what was rendered:\n"
            + "\n".join(f"  {one.step}: {one.problem}" for one in differing)
        )


def _row(one: ReplayedStep) -> tuple[str, str | None, str | None, bool | None]:
    identical = None if one.recorded is None else not one.problem
    return one.step, one.recorded, one.artifact.digest if one.artifact else None, identical


def _result(one: ReplayedStep) -> str:
    if one.recorded is None:
        return "was not rendered"
    return "differs" if one.problem else "identical"


@executions_app.command("export")
def export_executions(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", dir_okay=False, help="The file to write; a new one.")
    ],
    before: Annotated[
        str, typer.Option("--before", metavar="DATE", help="Executions before this day or moment, ISO 8601, UTC.")
    ] = "",
    older_than: Annotated[
        int | None, typer.Option("--older-than", metavar="DAYS", min=0, help="Executions older than so many days.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """
    Write executions with their bills to a file.

    For longer than Airflow keeps them: before `airflow db clean` with the same date. The file is whole or not there,
    and is read again and checked. Logs are not in it.

    Example: mcop executions export --before 2026-01-01 --output 2025.jsonl
    """
    from mcop_core.executions.history import AirflowHistory
    from mcop_core.records import export as exporting

    moment = _moment(before, older_than, datetime.now(UTC))
    store = bootstrap.open_store(settings().artifact_store)
    with bootstrap.open_airflow(settings()) as api:
        history = AirflowHistory(api)
        count = exporting.export(history, store, history.older(moment), moment, output)
    if as_json:
        print_json({"executions": count, "before": moment.isoformat(), "file": str(output)})
    else:
        say(f"{count} executions before {moment.isoformat()} written to {output}")


def _moment(before: str, older_than: int | None, now: datetime) -> datetime:
    """Return the moment that exactly one of the two options names."""
    if bool(before) == (older_than is not None):
        raise InvalidInput("say up to when: either --before DATE or --older-than DAYS")
    if older_than is not None:
        return now - timedelta(days=older_than)
    try:
        moment = datetime.fromisoformat(before)
    except ValueError as error:
        raise InvalidInput(f"--before {before!r} is no date: write 2026-01-31, or 2026-01-31T12:00:00Z") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
