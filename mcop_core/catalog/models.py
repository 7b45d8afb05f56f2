"""
The objects of the catalog: what a YAML document says, frozen.

A model holds what its author wrote and, for primitives and adapters, what publishing read from the code
(`Interface`, `Template`, provider locks). What happens to a version afterwards (its pins, whether it is
deprecated or revoked) is not the object's own: see `CatalogEntry` in `repository`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from mcop_core.catalog.canonical import canonical_json
from mcop_core.catalog.parts import (
    AS_TUPLE,
    AdapterSettings,
    ApprovalPolicy,
    DriftPolicy,
    IgnoredDrift,
    Input,
    Interface,
    Model,
    Output,
    ProviderLock,
    ProviderRequirement,
    Template,
    TemplateFile,
)
from mcop_core.catalog.versions import VERSION_PATTERN, check_requirement, check_version
from mcop_core.errors import InvalidInput, closest
from mcop_core.refs import NAME_PATTERN, Kind, ObjectRef

__all__ = [
    "AdapterSettings",
    "ApprovalPolicy",
    "DriftPolicy",
    "IgnoredDrift",
    "Input",
    "Interface",
    "Model",
    "Output",
    "ProviderLock",
    "ProviderRequirement",
    "Template",
    "TemplateFile",
]
"""What others find here although a plan has it too: see `parts`."""

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

SCHEMA_VERSION = 1
"""The version of these models; `mcop catalog migrate` moves stored objects to it."""

Name = Annotated[str, Field(pattern=rf"^{NAME_PATTERN}$")]
Version = Annotated[str, AfterValidator(check_version), Field(json_schema_extra={"pattern": VERSION_PATTERN})]
Requirement = Annotated[str, AfterValidator(check_requirement)]
ComponentId = Annotated[str, Field(pattern=rf"^{NAME_PATTERN}\.{NAME_PATTERN}\.{NAME_PATTERN}$")]
Provider = Annotated[str, Field(pattern=rf"^({NAME_PATTERN}|\$\{{{NAME_PATTERN}\}})$")]
Names = Annotated[tuple[Name, ...], AS_TUPLE]


class CatalogObject(Model):
    """What all kinds have in common."""

    kind: str
    name: Name = Field(description="Name of the object, shared by its versions.")
    version: Version = Field(description="Semantic version; immutable once published.")
    description: str = Field("", description="What it is for, Markdown.")
    schema_version: Literal[1] = Field(1, description="Version of the document's form.")

    @property
    def ref(self) -> ObjectRef:
        """The object's address."""
        return ObjectRef(Kind(self.kind), self.name, self.version)

    def document(self) -> dict[str, Any]:
        """Return the object as a JSON-serialisable document, defaults left out; no schema version means 1."""
        stated = {"schema_version": SCHEMA_VERSION} if SCHEMA_VERSION > 1 else {}
        return {"kind": self.kind, **stated, **self.model_dump(mode="json", exclude_defaults=True, by_alias=True)}

    @property
    def digest(self) -> str:
        """SHA-256, in hex, of the canonical JSON of `document`."""
        return hashlib.sha256(canonical_json(self.document())).hexdigest()


# -- interfaces ----------------------------------------------------------------------------------------


class InterfaceInput(Model):
    """What the primitives of an interface take under one name."""

    type: str = Field("any", description="Terraform type constraint; a primitive has the same, or any.")
    description: str = ""
    required: bool = Field(True, description="Whether it must be given; else each primitive has a default of its own.")
    sensitive: bool = False


class InterfaceOutput(Model):
    """What the primitives of an interface put out under one name."""

    type: str = Field("any", description="Terraform type constraint of its values.")
    description: str = ""
    sensitive: bool = False


class PrimitiveInterface(CatalogObject):
    """What primitives of several providers have in common: a pattern may name it in their place."""

    kind: Literal["interface"] = "interface"
    inputs: dict[str, InterfaceInput] = Field({})
    outputs: dict[str, InterfaceOutput] = Field({})


# -- primitives ----------------------------------------------------------------------------------------


