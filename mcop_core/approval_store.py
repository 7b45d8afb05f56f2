"""
What people approved in a run, kept in the artifact store.

Not in XComs: whoever may use Airflow's API may write those, and Airflow forgets them when a task is tried again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from mcop_core.errors import Refused, StoredObjectMissing

if TYPE_CHECKING:
    from mcop_core.approvals import Person
    from mcop_core.artifacts.store import ObjectStore

_RUN = "run"


@dataclass(frozen=True, slots=True)
class Approved:
    """
    One approval of a run.

    Attributes:
        preview: Digest of the approved preview; empty where it is about one task alone.
        task: Id of the task that may do *changes* beside the preview; empty for the preview itself.
        changes: JSON of a `ComponentChanges`; empty for the preview itself.
        people: Who approved; nobody where nobody was needed.
    """

    preview: str = ""
    task: str = ""
    changes: str = ""
    people: tuple[Person, ...] = ()


class ApprovalStore:
    """
    The approvals of one run: of its preview, and of what single tasks would do beside it.

    The keys are `approvals/<SHA-256 of DAG id and run id>/<task id, or run>.json`.
    """

    def __init__(self, store: ObjectStore, dag_id: str, run_id: str) -> None:
        self._store = store
        self._about = {"dag_id": dag_id, "run_id": run_id}
        self._prefix = f"approvals/{hashlib.sha256(json.dumps([dag_id, run_id]).encode()).hexdigest()}"

    def withdraw(self) -> None:
        """Forget that the preview was approved: it is asked again."""
        self._store.delete(self._key(_RUN))

    def approve(self, preview: str, people: Sequence[Person]) -> None:
        """Keep that the preview with this digest was approved, and by whom; nobody where nobody is needed."""
        self._put(_RUN, {"preview": preview, "people": _plain(people)})

    def preview(self) -> str:
        """
        Return the digest of the approved preview.

        Raises:
            Refused: None was approved in this run.
        """
        found = self._get(_RUN).get("preview")
        if not found:
            raise Refused("nothing was approved in this run: nothing is applied")
        return str(found)

    def allow(self, task_id: str, changes: str, people: Sequence[Person]) -> None:
        """Keep that a task may do *changes*, the JSON of a `ComponentChanges`, too."""
        entry = {"changes": changes, "people": _plain(people)}
        self._put(task_id, {"approved": [*self._get(task_id).get("approved", ()), entry]})

    def allowed(self, task_id: str) -> tuple[str, ...]:
        """Return the changes that a task may do beside the approved preview, in the order of their approval."""
        return tuple(entry["changes"] for entry in self._get(task_id).get("approved", ()))

    def all(self) -> tuple[Approved, ...]:
        """Return every approval of the run, that of the preview first, then by task in the order of their approval."""
        tasks = [key.removeprefix(f"{self._prefix}/").removesuffix(".json") for key in self._keys()]
        whole = [_approved(self._get(_RUN))] if _RUN in tasks else []
        alone = [(task, entry) for task in tasks if task != _RUN for entry in self._get(task).get("approved", ())]
        return (*whole, *(_approved(entry, task) for task, entry in alone))

    def _keys(self) -> Iterator[str]:
        return self._store.keys(f"{self._prefix}/")

    def _key(self, name: str) -> str:
        return f"{self._prefix}/{name}.json"

    def _get(self, name: str) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads(self._store.get(self._key(name)).data)
        except StoredObjectMissing:
            return {}
        return found

    def _put(self, name: str, document: dict[str, Any]) -> None:
        self._store.put(self._key(name), json.dumps({**self._about, **document}, indent=1).encode())


def _approved(document: Mapping[str, Any], task: str = "") -> Approved:
    from mcop_core.approvals import Person

    people = tuple(Person(**person) for person in document["people"])
    return Approved(document.get("preview", ""), task, document.get("changes", ""), people)


def _plain(people: Sequence[Person]) -> list[dict[str, str]]:
    return [asdict(person) for person in people]
