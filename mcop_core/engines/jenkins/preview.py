"""
What applying or destroying components would do: the controller is asked how their jobs are, and nothing is written.

What only a run knows leaves the Jenkinsfile unknown; a controller that cannot be asked leaves a component deferred.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from mcop_core.engines.alone import preview_alone
from mcop_core.engines.artifact import RenderedArtifact
from mcop_core.engines.base import Component, RenderRequest
from mcop_core.engines.changes import ComponentChanges
from mcop_core.engines.inputs import is_open
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
from mcop_core.engines.jenkins.render import ENGINE, job_path, render
from mcop_core.engines.state import StateAddress, StateFile, held
from mcop_core.engines.workspace import Workspace
from mcop_core.errors import Fault, InvalidDocuments
from mcop_core.refs import OutputRef


def preview(
    components: Sequence[Component], workspace: Workspace, known: Mapping[OutputRef, Any]
) -> tuple[ComponentChanges, ...]:
    """Return what applying each of *components* would do; see `alone.preview_alone`."""
    return preview_alone(ENGINE, components, workspace, known, partial(_told, workspace=workspace))


def _told(step: str, request: RenderRequest, file: StateFile | None, workspace: Workspace) -> ComponentChanges:
    state = JobState.read(file)
    if is_open(request.inputs) or is_open(request.settings.configuration):
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
    problems = check_settings(request.settings, may_refer=is_open(request.settings.configuration))
    if problems:
        raise InvalidDocuments.of(Fault(problem, ".".join(request.address[2:]), "settings") for problem in problems)


def preview_destroy(step: str, artifact: RenderedArtifact, workspace: Workspace) -> ComponentChanges:
    """Return what destroying what *artifact* deployed would do."""
    return destruction(step, JobState.read(held(workspace.open_store, StateAddress.of(artifact)).state))
