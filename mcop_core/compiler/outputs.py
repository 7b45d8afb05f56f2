"""Which outputs there are, and which one a dotted reference means at the place where it stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from mcop_core.catalog.models import Output
from mcop_core.errors import Fault, closest
from mcop_core.parameters.resolver import Locate
from mcop_core.parameters.syntax import Reference
from mcop_core.refs import OutputRef, StepRef


class World(Enum):
    """How much of a deployment is in sight; what lies beyond is not checked."""

    PATTERN = 2
    WORKFLOW = 3
    MANIFEST = 4

    @property
    def parts(self) -> int:
        """How many parts a reference may have that stays in sight."""
        return int(self.value)


OUT_OF_SIGHT = Fault("")
"""What an `OutputIndex` says of a reference that it cannot check: no fault, and no output either."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a template stands; *pattern* is empty outside of patterns."""

    workflow: str
    pattern: str = ""


class OutputIndex:
    """
    The outputs of every element in sight.

    Args:
        outputs: `workflow.pattern.element` -> output -> what the primitive says of it.
        world: How much is in sight.
        unknown: Ids of workflows, groups and steps that could not be linked; nothing is said of them.
    """

    def __init__(
        self, outputs: Mapping[str, Mapping[str, Output]], world: World = World.MANIFEST, unknown: Iterable[str] = ()
    ) -> None:
        self._outputs = outputs
        self._world = world
        self._unknown = frozenset(unknown)
        self._children: dict[str, set[str]] = {}
        for step in outputs:
            workflow, pattern, element = step.split(".")
            for parent, child in (("", workflow), (workflow, pattern), (f"{workflow}.{pattern}", element)):
                self._children.setdefault(parent, set()).add(child)

    def locator(self, place: Place) -> Locate:
        """Return how references at *place* are read."""
        return lambda reference: self.locate(reference, place)

    def locate(self, reference: Reference, place: Place) -> OutputRef | Fault:
        """Return the output that *reference* means at *place*, or why there is none."""
        if len(reference.parts) == World.PATTERN.parts and not place.pattern:
            hint = f"pattern.{reference}"
            return Fault(f"${{{reference}}} names an element, but stands outside of a pattern: write ${{{hint}}}")
        if len(reference.parts) > self._world.parts:
            return OUT_OF_SIGHT
        here = (place.workflow, place.pattern)[: World.MANIFEST.parts - len(reference.parts)]
        names = (*here, *reference.parts)
        ref = OutputRef(StepRef(*names[:3]), names[3])
        return self._fault(ref, reference) or ref

    def is_sensitive(self, ref: OutputRef) -> bool:
        """Whether the primitive marks the output as sensitive; an output that is not in sight is not."""
        found = self._find(ref)
        return found is not None and found.sensitive

    def type_of(self, ref: OutputRef) -> str:
        """Return the type of the output, `any` if nothing says it."""
        found = self._find(ref)
        return "any" if found is None else found.type

    def _find(self, ref: OutputRef) -> Output | None:
        return self._outputs.get(str(ref.step), {}).get(ref.output)

    def _fault(self, ref: OutputRef, reference: Reference) -> Fault | None:
        steps = (ref.step.workflow, ref.step.group, str(ref.step))
        if self._unknown.intersection(steps):
            return OUT_OF_SIGHT
        parent = ""
        for kind, name in zip(("workflow", "pattern", "element"), str(ref.step).split("."), strict=True):
            known = self._children.get(parent, set())
            if name not in known:
                return _missing(reference, kind, name, known)
            parent = f"{parent}.{name}" if parent else name
        outputs = self._outputs[parent]
        return None if ref.output in outputs else _missing(reference, "output", ref.output, outputs)


def _missing(reference: Reference, kind: str, name: str, known: Iterable[str]) -> Fault:
    options = sorted(known)
    message = f"${{{reference}}} cannot be resolved: there is no {kind} {name!r}."
    return Fault(message, allowed=tuple(options), suggestion=closest(name, options))
