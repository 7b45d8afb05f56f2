"""
What applying or destroying components would do: the controller is asked how their jobs are, and nothing is written.

What only a run knows leaves the Jenkinsfile unknown; a controller that cannot be asked leaves a component deferred.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mcop_core.artifacts.store import ObjectStore
from mcop_core.engines.base import (
    Component,
    RenderedArtifact,
    RenderRequest,
    Reporter,
    SealedText,
    Workspace,
    outputs_in,
)
from mcop_core.engines.changes import ComponentChanges, Mode
from mcop_core.engines.jenkins.controller_settings import check_settings, read_settings
from mcop_core.engines.jenkins.job_state import JobState
from mcop_core.engines.jenkins.operate import open_controller
from mcop_core.engines.jenkins.planning import (
    Wanted,
    changes,
    check_home,
    check_owner,
    destruction,
    find_job,
    unknown_changes,
)
from mcop_core.engines.jenkins.render import job_path, render, state_of
from mcop_core.engines.state import StateAddress, held
from mcop_core.errors import (
    Cancelled,
    EngineFailed,
    Fault,
    InvalidDocuments,
    InvalidInput,
    NotFound,
    Refused,
    StateConflict,
    Unreachable,
)
from mcop_core.parameters.text import scalar_text
from mcop_core.refs import OutputRef

_DEFERS = (EngineFailed, InvalidInput, NotFound, Refused, StateConflict, Unreachable)


def preview(
    components: Sequence[Component],
    workspace: Workspace,
    report: Reporter,
    known: Mapping[OutputRef, Any],
) -> tuple[ComponentChanges, ...]:
    """
    Return what applying each of *components* would do.

    Raises:
        Cancelled: A person stopped it.
    """
    found = []
    for component in components:
        if workspace.cancelled():
            raise Cancelled("the preview was cancelled")
        found.append(_preview_one(component, workspace, known))
    return tuple(found)


def _preview_one(component: Component, workspace: Workspace, known: Mapping[OutputRef, Any]) -> ComponentChanges:
    moved_from = ""
    try:
        state, moved_from = _state(component, workspace.open_store)
        request = replace(component.request, inputs=_filled(dict(component.request.inputs), known))
        told = _told(component.step, request, state, workspace)
    except _DEFERS as error:
        told = ComponentChanges(component.step, Mode.DEFERRED, str(error))
    return replace(told, moved_from=moved_from)


def _told(step: str, request: RenderRequest, state: JobState | None, workspace: Workspace) -> ComponentChanges:
    if _is_open(request.inputs) or _is_open(request.settings.configuration):
        _check(request)
        job = job_path(read_settings(request.settings).folder, request.address)
        sensitive = {name: output.sensitive for name, output in request.interface.outputs.items()}
        return unknown_changes(step, job, state, sensitive)
    artifact = render(request)
    wanted = Wanted.of(artifact)
    check_home(wanted, state)
    controller, _ = open_controller(artifact, workspace)
    try:
        found = find_job(controller.config, wanted, state)
    finally:
        controller.close()
    check_owner(wanted, state, found)
    return changes(step, wanted, state, found)


def _check(request: RenderRequest) -> None:
    problems = check_settings(request.settings, may_refer=_is_open(request.settings.configuration))
    if problems:
        raise InvalidDocuments.of(Fault(problem, ".".join(request.address[2:]), "settings") for problem in problems)


def preview_destroy(step: str, artifact: RenderedArtifact, workspace: Workspace) -> ComponentChanges:
    """Return what destroying what *artifact* deployed would do."""
    return destruction(step, JobState.read(held(workspace.open_store, StateAddress.of(artifact)).state))


# -- values and states ---------------------------------------------------------------------------------


def _state(component: Component, open_store: Callable[[str], ObjectStore]) -> tuple[JobState | None, str]:
    """Return the state that an apply would begin with, and the id under which it lies if that is another."""
    place = state_of(component.request.backend, component.request.address)
    own = JobState.read(held(open_store, StateAddress(place["store"], place["key"])).state)
    before = {
        step: state
        for step, artifact in component.moved_from.items()
        if (state := JobState.read(held(open_store, StateAddress.of(artifact)).state)) is not None
    }
    if not before:
        return own, ""
    if own is not None or len(before) > 1:
        raise StateConflict(f"more than one place holds the state of {component.step}: {', '.join(before)}")
    step, state = next(iter(before.items()))
    return state, step


def _filled(value: Any, known: Mapping[OutputRef, Any]) -> Any:
    """Return *value* with every output that is known in its place."""
    if isinstance(value, OutputRef):
        return known.get(value, value)
    if isinstance(value, SealedText):
        parts = [_filled(part, known) for part in value.parts]
        texts = [scalar_text(part) for part in parts]
        return "".join(text for text in texts if text) if None not in texts else SealedText(tuple(parts))
    if isinstance(value, dict):
        return {_filled(key, known): _filled(part, known) for key, part in value.items()}
    return [_filled(part, known) for part in value] if isinstance(value, list) else value


def _is_open(value: object) -> bool:
    return any(True for _ in outputs_in(value))
