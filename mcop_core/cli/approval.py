"""`mcop approve` and `mcop reject`: the answer to what an execution asks."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mcop_core import bootstrap
from mcop_core.cli.console import AsJson, print_json, say, settings
from mcop_core.cli.executions import ExecutionArgument, find_execution, inner_execution
from mcop_core.errors import InvalidInput, NotFound, Refused

if TYPE_CHECKING:
    from mcop_core.executions.airflow_api import AirflowApi

StepOption = Annotated[str, typer.Option("--step", metavar="STEP", help="Task id, where several tasks ask.")]


def approve(
    execution: ExecutionArgument,
    step: StepOption = "",
    incomplete: Annotated[
        bool, typer.Option("--incomplete", help="Also a preview that leaves something out, which it names.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask back.")] = False,
    as_json: AsJson = False,
) -> None:
    """
    Approve what an execution waits for.

    That is its preview, or what a step would do beside it. What is approved is shown first. Who may approve, and how
    many must, stands in the manifest.

    Example: mcop approve storefront-production
    """
    from mcop_core.approvals import APPROVE, APPROVE_INCOMPLETE

    with bootstrap.open_airflow(settings()) as api:
        dag, run_id, question = _question(api, execution, step)
        if not as_json:
            say(question["subject"], bold=True)
            say(question["body"] or "")
        option = APPROVE if APPROVE in question["options"] else APPROVE_INCOMPLETE
        if option == APPROVE_INCOMPLETE and not incomplete:
            raise Refused("this preview leaves something out: --incomplete approves it all the same")
        if not yes and not _confirmed():
            raise typer.Abort
        _answer(api, dag, run_id, question, option, as_json=as_json)


def reject(execution: ExecutionArgument, step: StepOption = "", as_json: AsJson = False) -> None:
    """
    Reject what an execution waits for.

    The execution ends, and nothing more is applied.

    Example: mcop reject storefront-production
    """
    from mcop_core.approvals import REJECT

    with bootstrap.open_airflow(settings()) as api:
        dag, run_id, question = _question(api, execution, step)
        _answer(api, dag, run_id, question, REJECT, as_json=as_json)


def _confirmed() -> bool:
    if not sys.stdin.isatty():
        raise InvalidInput("nobody can be asked back here: --yes approves what is shown")
    return typer.confirm("Approve this?", err=True)


def _question(api: AirflowApi, wanted: str, step: str) -> tuple[str, str, dict[str, Any]]:
    """Return DAG id, run id and the one question that is meant."""
    from mcop_core.executions.naming import split_id

    record = inner_execution(api, find_execution(api, wanted))
    dag, run_id = split_id(record.id)
    return dag, run_id, _chosen(api.questions(dag, run_id), record.id, step)


def _chosen(questions: Sequence[dict[str, Any]], execution: str, step: str) -> dict[str, Any]:
    asking = {question["task_instance"]["task_id"]: question for question in questions}
    if not asking:
        raise NotFound(f"execution {execution} waits for nobody")
    if step and step not in asking:
        raise NotFound(f"{step} of execution {execution} asks nothing; what asks: {', '.join(asking)}")
    if not step and len(asking) > 1:
        raise InvalidInput(f"several steps ask: {', '.join(asking)}. Name one with --step.")
    return asking[step] if step else next(iter(asking.values()))


def _answer(api: AirflowApi, dag: str, run_id: str, question: dict[str, Any], option: str, *, as_json: bool) -> None:
    task = question["task_instance"]["task_id"]
    api.answer(dag, run_id, task, option)
    if as_json:
        print_json({"execution": f"{dag}/{run_id}", "step": task, "answer": option})
    else:
        say(f"{option}: {task} of {dag}/{run_id}")
