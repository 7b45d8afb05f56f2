"""
A run's conf: a plan's parameter doors as Airflow Params, and the conf back as overrides and action.

The conf holds overrides directly, parameter name -> value, since that is what the trigger form sends, and beside
them what the run is to do. The form sends every field, the untouched ones too: those are no overrides.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from airflow.sdk import Param
from airflow.sdk.exceptions import AirflowFailException

from mcop_core.compiler.plan import DeploymentPlan, ParameterDoor
from mcop_core.refs import ObjectRef

if TYPE_CHECKING:
    from mcop_core.policies.models import Execution


class RunAction(StrEnum):
    """What a run is to do."""

    APPLY = "apply"
    DESTROY = "destroy"
    PREVIEW = "preview"


ACTION_KEY = "action"
REQUESTER_KEY = "mcop.requested_by"
"""Set by `mcop_execute`, whose runs of a manifest's DAG have no user of their own; no parameter has a dot."""
CONFIRM_KEY = "confirm"
_OWN_KEYS = {ACTION_KEY, REQUESTER_KEY}
_WORDS = {
    RunAction.APPLY: "make the cloud what the manifest says",
    RunAction.DESTROY: "remove everything that the manifest deployed",
    RunAction.PREVIEW: "only say what that would change",
}
_OPEN_FIELDS = 12
"""Up to this many fields the trigger form shows all at once; beyond, each pattern's in a section of its own."""
_ALL_TYPES = ["array", "boolean", "integer", "null", "number", "object", "string"]


def params(plan: DeploymentPlan) -> dict[str, Param]:
    """Return the DAG Params of *plan*: the action, then the parameters, sorted by name."""
    sections = len(plan.parameters) > _OPEN_FIELDS
    doors = {
        door.name: _param(door, section=", ".join(door.patterns) if sections else "")
        for door in sorted(plan.parameters, key=lambda door: door.name)
    }
    return {ACTION_KEY: action_param(RunAction.APPLY), **doors}


def destroy_params(manifest: str) -> dict[str, Param]:
    """Return the DAG Params of the DAG that destroys *manifest* (its name), which must be typed."""
    schema = {"type": "string", "pattern": f"^{re.escape(manifest)}$", "title": CONFIRM_KEY}
    confirm = Param("", description=f"Type {manifest} to destroy what it deployed.", schema=schema)
    return {ACTION_KEY: action_param(RunAction.DESTROY), CONFIRM_KEY: confirm}


def action_param(default: RunAction) -> Param:
    """Return the field of what a run is to do: *default*, or only to preview it."""
    words = (default, RunAction.PREVIEW)
    schema = {"enum": [str(word) for word in words], "title": ACTION_KEY, "type": "string"}
    return Param(str(default), description=" ".join(f"{word}: {_WORDS[word]}." for word in words), schema=schema)


def run_action(conf: Mapping[str, Any] | None) -> RunAction:
    """Return what a run with *conf* is to do; the trigger has checked the word."""
    return RunAction((conf or {}).get(ACTION_KEY) or RunAction.APPLY)


def check_changes(conf: Mapping[str, Any] | None) -> None:
    """
    Make sure that a run with *conf* may change something.

    Raises:
        AirflowFailException: It only previews; somebody cleared a task that it had skipped.
    """
    if run_action(conf) is RunAction.PREVIEW:
        raise AirflowFailException("this run only previews: trigger another one to change something")


def requester_of(dag_run: Any) -> str:
    """
    Return who asked for a run: whoever triggered it, or asked `mcop_execute` for it; empty if nobody is known.

    What the conf says counts only for a run that a task triggered: a person's run says itself whose it is.
    """
    return dag_run.triggering_user_name or str((dag_run.conf or {}).get(REQUESTER_KEY) or "")


def _param(door: ParameterDoor, *, section: str) -> Param:
    schema = form_schema(door)
    extra = {"section": section} if section else {}
    default = door.default if door.has_default else None
    return Param(default, description=_description(door), schema={**schema, "title": door.name, **extra})


def form_schema(door: ParameterDoor) -> dict[str, Any]:
    """
    Return the JSON schema of a door's form field.

    It is the parameter's own schema, and accepts null besides where null is what the field starts with.
    """
    schema = dict(sorted(door.schema_.items()))
    starts_empty = not door.has_default or door.default is None or door.default == ""
    return _nullable(schema) if starts_empty else schema


def _nullable(schema: Mapping[str, Any]) -> dict[str, Any]:
    if accepts_null(schema):
        return dict(schema)
    wider = dict(schema)
    if "const" in wider:
        wider["enum"] = [wider.pop("const")]
    if "enum" in wider:
        wider["enum"] = [*wider["enum"], None]
    if "type" in wider:
        wider["type"] = [*_types(wider), "null"]
    if "anyOf" in wider:
        wider["anyOf"] = [*wider["anyOf"], {"type": "null"}]
    if "allOf" in wider:
        wider["allOf"] = [_nullable(part) for part in wider["allOf"]]
    return wider


def _types(schema: Mapping[str, Any]) -> list[str]:
    given = schema.get("type", _ALL_TYPES)
    return [given] if isinstance(given, str) else list(given)


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
    return "null" in _types(schema)


def _description(door: ParameterDoor) -> str:
    sentences = [door.description.strip(), f"Type {door.type}." if door.type != "any" else ""]
    if door.rule:
        sentences.append(f"Checked by {door.rule}.")
    if not door.has_default:
        sentences.append("Left empty: as in the manifest.")
    return " ".join(" ".join(sentence.split()) for sentence in sentences if sentence)


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


def execution_facts(plan: DeploymentPlan, dag_run: Any, action: str) -> Execution:
    """Return what policies are told of a run of *plan* that is to do *action*."""
    return {
        "manifest": ObjectRef.parse(plan.manifest).name,
        "namespace": plan.namespace,
        "action": str(action),
        "requested_by": requester_of(dag_run),
        "overrides": run_overrides(plan, dag_run.conf) if action != RunAction.DESTROY else {},
    }
