"""
A plan's values in one run: overrides on top, outputs in their places, checked before anything happens.

Used by the render task, by `admit` and by the command line; all pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mcop_core.catalog.canonical import canonical_json
from mcop_core.compiler.evaluation import Evaluation, StepValues, index_of, plain_names
from mcop_core.compiler.plan import DeploymentPlan, ParameterDoor, PatternGroup, Step, WorkflowGroup
from mcop_core.compiler.provenance import RUN_SOURCE, Origin, origin
from mcop_core.errors import Fault, InvalidDocuments, InvalidName, UnknownName, closest
from mcop_core.limits import USUAL_LIMITS, Limits
from mcop_core.parameters.layers import Layer
from mcop_core.parameters.pending import has_sealed, open_outputs, to_json
from mcop_core.parameters.syntax import join_path, texts
from mcop_core.parameters.text import check_hygiene
from mcop_core.parameters.validator import placed
from mcop_core.refs import OutputRef
from mcop_core.secrets.reference import FORM, SecretRef, is_reference


@dataclass(frozen=True, slots=True)
class ResolvedStep:
    """
    What one step is rendered from.

    Attributes:
        inputs: Primitive input -> JSON value. A sensitive output stands as its pointer
            (`{"mcop_sensitive": {...}}`), a secret as its reference (`{"mcop_secret": "secret://..."}`), text with one
            of them in it as `{"mcop_sealed_text": [...]}`.
            Inputs left to the primitive's own default are not there.
        configuration: The adapter's configuration, every value concrete.
        backend: The workflow's backend, every value concrete.
        provenance: Every input of the primitive -> the layer that set it, and how it came.
    """

    inputs: Mapping[str, Any]
    configuration: Mapping[str, Any]
    backend: Mapping[str, Any]
    provenance: Mapping[str, Origin]


def open_steps(plan: DeploymentPlan, *, overrides: Mapping[str, Any]) -> dict[str, StepValues]:
    """
    Return step id -> its values before anything is applied: what other steps put out stands as `pending` values.

    Raises:
        InvalidDocuments: An override is not allowed, or a value breaks its type or rule; every fault.
    """
    evaluation = _evaluation(plan, overrides, {})
    faults = _check_names(plan, overrides)
    found: dict[str, StepValues] = {}
    for workflow in plan.workflows:
        for group in workflow.groups:
            faults += _scope_faults(evaluation, workflow, group)
            found |= {step.id: evaluation.step(workflow, group, step) for step in group.steps}
    faults += [fault for values in found.values() for fault in values.faults]
    if faults:
        raise InvalidDocuments.of(dict.fromkeys(faults))
    return found


def resolve_step(
    plan: DeploymentPlan, step_id: str, *, overrides: Mapping[str, Any], outputs: Mapping[OutputRef, Any]
) -> ResolvedStep:
    """
    Finish the values of one step.

    Args:
        plan: A compiled plan.
        step_id: `workflow.pattern.element`.
        overrides: Run overrides; null for a name without default means "as in the manifest".
        outputs: At least what `needed_outputs` names, as apply tasks returned them.

    Raises:
        UnknownName: The plan has no such step.
        InvalidDocuments: An override is not allowed, a value breaks its type or rule, or an output is missing.
    """
    workflow, group, step = find_step(plan, step_id)
    evaluation = _evaluation(plan, overrides, outputs)
    values = evaluation.step(workflow, group, step)
    faults = [*_check_names(plan, overrides), *_scope_faults(evaluation, workflow, group), *values.faults]
    faults += _unfinished(values, step, workflow)
    if faults:
        raise InvalidDocuments.of(dict.fromkeys(faults))
    given = effective_overrides(plan, overrides)
    return ResolvedStep(
        inputs=to_json(dict(values.inputs)),
        configuration=dict(values.configuration),
        backend=dict(values.backend),
        provenance={name: origin(name, step, workflow, group, given) for name in sorted(step.interface.inputs)},
    )


def needed_outputs(plan: DeploymentPlan, step_id: str, overrides: Mapping[str, Any]) -> tuple[OutputRef, ...]:
    """
    Return the outputs that a step's values wait for, sorted; an override may make some unneeded.

    Raises:
        UnknownName: The plan has no such step.
    """
    workflow, group, step = find_step(plan, step_id)
    return tuple(sorted(_awaited(_evaluation(plan, overrides, {}).step(workflow, group, step))))


def read_outputs(plan: DeploymentPlan, overrides: Mapping[str, Any]) -> tuple[OutputRef, ...]:
    """Return the outputs that the values of any step wait for, sorted; see `needed_outputs`."""
    evaluation = _evaluation(plan, overrides, {})
    steps = [(w, g, step) for w in plan.workflows for g in w.groups for step in g.steps]
    return tuple(sorted({ref for place in steps for ref in _awaited(evaluation.step(*place))}))


def _awaited(values: StepValues) -> set[OutputRef]:
    return {*open_outputs(dict(values.inputs)), *open_outputs(dict(values.configuration))}


def check_overrides(plan: DeploymentPlan, overrides: Mapping[str, Any], limits: Limits = USUAL_LIMITS) -> list[Fault]:
    """
    Say everything that forbids a run with *overrides*; `where` is "overrides", the path begins with the name.

    Checked are names, sizes, that values are plain data, types and rules, and every value of the plan that is
    computed from an override. Sizes are checked here alone: what a run began with is not refused in the middle.
    """
    faults = _check_names(plan, overrides) or placed(_check_sizes(overrides, limits), RUN_SOURCE)
    if faults or not overrides:
        return faults
    evaluation = _evaluation(plan, overrides, {})
    for workflow in plan.workflows:
        for group in workflow.groups:
            faults += _scope_faults(evaluation, workflow, group)
            for step in group.steps:
                faults += evaluation.step(workflow, group, step).faults
    return list(dict.fromkeys(faults))


def effective_overrides(plan: DeploymentPlan, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return *overrides* without the nulls that mean "as in the manifest": those of names that offer no default."""
    defaults = {door.name for door in plan.parameters if door.has_default}
    return {name: value for name, value in overrides.items() if value is not None or name in defaults}


