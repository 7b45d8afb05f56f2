"""The inputs of a request against what a primitive declares; and what only a run will know of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mcop_core.engines.base import RenderRequest
from mcop_core.engines.carrier import Carrier
from mcop_core.engines.declarations import DeclaredInput
from mcop_core.engines.values import SealedText, outputs_in
from mcop_core.errors import Fault, closest
from mcop_core.parameters.text import scalar_text
from mcop_core.refs import OutputRef


@dataclass(frozen=True, slots=True)
class Inputs:
    """
    The values of one element's inputs.

    Attributes:
        plain: Input -> JSON value; defaults included.
        sealed: Input -> JSON value in which sensitive outputs and secrets are marked, for the runner alone.
        faults: What is wrong with the inputs; then the values are not complete.
    """

    plain: dict[str, Any] = field(default_factory=dict)
    sealed: dict[str, Any] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)


def read_inputs(request: RenderRequest, declared: Mapping[str, DeclaredInput], what: str) -> Inputs:
    """
    Return the value of every input that is *declared*, and every fault: unknown, missing, or no JSON value. Pure.

    Args:
        what: Whose inputs they are, for people: `the Jenkinsfile`.
    """
    found, where = Inputs(), request.step
    if request.credentials:
        found.faults.append(Fault(f"{what} is deployed without credentials of a manifest's", where, "credentials"))
    for name in sorted(set(request.inputs) - set(declared)):
        near = closest(name, declared)
        found.faults.append(Fault(f"{what} has no such input.", where, name, suggestion=near))
    for name, one in sorted(declared.items()):
        if name in request.inputs:
            _carry(request, name, found)
        elif not one.is_required:
            found.plain[name] = one.default
        else:
            found.faults.append(Fault(f"{what} needs a value for it", where, name))
    return found


def _carry(request: RenderRequest, name: str, found: Inputs) -> None:
    carrier = Carrier(request)
    carried = carrier.carry(request.inputs[name], name)
    found.faults.extend(carrier.faults)
    (found.sealed if carrier.has_sealed else found.plain)[name] = carried


def fill(value: Any, known: Mapping[OutputRef, Any]) -> Any:
    """Return *value*, of a component's inputs, with every output of another component that is *known* in its place."""
    if isinstance(value, OutputRef):
        return known.get(value, value)
    if isinstance(value, SealedText):
        parts = [fill(part, known) for part in value.parts]
        texts = [scalar_text(part) for part in parts]
        return "".join(text for text in texts if text) if None not in texts else SealedText(tuple(parts))
    if isinstance(value, dict):
        return {fill(key, known): fill(part, known) for key, part in value.items()}
    return [fill(part, known) for part in value] if isinstance(value, list) else value


def is_open(value: object) -> bool:
    """Whether only a run will know a part of *value*: it holds an output of another component."""
    return any(True for _ in outputs_in(value))
