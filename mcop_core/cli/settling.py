"""`mcop reconcile`, and how executions stand where Airflow's word is not the whole truth."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from mcop_core import bootstrap
from mcop_core.cli.console import AsJson, print_json, print_rows, say, settings, tell
from mcop_core.errors import InvalidInput, NotFound, UnknownOutcome, Unreachable

if TYPE_CHECKING:
    from mcop_core.executions.airflow_api import AirflowApi
    from mcop_core.executions.record import ExecutionRecord
    from mcop_core.settling import Finding


def reconcile(
    executions: Annotated[
        list[str] | None,
        typer.Argument(metavar="EXECUTION", help="Ids, or manifests: their latest. Left out: all that are unsettled."),
    ] = None,
    lost: Annotated[
        list[str],
        typer.Option("--lost", metavar="HOST", help="This worker is gone for certain, with its disk; may be repeated."),
    ] = [],  # noqa: B006 (Typer reads the default once)
    as_json: AsJson = False,
) -> None:
    """
    Settle what Airflow calls ended and what is not.

    A runner that works is left alone. Of one that died, the state that lies on this machine or was shipped is written,
    the lock freed, and what it was creating is found in the cloud or named. What came of it is kept beside Airflow's
    record, which stays as it is. It is safe beside executions and beside itself, and may be stopped anywhere.

    A worker's disk and processes are seen on that worker alone: run it there, or name with --lost a worker that will
    not come back. The exit code is 8 if something stays unsettled that nobody works on.

    Example: mcop reconcile

    Example: mcop reconcile storefront-staging --lost worker-7
    """
    from mcop_core.settling import Reconciler, Verdict

    if lost and not executions:
        raise InvalidInput("--lost takes leases from whoever works there: name the executions that it is about")
    read = settings()
    with bootstrap.open_airflow(read) as api:
        word = _Word(api)
        wanted = [word.find(name) for name in executions] if executions else None
        store = bootstrap.open_store(read.artifact_store)
        findings = Reconciler(store, read, dict(os.environ), word, _tell_line, lost).run(wanted)
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        _print_findings(findings)
    left = [finding.step for finding in findings if finding.verdict is Verdict.LEFT]
    if left:
        raise UnknownOutcome(f"not settled: {', '.join(left)}", resources=tuple(left))


class _Word:
    """What Airflow says of executions."""

    def __init__(self, api: AirflowApi) -> None:
        from mcop_core.executions.history import AirflowHistory

        self._history = AirflowHistory(api)

    def find(self, wanted: str) -> str:
        """Return the id of an execution, or of the latest one of a manifest."""
        return wanted if "/" in wanted else self._history.latest(wanted).id

    def __call__(self, execution: str) -> ExecutionRecord | None:
        """Return its record, None if Airflow has it no more."""
        try:
            return self._history.get(execution)
        except NotFound:
            return None


def _tell_line(level: str, line: str) -> None:
    tell(line, dim=level == "info")


def _print_findings(findings: Sequence[Finding]) -> None:
    if not findings:
        say("nothing is unsettled")
    print_rows((one.verdict, one.execution, one.text) for one in findings)


def as_they_stand(api: AirflowApi, records: Sequence[ExecutionRecord]) -> list[ExecutionRecord]:
    """Return *records* with those settling that are; where the artifact store does not answer, say so."""
    from mcop_core.executions.history import AirflowHistory
    from mcop_core.settling import with_settling

    try:
        store = bootstrap.open_store(settings().artifact_store)
        return with_settling(records, store, AirflowHistory(api).get)
    except Unreachable as error:
        _tell_unasked(error)
        return list(records)


def as_it_stands(record: ExecutionRecord) -> ExecutionRecord:
    """Return *record*, with its steps, with what it waits for and what was settled; else as `as_they_stand`."""
    from mcop_core.settling import with_truth

    try:
        return with_truth(record, bootstrap.open_store(settings().artifact_store))
    except Unreachable as error:
        _tell_unasked(error)
        return record


def _tell_unasked(error: Unreachable) -> None:
    tell(f"this is Airflow's word alone; whether something is settling was not asked: {error}")
