"""What a preview says: per component, what would be done to which resource, and why."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

from mcop_core.catalog.canonical import canonical_json
from mcop_core.errors import Tampered

Read = TypeVar("Read")


class Action(StrEnum):
    """What would be done to a resource; one that stays as it is does not occur."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DESTROY = "destroy"
    READ = "read"
    MOVE = "move"
    FORGET = "forget"


class Drift(StrEnum):
    """What happened to a resource outside of MCOP."""

    CHANGED = "changed"
    DELETED = "deleted"


class Mode(StrEnum):
    """How a component was planned: with the others, by itself, or not at all."""

    MERGED = "merged"
    ALONE = "alone"
    DEFERRED = "deferred"


@dataclass(frozen=True, slots=True)
class AttributeChange:
    """
    One attribute, or one element of a list or map, that changes.

    Attributes:
        path: `tags.Name`, `ingress[0].cidr`.
        before, after: JSON values; None where `is_sensitive`.
        is_unknown: Whether `after` is only known after apply; then it is None.
        forces_replacement: Whether the resource is replaced because of it.
    """

    path: str
    before: Any = None
    after: Any = None
    is_unknown: bool = False
    is_sensitive: bool = False
    forces_replacement: bool = False


@dataclass(frozen=True, slots=True)
class ResourceChange:
    """
    What would be done to one resource.

    Attributes:
        address: Inside the component's module, `aws_subnet.this["a"]`.
        reason: Why it is replaced, destroyed or only read at apply, as a sentence; may be empty.
        moved_from: The address it had.
        drift: What happened to it in the cloud since it was applied; None if nothing did.
        protection: What forbids its destruction, the name of an attribute; empty if nothing is known to.
        attributes: What changes; of a created resource what is set, of a destroyed one nothing.
    """

    address: str
    type: str
    action: Action
    reason: str = ""
    moved_from: str = ""
    protection: str = ""
    drift: Drift | None = None
    attributes: tuple[AttributeChange, ...] = ()


@dataclass(frozen=True, slots=True)
class OutputChange:
    """What would become of an output; the fields as in `AttributeChange`."""

    name: str
    before: Any = None
    after: Any = None
    is_unknown: bool = False
    is_sensitive: bool = False


@dataclass(frozen=True, slots=True)
class ComponentChanges:
    """
    What would be done to one component.

    Attributes:
        step: `workflow.pattern.element`.
        reason: Why it was planned alone or is deferred.
        moved_from: The id under which it was deployed, if that was another.
        adopted: Addresses of which this operation's own cut-off creation was taken into the state before it planned.
    """

    step: str
    mode: Mode
    reason: str = ""
    resources: tuple[ResourceChange, ...] = ()
    outputs: tuple[OutputChange, ...] = ()
    moved_from: str = ""
    adopted: tuple[str, ...] = ()

    def to_json(self) -> bytes:
        """Return the one JSON text of these changes."""
        return canonical_json(asdict(self))

    @classmethod
    def from_json(cls, data: bytes | str) -> ComponentChanges:
        """Read what `to_json` wrote; raises pydantic's ValidationError (a ValueError)."""
        return _validated(cls, data)


COUNTED = (Action.CREATE, Action.UPDATE, Action.REPLACE, Action.DESTROY)
DESTRUCTIVE = frozenset({Action.REPLACE, Action.DESTROY, Action.FORGET})
"""What takes a resource away, or out of sight."""


@dataclass(frozen=True, slots=True)
class Objection:
    """
    What a policy has against a preview.

    Attributes:
        denies: Whether it forbids the execution, rather than warns of it.
    """

    policy: str
    message: str
    denies: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """
    What a run of a plan would do.

    Attributes:
        manifest: `manifest#name@version`.
        plan: Digest of the plan.
        components: In the order of the plan's steps.
        overrides: Parameter -> value of this run.
        destroys: Whether the run is to destroy everything, rather than to deploy the plan.
        objections: What policies have against it.
        only: The patterns, `workflow.pattern`, that the run is about; none: about all.
    """

    manifest: str
    plan: str
    components: tuple[ComponentChanges, ...]
    overrides: Mapping[str, Any] = field(default_factory=dict)
    destroys: bool = False
    objections: tuple[Objection, ...] = ()
    only: tuple[str, ...] = ()

    @property
    def deferred(self) -> tuple[ComponentChanges, ...]:
        """The components of which it cannot be told what would be done."""
        return tuple(one for one in self.components if one.mode is Mode.DEFERRED)

    @property
    def counts(self) -> dict[str, int]:
        """Action -> how many resources; always those of `COUNTED`, others where there are any."""
        found = Counter(str(change.action) for one in self.components for change in one.resources)
        return {**dict.fromkeys(map(str, COUNTED), 0), **dict(sorted(found.items()))}

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all would be done, for certain: no resource, no output, and no state is moved."""
        return not self.deferred and not any(one.resources or one.outputs or one.moved_from for one in self.components)

    @property
    def is_destructive(self) -> bool:
        """Whether a resource would be taken away or replaced, or whether that cannot be told."""
        actions = {change.action for one in self.components for change in one.resources}
        return bool(self.deferred) or not DESTRUCTIVE.isdisjoint(actions)

    @property
    def denials(self) -> tuple[str, ...]:
        """What policies forbid, one sentence each."""
        return tuple(f"{one.policy}: {one.message}" for one in self.objections if one.denies)

    def to_json(self) -> bytes:
        """Return the one JSON text of this preview."""
        document = {**asdict(self), "complete": not self.deferred, "counts": self.counts}
        return canonical_json(document)

    @property
    def digest(self) -> str:
        """SHA-256 of `to_json`, in hex: what an approval is given for."""
        return hashlib.sha256(self.to_json()).hexdigest()

    @classmethod
    def from_json(cls, data: bytes, digest: str) -> Preview:
        """
        Read what `to_json` wrote.

        Raises:
            Tampered: *data* does not have *digest*.
        """
        found = hashlib.sha256(data).hexdigest()
        if found != digest:
            raise Tampered(f"preview {digest} has the digest {found}", expected=digest, found=found)
        return _validated(cls, data)


def preview_key(digest: str) -> str:
    """Return the key of the preview with *digest* in the artifact store."""
    return f"previews/{digest}.json"


def _validated(of: type[Read], data: bytes | str) -> Read:
    # Imported here: a runner writes changes and reads none, unless something was approved.
    from pydantic import TypeAdapter

    return TypeAdapter(of).validate_json(data)
