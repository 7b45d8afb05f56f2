"""A state -> what its component puts out; a sensitive output is a pointer to the state, never its value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mcop_core.artifacts.store import ObjectStore
from mcop_core.engines.artifact import RenderedArtifact
from mcop_core.engines.state import StateAddress, StateFile, where_it_is
from mcop_core.engines.values import SensitivePointer
from mcop_core.errors import EngineFailed, StoredObjectMissing
from mcop_core.parameters.conversion import convert
from mcop_core.parameters.types import parse_type


def outputs_of(artifact: RenderedArtifact, open_store: Callable[[str], ObjectStore]) -> dict[str, Any]:
    """
    Return what the component of *artifact* puts out since its last apply; one that the state lacks is null.

    Raises:
        StoredObjectMissing: Its state holds nothing: it was not applied, or is destroyed.
    """
    address, state = where_it_is(open_store, StateAddress.of(artifact))
    if state is None or state.is_empty:
        raise StoredObjectMissing(f"the state {address} holds nothing: its component is not applied", key=address.key)
    return read_outputs(artifact.runtime.get("outputs", {}), state, address)


def read_outputs(
    wanted: Mapping[str, Mapping[str, Any]],
    found: StateFile | None,
    address: StateAddress,
    holds_secret: Callable[[Any], bool] = lambda value: False,
) -> dict[str, Any]:
    """
    Return each wanted output's value with its type, a sensitive one as a pointer to *address*. Pure.

    Args:
        wanted: Output -> `{"sensitive": bool, "type"?: type constraint}`. An output that is null is not in the state.
        holds_secret: Whether a value holds a secret although the module does not say that it is sensitive.

    Raises:
        EngineFailed: A value cannot have the type that is wanted; names every output of which this is so.
    """
    held = found.outputs if found else {}
    _check_types({name: facts["type"] for name, facts in wanted.items() if "type" in facts}, held, address)
    return {name: _output(name, facts, held.get(name, {}), address, holds_secret) for name, facts in wanted.items()}


def _check_types(types: Mapping[str, str], held: Mapping[str, Mapping[str, Any]], address: StateAddress) -> None:
    faults = [
        f"{name}: {fault}"
        for name, text in types.items()
        for fault in convert(held.get(name, {}).get("value"), parse_type(text))[1]
    ]
    if faults:
        raise EngineFailed(
            f"{address.step} puts out what the interface of its primitive does not promise: {'; '.join(faults)}. What "
            "was deployed is in the state; publish a version of the primitive whose outputs are of these types.",
            diagnostics=(),
        )


def _output(
    name: str,
    facts: Mapping[str, Any],
    held: Mapping[str, Any],
    address: StateAddress,
    holds_secret: Callable[[Any], bool],
) -> Any:
    if facts.get("sensitive") or held.get("sensitive") or holds_secret(held.get("value")):
        return SensitivePointer(str(address), name).to_json()
    return held.get("value")
