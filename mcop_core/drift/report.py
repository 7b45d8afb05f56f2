"""What a look at a deployed manifest found: as one document, and as lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from typing import Any

from mcop_core.catalog.canonical import canonical_json
from mcop_core.engines.changes import ComponentChanges, Mode, ResourceChange
from mcop_core.engines.summary import Line, component_lines


@dataclass(frozen=True, slots=True)
class Finding:
    """
    One resource that is not as it was deployed.

    Attributes:
        step: `workflow.pattern.element`.
        change: What would be done to make it so again: attributes before, in the cloud, and after, as deployed.
        cause: A sentence.
        ignored: Why it is left as it is, a rule's reason; empty if no rule says so.
    """

    step: str
    change: ResourceChange
    cause: str
    ignored: str = ""


@dataclass(frozen=True, slots=True)
class DriftReport:
    """
    What a look at one deployed manifest found.

    Attributes:
        manifest: `manifest#name@version`, as it was deployed last.
        at: When, ISO 8601, UTC.
        components: How many were looked at.
        findings: Those that are ignored, too.
        untold: Component -> why nothing can be told of it.
        notes: What else there is to say, sentences: a newer version, a rule that is past its day.
        remedy: Overrides with which an execution would undo the drift; None if it is not to be undone by itself.
    """

    namespace: str
    manifest: str
    at: str
    components: int
    findings: tuple[Finding, ...]
    untold: Mapping[str, str]
    notes: tuple[str, ...] = ()
    remedy: Mapping[str, Any] | None = None

    @property
    def drifted(self) -> tuple[str, ...]:
        """The components with findings that no rule ignores, sorted."""
        return tuple(sorted({one.step for one in self.findings if not one.ignored}))

    @property
    def is_clean(self) -> bool:
        """Whether everything is as it was deployed, for certain, but for what is ignored."""
        return not (self.drifted or self.untold)

    def to_json(self) -> bytes:
        """Return the one JSON text of this report."""
        return canonical_json({**asdict(self), "drifted": self.drifted, "clean": self.is_clean})

    def conclusion(self) -> str:
        """Return it in one sentence."""
        counted = [one for one in self.findings if not one.ignored]
        told = f"{self.manifest}: {_many(len(counted), 'resource')} drifted, in {len(self.drifted)} of "
        told += _many(self.components, "component")
        ignored = len(self.findings) - len(counted)
        return told + (f"; {_many(ignored, 'finding')} ignored" if ignored else "")

    def to_lines(self) -> Iterator[Line]:
        """Yield the report, component by component; what it comes to is last."""
        for step, group in groupby(self.findings, key=lambda one: one.step):
            yield from component_lines(_as_changes(step, group))
            yield Line("")
        for step, reason in self.untold.items():
            yield from component_lines(ComponentChanges(step, Mode.DEFERRED, reason))
        for note in self.notes:
            yield Line(note)
        yield Line(self.conclusion(), is_title=True)


def _as_changes(step: str, findings: Iterator[Finding]) -> ComponentChanges:
    told = (replace(one.change, reason=_told(one)) for one in findings)
    return ComponentChanges(step, Mode.MERGED, resources=tuple(told))


def _told(finding: Finding) -> str:
    return f"{finding.cause}; ignored: {finding.ignored}" if finding.ignored else finding.cause


def _many(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
