"""Linked objects -> a plan without order: layers laid over each other, nothing evaluated yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mcop_core.catalog.models import (
    Adapter,
    CatalogObject,
    Element,
    Manifest,
    Pattern,
    PatternUse,
    Primitive,
    Template,
    Workflow,
    WorkflowUse,
)
from mcop_core.compiler.evaluation import plain_names
from mcop_core.compiler.linking import Linked, Linker
from mcop_core.compiler.plan import Declaration, DeploymentPlan, LayeredValue, PatternGroup, Step, WorkflowGroup
from mcop_core.compiler.provenance import is_literal
from mcop_core.compiler.provider_choice import choose_provider
from mcop_core.errors import Fault, InvalidDocuments, closest
from mcop_core.limits import MAX_STEPS
from mcop_core.parameters.layers import Layer
from mcop_core.refs import Kind

SELF = "_"
"""Stands for the workflow or pattern around an object that is checked on its own; no name can be it."""

Layered = dict[str, LayeredValue]


@dataclass
class Draft:
    """
    A plan in the making.

    Attributes:
        plan: Without doors, order and pins.
        unknown: Ids of workflows, groups and steps that could not be linked.
        orders: Workflow id -> `sequence` or `references`.
        mentioned: Workflow id -> manifest names that its patterns' inputs refer to.
        size: Elements drafted so far.
    """

    plan: DeploymentPlan
    unknown: set[str] = field(default_factory=set)
    orders: dict[str, str] = field(default_factory=dict)
    mentioned: dict[str, set[str]] = field(default_factory=dict)
    size: int = 0

    def grow(self, elements: int) -> None:
        """Count *elements* more; raises InvalidDocuments before there are more than `MAX_STEPS`."""
        self.size += elements
        if self.size > MAX_STEPS:
            message = f"it comes to more than {MAX_STEPS} steps, at least {self.size}: divide it"
            raise InvalidDocuments.of([Fault(message, self.plan.manifest)])


def draft_manifest(manifest: Manifest, linker: Linker) -> Draft:
    """Draft a whole deployment."""
    draft = Draft(_empty_plan(manifest))
    groups: list[WorkflowGroup] = []
    for name in manifest.sequence:
        use = manifest.workflows[name]
        path = f"workflows.{name}"
        workflow = linker.find(Kind.WORKFLOW, use.workflow, use.version, Workflow, user=manifest, path=path)
        if workflow is None:
            draft.unknown.add(name)
        else:
            groups.append(_workflow(name, workflow, manifest_scope(manifest, name, use), linker, draft))
    own = {"approval": manifest.approval, "drift": manifest.drift}
    draft.plan = draft.plan.model_copy(update={"workflows": tuple(groups), **own})
    return draft


def draft_workflow(workflow: Workflow, linker: Linker) -> Draft:
    """Draft a workflow on its own."""
    draft = Draft(_empty_plan(workflow))
    draft.plan = draft.plan.model_copy(update={"workflows": (_workflow(SELF, workflow, {}, linker, draft),)})
    return draft


def draft_pattern(pattern: Pattern, linker: Linker) -> Draft:
    """Draft a pattern on its own."""
    draft = Draft(_empty_plan(pattern), orders={SELF: "references"}, mentioned={SELF: set()})
    group = _group(f"{SELF}.{SELF}", pattern, pattern_scope(pattern, {}, {}), {}, linker, draft)
    alone = WorkflowGroup(id=SELF, workflow="", backend={}, groups=(group,))
    draft.plan = draft.plan.model_copy(update={"workflows": (alone,)})
    return draft


def _empty_plan(item: CatalogObject) -> DeploymentPlan:
    namespace = item.namespace if isinstance(item, Manifest) else ""
    return DeploymentPlan(manifest=str(item.ref), namespace=namespace, description=item.description, workflows=())


# -- layers ---------------------------------------------------------------------------------------------


def manifest_scope(manifest: Manifest, name: str, use: WorkflowUse) -> Layered:
    """Return the manifest scope as one workflow sees it: configuration, its overrides over it."""
    configuration = _layer(manifest.configuration, Layer.MANIFEST_CONFIGURATION, f"{manifest.ref} configuration")
    overrides = _layer(use.overrides, Layer.MANIFEST_OVERRIDE, f"{manifest.ref} workflows.{name}.overrides")
    return {**configuration, **overrides}


def pattern_scope(pattern: Pattern, inputs: Layered, scope: Layered) -> Layered:
    """Return the parameters that have a value: the pattern's default, the workflow's input, the manifest's value."""
    defaults = {name: declared.default for name, declared in pattern.parameters.items() if not declared.required}
    layers = (
        {
            name: LayeredValue(
                value=value, layer=Layer.PATTERN_DEFAULT, source=f"{pattern.ref} parameters.{name}.default"
            )
            for name, value in defaults.items()
        },
        inputs,
        scope,
    )
    return {name: value for layer in layers for name, value in layer.items() if name in pattern.parameters}