class Primitive(CatalogObject):
    """One reusable component: a Terraform module or a Jenkinsfile template."""

    kind: Literal["primitive"] = "primitive"
    provider: Name = Field(description="The cloud it is for.")
    primitive_type: Name = Field(description="What its files are, for example terraform.")
    source: str = Field(description="Folder of its files, relative to the catalog folder.")
    implements: dict[Name, Requirement] = Field({}, description="Interface to the versions of it that it serves.")
    interface: Interface = Field(Interface(), description="Read from the code at publish.")
    template: Template | None = Field(None, description="The stored files; set at publish.")
    locks: dict[str, ProviderLock] = Field({}, description="Providers the adapter does not bring; set at publish.")
    exemptions: dict[str, str] = Field(
        {}, description="Rule to reason: what is forbidden and an administrator let it hold; set at publish."
    )


# -- adapters ------------------------------------------------------------------------------------------


class Adapter(CatalogObject):
    """Which engine and provider settings serve a (provider, primitive type)."""

    kind: Literal["adapter"] = "adapter"
    provider: Name
    primitive_type: Name
    engine: Name = Field(description="Registered name of the engine.")
    settings: AdapterSettings = AdapterSettings()
    locks: dict[str, ProviderLock] = Field({}, description="Provider address to lock; set at publish.")


# -- patterns ------------------------------------------------------------------------------------------


