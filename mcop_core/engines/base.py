"""
The engine's door: `Engine`, what goes in (`RenderRequest`, `RenderedArtifact`) and what comes out (`ApplyResult`).

An engine in another package implements `Engine` and registers by entry point (group `mcop.engines`).
The suite `tests/contracts/engine.py` is the specification.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias
from uuid import uuid4

from mcop_core.artifacts.store import ObjectStore
from mcop_core.catalog.models import (
    Adapter,
    AdapterSettings,
    Interface,
    ProviderLock,
    ProviderRequirement,
    canonical_json,
)
from mcop_core.errors import Fault, Refused, Tampered
from mcop_core.refs import OutputRef
from mcop_core.secrets.reference import SecretRef

if TYPE_CHECKING:
    from mcop_core.engines.changes import ComponentChanges

SENSITIVE_KEY = "mcop_sensitive"
SECRET_KEY = "mcop_secret"  # noqa: S105 (a map key)


@dataclass(frozen=True, slots=True)
class SensitivePointer:
    """
    Where a sensitive output lies, instead of its value: the state that holds it.

    Attributes:
        state: Store URL and key, `s3://bucket?region=r#namespace/manifest/workflow/pattern/element.tfstate`.
        output: Name of the output in that state.
    """

    state: str
    output: str

    def to_json(self) -> dict[str, Any]:
        """Return the form it has in XCom and in artifacts."""
        return {SENSITIVE_KEY: {"state": self.state, "output": self.output}}

    @classmethod
    def read(cls, value: object) -> SensitivePointer | None:
        """Return the pointer that *value* is, or None."""
        if isinstance(value, dict) and set(value) == {SENSITIVE_KEY}:
            return cls(**value[SENSITIVE_KEY])
        return None


@dataclass(frozen=True, slots=True)
class SealedText:
    """
    Text with parts that rendering must not see, or cannot know: plain strings and the others, in order.

    The runner joins what is sensitive or a secret; an `OutputRef` stands in the request of a `Component` alone.
    """

    parts: tuple[str | SensitivePointer | SecretRef | OutputRef, ...]


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
class RenderedArtifact:
    """
    What rendering wrote, content-addressed: stored as `artifacts/<digest>.json`.

    Attributes:
        engine: Registered name of the engine that rendered it and will run it.
        files: Path -> bytes.
        runtime: What the engine's apply needs and is no file: where the state lies, which inputs are sealed,
            which outputs to return. JSON; the engine's own form.
    """

    engine: str
    files: Mapping[str, bytes]
    runtime: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> bytes:
        """Return the one JSON text of this artifact; files that are not UTF-8 go as base64."""
        return canonical_json(
            {
                "engine": self.engine,
                "files": {path: _encode(data) for path, data in self.files.items()},
                "runtime": dict(self.runtime),
            }
        )

    @property
    def digest(self) -> str:
        """SHA-256 of `to_json`, in hex."""
        return hashlib.sha256(self.to_json()).hexdigest()

    @property
    def secrets(self) -> tuple[SecretRef, ...]:
        """The references to secrets in what its apply needs, sorted."""
        return tuple(sorted(set(secrets_in(self.runtime))))

    @property
    def key(self) -> str:
        """Key in the artifact store."""
        return artifact_key(self.digest)

    @classmethod
    def from_json(cls, data: bytes, digest: str) -> RenderedArtifact:
        """
        Read what `to_json` wrote.

        Raises:
            Tampered: *data* does not have *digest*.
        """
        found = hashlib.sha256(data).hexdigest()
        if found != digest:
            raise Tampered(f"artifact {digest} has the digest {found}", expected=digest, found=found)
        document = json.loads(data)
        files = {path: _decode(entry) for path, entry in document["files"].items()}
        return cls(document["engine"], files, document["runtime"])


def read_secret(value: object) -> SecretRef | None:
    """Return the reference to a secret that *value* is in an artifact, or None."""
    if isinstance(value, Mapping) and set(value) == {SECRET_KEY}:
        return SecretRef.parse(str(value[SECRET_KEY]))
    return None


def secrets_in(value: object) -> Iterator[SecretRef]:
    """Yield every reference to a secret in *value*, part of an artifact's `runtime`."""
    secret = read_secret(value)
    if secret is not None:
        yield secret
    elif isinstance(value, Mapping):
        yield from (secret for part in value.values() for secret in secrets_in(part))
    elif isinstance(value, (list, tuple)):
        yield from (secret for part in value for secret in secrets_in(part))


def outputs_in(value: Any) -> Iterable[OutputRef]:
    """Yield every output that stands in *value*, map keys included."""
    return (part for part in _parts_of(value) if isinstance(part, OutputRef))


def references_in(value: Any) -> Iterable[SecretRef]:
    """Yield every reference to a secret that stands in *value*."""
    return (part for part in _parts_of(value) if isinstance(part, SecretRef))


