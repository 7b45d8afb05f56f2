"""
The engine's door: `Engine`, what goes in (`RenderRequest`, `RenderedArtifact`) and what comes out (`ApplyResult`).

An engine in another package implements `Engine` and registers by entry point (group `mcop.engines`).
The suite `tests/contracts/engine.py` is the specification.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from mcop_core.artifacts.store import ObjectStore
from mcop_core.engines.artifact import RenderedArtifact
from mcop_core.engines.values import outputs_in
from mcop_core.engines.workspace import Reporter, Workspace
from mcop_core.errors import Fault
from mcop_core.refs import OutputRef

if TYPE_CHECKING:
    from mcop_core.catalog.models import (
        Adapter,
        AdapterSettings,
        Interface,
        ProviderLock,
        ProviderRequirement,
    )
    from mcop_core.engines.changes import ComponentChanges


@dataclass(frozen=True, slots=True)
class RenderRequest:
    """
    What one step is rendered from.

    Attributes:
        address: (namespace, manifest, workflow, pattern, element): where the state key comes from.
        files: The template's files, path -> bytes, verified against the plan's digest.
        interface: Inputs and outputs of the primitive.
        inputs: Input -> JSON value. A `SensitivePointer`, `SecretRef` or `SealedText` may stand anywhere in it.
        settings: The adapter's settings, every value concrete.
        locks: Provider address -> version and checksums.
        backend: The workflow's backend, every value concrete.
        credentials: Reference to the secret that this manifest's components of this provider are deployed with, all of
            its keys; empty: whatever the worker has. An engine that cannot use one refuses it.
    """

    address: tuple[str, str, str, str, str]
    files: Mapping[str, bytes]
    interface: Interface
    inputs: Mapping[str, Any]
    settings: AdapterSettings
    locks: Mapping[str, ProviderLock]
    backend: Mapping[str, Any]
    credentials: str = ""

    @property
    def step(self) -> str:
        """`workflow.pattern.element`; see `StepRef`."""
        return ".".join(self.address[2:])


@dataclass(frozen=True, slots=True)
class Component:
    """
    One step of a manifest in a preview.

    Attributes:
        step: `workflow.pattern.element`; see `StepRef`.
        request: As for rendering, but an `OutputRef` stands, map keys and `SealedText` included, wherever an output
            of another component does.
        moved_from: Id that it had before -> what it was last applied with under that.
    """

    step: str
    request: RenderRequest
    moved_from: Mapping[str, RenderedArtifact] = field(default_factory=dict)

    @property
    def takes(self) -> frozenset[OutputRef]:
        """The outputs of other components that it needs to be planned."""
        return frozenset([*outputs_in(self.request.inputs), *outputs_in(self.request.settings.configuration)])


@dataclass(frozen=True, slots=True)
class ApplyResult:
    """
    What an operation did.

    Attributes:
        outputs: Output -> JSON value; a sensitive one as `SensitivePointer.to_json`.
        added, changed, destroyed: How many resources.
        resources: One `{"address", "type", "action", "id", "seconds"}` per resource touched.
        versions: Name -> version of the program that did it, such as `terraform`; empty where none had to run.
    """

    outputs: Mapping[str, Any]
    added: int = 0
    changed: int = 0
    destroyed: int = 0
    resources: tuple[Mapping[str, Any], ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was changed."""
        return not (self.added or self.changed or self.destroyed)


@dataclass(frozen=True, slots=True)
class Need:
    """
    Something that serving an adapter takes.

    Attributes:
        what: A noun: `provider hashicorp/aws`.
        found: Whether this machine has it; None if that cannot be told here.
        detail: What was found, or what to do.
    """

    what: str
    found: bool | None
    detail: str


Gate: TypeAlias = "Callable[[ComponentChanges], None]"
"""Asked with what an operation is about to do, before it does anything; raises `Refused` or `Deviates` to stop it."""


NOTHING_KNOWN: Mapping[OutputRef, Any] = MappingProxyType({})


