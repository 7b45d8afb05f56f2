"""
The values of a plan: every scope and input with its references replaced, as far as they are known.

One way of evaluating for all: the compiler evaluates with nothing known, to check what is concrete and to find
what depends on what; the render task evaluates with the run's overrides and the outputs of earlier steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mcop_core.catalog.models import Input, ValidationRule
from mcop_core.compiler.outputs import OutputIndex, Place, World
from mcop_core.compiler.plan import Declaration, DeploymentPlan, LayeredValue, PatternGroup, Step, WorkflowGroup
from mcop_core.compiler.provenance import RUN_SOURCE, is_literal, trace
from mcop_core.errors import Fault, InvalidInput, InvalidName
from mcop_core.parameters.conversion import convert
from mcop_core.parameters.fitting import misfits
from mcop_core.parameters.layers import Layer
from mcop_core.parameters.pending import BROKEN, Sealed, with_secrets
from mcop_core.parameters.resolver import Resolved, ResolvedScope, Surroundings, resolve, resolve_scope
from mcop_core.parameters.syntax import readable_references
from mcop_core.parameters.text import check_hygiene
from mcop_core.parameters.types import ANY, Type, parse_type
from mcop_core.parameters.validator import check_against, placed
from mcop_core.refs import OutputRef


def read_type(text: str) -> Type:
    """Return *text* as a type; one that cannot be read is told by `checks`, and fits everything here."""
    try:
        return parse_type(text)
    except InvalidInput:
        return ANY


@dataclass(frozen=True, slots=True)
class StepValues:
    """
    What a step gets.

    Attributes:
        inputs: Input -> value, `pending` values in it.
        configuration: The adapter's configuration.
        backend: The workflow's backend.
        faults: With object and path.
    """

    inputs: Mapping[str, Any]
    configuration: Mapping[str, Any]
    backend: Mapping[str, Any]
    faults: tuple[Fault, ...]


class Evaluation:
    """
    A plan's values under given overrides and outputs; each scope is evaluated once.

    Args:
        plan: The plan; need not be complete while it is being compiled.
        index: The outputs in sight.
        overrides: Run overrides, plain data.
        outputs: What is known of outputs, as XCom has it.
        world: How much of the deployment is in sight.
    """

    def __init__(
        self,
        plan: DeploymentPlan,
        index: OutputIndex,
        *,
        overrides: Mapping[str, Any] | None = None,
        outputs: Mapping[OutputRef, Any] | None = None,
        world: World = World.MANIFEST,
    ) -> None:
        self._plan = plan
        self._index = index
        self._overrides = dict(overrides or {})
        self._outputs = {ref: _read_output(ref, value, index) for ref, value in (outputs or {}).items()}
        self._world = world
        self._rules = {name: ValidationRule.model_validate(document) for name, document in plan.rules.items()}
        self._declared = {
            name for workflow in plan.workflows for group in workflow.groups for name in group.declarations
        }
        self._scopes: dict[str, ResolvedScope] = {}
        self._parameters: dict[str, ResolvedScope] = {}
        self._shared: dict[tuple[str, str], Resolved] = {}

    @property
    def overridden(self) -> frozenset[str]:
        """The names that a run override sets."""
        return frozenset(self._overrides)

    # -- scopes -------------------------------------------------------------------------------------

    def scope(self, workflow: WorkflowGroup) -> ResolvedScope:
        """Return the manifest scope as *workflow* sees it."""
        if workflow.id not in self._scopes:
            self._scopes[workflow.id] = resolve_scope(
                {name: layered.value for name, layered in workflow.scope.items()},
                lambda _, values: self._outer(workflow, values),
                self._finish_configuration,
                known=self._known(self._overrides),
            )
        return self._scopes[workflow.id]

    def parameters(self, workflow: WorkflowGroup, group: PatternGroup) -> ResolvedScope:
        """Return the pattern scope of *group*; a declared parameter without a value is `BROKEN`."""
        if group.id not in self._parameters:
            outer = self._outer(workflow, self.scope(workflow).values)
            layers = {name: Layer(layered.layer) for name, layered in group.parameters.items()}
            valueless = dict.fromkeys(group.declarations, BROKEN)

            def around(name: str, values: Mapping[str, Any]) -> Surroundings:
                return self._inner(group, {**valueless, **values}) if is_default(name) else outer

            def is_default(name: str) -> bool:
                return layers[name] is Layer.PATTERN_DEFAULT

            found = resolve_scope(
                {name: layered.value for name, layered in group.parameters.items()},
                around,
                lambda name, value: self._finish_parameter(group, name, value),
                inner=is_default,
                known=self._known({n: v for n, v in self._overrides.items() if n in group.declarations}),
            )
            self._parameters[group.id] = ResolvedScope({**valueless, **found.values}, found.faults)
        return self._parameters[group.id]

    def scope_faults(self, workflow: WorkflowGroup, names: Iterable[str]) -> list[Fault]:
        """Return the faults of *names* of the manifest scope, and of every name that they refer to."""
        faults = self.scope(workflow).faults
        reached = reachable(names, {name: layered.value for name, layered in workflow.scope.items()})
        return self._scope_faults({name: faults[name] for name in sorted(reached) if name in faults}, workflow.scope)

    def parameter_faults(self, workflow: WorkflowGroup, group: PatternGroup) -> list[Fault]:
        """Return the faults of *group*'s parameters."""
        return self._scope_faults(self.parameters(workflow, group).faults, group.parameters)

    def _scope_faults(self, faults: Mapping[str, tuple[Fault, ...]], scope: Mapping[str, LayeredValue]) -> list[Fault]:
        placed_faults: list[Fault] = []
        for name in sorted(faults):
            source = f"{RUN_SOURCE} {name}" if name in self._overrides else scope[name].source
            placed_faults += _located(faults[name], source)
        return placed_faults

    def _outer(self, workflow: WorkflowGroup, values: Mapping[str, Any]) -> Surroundings:
        locate = self._index.locator(Place(workflow.id))
        scope = f"the configuration of {self._plan.manifest}"
        return Surroundings(values, locate, self._outputs, scope, open_world=self._world is not World.MANIFEST)

    def _inner(self, group: PatternGroup, values: Mapping[str, Any]) -> Surroundings:
        workflow, _, pattern = group.id.partition(".")
        return Surroundings(values, self._index.locator(Place(workflow, pattern)), self._outputs, group.pattern)

    @staticmethod
    def _known(values: Mapping[str, Any]) -> dict[str, Resolved]:
        return {name: _given(value) for name, value in values.items()}

    # -- steps --------------------------------------------------------------------------------------

    def step(self, workflow: WorkflowGroup, group: PatternGroup, step: Step) -> StepValues:
        """Return what *step* gets, with the faults of its own templates (not those of the scopes)."""
        faults: list[Fault] = []
        around = self._inner(group, self.parameters(workflow, group).values)
        inputs: dict[str, Any] = {}
        for name, layered in step.inputs.items():
            resolved = self._input(name, layered, group, around)
            if not resolved.faults:
                resolved = self._finish_input(step, name, resolved.value)
            inputs[name] = BROKEN if resolved.faults else resolved.value
            origin = trace(name, layered, workflow, group, self._overrides)[-1].layered
            faults += _located(resolved.faults, origin.source)
        configuration = self._once(workflow, step.adapter, step.settings.configuration)
        faults += placed(configuration.faults, step.adapter, "settings.configuration")
        backend = self._once(workflow, workflow.workflow, workflow.backend)
        faults += placed(backend.faults, workflow.workflow, "backend")
        return StepValues(inputs, _mapping(configuration.value), _mapping(backend.value), tuple(faults))

    def _once(self, workflow: WorkflowGroup, owner: str, template: Mapping[str, Any]) -> Resolved:
        """Resolve what all steps of a workflow share, the first time it is asked for."""
        key = (workflow.id, owner)
        if key not in self._shared:
            self._shared[key] = resolve(template, self._outer(workflow, self.scope(workflow).values))
        return self._shared[key]

    def _input(self, name: str, layered: LayeredValue, group: PatternGroup, around: Surroundings) -> Resolved:
        """A plain literal for an input of a parameter's name is a layer of that parameter, with its type and rule."""
        if not (name in group.declarations and is_literal(layered)):
            return resolve(layered.value, around)
        if name in self._overrides:
            return Resolved(around.names[name])
        resolved = resolve(layered.value, around)
        return resolved if resolved.faults else self._finish_parameter(group, name, resolved.value)

    # -- checks -------------------------------------------------------------------------------------

    def _finish_parameter(self, group: PatternGroup, name: str, value: Any) -> Resolved:
        declaration = group.declarations.get(name, Declaration())
        wanted = read_type(declaration.type)
        converted, faults = convert(value, wanted)
        if not faults:
            faults = self._rule_faults(declaration, converted, wanted)
        return Resolved(converted, tuple(_named(faults, f"parameter {name} of {group.pattern}")))

    def _rule_faults(self, declaration: Declaration, value: Any, wanted: Type) -> list[Fault]:
        rule = self._rules.get(declaration.rule)
        if rule is None or (value is None and declaration.nullable):
            return []
        return check_against(value, rule, wanted, sensitive=declaration.sensitive)

    def _finish_configuration(self, name: str, value: Any) -> Resolved:
        """A configuration name that no pattern declares keeps the rule of its own name."""
        rule = self._rules.get(name)
        if rule is None or name in self._declared:
            return Resolved(value)
        return Resolved(value, tuple(_named(check_against(value, rule), f"parameter {name}")))

    def _finish_input(self, step: Step, name: str, value: Any) -> Resolved:
        declared = step.interface.inputs.get(name, Input())
        what = f"input {name} of {step.primitive} ({step.id.strip('.')})"
        if value is None and declared.required and not declared.nullable:
            return Resolved(value, (Fault(f"{what}: it is required and must not be null"),))
        wanted = read_type(declared.type)
        converted, faults = convert(value, wanted)
        faults = faults or misfits(value, wanted, lambda ref: read_type(self._index.type_of(ref)))
        return Resolved(converted, tuple(_named(faults, what)))


