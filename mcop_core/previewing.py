"""A whole plan -> its `Preview`, or that of its destruction: the same calls for the command line and for Airflow."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from mcop_core.artifacts.store import ObjectStore
from mcop_core.artifacts.templates import load_template
from mcop_core.compiler.plan import DeploymentPlan
from mcop_core.compiler.resolution import needed_outputs, open_steps
from mcop_core.compiler.slicing import Slice
from mcop_core.compiler.snapshot import load_plan
from mcop_core.deployments import DeployedName, Deployment, Deployments, executed_together, reverse_order
from mcop_core.engines.artifact import load_artifact, load_origin
from mcop_core.engines.base import Component, Engine
from mcop_core.engines.changes import ComponentChanges, Mode, Objection, Preview
from mcop_core.engines.values import SealedText
from mcop_core.engines.workspace import Reporter, Workspace
from mcop_core.errors import Refused
from mcop_core.parameters.pending import PendingText
from mcop_core.policies.ask import ask_policies
from mcop_core.policies.models import Execution, Level
from mcop_core.recorded import deployment_of, last_outputs, recorded_outputs
from mcop_core.refs import OutputRef, StepRef
from mcop_core.rendering import make_request, name_of
from mcop_core.telemetry import Span, span

_AT_ONCE = 2
"""How many components are planned at a time, where each needs a plan of its own; each starts its providers."""


def preview_plan(
    plan: DeploymentPlan,
    open_engine: Callable[[str], Engine],
    store: ObjectStore,
    cache_dir: Path,
    workspace: Workspace,
    report: Reporter,
    *,
    overrides: Mapping[str, Any],
    part: Slice | None = None,
) -> Preview:
    """
    Say what a run of *plan* with *overrides* would do, the destruction of components that are not in it included.

    Args:
        store: Artifact store, where the templates lie.
        cache_dir: Folder of template files fetched before, by digest.
        workspace: Its directory gets plans and states in clear: make it for this call and remove it afterwards.
        part: What the run is about; None: everything. A slice leaves alone what is not in the plan any more.

    Raises:
        InvalidDocuments: An override is not allowed, or a value breaks its type or rule.
        EngineFailed: Nothing of it can be planned.
        NotFound: What *part* takes from the rest was never applied.
    """
    with span("preview", manifest=name_of(plan)) as told:
        found = _preview(plan, open_engine, store, cache_dir, workspace, report, overrides=overrides, part=part)
        return _counted(found, told)


def _preview(
    plan: DeploymentPlan,
    open_engine: Callable[[str], Engine],
    store: ObjectStore,
    cache_dir: Path,
    workspace: Workspace,
    report: Reporter,
    *,
    overrides: Mapping[str, Any],
    part: Slice | None,
) -> Preview:
    components = _with_origins(components_of(plan, store, cache_dir, overrides=overrides), plan, store)
    wanted = {step.id: components[step.id] for step in plan.steps if part is None or step.id in part.steps}
    known = _known(plan, wanted, overrides, open_engine, store, workspace) if part else {}
    engines = {step.id: step.engine for step in plan.steps}
    recorded = partial(_recorded, plan, open_engine, store, workspace)
    planned = _planned(wanted, engines, open_engine, workspace, report, known, recorded)
    if part is not None:
        return Preview(plan.manifest, plan.digest, planned, dict(overrides), only=part.groups)
    destroyed = _destroyed(Deployments.of(plan, store).removed(plan), open_engine, store, workspace, report)
    return Preview(plan.manifest, plan.digest, (*planned, *destroyed), dict(overrides))


def _counted(found: Preview, told: Span) -> Preview:
    told.count(components=len(found.components), resources=sum(len(one.resources) for one in found.components))
    return found


def preview_deployed(
    deployed: Mapping[DeployedName, Mapping[str, Deployment]],
    open_engine: Callable[[str], Engine],
    store: ObjectStore,
    cache_dir: Path,
    workspace: Workspace,
    report: Reporter,
) -> dict[DeployedName, tuple[ComponentChanges, ...]]:
    """
    Say what applying components again would do, each with the plan and the overrides of its own deployment.

    Args:
        deployed: Manifest -> its step ids -> deployment, all of which are planned as one; the others as `preview_plan`.

    Raises:
        EngineFailed: Nothing of it can be planned.
    """
    found = {
        name: _as_deployed(its, store, cache_dir, "/".join(name) if len(deployed) > 1 else "")
        for name, its in deployed.items()
    }
    both = [pair for its in found.values() for pair in its.values()]
    components, engines = {one.step: one for _, one in both}, {one.step: engine for engine, one in both}
    notes = {one.step: its[step] for name, its in deployed.items() for step, (_, one) in found[name].items()}

    def recorded(step: str) -> Mapping[str, Any] | None:
        return last_outputs(notes[step], open_engine, store, workspace.open_store)

    planned = {one.step: one for one in _planned(components, engines, open_engine, workspace, report, {}, recorded)}
    return {
        name: tuple(replace(planned[one.step], step=step) for step, (_, one) in its.items())
        for name, its in found.items()
    }


def _as_deployed(
    deployed: Mapping[str, Deployment], store: ObjectStore, cache_dir: Path, manifest: str
) -> dict[str, tuple[str, Component]]:
    """Return step id -> engine and component, in an order in which they may be applied; see `StepRef.of`."""
    found: dict[str, tuple[str, Component]] = {}
    for together in executed_together(deployed):
        plan = load_plan(store, together[0].plan)
        made = components_of(plan, store, cache_dir, overrides=together[0].overrides, manifest=manifest)
        engines = {step.id: step.engine for step in plan.steps}
        found |= {one.step: (engines[one.step], made[one.step]) for one in together}
    return {one.step: found[one.step] for one in reversed(reverse_order(deployed))}


def _planned(
    components: Mapping[str, Component],
    engines: Mapping[str, str],
    open_engine: Callable[[str], Engine],
    workspace: Workspace,
    report: Reporter,
    known: Mapping[OutputRef, Any],
    recorded: Callable[[str], Mapping[str, Any] | None],
) -> tuple[ComponentChanges, ...]:
    """
    Have each engine preview its *components* at once; one that takes from another comes after it.

    An engine that runs several tools is asked once for each: what one writes down, another may not read.

    Args:
        components: In an order in which they may be applied.
        engines: Step id -> name of its engine.
        known: Outputs of components that are not among them.
        recorded: Step id -> what it put out when it was last applied; None if it never was.
    """
    runs = {step: (engines[step], component.request.settings.tool) for step, component in components.items()}
    together: dict[tuple[str, str], list[Component]] = {}
    for step, component in components.items():
        together.setdefault(runs[step], []).append(component)
    found: dict[str, ComponentChanges] = {}
    for (name, tool), its in sorted(together.items(), key=lambda entry: _from_others(entry[1], runs)):
        inside = replace(workspace, directory=workspace.directory / name / tool)
        given = {**known, **_told(its, found, recorded)}
        found |= {changes.step: changes for changes in open_engine(name).preview(its, inside, report, given)}
    return tuple(found[step] for step in components)


def _from_others(components: Sequence[Component], runs: Mapping[str, tuple[str, str]]) -> int:
    """Return how many outputs *components*, all run by one tool of one engine, take from those of others."""
    own = {runs[one.step] for one in components}
    return sum(runs.get(str(ref.step)) not in {None, *own} for one in components for ref in one.takes)


def _told(
    components: Sequence[Component],
    found: Mapping[str, ComponentChanges],
    recorded: Callable[[str], Mapping[str, Any] | None],
) -> dict[OutputRef, Any]:
    """Return what *components* take from those of others, as far as their previews, in *found*, tell it."""
    wanted = {ref for one in components for ref in one.takes if str(ref.step) in found}
    told: dict[OutputRef, Any] = {}
    outputs = {step: recorded(step) or {} for step in {str(ref.step) for ref in wanted}}
    for ref in wanted:
        changes = found[str(ref.step)]
        change = next((one for one in changes.outputs if one.name == ref.output), None)
        if change is not None and not (change.is_unknown or change.is_sensitive):
            told[ref] = change.after
        elif change is None and changes.mode is not Mode.DEFERRED and ref.output in outputs[str(ref.step)]:
            told[ref] = outputs[str(ref.step)][ref.output]
    return told


def _recorded(
    plan: DeploymentPlan, open_engine: Callable[[str], Engine], store: ObjectStore, workspace: Workspace, step: str
) -> Mapping[str, Any] | None:
    return last_outputs(deployment_of(plan, store, step), open_engine, store, workspace.open_store)


def _with_origins(
    components: Mapping[str, Component], plan: DeploymentPlan, store: ObjectStore
) -> dict[str, Component]:
    """Return *components* with what is deployed of them under ids that they had before."""
    engines = {step.id: step.engine for step in plan.steps}
    origins = Deployments.of(plan, store).origins(plan)
    return {
        step: replace(
            one,
            moved_from={was.step: load_origin(store, was.artifact, engines[step]) for was in origins.get(step, ())},
        )
        for step, one in components.items()
    }


def _known(
    plan: DeploymentPlan,
    components: Mapping[str, Component],
    overrides: Mapping[str, Any],
    open_engine: Callable[[str], Engine],
    store: ObjectStore,
    workspace: Workspace,
) -> dict[OutputRef, Any]:
    """Return what *components* take from those that are not among them."""
    outside = {
        ref for step in components for ref in needed_outputs(plan, step, overrides) if str(ref.step) not in components
    }
    return recorded_outputs(plan, sorted(outside), open_engine, store, workspace.open_store)


def preview_destroy(
    plan: DeploymentPlan,
    open_engine: Callable[[str], Engine],
    store: ObjectStore,
    workspace: Workspace,
    report: Reporter,
) -> Preview:
    """
    Say what destroying everything that the manifest of *plan* deployed would do; arguments as `preview_plan`.

    Raises:
        EngineFailed: A component cannot be planned, or must not be destroyed.
        Refused: The cloud protects a resource from its destruction; names all of them.
    """
    with span("preview", manifest=name_of(plan)) as told:
        return _counted(_preview_destroy(plan, open_engine, store, workspace, report), told)


def _preview_destroy(
    plan: DeploymentPlan,
    open_engine: Callable[[str], Engine],
    store: ObjectStore,
    workspace: Workspace,
    report: Reporter,
) -> Preview:
    deployed = Deployments.of(plan, store).all()
    found = _destroyed(reverse_order(deployed), open_engine, store, workspace, report)
    protected = [f"{one.step}.{c.address} ({c.protection})" for one in found for c in one.resources if c.protection]
    if protected:
        raise Refused(f"protected from destruction: {', '.join(protected)}. Switch that off and apply it first.")
    return Preview(plan.manifest, plan.digest, found, destroys=True)


def judged(preview: Preview, policies: str, execution: Execution) -> Preview:
    """
    Return *preview* with what the policies in the folder *policies* have against it, told of *execution*, too.

    An empty name of the folder means that there are none.
    """
    verdicts = ask_policies(policies, {"preview": json.loads(preview.to_json()), "execution": execution})
    found = tuple(Objection(one.policy, one.message, one.level is Level.DENY) for one in verdicts)
    return replace(preview, objections=found)


def _destroyed(
    deployments: Sequence[Deployment],
    open_engine: Callable[[str], Engine],
    store: ObjectStore,
    workspace: Workspace,
    report: Reporter,
) -> tuple[ComponentChanges, ...]:
    def look(one: Deployment) -> ComponentChanges:
        artifact = load_artifact(store, one.artifact)
        inside = replace(workspace, directory=workspace.directory / "destroy" / one.step)
        return open_engine(artifact.engine).preview_destroy(one.step, artifact, inside, report)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return tuple(pool.map(look, deployments))


def components_of(
    plan: DeploymentPlan, store: ObjectStore, cache_dir: Path, *, overrides: Mapping[str, Any], manifest: str = ""
) -> dict[str, Component]:
    """
    Return step id -> its component, outputs of others left open.

    Args:
        manifest: `namespace/manifest`, if the components stand beside those of others; the others as `preview_plan`,
            and so it raises.
    """
    found, opened = {}, open_steps(plan, overrides=overrides)
    for step in plan.steps:
        values = opened[step.id]
        request = make_request(
            plan,
            step.id,
            load_template(store, step.template, cache_dir),
            inputs=_opened(dict(values.inputs), manifest),
            configuration=_opened(dict(values.configuration), manifest),
            backend=_opened(dict(values.backend), manifest),
        )
        found[step.id] = Component(str(StepRef(*step.id.split(".")).of(manifest)), request)
    return found


def _opened(value: Any, manifest: str) -> Any:
    """Return *value* in the engines' words: text with outputs in it as `SealedText`, outputs as those of *manifest*."""
    if isinstance(value, OutputRef):
        return replace(value, step=value.step.of(manifest))
    if isinstance(value, PendingText):
        return SealedText(tuple(_opened(part, manifest) for part in value.parts))
    if isinstance(value, dict):
        return {_opened(key, manifest): _opened(item, manifest) for key, item in value.items()}
    if isinstance(value, list):
        return [_opened(item, manifest) for item in value]
    return value