class Engine(Protocol):
    """One way to turn a primitive into infrastructure."""

    name: str

    def describe(self, files: Mapping[str, bytes]) -> Interface:
        """
        Read inputs, outputs and provider requirements from a primitive's own files.

        Raises:
            InvalidDocuments: Every fault of the files, with file and line.
        """

    def admit(self, files: Mapping[str, bytes], interface: Interface) -> dict[str, str]:
        """
        Check that a primitive holds nothing that is forbidden; return rule -> reason of what was exempted.

        Args:
            files: The primitive's; none for an adapter.
            interface: As `describe` read it.

        Raises:
            InvalidDocuments: Every use of what is forbidden, with file, line, rule and how it can be exempted.
            InvalidInput: The administrator's file of exemptions has a fault.
        """

    def lint(self, files: Mapping[str, bytes]) -> list[Fault]:
        """
        Say what a reviewer would want better in a primitive that `describe` can read; with file, line and rule.

        Raises:
            InvalidDocuments: A file cannot be read.
        """

    def lock(
        self, requirements: Mapping[str, ProviderRequirement], settings: AdapterSettings | None = None
    ) -> dict[str, ProviderLock]:
        """
        Choose provider versions and their checksums: provider address -> lock.

        Args:
            settings: Of the adapter that will serve them, which may say what chooses; None: of none.

        Raises:
            EngineFailed: A provider cannot be had in any version allowed.
        """

    def needs(self, adapter: Adapter) -> list[Need]:
        """Say what serving *adapter* takes, and whether this machine has it; no cloud is asked."""

    def check_settings(self, settings: AdapterSettings) -> list[str]:
        """Say what is wrong with an adapter's settings, one sentence each; `${…}` in a value is not looked at."""

    def check_backend(self, backend: Mapping[str, Any]) -> list[str]:
        """Say what is wrong with a workflow's backend, one sentence each; `${…}` in a value is not looked at."""

    def render(self, request: RenderRequest) -> RenderedArtifact:
        """
        Write the files of one root. Pure: same request, same bytes, in every mode.

        Raises:
            InvalidDocuments: A value cannot be carried; says which and why.
        """

    def preview(
        self,
        components: Sequence[Component],
        workspace: Workspace,
        report: Reporter,
        known: Mapping[OutputRef, Any] = NOTHING_KNOWN,
    ) -> tuple[ComponentChanges, ...]:
        """
        Say what applying all *components* would do, in their order; nothing is locked, written or applied.

        Args:
            components: Those of several manifests have ids that tell them apart; see `StepRef.of`. The settings of all
                name the same `tool`.
            known: Outputs of components that are not among them; a sensitive one as `SensitivePointer.to_json`.

        Raises:
            EngineFailed: None of them can be planned. One that cannot be while others can is deferred.
        """

    def preview_destroy(
        self, step: str, artifact: RenderedArtifact, workspace: Workspace, report: Reporter
    ) -> ComponentChanges:
        """
        Say what destroying one component would do; nothing is locked, written or destroyed.

        Raises:
            EngineFailed: It cannot be planned, or must not be destroyed; with the engine's diagnostics.
        """

    def apply(
        self, artifact: RenderedArtifact, workspace: Workspace, report: Reporter, gate: Gate | None = None
    ) -> ApplyResult:
        """
        Make the cloud what *artifact* says; applied twice, the second time changes nothing.

        Args:
            gate: Who is asked first; None: everything may be done.

        Raises:
            Refused: The gate let it not pass; nothing was done.
            EngineFailed: With the engine's diagnostics. What was created is in the state.
            StateLocked: Somebody else works on this state.
            Cancelled: A person stopped it; the state is written and the lock free.
            Waiting: It has only to wait for something outside, which the state names; the lock is free, and called
                again it goes on.
        """

    def outputs(self, artifact: RenderedArtifact, open_store: Callable[[str], ObjectStore]) -> Mapping[str, Any]:
        """
        Return what *artifact*'s component puts out since it was last applied, as `ApplyResult.outputs`.

        Raises:
            StoredObjectMissing: It was not applied.
        """

    def move(self, origin: RenderedArtifact, target: RenderedArtifact, workspace: Workspace, report: Reporter) -> None:
        """
        Let *target*'s component take over what *origin* deployed, under an id that it had before; the cloud stays.

        Cut off anywhere and called again, it goes on; nothing is lost, and nothing is there twice.

        Raises:
            StateConflict: Both have deployed something; nothing was moved.
            StateLocked: Somebody else works on one of them.
        """

    def destroy(
        self, artifact: RenderedArtifact, workspace: Workspace, report: Reporter, gate: Gate | None = None
    ) -> ApplyResult:
        """Remove everything that *artifact*'s state holds; raises as `apply`."""

    def settle(
        self, operation: str, artifact: RenderedArtifact, workspace: Workspace, report: Reporter
    ) -> ApplyResult | None:
        """
        Settle what an operation left whose runner died, and begin nothing; settled twice, the second time does nothing.

        What still works for it is waited for, its state is written, its lock freed, and what it was creating is found
        or named.

        Args:
            operation: What the dead one did, `apply` or `destroy`.

        Returns:
            What it did, if it came to its end; None if it was cut off.

        Raises:
            UnknownOutcome: What was cut off cannot be told; names it.
            StateLocked: Its holder cannot be proved dead.
        """
