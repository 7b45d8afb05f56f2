"""Tasks that create, list and delete workers on any configured cloud; waiting for a cloud takes no worker's slot."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.providers.standard.operators.branch import BaseBranchOperator
from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from mcop_airflow.clouds_conf import check_workers_conf
from mcop_airflow.failures import final_unless_unreachable
from mcop_airflow.waiting import WorkersTrigger
from mcop_core.bootstrap import open_fleet
from mcop_core.errors import InvalidInput, McopError, Unreachable
from mcop_core.settings import Settings

if TYPE_CHECKING:
    from airflow.sdk import Context

    from mcop_core.clouds.answers import Answers, Failure
    from mcop_core.clouds.context import CloudContext

CHOOSE = "choose"
FAILURES_KEY = "failures"
"""XCom key of what was not done, beside the returned workers."""
DELETED_KEY = "deleted"
"""XCom key of the workers whose deletion was asked for, while delete-all waits until they are gone."""
_RETRIES = {"retries": 2, "retry_delay": timedelta(seconds=30)}


def task_id(action: str) -> str:
    """Return the id of the task for *action*: `delete_all` for delete-all."""
    return action.replace("-", "_")


class ChooseOperator(BaseBranchOperator):
    """Check the run's conf as a whole, and go on with the task of the action that it names. No field is templated."""

    template_fields = ()

    def choose_branch(self, context: Context) -> str:
        """Return that task's id; what the action would not heed is refused."""
        with final_unless_unreachable():
            check_workers_conf(context["dag_run"].conf)
        return task_id(context["params"]["action"])


class _CloudOperator(BaseOperator):
    """
    What these tasks share.

    Args:
        cloud: Name of a configured cloud. Templated.
        deferrable: Whether the triggerer waits for the cloud, and not this task's worker.
        patience_s: How long it is waited for, seconds.
    """

    template_fields: Sequence[str] = ("cloud",)

    def __init__(self, *, cloud: str, deferrable: bool = True, patience_s: float = 1800.0, **kwargs: Any) -> None:
        super().__init__(**{**_RETRIES, **kwargs})
        self.cloud, self.deferrable, self.patience_s = cloud, deferrable, patience_s

    def _context(self) -> CloudContext:
        from mcop_core.clouds.context import CloudContext

        fleet = open_fleet(Settings.from_environment(os.environ), os.environ)
        return CloudContext(fleet.open(self.cloud), others=fleet.open, tell=self.log.info)

    def _wait(self, names: Sequence[str]) -> NoReturn:
        until = time.time() + self.patience_s
        self.defer(
            trigger=WorkersTrigger(cloud=self.cloud, names=names, until=until),
            method_name="execute_complete",
            timeout=timedelta(seconds=self.patience_s + 120),
        )
        raise AssertionError("defer never returns")

    def _end(self, context: Context, failures: Sequence[Failure]) -> None:
        """Leave and log *failures*, and fail if there are any: for good unless all of them may mend themselves."""
        self._leave(context, failures)
        if failures:
            told = "; ".join(str(one) for one in failures)
            if all(isinstance(one.error, Unreachable) for one in failures):
                raise Unreachable(told, service=self.cloud)
            raise AirflowFailException(told)

    def _leave(self, context: Context, failures: Sequence[Failure]) -> None:
        context["ti"].xcom_push(key=FAILURES_KEY, value=[one.to_json() for one in failures])
        for one in failures:
            self.log.error("%s", one)


