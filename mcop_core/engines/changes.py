"""What a preview says: per component, what would be done to which resource, and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from mcop_core.catalog.models import canonical_json


class Action(StrEnum):
    """What would be done to a resource; one that stays as it is does not occur."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DESTROY = "destroy"
    READ = "read"
    MOVE = "move"
    FORGET = "forget"


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
        attributes: What changes; of a created resource what is set, of a destroyed one nothing.
    """

    address: str
    type: str
    action: Action
    reason: str = ""
    moved_from: str = ""
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
    """

    step: str
    mode: Mode
    reason: str = ""
    resources: tuple[ResourceChange, ...] = ()
    outputs: tuple[OutputChange, ...] = ()


COUNTED = (Action.CREATE, Action.UPDATE, Action.REPLACE, Action.DESTROY)


@dataclass(frozen=True, slots=True)
class Preview:
    """
    What a run of a plan would do.

    Attributes:
        manifest: `manifest#name@version`.
        plan: Digest of the plan.
        components: In the order of the plan's steps.
    """

    manifest: str
    plan: str
    components: tuple[ComponentChanges, ...]

    @property
    def deferred(self) -> tuple[ComponentChanges, ...]:
        """The components of which it cannot be told what would be done."""
        return tuple(one for one in self.components if one.mode is Mode.DEFERRED)

    @property
    def counts(self) -> dict[str, int]:
        """Action -> how many resources; always those of `COUNTED`, others where there are any."""
        found = Counter(str(change.action) for one in self.components for change in one.resources)
        return {**dict.fromkeys(map(str, COUNTED), 0), **dict(sorted(found.items()))}

    def to_json(self) -> bytes:
        """Return the one JSON text of this preview."""
        document = {**asdict(self), "complete": not self.deferred, "counts": self.counts}
        return canonical_json(document)
