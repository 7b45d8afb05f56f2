"""A slice of a plan: the patterns that an execution is about, where it is not about all; pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from mcop_core.compiler.plan import DeploymentPlan, PatternGroup
from mcop_core.errors import Fault, InvalidDocuments, closest


@dataclass(frozen=True, slots=True)
class Slice:
    """
    Some patterns of a plan.

    Attributes:
        groups: Their ids, `workflow.pattern`, in the plan's order.
        steps: Ids of their steps.
    """

    groups: tuple[str, ...]
    steps: frozenset[str]


def cut(plan: DeploymentPlan, only: Sequence[str], *, with_dependants: bool = False) -> Slice:
    """
    Return the slice of *plan* that *only* names.

    Args:
        only: Ids of groups, `workflow.pattern`.
        with_dependants: Whether those that take outputs of them, or of one that does, belong to it.

    Raises:
        InvalidDocuments: The plan has no such group; a fault for each, with the nearest.
    """
    groups = {group.id: group for workflow in plan.workflows for group in workflow.groups}
    faults = [
        Fault(f"{plan.manifest} has no pattern {name!r}.", "only", "", "", 0, tuple(groups), closest(name, groups))
        for name in only
        if name not in groups
    ]
    if faults:
        raise InvalidDocuments.of(faults)
    chosen = _with_dependants(groups.values(), set(only)) if with_dependants else set(only)
    kept = tuple(name for name in groups if name in chosen)
    return Slice(kept, frozenset(step.id for name in kept for step in groups[name].steps))


def _with_dependants(groups: Collection[PatternGroup], chosen: set[str]) -> set[str]:
    """Return *chosen* and every group with a step that waits for one of theirs."""
    steps = {step.id for group in groups if group.id in chosen for step in group.steps}
    more = {group.id for group in groups if any(not steps.isdisjoint(step.after) for step in group.steps)}
    return chosen if more <= chosen else _with_dependants(groups, chosen | more)
