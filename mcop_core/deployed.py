"""
What is deployed, held against what is needed to preview, change or destroy it.

That is its version in the catalog, its plan and its artifacts in the artifact store, and its states. After one of
these was lost or restored from a backup, this names what it does not hold.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from mcop_core.artifacts.store import ObjectStore
from mcop_core.catalog.repository import CatalogRepository
from mcop_core.compiler.snapshot import load_plan
from mcop_core.deployments import Deployment, Deployments, deployed_manifests, executed_together
from mcop_core.engines.artifact import load_artifact
from mcop_core.engines.base import Engine
from mcop_core.errors import NotFound, Tampered
from mcop_core.refs import ObjectRef


@dataclass(frozen=True, slots=True)
class DeployedManifest:
    """
    One manifest of which something is deployed.

    Attributes:
        version: Of the last execution that deployed something; empty if its plan is lost.
        active: Version that the catalog would execute; empty if it has none.
        components: How many are deployed.
        execution: Id of that last execution.
        at: When it deployed, ISO 8601, UTC.
        missing: What is not there any more, a sentence each.
    """

    namespace: str
    manifest: str
    version: str
    active: str
    components: int
    execution: str
    at: str
    missing: tuple[str, ...] = ()


def list_deployed(
    store: ObjectStore,
    repository: CatalogRepository,
    open_engine: Callable[[str], Engine],
    open_store: Callable[[str], ObjectStore],
) -> list[DeployedManifest]:
    """
    Return everything that is deployed, sorted by namespace and name.

    Args:
        store: The artifact store.
        open_store: How states are reached, by URL.

    Raises:
        Unreachable: The catalog, or a store, did not answer.
    """
    active, published = repository.active(), repository.keys()
    found = []
    for namespace, name in deployed_manifests(store):
        deployed = Deployments(store, namespace, name).all()
        if not deployed:
            continue  # it was destroyed meanwhile
        last = executed_together(deployed)[-1][-1]
        version, lost = _version_of(last, published, store)
        missing = (*lost, *_missing(deployed, store, open_engine, open_store))
        found.append(
            DeployedManifest(
                namespace, name, version, active.get(name, ""), len(deployed), last.execution, last.at, missing
            )
        )
    return found


def _version_of(last: Deployment, published: Collection[ObjectRef], store: ObjectStore) -> tuple[str, tuple[str, ...]]:
    """Return the version of the manifest that deployed *last*, and what of it is missing."""
    try:
        manifest = ObjectRef.parse(load_plan(store, last.plan).manifest)
    except (NotFound, Tampered) as error:
        return "", (f"the plan that it was deployed with: {error}",)
    return manifest.version, () if manifest in published else (f"the catalog does not have {manifest}",)


def _missing(
    deployed: Mapping[str, Deployment],
    store: ObjectStore,
    open_engine: Callable[[str], Engine],
    open_store: Callable[[str], ObjectStore],
) -> Iterator[str]:
    for step, one in deployed.items():
        try:
            artifact = load_artifact(store, one.artifact)
            open_engine(artifact.engine).outputs(artifact, open_store)
        except (NotFound, Tampered) as error:
            yield f"{step}: {error}"
