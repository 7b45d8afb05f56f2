"""`mcop rules …`: validation rules, by parameter name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mcop_core.cli.catalog import find_entry, repository
from mcop_core.cli.console import AsJson, print_json, print_table, say
from mcop_core.cli.help import Commands
from mcop_core.errors import Fault, InvalidDocuments
from mcop_core.refs import Kind

if TYPE_CHECKING:
    from mcop_core.catalog.models import ValidationRule

rules_app = Commands(help="What the values of a parameter may be.")

Parameter = Annotated[str, typer.Argument(metavar="PARAMETER", help="Name of the parameter, which is the rule's.")]


def _find_rule(name: str) -> ValidationRule:
    from mcop_core.catalog.models import ValidationRule

    rule = find_entry(f"rule#{name}", repository()).object
    if not isinstance(rule, ValidationRule):
        raise TypeError(f"{rule.ref} is no rule")
    return rule


def _allows(rule: ValidationRule) -> str:
    if rule.type == "enum":
        return ", ".join(map(str, rule.values or ()))
    return str(rule.pattern if rule.type == "regex" else rule.value)


@rules_app.command("list")
def list_rules(as_json: AsJson = False) -> None:
    """
    List every version of every rule.

    Example: mcop rules list
    """
    from mcop_core.catalog.models import ValidationRule

    rules = [entry.object for entry in repository().entries(Kind.RULE) if isinstance(entry.object, ValidationRule)]
    if as_json:
        print_json([rule.document() for rule in rules])
        return
    print_table(("PARAMETER", "VERSION", "TYPE", "ALLOWS"), [(r.name, r.version, r.type, _allows(r)) for r in rules])


@rules_app.command()
def show(parameter: Parameter, as_json: AsJson = False) -> None:
    """
    Show the rule of a parameter.

    Example: mcop rules show environment
    """
    rule = _find_rule(parameter)
    if as_json:
        print_json(rule.document())
        return
    say(f"{rule.ref}: {rule.type} {_allows(rule)}\n{rule.description}".rstrip())


@rules_app.command()
def check(
    parameter: Parameter,
    value: Annotated[str, typer.Argument(metavar="VALUE", help="As --set takes it: text where the rule is of text.")],
) -> None:
    """
    Try a value against the rule of a parameter.

    Example: mcop rules check environment staging
    """
    from mcop_core.cli.overrides import read_value
    from mcop_core.parameters.schema import json_schema
    from mcop_core.parameters.types import ANY
    from mcop_core.parameters.validator import check_value

    rule = _find_rule(parameter)
    message = check_value(rule, read_value(value, json_schema(ANY, rule)))
    if message:
        raise InvalidDocuments.of([Fault(message, where=parameter)])
    say(f"{parameter} may be {value}")