def _layer(values: Mapping[str, Any], layer: Layer, source: str) -> Layered:
    return {
        name: LayeredValue(value=value, layer=layer, source=f"{source}.{name}")
        for name, value in sorted(values.items())
    }


# -- workflows and patterns -----------------------------------------------------------------------------


def _workflow(id_: str, workflow: Workflow, scope: Layered, linker: Linker, draft: Draft) -> WorkflowGroup:
    draft.orders[id_] = workflow.order
    draft.mentioned[id_] = set()
    groups: list[PatternGroup] = []
    for name in workflow.sequence:
        use = workflow.patterns[name]
        path = f"patterns.{name}"
        draft.mentioned[id_].update(plain_names(use.inputs))
        pattern = linker.find(Kind.PATTERN, use.pattern, use.version, Pattern, user=workflow, path=path)
        if pattern is None:
            draft.unknown.add(f"{id_}.{name}")
            continue
        inputs = _workflow_inputs(workflow, name, use, pattern, linker)
        parameters = pattern_scope(pattern, inputs, scope)
        groups.append(_group(f"{id_}.{name}", pattern, parameters, scope, linker, draft))
    return WorkflowGroup(
        id=id_,
        workflow=str(workflow.ref),
        description=workflow.description,
        scope=scope,
        backend=workflow.backend.model_dump(mode="json"),
        groups=tuple(groups),
    )


def _workflow_inputs(workflow: Workflow, name: str, use: PatternUse, pattern: Pattern, linker: Linker) -> Layered:
    path = f"patterns.{name}.inputs"
    for given in sorted(use.inputs.keys() - pattern.parameters.keys()):
        message = f"{pattern.ref} declares no parameter {given!r}."
        linker.faults.append(_unknown(message, workflow, f"{path}.{given}", given, pattern.parameters))
    return _layer(use.inputs, Layer.WORKFLOW, f"{workflow.ref} {path}")


def _group(
    id_: str, pattern: Pattern, parameters: Layered, scope: Layered, linker: Linker, draft: Draft
) -> PatternGroup:
    draft.grow(len(pattern.elements))
    choice = choose_provider(pattern, parameters, scope)
    linker.faults += choice.faults
    adapter = linker.adapter(choice.provider, pattern.primitive_type, user=pattern) if choice.provider else None
    declarations = {
        name: linker.declaration(name, declared, pattern) for name, declared in sorted(pattern.parameters.items())
    }
    steps: list[Step] = []
    for name, element in sorted(pattern.elements.items()):
        linked = linker.element(pattern, name, choice.provider)
        if linked is None:
            draft.unknown.add(f"{id_}.{name}")
            continue
        inputs = _step_inputs(pattern, name, element, linked, parameters, linker)
        steps.append(_step(f"{id_}.{name}", linked.primitive, adapter, inputs))
    return PatternGroup(
        id=id_,
        pattern=str(pattern.ref),
        description=pattern.description,
        parameters=parameters,
        declarations=_sensitive_by_use(declarations, steps),
        steps=tuple(steps),
        chosen_by=choice.names,
    )


