"""One step of a plan -> its rendered artifact: the same call for the render task, the CLI, preview and drift."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mcop_core.artifacts.store import ObjectStore
from mcop_core.artifacts.templates import load_template
from mcop_core.compiler.plan import DeploymentPlan
from mcop_core.compiler.resolution import resolve_step
from mcop_core.engines.base import Engine, RenderedArtifact, RenderRequest
from mcop_core.refs import ObjectRef, OutputRef, StepRef


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
    step = next(step for step in plan.steps if step.id == step_id)
    resolved = resolve_step(plan, step_id, overrides=overrides, outputs=outputs)
    where = StepRef(*step_id.split("."))
    request = RenderRequest(
        address=(plan.namespace, ObjectRef.parse(plan.manifest).name, where.workflow, where.pattern, where.element),
        files=load_template(store, step.template, cache_dir),
        interface=step.interface,
        inputs=resolved.inputs,
        settings=step.settings.model_copy(update={"configuration": dict(resolved.configuration)}),
        locks=step.locks,
        backend=resolved.backend,
    )
    return engine.render(request)
