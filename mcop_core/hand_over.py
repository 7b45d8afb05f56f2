"""
What the tasks of a run hand each other, held to: the artifact that was rendered, the outputs that were applied.

The values travel as XComs, which whoever may use Airflow's API may write. Their digests lie in the run's records.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mcop_core.errors import Refused, Tampered
from mcop_core.run_records import RunRecords

if TYPE_CHECKING:
    from mcop_core.artifacts.store import ObjectStore
    from mcop_core.refs import OutputRef

_FOLDER = "runs"
_REMOVED = "/removed"


@dataclass(frozen=True, slots=True)
class Removed:
    """A component that an execution destroyed since its manifest lost it; how many resources it had."""

    step: str
    artifact: str
    destroyed: int


class HandOver:
    """What steps of one run left for each other; *key* as `RunRecords` takes it."""

    def __init__(self, store: ObjectStore, dag_id: str, run_id: str, key: str = "") -> None:
        self._records = RunRecords(store, _FOLDER, dag_id, run_id, key)

    def rendered(self, step: str, artifact: str) -> None:
        """Keep that *step* was rendered as the artifact with this digest."""
        self._records.put(f"{step}/rendered", {"artifact": artifact})

    def check_rendered(self, step: str, artifact: str) -> None:
        """
        Check that *artifact* is the digest of what *step* was rendered as in this run.

        Raises:
            Refused: Nothing was rendered.
            Tampered: It was rendered as something else, or the record is none.
        """
        record = self._records.get(f"{step}/rendered")
        if record is None:
            raise Refused(f"{step} was not rendered in this run: clear its render task")
        if record.get("artifact") != artifact:
            raise Tampered(
                f"{step} was rendered as artifact {record.get('artifact')}, and its XCom says {artifact}: somebody "
                "changed it. Clear its render task",
                expected=record.get("artifact"),
                found=artifact,
            )

    def applied(self, step: str, outputs: Mapping[str, Any]) -> None:
        """Keep which outputs *step* left."""
        self._records.put(f"{step}/applied", {"outputs": {name: _digest(value) for name, value in outputs.items()}})

    def check_applied(self, outputs: Mapping[OutputRef, Any]) -> None:
        """
        Check that each of *outputs* is what its step left in this run.

        Raises:
            Refused: A step was not applied.
            Tampered: It left another value; names the output, never the value. Or the record is none.
        """
        for step in sorted({str(ref.step) for ref in outputs}):
            record = self._records.get(f"{step}/applied")
            if record is None:
                raise Refused(f"{step} was not applied in this run: clear its apply task")
            _check(step, record.get("outputs"), (ref for ref in outputs if str(ref.step) == step), outputs)

    def removed(self, step: str, artifact: str, destroyed: int) -> None:
        """Keep that what *step* had deployed with *artifact* was destroyed since the manifest lost it."""
        self._records.put(f"{step}{_REMOVED}", {"artifact": artifact, "destroyed": destroyed})

    def all_removed(self) -> tuple[Removed, ...]:
        """
        Return what this run destroyed since the manifest lost it, by step.

        Raises:
            Tampered: A record is none of this run.
        """
        steps = [name.removesuffix(_REMOVED) for name in self._records.names() if name.endswith(_REMOVED)]
        found = ((step, self._records.look(f"{step}{_REMOVED}")) for step in steps)
        return tuple(Removed(step, one["artifact"], one["destroyed"]) for step, one in found if one is not None)


def _check(step: str, left: Any, refs: Iterable[OutputRef], outputs: Mapping[OutputRef, Any]) -> None:
    for ref in refs:
        if not isinstance(left, dict) or left.get(ref.output) != _digest(outputs[ref]):
            raise Tampered(
                f"the XCom {ref.output!r} of {step} is not what the step left: somebody changed it. Clear its apply "
                "task",
                output=str(ref),
            )


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
