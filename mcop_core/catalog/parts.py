"""
Parts of catalog objects that a compiled plan holds too: interfaces, templates, locks, an adapter's settings, policies.

They stand apart from the objects so that a task, which reads a plan and no catalog, need not load these.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    model_validator,
)
from pydantic_core import CoreSchema

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


AS_TUPLE = BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value)
Day = Annotated[date, BeforeValidator(lambda value: date.fromisoformat(value) if isinstance(value, str) else value)]
Variable = Annotated[str, AfterValidator(check_single_variable)]
Variables = Annotated[tuple[Annotated[str, AfterValidator(check_variable)], ...], AS_TUPLE]
Texts = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], AS_TUPLE]


class Model(BaseModel):
    """
    Frozen, closed: an unknown field is an error.

    What checks a model is built when the first one is read: a task needs few of them, and only as parts of its plan.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


# -- what publishing reads from code --------------------------------------------------------------------


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


# -- settings and policies -------------------------------------------------------------------------------


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
    ignore: Annotated[tuple[IgnoredDrift, ...], AS_TUPLE] = ()