class Parameter(Model):
    """A parameter that a pattern declares; without `default` it must be given."""

    type: str = Field("any", description="Terraform type constraint.")
    description: str = ""
    default: Any = None
    rule: Name | None = Field(None, description="Name of the validation rule; without it the rule of this name.")
    sensitive: bool = False

    @property
    def required(self) -> bool:
        """Whether there is no default; `default: null` is one."""
        return "default" not in self.model_fields_set

    @model_serializer(mode="wrap")
    def _keep_a_null_default(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        document: dict[str, Any] = serialize(self)
        return document if self.required else {**document, "default": document.get("default")}


class Element(Model):
    """One primitive in a pattern, or an interface in place of one."""

    primitive: Name | None = Field(None, description="Name of a primitive; or else `interface`.")
    interface: Name | None = Field(None, description="Interface: its primitive of the pattern's provider is taken.")
    version: Requirement = Field(description="Of the primitive, or of the interface.")
    inputs: dict[str, Any] = Field({})

    @model_validator(mode="after")
    def _names_one_thing(self) -> Element:
        if (self.primitive is None) == (self.interface is None):
            raise ValueError("an element names a primitive or an interface, one of the two")
        return self

    @property
    def named(self) -> tuple[Kind, str]:
        """Kind and name of what it stands for."""
        return (Kind.INTERFACE, self.interface) if self.interface else (Kind.PRIMITIVE, self.primitive or "")


class Pattern(CatalogObject):
    """Several primitives with parameters, rules and wiring between them."""

    kind: Literal["pattern"] = "pattern"
    provider: Provider = Field(description="The cloud it is for; or ${parameter}, whose value names it.")
    primitive_type: Name
    parameters: dict[Name, Parameter] = Field({})
    elements: dict[Name, Element] = Field(min_length=1)


# -- workflows and manifests ---------------------------------------------------------------------------


class PatternUse(Model):
    """One pattern in a workflow."""

    pattern: Name
    version: Requirement
    inputs: dict[str, Any] = Field({})


class Backend(Model):
    """Where Terraform's state lies; the key is computed, never given. Fields beyond `type` are the backend's own."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: Name


def _with_sequence(document: Any, field: str) -> Any:
    """Note the order in which *field* is written: canonical JSON, as it is stored, sorts keys."""
    if not isinstance(document, dict) or "sequence" in document or not isinstance(document.get(field), dict):
        return document
    return {**document, "sequence": list(document[field])}


def _check_sequence(sequence: tuple[str, ...], names: Iterable[str]) -> None:
    if sorted(sequence) != sorted(names):
        raise ValueError(f"sequence must name each of {', '.join(sorted(names))} once")


class Workflow(CatalogObject):
    """A sequence of patterns, and the Terraform backend for their state."""

    kind: Literal["workflow"] = "workflow"
    patterns: dict[Name, PatternUse] = Field(min_length=1)
    sequence: Names = Field((), description="Order of the patterns; left out: as they are written.")
    order: Literal["sequence", "references"] = "sequence"
    backend: Backend

    @model_validator(mode="before")
    @classmethod
    def _remembers_the_written_order(cls, document: Any) -> Any:
        return _with_sequence(document, "patterns")

    @model_validator(mode="after")
    def _sequence_names_every_pattern(self) -> Workflow:
        _check_sequence(self.sequence, self.patterns)
        return self


class WorkflowUse(Model):
    """One workflow in a manifest."""

    workflow: Name
    version: Requirement
    overrides: dict[str, Any] = Field({})


class Move(Model):
    """A component that had another id in an earlier version: its state and its resources stay."""

    origin: ComponentId = Field(alias="from", description="The id it had, workflow.pattern.element.")
    to: ComponentId = Field(description="The id it has now.")


class Manifest(CatalogObject):
    """One or more workflows with configuration, overrides, namespace: the deployment of one application."""

    kind: Literal["manifest"] = "manifest"
    namespace: Name
    configuration: dict[str, Any] = Field({})
    workflows: dict[Name, WorkflowUse] = Field(min_length=1)
    sequence: Names = Field((), description="Order of the workflows; left out: as they are written.")
    order: Literal["sequence", "references"] = "sequence"
    approval: ApprovalPolicy = Field(ApprovalPolicy(), description="One word, or the policy in full.")
    drift: DriftPolicy = Field(DriftPolicy(), description="What is done about drift.")
    moved: Annotated[tuple[Move, ...], AS_TUPLE] = Field((), description="Components that were renamed.")
    credentials: dict[Name, str] = Field(
        {}, description="Provider to the reference of the credentials that its components are deployed with."
    )

    @model_validator(mode="before")
    @classmethod
    def _remembers_the_written_order(cls, document: Any) -> Any:
        return _with_sequence(document, "workflows")

    @model_validator(mode="after")
    def _sequence_names_every_workflow(self) -> Manifest:
        _check_sequence(self.sequence, self.workflows)
        return self


# -- rules ---------------------------------------------------------------------------------------------


class ValidationRule(CatalogObject):
    """What the values of one parameter may be."""

    kind: Literal["rule"] = "rule"
    type: Literal["enum", "regex", "string"]
    values: tuple[Any, ...] | None = Field(None, min_length=1, description="enum: what is allowed.")
    pattern: str | None = Field(None, max_length=1024, description="regex: must match the whole value.")
    value: str | None = Field(None, description="string: the one allowed value.")

    @model_validator(mode="after")
    def _carries_its_own_field(self) -> ValidationRule:
        wanted = {"enum": "values", "regex": "pattern", "string": "value"}[self.type]
        given = {name for name in ("values", "pattern", "value") if getattr(self, name) is not None}
        if given != {wanted}:
            raise ValueError(f"a rule of type {self.type} has the field {wanted} and neither of the other two")
        return self


AnyObject: TypeAlias = PrimitiveInterface | Primitive | Adapter | Pattern | Workflow | Manifest | ValidationRule

MODELS: dict[Kind, type[CatalogObject]] = {
    Kind.INTERFACE: PrimitiveInterface,
    Kind.PRIMITIVE: Primitive,
    Kind.ADAPTER: Adapter,
    Kind.PATTERN: Pattern,
    Kind.WORKFLOW: Workflow,
    Kind.MANIFEST: Manifest,
    Kind.RULE: ValidationRule,
}

SET_AT_PUBLISH: dict[Kind, frozenset[str]] = {
    Kind.PRIMITIVE: frozenset({"interface", "template", "locks", "exemptions"}),
    Kind.ADAPTER: frozenset({"locks"}),
}
"""The fields that publishing fills in; an author who writes one is told so."""


def object_from_document(document: Mapping[str, Any]) -> CatalogObject:
    """
    Read what `CatalogObject.document` wrote, or what an author did: the order of keys matters for `sequence`.

    Raises:
        InvalidInput: The kind is unknown.
        pydantic.ValidationError: The document is not of its kind's form (a ValueError, every fault in it).
    """
    kind = document.get("kind")
    if kind not in set(Kind):
        near = closest(str(kind), Kind)
        hint = f' Did you mean "{near}"?' if near else ""
        raise InvalidInput(f"{kind!r} is no kind of object. Allowed: {', '.join(Kind)}.{hint}", kind=kind)
    return MODELS[Kind(kind)].model_validate_json(json.dumps(document, allow_nan=False), strict=True)