def find_step(plan: DeploymentPlan, step_id: str) -> tuple[WorkflowGroup, PatternGroup, Step]:
    """
    Return a step with its groups.

    Raises:
        UnknownName: The plan has no such step; carries the nearest.
    """
    for workflow in plan.workflows:
        for group in workflow.groups:
            for step in group.steps:
                if step.id == step_id:
                    return workflow, group, step
    known = tuple(step.id for step in plan.steps)
    near = closest(step_id, known)
    hint = f' Did you mean "{near}"?' if near else ""
    raise UnknownName(f"{plan.manifest} has no step {step_id!r}.{hint}", name=step_id, known=known)


def _evaluation(plan: DeploymentPlan, overrides: Mapping[str, Any], outputs: Mapping[OutputRef, Any]) -> Evaluation:
    return Evaluation(plan, index_of(plan), overrides=effective_overrides(plan, overrides), outputs=outputs)


def _scope_faults(evaluation: Evaluation, workflow: WorkflowGroup, group: PatternGroup) -> list[Fault]:
    outer = [value.value for value in group.parameters.values() if value.layer != Layer.PATTERN_DEFAULT]
    names = {*group.declarations, *evaluation.overridden, *plain_names(outer)}
    return [*evaluation.scope_faults(workflow, names), *evaluation.parameter_faults(workflow, group)]


def _unfinished(values: StepValues, step: Step, workflow: WorkflowGroup) -> list[Fault]:
    refs = [ref for part in (values.inputs, values.configuration, values.backend) for ref in open_outputs(dict(part))]
    faults = [Fault(f"the output {ref} is not known: its step has not been applied", where=step.id) for ref in refs]
    if has_sealed(dict(values.configuration)) or has_sealed(dict(values.backend)):
        message = (
            f"a sensitive output or a secret stands in the backend of {workflow.id} or in the configuration of "
            f"{step.adapter}"
        )
        faults.append(Fault(message, where=step.id))
    return faults


# -- overrides ------------------------------------------------------------------------------------------


def _check_names(plan: DeploymentPlan, overrides: Mapping[str, Any]) -> list[Fault]:
    doors = {door.name: door for door in plan.parameters}
    faults = [
        fault
        for name, value in overrides.items()
        for fault in (_check_value(doors[name], value) if name in doors else [_refuse(plan, name)])
    ]
    return placed(faults, RUN_SOURCE)


def _check_sizes(overrides: Mapping[str, Any], limits: Limits) -> list[Fault]:
    found = [(name, limits.excess("value_bytes", len(canonical_json(value)))) for name, value in overrides.items()]
    faults = [Fault(f"the value has {excess}", path=name) for name, excess in found if excess]
    if not faults and (excess := limits.excess("overrides_bytes", len(canonical_json(dict(overrides))))):
        faults.append(Fault(f"the overrides have {excess}"))
    return faults


def _refuse(plan: DeploymentPlan, name: str) -> Fault:
    if name in plan.fixed:
        return Fault(f"{name} cannot be overridden: {plan.fixed[name]}", path=str(name))
    known = tuple(door.name for door in plan.parameters)
    near = closest(str(name), known)
    return Fault(f"{plan.manifest} has no parameter {name!r}.", path=str(name), allowed=known, suggestion=near)


def _check_value(door: ParameterDoor, value: Any) -> list[Fault]:
    faults = placed(check_hygiene(value), "", door.name)
    if faults or (value is None and not door.has_default):
        return faults
    if door.is_sensitive:
        return _secret_faults(door.name, value)
    found = [(path, _text_problem(door.name, text)) for path, text in texts(value)]
    return [Fault(problem, path=join_path(door.name, path)) for path, problem in found if problem]


def _text_problem(name: str, text: str) -> str:
    if is_reference(text):
        return f"{name} is not sensitive: a run gives secrets to what its pattern declares with `sensitive: true` alone"
    return "an override is plain data; ${ has no meaning in it and is refused" if "${" in text else ""


def _secret_faults(name: str, value: Any) -> list[Fault]:
    """Say what forbids *value* for a sensitive parameter, without showing it unless it is a reference."""
    if not is_reference(value):
        return [Fault(f"{name} is sensitive, and a run's values are stored in clear: give {FORM}", path=name)]
    try:
        SecretRef.parse(value)
    except InvalidName as error:
        return [Fault(error.message, path=name)]
    return []
