"""
What must be done before what: references between steps, sequence between groups, and circles in both.

A step waits for the steps whose outputs it reads. A group waits for whole groups where its workflow, or the
manifest, puts things in sequence. Both together must not run in a circle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mcop_core.compiler.plan import DeploymentPlan, PatternGroup, WorkflowGroup
from mcop_core.parameters.ordering import find_cycles, order_by_references

_FIRST, _LAST = "<", ">"


@dataclass(frozen=True, slots=True)
class Cycle:
    """
    A circle of steps and groups.

    Attributes:
        path: Ids, each waiting for the next, the first repeated last.
        by_sequence: Whether sequence is part of it, and not references alone.
    """

    path: tuple[str, ...]
    by_sequence: bool


def sequence_edges(plan: DeploymentPlan, order: str, orders: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """
    Return group -> the groups that must be done before, by sequence alone.

    Args:
        plan: Workflows and groups as they are written.
        order: `sequence` or `references`: of the workflows in the manifest.
        orders: The same of the groups in each workflow, by its id.
    """
    edges: dict[str, tuple[str, ...]] = {}
    before: tuple[str, ...] = ()
    for workflow in plan.workflows:
        ids = [group.id for group in workflow.groups]
        in_sequence = orders.get(workflow.id) == "sequence"
        for index, id_ in enumerate(ids):
            edges[id_] = (ids[index - 1],) if in_sequence and index else before
        if order == "sequence" and ids:
            before = tuple(ids[-1:]) if in_sequence else tuple(sorted(ids))
    return edges


def find_plan_cycles(
    plan: DeploymentPlan, after: Mapping[str, Sequence[str]], groups_after: Mapping[str, Sequence[str]]
) -> list[Cycle]:
    """Return one circle of each knot of steps and groups, described by the steps on it."""
    edges = _edges(plan, after, groups_after)
    return [_cycle(nodes) for nodes in find_cycles(edges)]


def _cycle(nodes: tuple[str, ...]) -> Cycle:
    names: list[str] = []
    for node in nodes:
        name = node.rstrip(_FIRST + _LAST)
        if not names or names[-1] != name:
            names.append(name)
    if len(names) > 1 and names[0] == names[-1]:
        names.pop()
    return Cycle((*names, names[0]), any(node.endswith((_FIRST, _LAST)) for node in nodes))


def order_plan(
    plan: DeploymentPlan, after: Mapping[str, Sequence[str]], groups_after: Mapping[str, Sequence[str]]
) -> DeploymentPlan:
    """
    Return *plan* with its edges, everything in an order in which it may run.

    What no edge orders keeps the order in which it is written.
    """
    nodes = order_by_references(_edges(plan, after, groups_after))
    order = {node: index for index, node in enumerate(nodes)}
    workflows = [_order_workflow(workflow, order, after, groups_after) for workflow in plan.workflows]
    firsts = {workflow.id: _first(workflow.groups, order) for workflow in workflows}
    return plan.model_copy(update={"workflows": tuple(sorted(workflows, key=lambda item: firsts[item.id]))})


def _edges(
    plan: DeploymentPlan, after: Mapping[str, Sequence[str]], groups_after: Mapping[str, Sequence[str]]
) -> dict[str, list[str]]:
    """Return what waits for what: steps, and two nodes a group, before its first and after its last step."""
    edges: dict[str, list[str]] = {}
    for workflow in plan.workflows:
        for group in workflow.groups:
            edges[group.id + _FIRST] = [before + _LAST for before in groups_after.get(group.id, ())]
            for step in group.steps:
                edges[step.id] = [*after.get(step.id, ()), group.id + _FIRST]
            edges[group.id + _LAST] = [*(step.id for step in group.steps), group.id + _FIRST]
    return edges


def _order_workflow(
    workflow: WorkflowGroup,
    order: Mapping[str, int],
    after: Mapping[str, Sequence[str]],
    groups_after: Mapping[str, Sequence[str]],
) -> WorkflowGroup:
    groups = [_order_group(group, order, after, groups_after) for group in workflow.groups]
    return workflow.model_copy(update={"groups": tuple(sorted(groups, key=lambda group: _first((group,), order)))})


def _order_group(
    group: PatternGroup,
    order: Mapping[str, int],
    after: Mapping[str, Sequence[str]],
    groups_after: Mapping[str, Sequence[str]],
) -> PatternGroup:
    steps = [
        step.model_copy(update={"after": tuple(sorted(after.get(step.id, ())))})
        for step in sorted(group.steps, key=lambda step: order[step.id])
    ]
    return group.model_copy(update={"steps": tuple(steps), "after": tuple(sorted(groups_after.get(group.id, ())))})


def _first(groups: Sequence[PatternGroup], order: Mapping[str, int]) -> int:
    return min((order[step.id] for group in groups for step in group.steps), default=0)
