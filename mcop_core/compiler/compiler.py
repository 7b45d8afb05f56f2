"""
A manifest and the catalog it pins in -> a `DeploymentPlan`; pure and deterministic.

Link the pins, lay the layers over each other, evaluate with nothing known, order by references and sequence.
"""

from __future__ import annotations

from mcop_core.catalog.models import Adapter, Manifest, Pattern
from mcop_core.catalog.view import CatalogView
from mcop_core.compiler.analysis import Analysis, analyse, demanded_names
from mcop_core.compiler.credentials import check_credentials, with_credentials
from mcop_core.compiler.doors import RUN_OPTIONS, declared_names, fixed_names, parameter_doors
from mcop_core.compiler.drafting import Draft, draft_manifest
from mcop_core.compiler.evaluation import plain_names, reachable
from mcop_core.compiler.graph import order_plan
from mcop_core.compiler.linking import Linker, check_document
from mcop_core.compiler.moves import check_moves, with_moves
from mcop_core.compiler.outputs import World
from mcop_core.compiler.plan import DeploymentPlan
from mcop_core.errors import Fault, InvalidDocuments, closest
from mcop_core.refs import Kind, ObjectRef

COMPILER_VERSION = 2
"""Raised when the same objects compile to another plan than before: snapshots then compile again."""


def compile_manifest(manifest: Manifest, catalog: CatalogView) -> DeploymentPlan:
    """
    Compile *manifest* with the versions that *catalog* chooses.

    Args:
        manifest: What to deploy.
        catalog: The objects, and the pins of an earlier compilation, if they shall hold.

    Returns:
        The plan: same manifest and same view, same bytes. Its `pins` name every version it chose, a later
        compilation with these pins gives the same plan, whatever has been published since.

    Raises:
        InvalidDocuments: Every fault of the manifest and of what it pins, each with object and path.
    """
    faults = check_document(manifest)
    if faults:
        raise InvalidDocuments.of(faults)
    linker = Linker(catalog)
    draft = draft_manifest(manifest, linker)
    _rule_configuration(manifest, draft, linker)
    draft.plan = draft.plan.model_copy(update={"rules": dict(sorted(linker.rules.items()))})
    analysis = analyse(draft, World.MANIFEST, order=manifest.order)
    faults = [*linker.faults, *analysis.faults]
    if not linker.faults:
        faults += _unused(manifest, draft, catalog)
        faults += check_moves(manifest, _step_ids(draft.plan))
        faults += check_credentials(manifest, draft.plan)
    if faults:
        raise InvalidDocuments.of(dict.fromkeys(faults))
    return _finished(manifest, catalog, draft, analysis, linker)


def _step_ids(plan: DeploymentPlan) -> list[str]:
    return [step.id for workflow in plan.workflows for group in workflow.groups for step in group.steps]


def _finished(
    manifest: Manifest, catalog: CatalogView, draft: Draft, analysis: Analysis, linker: Linker
) -> DeploymentPlan:
    plan = draft.plan
    ordered = order_plan(plan, analysis.after, analysis.groups_after)
    fixed = {name: f"it is used by {user}, which a run cannot change" for name, user in fixed_names(plan).items()}
    fixed |= {name: RUN_OPTIONS[name] for name in sorted(declared_names(plan, manifest) & set(RUN_OPTIONS))}
    fixed |= dict.fromkeys(sorted(_spare_names(manifest, draft)), "only another provider would use it")
    complete = with_credentials(with_moves(ordered, manifest.moved), manifest).model_copy(
        update={"fixed": fixed, "pins": dict(sorted(linker.pins.items()))}
    )
    doors = parameter_doors(complete, manifest, _descriptions(complete, catalog))
    return complete.model_copy(update={"parameters": tuple(doors)})


def _descriptions(plan: DeploymentPlan, catalog: CatalogView) -> dict[str, str]:
    """Return the first description that a pattern of *plan* gives of each parameter."""
    found: dict[str, str] = {}
    for group in (group for workflow in plan.workflows for group in workflow.groups):
        pattern = catalog.get(ObjectRef.parse(group.pattern))
        if isinstance(pattern, Pattern):
            for name, parameter in pattern.parameters.items():
                found[name] = found.get(name) or parameter.description
    return found


def _rule_configuration(manifest: Manifest, draft: Draft, linker: Linker) -> None:
    """Find the rules of configuration names that no pattern declares."""
    declared = {name for workflow in draft.plan.workflows for group in workflow.groups for name in group.declarations}
    for workflow in draft.plan.workflows:
        for name, layered in workflow.scope.items():
            if name not in declared:
                linker.rule(name, user=manifest, path=layered.source.partition(" ")[2], required=False)


def _used(draft: Draft) -> dict[str, set[str]]:
    """Return workflow id -> the names of the manifest that it uses, however far."""
    used: dict[str, set[str]] = {}
    for workflow in draft.plan.workflows:
        templates = {name: layered.value for name, layered in workflow.scope.items()}
        used[workflow.id] = reachable(demanded_names(workflow) | draft.mentioned[workflow.id], templates)
    return used


def _unused(manifest: Manifest, draft: Draft, catalog: CatalogView) -> list[Fault]:
    """
    Say which names of the configuration and of the overrides nothing uses.

    A manifest that can be compiled for several providers may hold what the adapters of the others need.
    """
    if draft.plan.chosen_by and catalog.is_pinned:
        return []  # it was said when the pins were made; adapters that were there then may be gone
    elsewhere = _adapter_names(catalog) if draft.plan.chosen_by else set()
    used = {id_: names | elsewhere for id_, names in _used(draft).items()}
    everywhere = set().union(*used.values())
    faults = [
        _unused_fault(manifest, f"configuration.{name}", name, everywhere)
        for name in manifest.configuration
        if name not in everywhere
    ]
    for id_, use in manifest.workflows.items():
        path = f"workflows.{id_}.overrides"
        faults += [
            _unused_fault(manifest, f"{path}.{name}", name, used[id_])
            for name in use.overrides
            if name not in used[id_]
        ]
    return faults


def _spare_names(manifest: Manifest, draft: Draft) -> set[str]:
    """Return the names of the configuration that only another provider would use."""
    return set(manifest.configuration) - set().union(*_used(draft).values())


def _adapter_names(catalog: CatalogView) -> set[str]:
    """Return the names that the configuration of any adapter refers to."""
    adapters = (
        catalog.get(ObjectRef(Kind.ADAPTER, name, version))
        for name in catalog.names(Kind.ADAPTER)
        for version in catalog.versions(Kind.ADAPTER, name)
    )
    configured = (item.settings.configuration for item in adapters if isinstance(item, Adapter))
    return {name for configuration in configured for name in plain_names(configuration)}


def _unused_fault(manifest: Manifest, path: str, name: str, used: set[str]) -> Fault:
    free = used - {name}
    message = f"nothing uses the parameter {name!r}: no pattern declares it and no value refers to it."
    return Fault(message, str(manifest.ref), path, allowed=tuple(sorted(free)), suggestion=closest(name, free))
