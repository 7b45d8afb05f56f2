"""`mcop access …`: the access rules, and the roles that they need."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mcop_core.cli.console import AsJson, print_json, print_table, settings
from mcop_core.cli.help import Commands
from mcop_core.errors import InvalidInput

if TYPE_CHECKING:
    from mcop_core.access.rules import AccessRules

access_app = Commands(help="Who may do what, per namespace.")

FileOption = Annotated[
    Path | None, typer.Option("--file", metavar="FILE", help="The access rules; without it those of MCOP_ACCESS.")
]


def _load(file: Path | None) -> AccessRules:
    from mcop_core.access.rules import load_rules

    named = file or Path(settings().access)
    if not named.name:
        raise InvalidInput("there are no access rules: give --file, or set MCOP_ACCESS to the file that holds them")
    return load_rules(named)


@access_app.command("show")
def show(file: FileOption = None, as_json: AsJson = False) -> None:
    """
    Check the access rules, and show who may do what.

    Example: mcop access show --file access.toml
    """
    from mcop_core.access.rules import Right

    rules = _load(file)
    rows = [
        {"namespace": namespace, "role": role, "rights": [right.value for right in Right if right in rights]}
        for namespace in sorted(rules.namespaces)
        for role, rights in sorted(rules.namespaces[namespace].items())
    ]
    if as_json:
        print_json(rows)
    else:
        cells = [(row["namespace"], row["role"], ", ".join(row["rights"])) for row in rows]
        print_table(("NAMESPACE", "ROLE", "RIGHTS"), cells)


@access_app.command("roles")
def roles(file: FileOption = None) -> None:
    """
    Print the roles for `airflow roles import`.

    Example: mcop access roles --file access.toml > roles.json
    """
    from mcop_core.access.permissions import role_permissions

    print_json(role_permissions(_load(file).roles()))
