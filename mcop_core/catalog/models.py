"""
The objects of the catalog: what a YAML document says, frozen.

A model holds what its author wrote and, for primitives and adapters, what publishing read from the code
(`Interface`, `Template`, provider locks). What happens to a version afterwards (its pins, whether it is
deprecated or revoked) is not the object's own: see `CatalogEntry` in `repository`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Annotated, Any, Literal, TypeAlias, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)
from pydantic_core import CoreSchema

from mcop_core.catalog.versions import VERSION_PATTERN, check_requirement, check_version
from mcop_core.errors import InvalidInput, closest
from mcop_core.refs import NAME_PATTERN, Kind, ObjectRef

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

SCHEMA_VERSION = 1
"""The version of these models; `mcop catalog migrate` moves stored objects to it."""

_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*|[A-Z][A-Z0-9]+_\*", re.ASCII)
_NOT_PASSED_ON = ("AIRFLOW", "LD_", "MCOP_", "PYTHON", "TF_")


def check_variable(text: str) -> str:
    """
    Return *text* unchanged if an adapter may have this environment variable, or all of this prefix, passed on.

    Raises:
        ValueError: It is none, or what Airflow, MCOP or the engine itself is told by.
    """
    if not _VARIABLE.fullmatch(text):
        raise ValueError(f"{text!r} is no environment variable: write OCI_REGION, or OCI_* for all that begin so")
    name = text.removesuffix("*")
    if name.startswith(_NOT_PASSED_ON):
        raise ValueError(f"{text!r} is not passed on: what begins with {', '.join(_NOT_PASSED_ON)} is not a provider's")
    return text


def check_single_variable(text: str) -> str:
    """Return *text* unchanged if it is one variable of a provider's, and no prefix; raises as `check_variable`."""
    if text.endswith("*"):
        raise ValueError(f"{text!r} stands for many variables: name one")
    return check_variable(text)


Name = Annotated[str, Field(pattern=rf"^{NAME_PATTERN}$")]
Version = Annotated[str, AfterValidator(check_version), Field(json_schema_extra={"pattern": VERSION_PATTERN})]
Requirement = Annotated[str, AfterValidator(check_requirement)]
ComponentId = Annotated[str, Field(pattern=rf"^{NAME_PATTERN}\.{NAME_PATTERN}\.{NAME_PATTERN}$")]
_AS_TUPLE = BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value)
Provider = Annotated[str, Field(pattern=rf"^({NAME_PATTERN}|\$\{{{NAME_PATTERN}\}})$")]
Names = Annotated[tuple[Name, ...], _AS_TUPLE]
Day = Annotated[date, BeforeValidator(lambda value: date.fromisoformat(value) if isinstance(value, str) else value)]
Variable = Annotated[str, AfterValidator(check_single_variable)]
Variables = Annotated[tuple[Annotated[str, AfterValidator(check_variable)], ...], _AS_TUPLE]
Texts = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], _AS_TUPLE]


class Model(BaseModel):
    """Frozen, closed: an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


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


def canonical_json(value: Any) -> bytes:
    """Return the one JSON text of *value*: sorted keys, no spaces, ASCII; refuses NaN and infinities."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


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
    inputs: dict[str, InterfaceInput] = {}
    outputs: dict[str, InterfaceOutput] = {}


# -- primitives ----------------------------------------------------------------------------------------


class Input(Model):
    """One `variable` of a module."""

    type: str = Field("any", description="Terraform type constraint, as the module writes it.")
    description: str = ""
    required: bool = False
    default: Any = None
    sensitive: bool = False
    nullable: bool = True
    ephemeral: bool = False


class Output(Model):
    """One `output` of a module."""

    type: str = Field("any", description="Terraform type constraint; of a module's own output nothing says it.")
    description: str = ""
    sensitive: bool = False


class ProviderRequirement(Model):
    """One entry of `required_providers`: registry source and version constraint."""

    source: str
    version: str = ""


class ProviderLock(Model):
    """The provider version chosen at publish and the checksums of its packages."""

    version: str
    hashes: tuple[str, ...]


class Interface(Model):
    """What the engine read from a primitive's own code."""

    inputs: dict[str, Input] = {}
    outputs: dict[str, Output] = {}
    providers: dict[str, ProviderRequirement] = Field({}, description="Local name to requirement.")
    required_version: str = Field("", description="Versions of the engine that the module accepts.")


class TemplateFile(Model):
    """One stored file."""

    sha256: str
    size_bytes: int


class Template(Model):
    """
    A primitive's stored files.

    `digest` is the SHA-256 of the canonical JSON of `files`; the files lie in the artifact store under
    `<prefix>/<path>`.
    """

    prefix: str
    digest: str
    files: dict[str, TemplateFile]


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


