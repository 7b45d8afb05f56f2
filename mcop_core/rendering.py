"""One step of a plan -> its rendered artifact: the same call for the render task, the CLI, preview and drift."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mcop_core.artifacts.store import ObjectStore
from mcop_core.artifacts.templates import load_template
from mcop_core.compiler.plan import DeploymentPlan
from mcop_core.compiler.resolution import find_step, resolve_step
from mcop_core.engines.artifact import RenderedArtifact
from mcop_core.engines.base import Engine, RenderRequest
from mcop_core.refs import ObjectRef, OutputRef, StepRef
from mcop_core.telemetry import span


def render_step(
    plan: DeploymentPlan,
    step_id: str,
    engine: Engine,
    store: ObjectStore,
    cache_dir: Path,
    *,
    overrides: Mapping[str, Any],
    outputs: Mapping[OutputRef, Any],
) -> RenderedArtifact:
    """
    Render one step with the values of this run.

    Args:
        engine: The step's engine.
        store: Artifact store, where the template lies.
        cache_dir: Folder of template files fetched before, by digest.
        overrides: Run overrides: parameter -> value.
        outputs: Every output that `resolution.needed_outputs` names.

    Raises:
        InvalidDocuments: A value breaks its type or rule, or cannot be carried.
        Tampered: The stored template is not the one that was published.
    """
    step = find_step(plan, step_id)[2]
    with span("render", manifest=name_of(plan), component=step_id, engine=step.engine) as told:
        resolved = resolve_step(plan, step_id, overrides=overrides, outputs=outputs)
        request = make_request(
            plan,
            step_id,
            load_template(store, step.template, cache_dir),
            inputs=resolved.inputs,
            configuration=resolved.configuration,
            backend=resolved.backend,
        )
        artifact = engine.render(request)
        told.count(files=len(artifact.files))
        return artifact


def name_of(plan: DeploymentPlan) -> str:
    """Return `<namespace>/<manifest>`."""
    return f"{plan.namespace}/{ObjectRef.parse(plan.manifest).name}"


def make_request(
    plan: DeploymentPlan,
    step_id: str,
    files: Mapping[str, bytes],
    *,
    inputs: Mapping[str, Any],
    configuration: Mapping[str, Any],
    backend: Mapping[str, Any],
) -> RenderRequest:
    """Return the request to render one step with these values; *files* are its template's."""
    step = find_step(plan, step_id)[2]
    where = StepRef(*step_id.split("."))
    return RenderRequest(
        address=(plan.namespace, ObjectRef.parse(plan.manifest).name, where.workflow, where.pattern, where.element),
        files=files,
        interface=step.interface,
        inputs=inputs,
        settings=step.settings.model_copy(update={"configuration": dict(configuration)}),
        locks=step.locks,
        backend=backend,
        credentials=step.credentials,
    )
