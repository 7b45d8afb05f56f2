"""
A run's conf: what it overrides, and what it is to do.

The conf holds overrides directly, parameter name -> value, since that is what the trigger form sends, and beside
them what the run is to do. The form sends every field, the untouched ones too: those are no overrides.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

from mcop_core.compiler.plan import DeploymentPlan, ParameterDoor
from mcop_core.compiler.slicing import Slice, cut
from mcop_core.errors import Fault, InvalidDocuments

ACTION_KEY = "action"
REQUESTER_KEY = "mcop.requested_by"
"""Set by `mcop_execute`, whose runs of a manifest's DAG have no user of their own; no parameter has a dot."""
PLAN_KEY = "mcop.plan"
"""Digest of the plan that a run is meant to carry out: Airflow may create it from another that it parsed meanwhile."""
CONFIRM_KEY = "confirm"
ONLY_KEY, DEPENDANTS_KEY = "only", "with_dependants"
_OWN_KEYS = {ACTION_KEY, REQUESTER_KEY, PLAN_KEY, ONLY_KEY, DEPENDANTS_KEY}
_WHERE = "conf"
_ALL_TYPES = ["array", "boolean", "integer", "null", "number", "object", "string"]


class RunAction(StrEnum):
    """What a run is to do."""

    APPLY = "apply"
    DESTROY = "destroy"
    PREVIEW = "preview"


def run_action(conf: Mapping[str, Any] | None) -> RunAction:
    """Return what a run with *conf* is to do; the trigger has checked the word."""
    return RunAction((conf or {}).get(ACTION_KEY) or RunAction.APPLY)


def run_slice(plan: DeploymentPlan, conf: Mapping[str, Any] | None) -> Slice | None:
    """
    Return the part of *plan* that a run with *conf* is about; None: everything.

    Raises:
        InvalidDocuments: Every fault of the keys `only` and `with_dependants`.
    """
    given = conf or {}
    if faults := list(bad_slice(given)):
        raise InvalidDocuments.of(faults)
    only = given.get(ONLY_KEY)
    return cut(plan, only, with_dependants=bool(given.get(DEPENDANTS_KEY))) if only else None


def bad_slice(conf: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield what is wrong with the form of the keys `only` and `with_dependants`."""
    only, dependants = conf.get(ONLY_KEY), conf.get(DEPENDANTS_KEY)
    if only is not None and not (isinstance(only, list) and all(isinstance(name, str) for name in only)):
        yield Fault(f"{only!r} is no list of patterns, workflow.pattern each.", _WHERE, ONLY_KEY)
    if not isinstance(dependants, bool | None):
        yield Fault(f"{dependants!r} is neither true nor false.", _WHERE, DEPENDANTS_KEY)
    elif dependants and not only:
        yield Fault(f"it says nothing without {ONLY_KEY}.", _WHERE, DEPENDANTS_KEY)


def requester(user: str | None, conf: Mapping[str, Any] | None) -> str:
    """
    Return who asked for a run: whoever triggered it, or asked `mcop_execute` for it; empty if nobody is known.

    What the conf says counts only for a run that a task triggered: a person's run says itself whose it is.

    Args:
        user: Who triggered it, as Airflow has it.
    """
    return user or str((conf or {}).get(REQUESTER_KEY) or "")


def run_overrides(plan: DeploymentPlan, conf: Mapping[str, Any] | None) -> dict[str, Any]:
    """
    Return what a run's *conf* really overrides, sorted by name.

    A field that says what the plan says anyway is left out, as is one left empty. Keys that are no parameter stay, so
    that checks can name them.
    """
    doors = {door.name: door for door in plan.parameters}
    given = {name: value for name, value in (conf or {}).items() if name not in _OWN_KEYS}.items()
    return {name: value for name, value in sorted(given) if name not in doors or not _untouched(doors[name], value)}


def _untouched(door: ParameterDoor, value: Any) -> bool:
    if value is None and (not door.has_default or not accepts_null(door.schema_)):
        return True
    return door.has_default and _text(value) == _text(door.default)


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def accepts_null(schema: Mapping[str, Any]) -> bool:
    """Whether null is a value of *schema* (of the kinds that parameter doors have)."""
    if "const" in schema:
        return schema["const"] is None
    if "enum" in schema and None not in schema["enum"]:
        return False
    if "anyOf" in schema and not any(accepts_null(option) for option in schema["anyOf"]):
        return False
    if not all(accepts_null(part) for part in schema.get("allOf", ())):
        return False
    return "null" in schema_types(schema)


def schema_types(schema: Mapping[str, Any]) -> list[str]:
    """Return the types of JSON values that *schema* names, all of them if it names none."""
    given = schema.get("type", _ALL_TYPES)
    return [given] if isinstance(given, str) else list(given)
