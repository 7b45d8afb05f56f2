"""
A first deployment, from the catalog folder to what exists in the cloud: what `mcop up --deploy` does.

Every step says what it found; a deployment is good only if all of it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mcop_core.catalog.models import Manifest
from mcop_core.embedded.resources import Listing, list_resources
from mcop_core.engines.terraform.search import Client
from mcop_core.engines.values import SensitivePointer
from mcop_core.errors import InvalidDocuments, NotFound
from mcop_core.executions.naming import RESULT_KEY, is_apply_task, split_id
from mcop_core.executions.record import ExecutionRecord
from mcop_core.executions.status import Status
from mcop_core.refs import Kind, ObjectRef

if TYPE_CHECKING:
    from mcop_core.catalog.repository import CatalogRepository
    from mcop_core.executions.airflow_api import AirflowApi


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
