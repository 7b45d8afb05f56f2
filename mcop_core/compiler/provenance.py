"""Which layer set a value, and by which way it came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mcop_core.compiler.plan import LayeredValue, PatternGroup, Step, WorkflowGroup
from mcop_core.errors import InvalidReference
from mcop_core.parameters.layers import Layer
from mcop_core.parameters.syntax import readable_references, single_reference

RUN_SOURCE = "overrides"
"""What faults of run overrides name as their object."""


@dataclass(frozen=True, slots=True)
class Hop:
    """One stop on a value's way: the name it has there, and what is written there."""

    name: str
    layered: LayeredValue


def trace(
    name: str,
    layered: LayeredValue,
    workflow: WorkflowGroup,
    group: PatternGroup,
    overrides: Mapping[str, Any],
) -> tuple[Hop, ...]:
    """
    Follow a step's input to where its value is written.

    As long as a template is exactly one parameter, its value is that parameter's; the last hop is where the
    value is written, or composed of several.

    Args:
        name: The input.
        layered: What the step has for it.
    """
    if name in overrides and name in group.declarations and is_literal(layered):
        return (Hop(name, _override(name, overrides)),)
    hops = [Hop(name, layered)]
    in_pattern = True
    while (target := _single_name(hops[-1].layered.value)) and len(hops) <= len(group.parameters) + len(workflow.scope):
        scope = group.parameters if in_pattern else workflow.scope
        if target in overrides and (target in group.declarations or not in_pattern):
            return (*hops, Hop(target, _override(target, overrides)))
        if target not in scope:
            break
        hops.append(Hop(target, scope[target]))
        in_pattern = in_pattern and scope[target].layer == Layer.PATTERN_DEFAULT
    return tuple(hops)


def _override(name: str, overrides: Mapping[str, Any]) -> LayeredValue:
    return LayeredValue(value=overrides[name], layer=Layer.RUN_OVERRIDE, source=f"{RUN_SOURCE} {name}")


def is_literal(layered: LayeredValue) -> bool:
    """Whether an element wires a plain literal: a layer like the others, where a reference is a computation."""
    return layered.layer == Layer.PATTERN_ELEMENT and not readable_references(layered.value)


def _single_name(template: Any) -> str | None:
    if not isinstance(template, str):
        return None
    try:
        reference = single_reference(template)
    except InvalidReference:
        return None
    return str(reference) if reference and not reference.is_output else None


@dataclass(frozen=True, slots=True)
class Origin:
    """
    Where a value comes from.

    Attributes:
        layer: The layer that set it.
        source: The object and the dotted path in it, `manifest#shop@1.0.0 configuration.cidr`.
        via: The parameters on the way, the input's own first: `cidr_block <- cidr <- network_cidr`.
    """

    layer: Layer
    source: str
    via: str

    def __str__(self) -> str:
        return f"{self.layer} ({self.source})" if self.source else str(self.layer)


def origin(name: str, step: Step, workflow: WorkflowGroup, group: PatternGroup, overrides: Mapping[str, Any]) -> Origin:
    """Return where the value of a step's input comes from; an input that nothing wires has its module's default."""
    layered = step.inputs.get(name)
    if layered is None:
        return Origin(Layer.PRIMITIVE_DEFAULT, f"{step.primitive} {name}", name)
    hops = trace(name, layered, workflow, group, overrides)
    stops = [hop.name for hop in hops]
    shown = [stop for index, stop in enumerate(stops) if index == 0 or stop != stops[index - 1]]
    return Origin(Layer(hops[-1].layered.layer), hops[-1].layered.source, " <- ".join(shown))
