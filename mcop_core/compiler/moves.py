"""The `moved` of a manifest: which of its components had which ids before; pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from mcop_core.catalog.models import Manifest, Move
from mcop_core.compiler.plan import DeploymentPlan, PatternGroup, WorkflowGroup
from mcop_core.errors import Fault, closest
from mcop_core.parameters.ordering import find_cycles
from mcop_core.parameters.validator import placed


def check_moves(manifest: Manifest, steps: Collection[str]) -> list[Fault]:
    """
    Say what is wrong with the `moved` of *manifest*, with path.

    A statement may lead to where another begins, so that those of many versions can stay; the last leads to a
    component that is there, and none begins at one.

    Args:
        steps: Ids of the components that the manifest has.
    """
    faults = [*_doubles(manifest.moved), *_circles(manifest.moved), *_ends(manifest.moved, steps)]
    return placed(faults, str(manifest.ref))


def _doubles(moves: Sequence[Move]) -> Iterator[Fault]:
    begun: dict[str, int] = {}
    ended: dict[str, int] = {}
    for number, move in enumerate(moves):
        if begun.setdefault(move.origin, number) != number:
            message = f"{move.origin} has moved already, says moved.{begun[move.origin]}: one component has one place"
            yield Fault(message, path=f"moved.{number}.from")
        if ended.setdefault(move.to, number) != number:
            message = f"another component has moved to {move.to}, says moved.{ended[move.to]}: two cannot become one"
            yield Fault(message, path=f"moved.{number}.to")


def _circles(moves: Sequence[Move]) -> Iterator[Fault]:
    edges = {move.origin: (move.to,) for move in moves}
    places = {move.origin: number for number, move in enumerate(moves)}
    for circle in find_cycles(edges):
        message = f"these lead in a circle: {' to '.join((*circle, circle[0]))}"
        yield Fault(message, path=f"moved.{places[circle[0]]}")


def _ends(moves: Sequence[Move], steps: Collection[str]) -> Iterator[Fault]:
    begun = {move.origin for move in moves}
    for number, move in enumerate(moves):
        if move.origin in steps:
            message = (
                f"{move.origin} is a component of this manifest, so it has not moved: rename it, or leave this out"
            )
            yield Fault(message, path=f"moved.{number}.from")
        if move.to not in steps and move.to not in begun:
            near = closest(move.to, steps)
            message = f"the manifest has no component {move.to}."
            yield Fault(message, path=f"moved.{number}.to", allowed=tuple(sorted(steps)), suggestion=near)


def with_moves(plan: DeploymentPlan, moves: Sequence[Move]) -> DeploymentPlan:
    """Return *plan* with the earlier ids of each step; *moves* have no fault."""
    before = {move.to: move.origin for move in moves}
    workflows = tuple(_workflow(workflow, before) for workflow in plan.workflows)
    return plan.model_copy(update={"workflows": workflows}) if moves else plan


def _workflow(workflow: WorkflowGroup, before: Mapping[str, str]) -> WorkflowGroup:
    return workflow.model_copy(update={"groups": tuple(_group(group, before) for group in workflow.groups)})


def _group(group: PatternGroup, before: Mapping[str, str]) -> PatternGroup:
    steps = tuple(step.model_copy(update={"moved_from": tuple(_earlier(step.id, before))}) for step in group.steps)
    return group.model_copy(update={"steps": steps})


def _earlier(step: str, before: Mapping[str, str]) -> Iterator[str]:
    while step in before:
        step = before[step]
        yield step