def _parts_of(value: Any) -> Iterable[Any]:
    """Yield everything in *value* that is no list, map or text of parts, map keys included."""
    if isinstance(value, SealedText):
        yield from value.parts
    elif isinstance(value, Mapping):
        for pair in value.items():
            yield from (part for item in pair for part in _parts_of(item))
    elif isinstance(value, (list, tuple)):
        yield from (part for item in value for part in _parts_of(item))
    else:
        yield value


def artifact_key(digest: str) -> str:
    """Return the key of the artifact with *digest*."""
    return f"artifacts/{digest}.json"


def load_artifact(store: ObjectStore, digest: str) -> RenderedArtifact:
    """
    Return the artifact with *digest* from the artifact store.

    Raises:
        StoredObjectMissing: It is not there.
        Tampered: What is there has another digest.
    """
    return RenderedArtifact.from_json(store.get(artifact_key(digest)).data, digest)


def load_origin(store: ObjectStore, digest: str, engine: str) -> RenderedArtifact:
    """
    Return the artifact of a component under an id that it had before; *engine* is the one it has now.

    Raises:
        Refused: Another engine deployed it; raises else as `load_artifact`.
    """
    origin = load_artifact(store, digest)
    if origin.engine != engine:
        raise Refused(
            f"what {origin.engine} deployed cannot move to a component of {engine}: leave it out of `moved`, so that "
            "it is destroyed and made anew"
        )
    return origin


def _encode(data: bytes) -> dict[str, str]:
    try:
        return {"text": data.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def _decode(entry: Mapping[str, str]) -> bytes:
    return entry["text"].encode() if "text" in entry else base64.b64decode(entry["base64"])


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


class Reporter(Protocol):
    """What an engine tells while it works. The runner journals it and passes it to the task's log."""

    def log(self, line: str, *, level: str = "info") -> None:
        """One readable line; `::group::name` and `::endgroup::` fold."""

    def record(self, event: str, **facts: Any) -> None:
        """One fact for the journal, durable when this returns: `resource_started`, `resource_finished`, …"""


class Lease(Protocol):
    """
    The right to change one thing in a store, for as long as its holder lives and renews it.

    Attributes:
        id: Of this holding of the lease; also the id of the engine's own lock under it.
        abandoned: Ids of earlier holdings whose holders are proved dead: their locks may be broken.
        left: Workspaces on this machine that those holders left behind, the oldest first.
    """

    @property
    def id(self) -> str: ...  # noqa: D102
    @property
    def abandoned(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def left(self) -> tuple[Path, ...]: ...  # noqa: D102

    @property
    def is_lost(self) -> bool:
        """Whether somebody else is known to hold it now; asked often, without asking the store."""

    def check(self) -> None:
        """
        Ask the store whether this is still the newest holding, before a write that must not be an old holder's.

        Raises:
            StateConflict: It is not.
        """

    def keep(self) -> None:
        """Do not give the lease back at the end: something is unsettled, and the next holder must know."""


class Unleased:
    """The lease of an operation that nothing else can meet: it is never lost, and breaks no lock."""

    abandoned: tuple[str, ...] = ()
    left: tuple[Path, ...] = ()
    is_lost = False

    def __init__(self) -> None:
        self.id = str(uuid4())

    def check(self) -> None:
        """Pass."""

    def keep(self) -> None:
        """Nothing is given back."""


@contextmanager
def unleased(store: ObjectStore, key: str) -> Iterator[Lease]:
    """Hold no lease on *key* in *store*: the engine's own lock is the only guard."""
    yield Unleased()


def no_secrets(namespace: str, refs: Iterable[SecretRef]) -> Mapping[SecretRef, str]:
    """
    Read no secret: where none is needed, or none may be had.

    Raises:
        Refused: One is asked for.
    """
    wanted = [str(ref) for ref in refs]
    if wanted:
        raise Refused(f"secrets are not read here: {', '.join(wanted)}")
    return {}


@dataclass(frozen=True, slots=True)
class Workspace:
    """
    Where and with what an operation runs, on the machine of the runner.

    Attributes:
        directory: An empty or resumed folder of the operation's own, mode 0700, durable.
        open_store: Store URL -> store, for states.
        environment: The whole environment of the engine's processes; nothing else is inherited.
        cancelled: Asked often; once True, stop gracefully and raise `Cancelled`.
        owner: Who runs this, for locks that people read: `mcop.<manifest> <run id>`.
        lease: Store and key of what is changed -> the lease, held in a `with`; raises `StateLocked`.
        read_secrets: Namespace of who asks and references -> their values. Raises `Unreachable` if a store does not
            answer, and says of every other reason which references cannot be read.
    """

    directory: Path
    open_store: Callable[[str], ObjectStore]
    environment: Mapping[str, str]
    cancelled: Callable[[], bool]
    owner: str
    lease: Callable[[ObjectStore, str], AbstractContextManager[Lease]] = unleased
    read_secrets: Callable[[str, Iterable[SecretRef]], Mapping[SecretRef, str]] = no_secrets


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
