"""A whole plan -> its `Preview`: the same call for the command line, for Airflow's preview task and for drift."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mcop_core.artifacts.store import ObjectStore
from mcop_core.artifacts.templates import load_template
from mcop_core.compiler.plan import DeploymentPlan
from mcop_core.compiler.resolution import open_steps
from mcop_core.engines.base import Component, Engine, Reporter, SealedText, Workspace
from mcop_core.engines.changes import ComponentChanges, Preview
from mcop_core.parameters.pending import PendingText
from mcop_core.rendering import make_request


def preview_plan(
    plan: DeploymentPlan,
    open_engine: Callable[[str], Engine],
    store: ObjectStore,
    cache_dir: Path,
    workspace: Workspace,
    report: Reporter,
    *,
    overrides: Mapping[str, Any],
) -> Preview:
    """
    Say what a run of *plan* with *overrides* would do.

    Args:
        store: Artifact store, where the templates lie.
        cache_dir: Folder of template files fetched before, by digest.
        workspace: Its directory gets plans and states in clear: make it for this call and remove it afterwards.

    Raises:
        InvalidDocuments: An override is not allowed, or a value breaks its type or rule.
        EngineFailed: Nothing of it can be planned.
    """
    components = components_of(plan, store, cache_dir, overrides=overrides)
    by_engine: dict[str, list[Component]] = {}
    for step in plan.steps:
        by_engine.setdefault(step.engine, []).append(components[step.id])
    found: dict[str, ComponentChanges] = {}
    for name, its in by_engine.items():
        inside = replace(workspace, directory=workspace.directory / name)
        found |= {changes.step: changes for changes in open_engine(name).preview(its, inside, report)}
    return Preview(plan.manifest, plan.digest, tuple(found[step.id] for step in plan.steps), dict(overrides))


def components_of(
    plan: DeploymentPlan, store: ObjectStore, cache_dir: Path, *, overrides: Mapping[str, Any]
) -> dict[str, Component]:
    """Return step id -> its component, outputs of others left open; raises as `preview_plan`."""
    found, opened = {}, open_steps(plan, overrides=overrides)
    for step in plan.steps:
        values = opened[step.id]
        request = make_request(
            plan,
            step.id,
            load_template(store, step.template, cache_dir),
            inputs=_opened(dict(values.inputs)),
            configuration=_opened(dict(values.configuration)),
            backend=_opened(dict(values.backend)),
        )
        found[step.id] = Component(step.id, request)
    return found


def _opened(value: Any) -> Any:
    """Return *value* in the engines' words: text with outputs in it as `SealedText`."""
    if isinstance(value, PendingText):
        return SealedText(tuple(part for part in value.parts))  # type: ignore[misc]
    if isinstance(value, dict):
        return {_opened(key): _opened(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_opened(item) for item in value]
    return value
