"""`mcop`: the command line. What its exit codes mean stands in `console.MEANINGS`, and in `mcop --help`."""

from __future__ import annotations

import sys

import typer

from mcop_core import __version__
from mcop_core.cli import console
from mcop_core.cli.access import access_app
from mcop_core.cli.adapters import adapters_app
from mcop_core.cli.approval import approve, reject
from mcop_core.cli.catalog import catalog_app, schema
from mcop_core.cli.clouds import clouds_app
from mcop_core.cli.deployments import deployments
from mcop_core.cli.drift import drift
from mcop_core.cli.executions import executions_app
from mcop_core.cli.help import Commands
from mcop_core.cli.inventory import inventory_app
from mcop_core.cli.lint import lint
from mcop_core.cli.maintenance import backup, migrate, prepare, restore
from mcop_core.cli.once import once
from mcop_core.cli.plan import plan, render
from mcop_core.cli.policies import policy_app
from mcop_core.cli.preview import preview
from mcop_core.cli.records import replay
from mcop_core.cli.reference import reference
from mcop_core.cli.rules import rules_app
from mcop_core.cli.settling import reconcile
from mcop_core.cli.stack import down, status, up
from mcop_core.cli.starting import destroy, execute
from mcop_core.cli.state import state_app
from mcop_core.cli.stopping import cancel
from mcop_core.cli.workers import workers_app

_AS_WRITTEN = "\b"
"""Mark of a paragraph that is not filled."""

NAME = "mcop"
"""Also when it is called as `python -m mcop_core`: help and completion speak of the command that people type."""

app = Commands(
    name=NAME,
    help="Multi-Cloud Orchestration Platform: publish, compose, plan and execute infrastructure on Airflow.",
    epilog="\n".join([_AS_WRITTEN, "Exit codes:", *(f"  {line}" for line in console.exit_code_lines())]),
)
app.add_typer(catalog_app, name="catalog")
app.add_typer(rules_app, name="rules")
app.add_typer(adapters_app, name="adapters")
app.add_typer(executions_app, name="executions")
app.add_typer(policy_app, name="policy")
app.add_typer(access_app, name="access")
app.add_typer(state_app, name="state")
app.add_typer(workers_app, name="workers")
app.add_typer(inventory_app, name="inventory")
app.add_typer(clouds_app, name="clouds")
for whole in (lint, reference, prepare, backup, restore, migrate):
    catalog_app.command()(whole)
for command in (
    plan,
    render,
    preview,
    execute,
    once,
    approve,
    reject,
    cancel,
    destroy,
    deployments,
    drift,
    reconcile,
    replay,
    schema,
    up,
    down,
    status,
):
    app.command()(command)


def _tell_version(is_asked: bool) -> None:
    if is_asked:
        console.say(f"mcop {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error."),
    version: bool = typer.Option(
        False, "--version", callback=_tell_version, is_eager=True, help="Show the version, and end."
    ),
) -> None:
    """Options of every command."""


def main() -> None:
    """Run `mcop` and exit."""
    debug = "--debug" in sys.argv
    sys.exit(console.run(lambda: app(prog_name=NAME), debug=debug))
