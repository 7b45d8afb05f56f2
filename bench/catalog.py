"""
The catalog in DynamoDB: requests of a refresh and of a resolution, and what publishing costs in a large one.

1,000 manifests of 10 elements are published one by one, each by itself as `mcop catalog publish` does, into an empty
catalog of an emulator. Requests are counted where botocore sends them.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from bench.measure import Figure, Told, cost
from bench.published import PublishedCatalog, manifest, published_catalog, workflow
from mcop_core import bootstrap
from mcop_core.catalog.view import CatalogView
from mcop_core.compiler.compiler import compile_manifest
from mcop_core.compiler.plan import DeploymentPlan
from mcop_core.refs import ObjectRef

MANIFESTS = 1_000
MINUTES = 10.0
"""How long 1,000 publications may take: minutes, of one digit."""
SMALL, LARGE = 20, 200
"""Elements of the manifests that are resolved."""


def run(manifests: int = MANIFESTS) -> Told:
    """Yield the figures of this measurement."""
    with tempfile.TemporaryDirectory(prefix="mcop-bench-") as name, published_catalog(Path(name)) as catalog:
        yield from _publishing(catalog, manifests)
        yield from _refreshing(catalog, Path(name) / "bundle", manifests)
        yield from _resolving(catalog)


def _publishing(catalog: PublishedCatalog, manifests: int) -> Told:
    began, pairs = time.monotonic(), []
    for number in range(manifests):
        if number in (0, manifests - 1):
            catalog.requests.take()
            took = cost(lambda number=number: catalog.publish({"one.yaml": manifest(f"shop{number}")}))  # type: ignore[misc]
            pairs.append((took, catalog.requests.take()))
        else:
            catalog.publish({"one.yaml": manifest(f"shop{number}")})
    minutes = (time.monotonic() - began) / 60
    (first, asked_first), (last, asked_last) = pairs
    told = (
        f"the first {first.cpu_s:.2f} s CPU and {asked_first.total()} requests, the last {last.cpu_s:.2f} s CPU and "
        f"{asked_last.total()} requests, load {os.getloadavg()[0]:.1f}"
    )
    yield Figure(f"{manifests} publications, one by one", minutes, MINUTES, " minutes", told)


def _refreshing(catalog: PublishedCatalog, folder: Path, manifests: int) -> Told:
    from mcop_airflow.snapshot_folder import plan_digests
    from mcop_airflow.snapshot_source import SnapshotSource

    source = SnapshotSource(
        folder,
        bootstrap.open_repository(catalog.settings),
        bootstrap.open_store(catalog.settings.artifact_store),
        audit_s=catalog.settings.catalog_audit_s,
    )
    before = source.folder_of(source.current())
    catalog.requests.take()
    source.current()
    asked = catalog.requests.take()
    told = ", ".join(f"{count} {operation}" for operation, count in sorted(asked.items()))
    yield Figure(f"refreshing an unchanged catalog of {manifests} manifests", asked.total(), 1, " requests", told)
    catalog.publish({"one.yaml": manifest("shop0", "1.1.0")})
    after = source.folder_of(source.current())
    if len(plan_digests(after)) != manifests:
        raise SystemExit(f"{after} holds {len(plan_digests(after))} plans")
    was = {path.name: path.stat().st_mtime_ns for path in (before / "dags").iterdir()}
    newer = [path.name for path in (after / "dags").iterdir() if path.stat().st_mtime_ns != was[path.name]]
    told = "whatever is newer than Airflow's last look at it"
    yield Figure(f"DAG files parsed again by one publication among {manifests}", len(newer), 1, " files", told)


def _resolving(catalog: PublishedCatalog) -> Told:
    """A catalog of 1,000 manifests is read to compile one; by a run's first task, only what its plan pins."""
    asked = {}
    for elements in (SMALL, LARGE):
        name = f"wide{elements}"
        catalog.publish({"workflow.yaml": workflow(name, elements // 2), "one.yaml": manifest(name, of=name)})
        catalog.requests.take()
        plan = _compiled(catalog, name)
        if len(plan.steps) != elements:
            raise SystemExit(f"{name} has {len(plan.steps)} steps")
        asked[elements] = catalog.requests.take().total()
    told = f"{SMALL} elements take {asked[SMALL]}"
    yield Figure(f"requests to resolve a manifest of {LARGE} elements", asked[LARGE], asked[SMALL], " requests", told)


def _compiled(catalog: PublishedCatalog, name: str) -> DeploymentPlan:
    repository = bootstrap.open_repository(catalog.settings)
    entries = {entry.ref: entry for entry in repository.entries()}
    wanted = entries[ObjectRef.parse(f"manifest#{name}@1.0.0")]
    objects = (entry.object for entry in entries.values())
    return compile_manifest(wanted.object, CatalogView(objects, pins=wanted.pins))  # type: ignore[arg-type]
