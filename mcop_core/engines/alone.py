"""The preview of components each by itself, for engines that do not plan them as one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mcop_core.artifacts.store import ObjectStore
from mcop_core.engines.backend import state_of
from mcop_core.engines.base import Component, RenderRequest
from mcop_core.engines.changes import ComponentChanges, Mode
from mcop_core.engines.inputs import fill
from mcop_core.engines.state import StateAddress, StateFile, held
from mcop_core.engines.workspace import Workspace
from mcop_core.errors import (
    Cancelled,
    EngineFailed,
    InvalidInput,
    NotFound,
    Refused,
    StateConflict,
    Unreachable,
)
from mcop_core.refs import OutputRef

DEFERS = (EngineFailed, InvalidInput, NotFound, Refused, StateConflict, Unreachable)
"""What keeps one component from being planned, and no other."""

Tell = Callable[[str, RenderRequest, StateFile | None], ComponentChanges]
"""Step, request and state -> what applying it would do; an `OutputRef` stands where only a run will know a value."""


def preview_alone(
    engine: str, components: Sequence[Component], workspace: Workspace, known: Mapping[OutputRef, Any], tell: Tell
) -> tuple[ComponentChanges, ...]:
    """
    Return what *tell* says of each of *components*; one of which it raises any of `DEFERS` is deferred.

    Args:
        engine: Name of the engine, whose states lie where `backend.state_of` says.
        known: As `Engine.preview` takes it; put into the requests.

    Raises:
        Cancelled: A person stopped it.
    """
    found = []
    for component in components:
        if workspace.cancelled():
            raise Cancelled("the preview was cancelled")
        found.append(_preview(engine, component, workspace, known, tell))
    return tuple(found)


def _preview(
    engine: str, component: Component, workspace: Workspace, known: Mapping[OutputRef, Any], tell: Tell
) -> ComponentChanges:
    moved_from = ""
    try:
        state, moved_from = _state(engine, component, workspace.open_store)
        request = replace(component.request, inputs=fill(dict(component.request.inputs), known))
        told = tell(component.step, request, state)
    except DEFERS as error:
        told = ComponentChanges(component.step, Mode.DEFERRED, str(error))
    return replace(told, moved_from=moved_from)


def _state(engine: str, component: Component, open_store: Callable[[str], ObjectStore]) -> tuple[StateFile | None, str]:
    """Return the state that an apply would begin with, and the id under which it lies if that is another."""
    place = state_of(component.request.backend, component.request.address, engine)
    own = _filled(open_store, StateAddress(place["store"], place["key"]))
    before = {
        step: state
        for step, artifact in component.moved_from.items()
        if (state := _filled(open_store, StateAddress.of(artifact))) is not None
    }
    if not before:
        return own, ""
    if own is not None or len(before) > 1:
        raise StateConflict(f"more than one place holds the state of {component.step}: {', '.join(before)}")
    step, state = next(iter(before.items()))
    return state, step


def _filled(open_store: Callable[[str], ObjectStore], address: StateAddress) -> StateFile | None:
    """Return the state at *address*, None if nothing lies there or it holds nothing."""
    state = held(open_store, address).state
    return None if state is None or state.is_empty else state
