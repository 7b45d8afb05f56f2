"""
`mcop`: the command line.

Exit codes: 0 success; 1 the execution failed; 2 invalid input; 3 not found; 4 conflict; 5 refused;
6 the catalog, the store or Airflow did not answer; 7 the engine failed; 8 outcome unknown; 130 interrupted.
"""

from __future__ import annotations

import sys

import typer

from mcop_core.cli import console
from mcop_core.cli.catalog import catalog_app, schema
from mcop_core.cli.executions import execute, executions_app
from mcop_core.cli.plan import plan, render
from mcop_core.cli.rules import rules_app
from mcop_core.cli.stack import down, status, up
from mcop_core.cli.state import state_app

app = typer.Typer(
    name="mcop",
    help="Multi-Cloud Orchestration Platform: publish, compose, plan and execute infrastructure on Airflow.",
    epilog="Exit codes: 0 success, 1 execution failed, 2 invalid input, 3 not found, 4 conflict, 5 refused, "
    "6 unreachable, 7 engine failed, 8 outcome unknown.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(catalog_app, name="catalog")
app.add_typer(rules_app, name="rules")
app.add_typer(executions_app, name="executions")
app.add_typer(state_app, name="state")
for command in (plan, render, execute, schema, up, down, status):
    app.command()(command)


@app.callback()
def _options(
    debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error."),
) -> None:
    """Options of every command."""


def main() -> None:
    """Run `mcop` and exit."""
    debug = "--debug" in sys.argv
    sys.exit(console.run(app, debug=debug))
