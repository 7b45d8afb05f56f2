"""A plan's parameter doors as Airflow Params; what a run's conf says is read by `mcop_core.compiler.run_conf`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk import Param
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from mcop_core.compiler.plan import DeploymentPlan, ParameterDoor
from mcop_core.compiler.run_conf import (
    ACTION_KEY,
    CONFIRM_KEY,
    DEPENDANTS_KEY,
    ONLY_KEY,
    RunAction,
    accepts_null,
    requester,
    run_action,
    run_overrides,
    run_slice,
    schema_types,
)
from mcop_core.executions import naming
from mcop_core.refs import ObjectRef, StepRef

if TYPE_CHECKING:
    from mcop_core.policies.models import Execution

_WORDS = {
    RunAction.APPLY: "make the cloud what the manifest says",
    RunAction.DESTROY: "remove everything that the manifest deployed",
    RunAction.PREVIEW: "only say what that would change",
}
_OPEN_FIELDS = 12
"""Up to this many fields the trigger form shows all at once; beyond, each pattern's in a section of its own."""


def params(plan: DeploymentPlan) -> dict[str, Param]:
    """Return the DAG Params of *plan*: what the run is to do and is about, then the parameters, sorted by name."""
    sections = len(plan.parameters) > _OPEN_FIELDS
    doors = {
        door.name: _param(door, section=", ".join(door.patterns) if sections else "")
        for door in sorted(plan.parameters, key=lambda door: door.name)
    }
    return {ACTION_KEY: action_param(RunAction.APPLY), **slice_params(plan), **doors}


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


def slice_params(plan: DeploymentPlan) -> dict[str, Param]:
    """Return the fields of what a run is about."""
    names = _groups(plan)
    items = {"type": "string", "enum": names}
    only = {"type": "array", "items": items, "uniqueItems": True, "examples": names, "title": ONLY_KEY}
    return {
        ONLY_KEY: Param([], description="Only these patterns. Left empty: all.", schema=only),
        DEPENDANTS_KEY: Param(
            False,
            description=f"Beside {ONLY_KEY}: also the patterns that take outputs of those.",
            schema={"type": "boolean", "title": DEPENDANTS_KEY},
        ),
    }


def _groups(plan: DeploymentPlan) -> list[str]:
    return [group.id for workflow in plan.workflows for group in workflow.groups]


def check_in_slice(plan: DeploymentPlan, step: str, conf: Mapping[str, Any] | None) -> None:
    """
    Make sure that a run with *conf* is about *step*.

    Raises:
        AirflowSkipException: It is not; somebody cleared a task that it had skipped.
    """
    part = run_slice(plan, conf)
    if part is not None and step not in part.steps:
        raise AirflowSkipException(f"this run is about {', '.join(part.groups)} only")


def tasks_left_out(plan: DeploymentPlan, conf: Mapping[str, Any] | None) -> list[str]:
    """Return the ids of the tasks of those steps that a run with *conf* is not about."""
    part = run_slice(plan, conf)
    outside = [StepRef(*step.id.split(".")) for step in plan.steps if part and step.id not in part.steps]
    return [naming.task_id(step, task) for step in outside for task in (naming.StepTask.RENDER, naming.StepTask.APPLY)]


def check_changes(conf: Mapping[str, Any] | None) -> None:
    """
    Make sure that a run with *conf* may change something.

    Raises:
        AirflowFailException: It only previews; somebody cleared a task that it had skipped.
    """
    if run_action(conf) is RunAction.PREVIEW:
        raise AirflowFailException("this run only previews: trigger another one to change something")


def requester_of(dag_run: Any) -> str:
    """Return who asked for a run, see `requester`."""
    return requester(dag_run.triggering_user_name, dag_run.conf)


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
        wider["type"] = [*schema_types(wider), "null"]
    if "anyOf" in wider:
        wider["anyOf"] = [*wider["anyOf"], {"type": "null"}]
    if "allOf" in wider:
        wider["allOf"] = [_nullable(part) for part in wider["allOf"]]
    return wider


def _description(door: ParameterDoor) -> str:
    sentences = [door.description.strip(), f"Type {door.type}." if door.type != "any" else ""]
    if door.rule:
        sentences.append(f"Checked by {door.rule}.")
    if not door.has_default:
        sentences.append("Left empty: as in the manifest.")
    return " ".join(" ".join(sentence.split()) for sentence in sentences if sentence)


def execution_facts(plan: DeploymentPlan, dag_run: Any, action: str) -> Execution:
    """Return what policies are told of a run of *plan* that is to do *action*."""
    return {
        "manifest": ObjectRef.parse(plan.manifest).name,
        "namespace": plan.namespace,
        "action": str(action),
        "requested_by": requester_of(dag_run),
        "overrides": run_overrides(plan, dag_run.conf) if action != RunAction.DESTROY else {},
    }