def _given(value: Any) -> Resolved:
    """Return what a run gives for a parameter: plain data, in which references to secrets may stand."""
    faults = check_hygiene(value)
    try:
        return Resolved(BROKEN, tuple(faults)) if faults else Resolved(with_secrets(value))
    except InvalidName as error:
        return Resolved(BROKEN, (Fault(error.message),))


def _located(faults: Iterable[Fault], source: str) -> list[Fault]:
    where, _, path = source.partition(" ")
    return placed(faults, where, path)


def reachable(names: Iterable[str], templates: Mapping[str, Any]) -> set[str]:
    """Return *names* and every name that their templates refer to, however far."""
    reached: set[str] = set()
    pending = list(names)
    while pending:
        name = pending.pop()
        if name not in reached:
            reached.add(name)
            pending += plain_names(templates.get(name))
    return reached


def plain_names(template: Any) -> list[str]:
    """Return the parameters that a template refers to."""
    return [str(reference) for reference in readable_references(template) if not reference.is_output]


def _named(faults: Iterable[Fault], what: str) -> list[Fault]:
    return [
        Fault(f"{what}: {fault.message}", path=fault.path, allowed=fault.allowed, suggestion=fault.suggestion)
        for fault in faults
    ]


def _read_output(ref: OutputRef, value: Any, index: OutputIndex) -> Any:
    """Only the output of a sensitive `output` block can be a pointer; a module must not make up one."""
    return (Sealed.read(value) or value) if index.is_sensitive(ref) else value


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def index_of(plan: DeploymentPlan, world: World = World.MANIFEST, unknown: Iterable[str] = ()) -> OutputIndex:
    """Return every output of *plan*; for *world* and *unknown* see `OutputIndex`."""
    steps = (step for workflow in plan.workflows for group in workflow.groups for step in group.steps)
    return OutputIndex({step.id: step.interface.outputs for step in steps}, world, unknown)