class CreateWorkersOperator(_CloudOperator):
    """
    See to it that workers are there and run; a retry adopts those that are there, and makes none twice.

    What could not be made fails the task and lies beside the others in the XCom `failures`.

    Args:
        names: Of the workers. Templated.
        count: So many of the one name. Templated.
        places: `region`, `region/zone`, `cloud:region`, in order. Templated.
        tags: Beside those of the configuration. Templated.
    """

    template_fields = ("cloud", "names", "count", "places", "tags")

    def __init__(
        self,
        *,
        names: Sequence[str] | str,
        count: int | str | None = None,
        places: Sequence[str] | str | None = None,
        tags: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.names, self.count, self.places, self.tags = names, count, places, tags

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Begin all of them, have the triggerer wait, and settle; return the workers."""
        if self.deferrable:
            with final_unless_unreachable():
                self._asked(waits=False)
            self._wait(worker_names(self.names, self.count))
        return self.execute_complete(context)

    def execute_complete(self, context: Context, event: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Ask for the same again: what was begun is adopted, what failed is made at the next place."""
        from mcop_core.clouds.documents import document

        with final_unless_unreachable():
            made = self._asked(waits=True)
        context["ti"].xcom_push(key="return_value", value=[document(one.worker) for one in made.found])
        self._end(context, made.failures)
        return [document(one.worker) for one in made.found]

    def _asked(self, *, waits: bool) -> Answers[Any]:
        from mcop_core.clouds.placing import Place, WorkerRequest

        places = tuple(Place.parse(text) for text in self.places or ()) or (Place(),)
        request = WorkerRequest(tuple(worker_names(self.names, self.count)), places, dict(self.tags or {}))
        return self._context().create_workers(request, waits=waits)


class ListWorkersOperator(_CloudOperator):
    """Return the workers of one cloud as documents; a region that does not answer fails the task."""

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Ask and return."""
        from mcop_core.clouds.documents import document

        with final_unless_unreachable():
            found = self._context().list_workers()
        for one in found.found:
            self.log.info("%s %s/%s %s", one.name, one.cloud, one.region, one.state)
        context["ti"].xcom_push(key="return_value", value=[document(one) for one in found.found])
        self._end(context, found.failures)
        return [document(one) for one in found.found]


class DeleteWorkersOperator(_CloudOperator):
    """
    Delete workers by name, each verified to be gone; one that a retry finds gone already counts as deleted.

    Args:
        names: Of the workers. Templated.
    """

    template_fields = ("cloud", "names")

    def __init__(self, *, names: Sequence[str] | str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.names = names

    def execute(self, context: Context) -> list[str]:
        """Ask for their deletion, have the triggerer wait, and verify; return the names."""
        names = worker_names(self.names, None)
        with final_unless_unreachable():
            asked = self._context().delete_workers(names, waits=not self.deferrable)
        is_retry = context["ti"].try_number > 1
        self._end(context, [one for one in asked.failures if not (is_retry and _is_missing(one.error))])
        if self.deferrable:
            self._wait(names)
        return names

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> list[str]:
        """Delete what is still there, which waits for it."""
        names = worker_names(self.names, None)
        with final_unless_unreachable():
            gone = self._context().delete_workers(names)
        self._end(context, [one for one in gone.failures if not _is_missing(one.error)])
        return names


class DeleteAllWorkersOperator(_CloudOperator):
    """
    Delete every worker of ours on one cloud, each verified to be gone, and nothing else; protected ones stay.

    What could not be deleted fails the task once all others are gone, and lies beside their names in the XCom
    `failures`.

    Args:
        expected: How many there are; with another number nothing is deleted. Templated.
    """

    template_fields = ("cloud", "expected")

    def __init__(self, *, expected: int | str | None, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "retries": 0})
        self.expected = expected

    def execute(self, context: Context) -> list[str]:
        """
        Ask for their deletion, have the triggerer wait, and verify; return the names of those that are gone.

        A retry would have to expect another number, so that there is none.
        """
        from mcop_core.clouds.ours import worker_name

        expected = None if self.expected in (None, "") else int(self.expected or 0)
        with final_unless_unreachable():
            asked = self._context().delete_all_workers(expected, waits=not self.deferrable)
        names = [worker_name(one) for one in asked.found]
        if self.deferrable and asked.found:
            deleted = [{"name": worker_name(one), "ref": asdict(one.ref)} for one in asked.found]
            context["ti"].xcom_push(key=DELETED_KEY, value=deleted)
            self._leave(context, asked.failures)
            self._wait(names)
        return self._ended(context, names, asked.failures)

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> list[str]:
        """Verify that those are gone whose deletion was asked for, and no other of the same name."""
        from mcop_core.clouds.answers import failure_of
        from mcop_core.clouds.models import InstanceRef

        deleted = {InstanceRef(**one["ref"]): one["name"] for one in self._left(context, DELETED_KEY)}
        with final_unless_unreachable():
            gone = self._context().await_gone(deleted)
        before = (failure_of(one) for one in self._left(context, FAILURES_KEY))
        return self._ended(context, list(gone.found), (*before, *gone.failures))

    def _left(self, context: Context, key: str) -> list[dict[str, Any]]:
        """Return what this task itself left under *key* before it waited."""
        ti = context["ti"]
        found: list[dict[str, Any]] = ti.xcom_pull(task_ids=ti.task_id, key=key, map_indexes=ti.map_index)
        return found

    def _ended(self, context: Context, names: list[str], failures: Sequence[Failure]) -> list[str]:
        context["ti"].xcom_push(key="return_value", value=names)
        self._end(context, failures)
        return names


def worker_names(names: Sequence[str] | str | None, count: int | str | None) -> list[str]:
    """
    Return the workers' names: *names*, or *count* of the one that they are.

    Raises:
        InvalidInput: There are none, *count* is less than one, or it goes with several.
    """
    found = [names] if isinstance(names, str) else list(names or ())
    if not found:
        raise InvalidInput("names: there are none; name the workers")
    if count in (None, ""):
        return found
    number = int(count or 0)
    if number < 1:
        raise InvalidInput(f"count: {number} workers are none; say 1 or more, or leave it out")
    if len(found) != 1:
        raise InvalidInput(f"count: {number} goes with one name, and there are {len(found)}")
    return [f"{found[0]}-{one}" for one in range(1, number + 1)]


def _is_missing(error: McopError) -> bool:
    from mcop_core.errors import NotInCloud

    return isinstance(error, NotInCloud)
