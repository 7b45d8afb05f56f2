"""A plan for people and for other programs: as a tree of text, as JSON, as a graph in DOT, and value by value."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mcop_core.compiler.evaluation import Evaluation, index_of, plain_names, reachable
from mcop_core.compiler.plan import DeploymentPlan, LayeredValue, PatternGroup, Step, WorkflowGroup
from mcop_core.compiler.provenance import Origin, origin
from mcop_core.compiler.resolution import effective_overrides
from mcop_core.parameters.pending import has_sealed, open_outputs, to_template
from mcop_core.parameters.syntax import parse, readable_references
from mcop_core.refs import OutputRef
from mcop_core.secrets.reference import SecretRef

SENSITIVE = "(sensitive)"


def to_text(plan: DeploymentPlan) -> str:
    """Return the plan as a tree: workflows, patterns, elements with their versions, in an order in which they run."""
    lines = [f"{plan.manifest} in namespace {plan.namespace}: {len(plan.steps)} steps"]
    for index, workflow in enumerate(plan.workflows):
        last = index == len(plan.workflows) - 1
        lines.append(f"{_branch(last)}{workflow.id}  {workflow.workflow}")
        lines += [_indent(last) + line for line in _group_lines(workflow)]
    if plan.parameters:
        lines += ["", "A run may override:"]
        lines += [f"  {door.name} ({door.type})" + (f", {door.rule}" if door.rule else "") for door in plan.parameters]
    return "\n".join(lines)


def _group_lines(workflow: WorkflowGroup) -> list[str]:
    lines: list[str] = []
    for index, group in enumerate(workflow.groups):
        last = index == len(workflow.groups) - 1
        after = f"  after {', '.join(group.after)}" if group.after else ""
        lines.append(f"{_branch(last)}{_own(group.id)}  {group.pattern}{after}")
        lines += [_indent(last) + line for line in _step_lines(group)]
    return lines


def _step_lines(group: PatternGroup) -> list[str]:
    lines: list[str] = []
    for index, step in enumerate(group.steps):
        notes = f"  after {', '.join(step.after)}" if step.after else ""
        notes += f"  moved from {', '.join(step.moved_from)}" if step.moved_from else ""
        last = index == len(group.steps) - 1
        lines.append(f"{_branch(last)}{_own(step.id)}  {step.primitive} by {step.adapter} ({step.engine}){notes}")
    return lines


def _branch(last: bool) -> str:
    return "└── " if last else "├── "


def _indent(last: bool) -> str:
    return "    " if last else "│   "


def _own(id_: str) -> str:
    return id_.rpartition(".")[2]


def to_json(plan: DeploymentPlan) -> str:
    """Return the plan as indented JSON, sensitive values hidden; for the plan's own bytes see `DeploymentPlan`."""
    document = redacted(plan).model_dump(mode="json", exclude_defaults=True)
    return json.dumps({"digest": plan.digest, **document}, indent=2, ensure_ascii=False)


def to_dot(plan: DeploymentPlan) -> str:
    """Return the plan as a graph for Graphviz: one cluster a workflow and pattern, one edge a dependency."""
    lines = [f"digraph {_quoted(plan.manifest)} {{", "  compound=true; rankdir=LR; node [shape=box];"]
    for workflow in plan.workflows:
        lines.append(f"  subgraph {_quoted('cluster_' + workflow.id)} {{ label={_quoted(workflow.id)};")
        for group in workflow.groups:
            lines.append(f"    subgraph {_quoted('cluster_' + group.id)} {{ label={_quoted(group.pattern)};")
            lines += [f"      {_quoted(step.id)} [label={_quoted(_own(step.id))}];" for step in group.steps]
            lines.append("    }")
        lines.append("  }")
    return "\n".join([*lines, *_dot_edges(plan), "}"])


def _dot_edges(plan: DeploymentPlan) -> list[str]:
    edges = [f"  {_quoted(before)} -> {_quoted(step.id)};" for step in plan.steps for before in step.after]
    groups = {group.id: group for workflow in plan.workflows for group in workflow.groups}
    for group in groups.values():
        for before in group.after:
            tail, head = groups[before].steps[-1:], group.steps[:1]
            ends = f"ltail={_quoted('cluster_' + before)}, lhead={_quoted('cluster_' + group.id)}, style=dashed"
            edges += [f"  {_quoted(a.id)} -> {_quoted(b.id)} [{ends}];" for a in tail for b in head]
    return edges


def _quoted(text: str) -> str:
    return json.dumps(text)


# -- values ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class InputValue:
    """
    The value of one input of one step.

    Attributes:
        step: `workflow.pattern.element`.
        input: Name of the primitive's input.
        value: JSON, as far as it is known; outputs to come as `${address}`, sensitive values as "(sensitive)" unless
            they are references to secrets.
        is_hidden: Whether *value* stands for one that must not be shown.
        origin: Where it comes from.
    """

    step: str
    input: str
    value: Any
    is_hidden: bool
    origin: Origin


