"""
A first deployment, from the catalog folder to what exists in the cloud: what `mcop up --deploy` does.

Every step says what it found; a deployment is good only if all of it is.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mcop_core.catalog.models import Manifest
from mcop_core.compiler.snapshot import active_plan, load_snapshot
from mcop_core.embedded.resources import Client, Listing, list_resources
from mcop_core.engines.base import SensitivePointer
from mcop_core.errors import EngineFailed, InvalidDocuments, NotFound, Refused
from mcop_core.executions.naming import RESULT_KEY, dag_id, is_apply_task, plan_tag, split_id
from mcop_core.executions.record import ExecutionRecord
from mcop_core.executions.status import Status
from mcop_core.refs import Kind, ObjectRef

if TYPE_CHECKING:
    from mcop_core.artifacts.store import ObjectStore
    from mcop_core.catalog.repository import CatalogRepository
    from mcop_core.executions.airflow_api import AirflowApi

_POLL_S = 1.0


@dataclass(frozen=True, slots=True)
class Deployment:
    """
    How a deployment ended.

    Attributes:
        execution: With its steps.
        changes: Apply task -> `added`, `changed`, `destroyed`.
        outputs: Apply task -> output -> JSON value; a sensitive one is a pointer.
        listing: What the cloud says exists.
    """

    execution: ExecutionRecord
    changes: Mapping[str, Mapping[str, int]]
    outputs: Mapping[str, Mapping[str, Any]]
    listing: Listing

    @property
    def total(self) -> dict[str, int]:
        """How many resources were added, changed and destroyed in all."""
        return {
            word: sum(done.get(word, 0) for done in self.changes.values()) for word in ("added", "changed", "destroyed")
        }

    @property
    def problems(self) -> tuple[str, ...]:
        """What is not as it should be, a sentence each; empty when everything is."""
        found = []
        if self.execution.status is not Status.COMPLETED:
            failed = [step.id for step in self.execution.steps if step.state == "failed"]
            found.append(f"the execution ended as {self.execution.status}; failed: {', '.join(failed) or 'nothing'}")
        silent = [step.id for step in self.execution.steps if is_apply_task(step.id) and step.id not in self.changes]
        if silent:
            found.append(f"no result was left by {', '.join(silent)}")
        if not self.listing.resources:
            found.append("the cloud lists no resource of this manifest")
        found += [f"{service} could not be asked: {why}" for service, why in self.listing.failures.items()]
        return tuple(found)


def await_dag(
    api: AirflowApi,
    repository: CatalogRepository,
    store: ObjectStore,
    manifest: str,
    *,
    timeout_s: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """
    Wait until Airflow runs what the catalog holds of *manifest*, and return the DAG's id.

    Raises:
        NotFound: The catalog has no active version of it; names the nearest.
        InvalidDocuments, Refused: Its active version does not compile, or Airflow cannot load its DAG; says why.
        EngineFailed: Airflow does not show it in time.
    """
    plan = active_plan(store, repository.head().snapshot, manifest)
    dag = dag_id(manifest)
    deadline = clock() + timeout_s
    while not _shows(api, store, dag, manifest, plan):
        _raise_import_error(api, manifest)
        if clock() > deadline:
            raise EngineFailed(f"Airflow does not show {dag} with plan {plan[:12]} after {timeout_s:g} s")
        sleep(_POLL_S)
    return dag


def _shows(api: AirflowApi, store: ObjectStore, dag: str, manifest: str, plan: str) -> bool:
    """Whether the graph *and* the snapshot that Airflow would give to a run now hold the plan."""
    try:
        found = api.dag(dag)
    except NotFound:
        return False
    if plan_tag(plan) not in {tag["name"] for tag in found["tags"]} or found["is_stale"]:
        return False
    if found["is_paused"]:
        raise Refused(f"{dag} is paused in Airflow: unpause it and try again")
    version = found["bundle_version"]
    return version is None or getattr(load_snapshot(store, version).manifests.get(manifest), "plan", "") == plan


def _raise_import_error(api: AirflowApi, manifest: str) -> None:
    for error in api.import_errors():
        if str(error["filename"]).endswith(f"/{manifest}.py") or error["filename"] == f"{manifest}.py":
            raise Refused(f"Airflow cannot load the DAG of {manifest}:\n{error['stack_trace']}")


def look_back(api: AirflowApi, execution: ExecutionRecord, listing: Listing) -> Deployment:
    """Return how *execution* ended: what each apply task did and put out, beside what the cloud lists."""
    dag, run_id = split_id(execution.id)
    applied = [step.id for step in execution.steps if is_apply_task(step.id) and step.status is Status.COMPLETED]
    left = {task: api.xcoms(dag, run_id, task) for task in applied}
    changes = {task: found[RESULT_KEY] for task, found in left.items() if RESULT_KEY in found}
    outputs = {task: {k: v for k, v in found.items() if k != RESULT_KEY} for task, found in left.items()}
    return Deployment(execution, changes, outputs, listing)


def list_manifest(repository: CatalogRepository, manifest: str, client: Client) -> Listing:
    """
    Return what the cloud lists of the active version of *manifest*.

    Raises:
        NotFound: There is none.
    """
    version = repository.active().get(manifest)
    if version is None:
        raise NotFound(f"there is no active manifest {manifest!r}")
    found = repository.get(ObjectRef(Kind.MANIFEST, manifest, version)).object
    if not isinstance(found, Manifest):
        raise InvalidDocuments(f"{found.ref} is no manifest")
    return list_resources(found.namespace, manifest, client)


def shown(value: Any) -> str:
    """Return an output's value for a person: a sensitive one says only that it is."""
    if SensitivePointer.read(value) is not None:
        return "(sensitive)"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
