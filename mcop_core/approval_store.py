"""
What people approved in a run, kept in the artifact store.

Not in XComs: whoever may use Airflow's API may write those, and Airflow forgets them when a task is tried again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from mcop_core.errors import Refused, Tampered
from mcop_core.run_records import RunRecords

if TYPE_CHECKING:
    from mcop_core.approvals import Person
    from mcop_core.artifacts.store import ObjectStore

_FOLDER = "approvals"
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

    The keys are `approvals/<SHA-256 of DAG id and run id>/<task id, or run>.json`; *key* is as `RunRecords` takes it.
    Whatever is asked for an approval, except `all`, raises `Tampered` if the record of it is none.
    """

    def __init__(self, store: ObjectStore, dag_id: str, run_id: str, key: str = "") -> None:
        self._records = RunRecords(store, _FOLDER, dag_id, run_id, key)

    def withdraw(self) -> None:
        """Forget that the preview was approved: it is asked again."""
        self._records.delete(_RUN)

    def approve(self, preview: str, people: Sequence[Person]) -> None:
        """Keep that the preview with this digest was approved, and by whom; nobody where nobody is needed."""
        self._records.put(_RUN, {"preview": preview, "people": _plain(people)})

    def preview(self) -> str:
        """
        Return the digest of the approved preview.

        Raises:
            Refused: None was approved in this run.
        """
        record = self._records.get(_RUN)
        if record is None:
            raise Refused("nothing was approved in this run: nothing is applied")
        return _text(record, "preview")

    def allow(self, task_id: str, changes: str, people: Sequence[Person]) -> None:
        """Keep that a task may do *changes*, the JSON of a `ComponentChanges`, too."""
        entry = {"changes": changes, "people": _plain(people)}
        self._records.put(task_id, {"approved": [*_entries(self._records.get(task_id)), entry]})

    def allowed(self, task_id: str) -> tuple[str, ...]:
        """Return the changes that a task may do beside the approved preview, in the order of their approval."""
        return tuple(_text(entry, "changes") for entry in _entries(self._records.get(task_id)))

    def all(self) -> tuple[Approved, ...]:
        """
        Return every approval of the run for people, that of the preview first, then by task in their order.

        Raises:
            Tampered: A record is none of this run.
        """
        names = list(self._records.names())
        whole = [_approved(record)] if (record := self._records.look(_RUN)) else []
        alone = [(name, entry) for name in names if name != _RUN for entry in _entries(self._records.look(name))]
        return (*whole, *(_approved(entry, task) for task, entry in alone))


def _entries(record: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    found = [] if record is None else record.get("approved")
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise Tampered("the record of what a task may do beside the preview holds no approvals")
    return found


def _text(entry: Mapping[str, Any], field: str) -> str:
    found = entry.get(field)
    if not isinstance(found, str):
        raise Tampered(f"the record of an approval has no {field}")
    return found


def _approved(document: Mapping[str, Any], task: str = "") -> Approved:
    from mcop_core.approvals import Person

    try:
        people = tuple(Person(**person) for person in document["people"])
    except (KeyError, TypeError) as error:
        raise Tampered("the record of an approval does not say who approved") from error
    return Approved(document.get("preview", ""), task, document.get("changes", ""), people)


def _plain(people: Sequence[Person]) -> list[dict[str, str]]:
    return [asdict(person) for person in people]