def input_values(
    plan: DeploymentPlan, overrides: Mapping[str, Any], outputs: Mapping[OutputRef, Any] | None = None
) -> list[InputValue]:
    """
    Return every input of every step, in the plan's order; inputs by name.

    Args:
        outputs: What is known of outputs, as XCom has it.
    """
    given = effective_overrides(plan, overrides)
    index = index_of(plan)
    evaluation = Evaluation(plan, index, overrides=given, outputs=outputs)
    groups = {group.id: (workflow, group) for workflow in plan.workflows for group in workflow.groups}
    rows: list[InputValue] = []
    for step in plan.steps:
        workflow, group = groups[step.id.rpartition(".")[0]]
        values = evaluation.step(workflow, group, step).inputs
        secret = sensitive_inputs(step, group)
        for name, declared in sorted(step.interface.inputs.items()):
            found = origin(name, step, workflow, group, given)
            value = values.get(name, declared.default)
            hidden = name in secret or has_sealed(value) or any(index.is_sensitive(ref) for ref in open_outputs(value))
            rows.append(InputValue(step.id, name, _hidden(value) if hidden else to_template(value), hidden, found))
    return rows


def _hidden(value: Any) -> str:
    """Return what stands for a sensitive value: a reference to a secret for itself, it is none."""
    return str(value) if isinstance(value, SecretRef) else SENSITIVE


@dataclass(frozen=True, slots=True)
class Explanation:
    """
    One input of one step.

    Attributes:
        step: `workflow.pattern.element`.
        input: Name of the primitive's input.
        value: As far as it is known, as JSON text; outputs to come as `${address}`, sensitive ones hidden.
        layer: The layer that set it.
        via: The parameters it came through, and where it is written.
    """

    step: str
    input: str
    value: str
    layer: str
    via: str


def explain(plan: DeploymentPlan, overrides: Mapping[str, Any]) -> list[Explanation]:
    """Return one row for every input of every step, in the plan's order; inputs by name."""
    return [_explanation(row) for row in input_values(plan, overrides)]


def _explanation(row: InputValue) -> Explanation:
    shown = row.value if row.is_hidden else json.dumps(row.value, ensure_ascii=False, sort_keys=True)
    return Explanation(row.step, row.input, shown, str(row.origin.layer), f"{row.origin.via} ({row.origin.source})")


def sensitive_inputs(step: Step, group: PatternGroup) -> frozenset[str]:
    """Return the inputs whose values must not be shown: the module says so, or a sensitive parameter goes in."""
    hidden = sensitive_parameters(group)
    return frozenset(
        name
        for name, layered in step.inputs.items()
        if step.interface.inputs[name].sensitive or _mentions(layered, hidden) or name in hidden
    ) | {name for name, declared in step.interface.inputs.items() if declared.sensitive}


def sensitive_parameters(group: PatternGroup) -> frozenset[str]:
    """Return the parameters of *group* whose values must not be shown, also because of what they are made of."""
    hidden = {name for name, declaration in group.declarations.items() if declaration.sensitive}
    grown = True
    while grown:
        more = {name for name, layered in group.parameters.items() if name not in hidden and _mentions(layered, hidden)}
        hidden |= more
        grown = bool(more)
    return frozenset(hidden)


def _mentions(layered: LayeredValue, names: frozenset[str] | set[str]) -> bool:
    return any(str(ref) in names for ref in readable_references(layered.value) if not ref.is_output)


def redacted(plan: DeploymentPlan) -> DeploymentPlan:
    """Return *plan* for people: the same, with sensitive values replaced by "(sensitive)"; it renders nothing."""
    hidden = frozenset(name for workflow in plan.workflows for name in _sensitive_names(workflow))
    workflows = tuple(
        workflow.model_copy(
            update={
                "scope": _hide(workflow.scope, hidden),
                "groups": tuple(_redacted_group(group) for group in workflow.groups),
            }
        )
        for workflow in plan.workflows
    )
    doors = tuple(
        door.model_copy(update={"default": SENSITIVE}) if door.has_default and door.name in hidden else door
        for door in plan.parameters
    )
    return plan.model_copy(update={"workflows": workflows, "parameters": doors})


def _sensitive_names(workflow: WorkflowGroup) -> set[str]:
    """Return the manifest names that sensitive parameters are made of."""
    secrets = [(name, group) for group in workflow.groups for name in sensitive_parameters(group)]
    templates = [group.parameters[name].value for name, group in secrets if name in group.parameters]
    scope = {name: layered.value for name, layered in workflow.scope.items()}
    return reachable([*(name for name, _ in secrets), *plain_names(templates)], scope)


def _redacted_group(group: PatternGroup) -> PatternGroup:
    steps = tuple(
        step.model_copy(update={"inputs": _hide(step.inputs, sensitive_inputs(step, group))}) for step in group.steps
    )
    parameters = _hide(group.parameters, sensitive_parameters(group))
    return group.model_copy(update={"parameters": parameters, "steps": steps})


def _hide(values: Mapping[str, LayeredValue], names: frozenset[str]) -> dict[str, LayeredValue]:
    return {
        name: layered.model_copy(update={"value": SENSITIVE}) if name in names and _may_show_text(layered) else layered
        for name, layered in values.items()
    }


def _may_show_text(layered: LayeredValue) -> bool:
    """Whether something other than one reference is written there."""
    return not (
        isinstance(layered.value, str) and parse(layered.value)[1:] == () and readable_references(layered.value)
    )
