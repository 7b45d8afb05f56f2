"""
`DeploymentPlan`: what a manifest compiles to, and the one type that passes to the DAG factory.

Everything in it is JSON and frozen. A plan pins every version and the digest of every template, so that the
same plan always renders the same artifacts. Values that a run may still override stay templates over the
plan's `scopes`; `parameters.resolver` finishes them in the render task.
"""

from __future__ import annotations

import hashlib
from typing import Any

from pydantic import BaseModel, ConfigDict

from mcop_core.catalog.canonical import canonical_json
from mcop_core.catalog.parts import (
    AdapterSettings,
    ApprovalPolicy,
    DriftPolicy,
    Interface,
    ProviderLock,
    Template,
)
from mcop_core.parameters.ordering import order_by_references


class PlanPart(BaseModel):
    """Frozen, closed; built when the first one is read, as `catalog.parts.Model`."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class LayeredValue(PlanPart):
    """
    A value before references are replaced, and the layer that set it (`parameters.layers.Layer`).

    Attributes:
        value: Template. Plain references in a step's input and in a pattern default are names of the pattern's
            scope, all others names of the manifest scope.
        source: Where it is written: the object, a space, the dotted path in it.
    """

    value: Any
    layer: str
    source: str = ""


class Declaration(PlanPart):
    """
    What a pattern says of one of its parameters.

    Attributes:
        type: Terraform type constraint.
        rule: Name of the rule in the plan's `rules`; empty if there is none.
        nullable: Whether null may stand although a rule holds: the pattern's own default is null.
        sensitive: Whether its value must not be shown.
    """

    type: str = "any"
    rule: str = ""
    nullable: bool = False
    sensitive: bool = False


class ParameterDoor(PlanPart):
    """
    One parameter that a run may override, as a form field.

    Attributes:
        name: Parameter name; one door serves every pattern that declares it.
        type: Terraform type constraint.
        schema_: JSON schema of the value: its type, and the rule as enum, anchored pattern or const.
        default: What the plan uses without an override, when that is a plain value; else None.
        has_default: Whether there is such a value (`default` may be null).
        rule: `rule#name@version`, or empty.
        patterns: The groups (`workflow.pattern`) it reaches.
        is_sensitive: Whether it takes nothing but a reference to a secret.
    """

    name: str
    type: str = "any"
    description: str = ""
    schema_: dict[str, Any] = {}
    default: Any = None
    has_default: bool = False
    rule: str = ""
    patterns: tuple[str, ...] = ()
    is_sensitive: bool = False


class Step(PlanPart):
    """
    One element: what is rendered and applied as one root.

    Attributes:
        id: `workflow.pattern.element`.
        primitive: `primitive#name@version`.
        adapter: `adapter#name@version`.
        engine: Registered name of the engine.
        provider: The cloud.
        template: The stored files, by digest.
        interface: Inputs and outputs of the primitive.
        locks: Provider address -> chosen version and checksums.
        settings: The adapter's settings; configuration values are templates over the manifest scope.
        inputs: Primitive input -> its template and the layer that set it. Inputs left to the primitive's own
            default are not there.
        after: Ids of the steps that must have been applied before, sorted.
        moved_from: Ids that it had in earlier versions, the latest first.
        exemptions: Rule -> reason: what its primitive may hold although it is forbidden.
        credentials: Reference to the secret that it is deployed with; empty: the worker's own credentials.
    """

    id: str
    primitive: str
    adapter: str
    engine: str
    provider: str
    template: Template
    interface: Interface
    locks: dict[str, ProviderLock] = {}
    settings: AdapterSettings = AdapterSettings()
    inputs: dict[str, LayeredValue] = {}
    after: tuple[str, ...] = ()
    moved_from: tuple[str, ...] = ()
    exemptions: dict[str, str] = {}
    credentials: str = ""


class PatternGroup(PlanPart):
    """
    One pattern in a workflow.

    Attributes:
        id: `workflow.pattern`.
        pattern: `pattern#name@version`.
        parameters: The pattern's scope: parameter -> template and layer; run overrides go on top.
        declarations: Parameter -> its type, rule and whether it is sensitive.
        steps: In an order in which they may run.
        after: Ids of the groups that must be done before, sorted.
        chosen_by: Names of the parameters that chose its provider, and so its primitives; see `provider_choice`.
    """

    id: str
    pattern: str
    description: str = ""
    parameters: dict[str, LayeredValue] = {}
    declarations: dict[str, Declaration] = {}
    steps: tuple[Step, ...]
    after: tuple[str, ...] = ()
    chosen_by: tuple[str, ...] = ()


class WorkflowGroup(PlanPart):
    """
    One workflow in a manifest.

    Attributes:
        id: Name in the manifest.
        workflow: `workflow#name@version`.
        scope: The manifest scope as this workflow sees it: configuration, then overrides.
        backend: The backend's fields; templates over `scope`.
        groups: In an order in which they may run.
    """

    id: str
    workflow: str
    description: str = ""
    scope: dict[str, LayeredValue] = {}
    backend: dict[str, Any]
    groups: tuple[PatternGroup, ...]

    @property
    def chosen_by(self) -> frozenset[str]:
        """Names of the parameters that chose the providers of its groups."""
        return frozenset(name for group in self.groups for name in group.chosen_by)


class DeploymentPlan(PlanPart):
    """
    A manifest compiled: groups of steps, JSON-serialisable, content-addressed.

    Attributes:
        manifest: `manifest#name@version`.
        parameters: What a run may override, by name.
        fixed: Name -> why a run may not override it.
        approval: When a person must approve what a run would do.
        drift: What is done about what differs in the cloud from what was deployed.
        workflows: In an order in which they may run.
        pins: Every version chosen; see `catalog.repository.Pins`.
        rules: Rule name -> the `ValidationRule` document, for checks in the render task.
    """

    manifest: str
    namespace: str
    description: str = ""
    parameters: tuple[ParameterDoor, ...] = ()
    fixed: dict[str, str] = {}
    approval: ApprovalPolicy = ApprovalPolicy()
    drift: DriftPolicy = DriftPolicy()
    workflows: tuple[WorkflowGroup, ...]
    pins: dict[str, str] = {}
    rules: dict[str, dict[str, Any]] = {}

    @property
    def chosen_by(self) -> frozenset[str]:
        """Names of the parameters that chose providers; a run cannot change them."""
        return frozenset(name for workflow in self.workflows for name in workflow.chosen_by)

    def to_json(self) -> bytes:
        """Return the one JSON text of this plan."""
        return canonical_json(self.model_dump(mode="json", exclude_defaults=True))

    @property
    def digest(self) -> str:
        """SHA-256 of `to_json`, in hex."""
        return hashlib.sha256(self.to_json()).hexdigest()

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps, in an order in which they may run, also where references cross groups."""
        listed = {step.id: step for workflow in self.workflows for group in workflow.groups for step in group.steps}
        return tuple(listed[id_] for id_ in order_by_references({id_: step.after for id_, step in listed.items()}))
