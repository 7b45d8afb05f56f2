"""What differs between two executions: versions, templates, parameters by step, outcomes. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from typing_extensions import TypedDict  # pydantic reads this before Python 3.12

from mcop_core.catalog.difference import Difference, differences
from mcop_core.records.bill import BilledStep, BillOfMaterials
from mcop_core.refs import ObjectRef


@dataclass(frozen=True, slots=True)
class Comparison:
    """
    Two executions side by side.

    Attributes:
        before: Id of the one.
        after: Id of the other.
        sections: What is compared -> where it differs, by path; sections without a difference are not there.
    """

    before: str
    after: str
    sections: Mapping[str, tuple[Difference, ...]]

    def to_json(self) -> ComparisonDocument:
        """Return it as JSON."""
        found = {name: [one.to_json() for one in differing] for name, differing in self.sections.items()}
        return {"before": self.before, "after": self.after, "differences": found}


class ComparisonDocument(TypedDict):
    """A `Comparison` as JSON: section -> its differences, each `{"path", "before", "after"}`."""

    before: str
    after: str
    differences: dict[str, list[dict[str, Any]]]


def compare(before: BillOfMaterials, after: BillOfMaterials) -> Comparison:
    """
    Return what differs between two executions; their ids and times are left out.

    A sensitive value that was replaced by another one differs in the step's artifact alone.
    """
    sides = {name: (_sections(before)[name], _sections(after)[name]) for name in _sections(before)}
    found = {name: tuple(differences(*pair)) for name, pair in sides.items()}
    return Comparison(before.execution, after.execution, {name: one for name, one in found.items() if one})


def _sections(bill: BillOfMaterials) -> dict[str, Mapping[str, Any]]:
    steps = {step.id: step for step in bill.steps}
    return {
        "execution": {
            "action": str(bill.action),
            "status": str(bill.status),
            "requested_by": bill.requested_by,
            "settled": list(bill.settled),
            "approved_by": [person for approval in bill.approvals for person in approval.by],
        },
        "versions": _versions(bill.objects),
        "overrides": bill.overrides,
        "templates": {id_: step.template for id_, step in steps.items()},
        "providers": {id_: {name: lock.version for name, lock in step.locks.items()} for id_, step in steps.items()},
        "tools": {id_: step.versions for id_, step in steps.items() if step.versions},
        "parameters": {id_: _parameters(step) for id_, step in steps.items()},
        "artifacts": {id_: step.artifact for id_, step in steps.items()},
        "outcomes": {id_: _outcome(step) for id_, step in steps.items()},
        "removed": {one.step: {"artifact": one.artifact, "destroyed": one.destroyed} for one in bill.removed},
    }


def _versions(objects: tuple[str, ...]) -> dict[str, str]:
    """Return `kind#name` -> version; all of them, where several are in use."""
    found: dict[str, list[str]] = defaultdict(list)
    for ref in map(ObjectRef.parse, objects):
        found[f"{ref.kind}#{ref.name}"].append(ref.version)
    return {name: ", ".join(versions) for name, versions in found.items()}


def _parameters(step: BilledStep) -> dict[str, Any]:
    return {one.name: {"value": one.value, "layer": one.layer, "source": one.source} for one in step.parameters}


def _outcome(step: BilledStep) -> dict[str, Any]:
    return {
        "outcome": str(step.outcome),
        "added": step.added,
        "changed": step.changed,
        "destroyed": step.destroyed,
    }
