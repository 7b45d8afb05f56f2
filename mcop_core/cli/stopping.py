"""`mcop cancel`: stopping an execution gracefully, or by force."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from mcop_core import bootstrap
from mcop_core.cli.console import AsJson, print_json, say, settings, tell
from mcop_core.cli.executions import ExecutionArgument, find_execution
from mcop_core.errors import InvalidInput

if TYPE_CHECKING:
    from mcop_core.executions.requests import Cancellation


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