class AdapterSettings(Model):
    """How an engine reaches a provider."""

    source: str = Field("", description="Registry address of the Terraform provider, hashicorp/aws.")
    version: str = Field("", description="Version constraint of the Terraform provider.")
    configuration: dict[str, Any] = Field({}, description="The provider's configuration; may hold ${parameters}.")
    environment: Variables = Field(
        (),
        description="Variables of the worker's environment that the provider reads; ABC_* stands for all of a prefix.",
    )
    credentials: dict[str, str] = Field({}, description="Name to a reference to a secret, read by who runs the engine.")
    credential_fields: dict[Variable, str] = Field(
        {},
        description="Variable that the provider reads to the field of a manifest's credentials; left out: the usual.",
    )
    tool: str = Field("", description="Program that runs it, terraform or opentofu; without it the worker's own.")
    tool_version: str = Field("", description="Versions of that program that may run it, >= 1.10, < 2.0.")


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
    inputs: dict[str, Any] = {}

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
    parameters: dict[Name, Parameter] = {}
    elements: dict[Name, Element] = Field(min_length=1)


# -- workflows and manifests ---------------------------------------------------------------------------


class PatternUse(Model):
    """One pattern in a workflow."""

    pattern: Name
    version: Requirement
    inputs: dict[str, Any] = {}


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
    overrides: dict[str, Any] = {}


class ApprovalPolicy(Model):
    """When a person must approve what an execution would do, and who may."""

    when: Literal["never", "always", "destructive"] = Field(
        "never", description="destructive: when a resource would be replaced or destroyed, or that cannot be told."
    )
    users: Texts = Field((), description="User ids as Airflow knows them; left out: whoever Airflow lets answer.")
    groups: Texts = Field((), description="Groups whose members may approve, too: roles, as the auth manager has them.")
    count: int = Field(1, ge=1, le=10, description="How many different people must approve.")
    requester: bool = Field(False, description="Whether whoever asked for the execution may approve it.")
    timeout_hours: float = Field(24.0, gt=0, le=24 * 30, description="How long it waits for an answer, hours.")

    @model_validator(mode="before")
    @classmethod
    def _may_be_one_word(cls, document: Any) -> Any:
        return {"when": document} if isinstance(document, str) else document

    @model_validator(mode="after")
    def _can_be_given(self) -> ApprovalPolicy:
        if self.users and not self.groups and len(set(self.users)) < self.count:
            raise ValueError(f"{self.count} people must approve, and users names {len(set(self.users))}")
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        words = cls.model_fields["when"].annotation
        return {"anyOf": [{"enum": list(get_args(words)), "type": "string"}, handler(core)]}

    @property
    def is_asked(self) -> bool:
        """Whether executions are previewed and held to what was approved."""
        return self.when != "never"


class IgnoredDrift(Model):
    """Drift that is known and left as it is, until a day."""

    component: str = Field(min_length=1, description="workflow.pattern.element; may hold * and ?.")
    address: str = Field("*", min_length=1, description="Address in its module; may hold * and ?.")
    attributes: Texts = Field((), description="Only changes of these attributes; left out: whatever happened to it.")
    reason: str = Field(min_length=1, description="Why it is left as it is.")
    until: Day = Field(description="The last day on which it is ignored.")


class DriftPolicy(Model):
    """What is done about what differs in the cloud from what was deployed."""

    watch: bool = Field(True, description="Whether the scheduled drift runs look at this manifest.")
    every_hours: float = Field(0.0, ge=0, description="How long a look lasts, hours; 0: each scheduled run looks.")
    remediate: bool = Field(False, description="Whether a drift run that found something executes the manifest.")
    ignore: Annotated[tuple[IgnoredDrift, ...], _AS_TUPLE] = ()


class Move(Model):
    """A component that had another id in an earlier version: its state and its resources stay."""

    origin: ComponentId = Field(alias="from", description="The id it had, workflow.pattern.element.")
    to: ComponentId = Field(description="The id it has now.")


class Manifest(CatalogObject):
    """One or more workflows with configuration, overrides, namespace: the deployment of one application."""

    kind: Literal["manifest"] = "manifest"
    namespace: Name
    configuration: dict[str, Any] = {}
    workflows: dict[Name, WorkflowUse] = Field(min_length=1)
    sequence: Names = Field((), description="Order of the workflows; left out: as they are written.")
    order: Literal["sequence", "references"] = "sequence"
    approval: ApprovalPolicy = Field(ApprovalPolicy(), description="One word, or the policy in full.")
    drift: DriftPolicy = Field(DriftPolicy(), description="What is done about drift.")
    moved: Annotated[tuple[Move, ...], _AS_TUPLE] = Field((), description="Components that were renamed.")
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