def _sensitive_by_use(declarations: Mapping[str, Declaration], steps: Iterable[Step]) -> dict[str, Declaration]:
    """Return *declarations* with those as sensitive that are all of a sensitive input of a module."""
    wired = {
        layered.value
        for step in steps
        for name, layered in step.inputs.items()
        if step.interface.inputs[name].sensitive and isinstance(layered.value, str)
    }
    return {
        name: declared.model_copy(update={"sensitive": True}) if f"${{{name}}}" in wired else declared
        for name, declared in declarations.items()
    }


def _step(id_: str, primitive: Primitive, adapter: Adapter | None, inputs: Layered) -> Step:
    extra: dict[str, Any] = {"settings": adapter.settings} if adapter else {}
    locks = {**(adapter.locks if adapter else {}), **primitive.locks}
    return Step(
        id=id_,
        primitive=str(primitive.ref),
        adapter=str(adapter.ref) if adapter else "",
        engine=adapter.engine if adapter else "",
        provider=primitive.provider,
        template=primitive.template or Template(prefix="", digest="", files={}),
        interface=primitive.interface,
        locks=locks,
        inputs=inputs,
        exemptions=primitive.exemptions,
        **extra,
    )


def _step_inputs(
    pattern: Pattern, name: str, element: Element, linked: Linked, parameters: Layered, linker: Linker
) -> Layered:
    path = f"elements.{name}.inputs"
    declared = linked.primitive.interface.inputs
    for given in sorted(element.inputs.keys() - declared.keys()):
        message = f"{linked.named} has no input {given!r}."
        linker.faults.append(_unknown(message, pattern, f"{path}.{given}", given, declared))
    wired = _layer(element.inputs, Layer.PATTERN_ELEMENT, f"{pattern.ref} {path}")
    inputs: Layered = {}
    for given, definition in sorted(declared.items()):
        if chosen := _wiring(given, wired.get(given), pattern, parameters, f"{pattern.ref} {path}.{given}"):
            inputs[given] = chosen
        elif definition.required:
            message = f"{linked.named} needs the input {given!r}: wire it, or declare a parameter of this name"
            linker.faults.append(Fault(message, str(pattern.ref), path))
    return inputs


def _wiring(
    name: str, wired: LayeredValue | None, pattern: Pattern, parameters: Layered, source: str
) -> LayeredValue | None:
    """Choose between what the element wires and the parameter of the input's name."""
    if name not in pattern.parameters:
        return wired
    layer = Layer(parameters[name].layer) if name in parameters else Layer.PATTERN_DEFAULT
    if wired is not None and not (is_literal(wired) and layer.beats(Layer.PATTERN_ELEMENT)):
        return wired
    return LayeredValue(value=f"${{{name}}}", layer=layer, source=source)


def _unknown(message: str, user: CatalogObject, path: str, name: str, known: Iterable[str]) -> Fault:
    options = tuple(sorted(known))
    return Fault(message, str(user.ref), path, allowed=options, suggestion=closest(name, options))


def missing_parameters(group: PatternGroup) -> list[tuple[str, Declaration]]:
    """Return the declared parameters without a value that something in *group* needs."""
    literals = {name for step in group.steps for name, layered in step.inputs.items() if is_literal(layered)}
    needed = {*group.chosen_by} | {
        name for step in group.steps for layered in step.inputs.values() for name in plain_names(layered.value)
    }
    defaults = [layered for layered in group.parameters.values() if layered.layer == Layer.PATTERN_DEFAULT]
    needed |= {name for layered in defaults for name in plain_names(layered.value)}
    return [
        (name, declaration)
        for name, declaration in group.declarations.items()
        if name not in group.parameters and (name in needed or name not in literals)
    ]
