"""
The catalog in DynamoDB and S3: requests of a refresh and of a resolution, and what publishing costs in a large one.

1,000 manifests of 10 elements are published one by one, each by itself as `mcop catalog publish` does, into an empty
catalog of an emulator. Requests are counted where botocore sends them, those for DynamoDB and those for S3.
"""

from __future__ import annotations

import math
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from bench.measure import Figure, Told, cost
from bench.published import PublishedCatalog, manifest, published_catalog, wide_manifest
from mcop_core import bootstrap
from mcop_core.catalog.dynamodb.requests import BATCH_READ_ITEMS
from mcop_core.catalog.repository import CatalogEntry
from mcop_core.compiler.plan import DeploymentPlan
from mcop_core.compiler.published import compile_entry, plan_of_active
from mcop_core.refs import ObjectRef

MANIFESTS = 1_000
MINUTES = 10.0
"""How long 1,000 publications may take: minutes, of one digit."""
BUCKET = "artifacts"
SMALL, LARGE = 20, 200
"""Elements of the manifests that are resolved."""


def run(manifests: int = MANIFESTS) -> Told:
    """Yield the figures of this measurement."""
    with tempfile.TemporaryDirectory(prefix="mcop-bench-") as name, published_catalog(Path(name), BUCKET) as catalog:
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
        catalog.store,
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
    """In a large catalog: manifests whose elements are a primitive each, so that nothing is read once for many."""
    cold, kept, earlier = {}, {}, {}
    for elements in (SMALL, LARGE):
        name = f"wide{elements}"
        catalog.publish(wide_manifest(name, elements))
        cold[elements] = _asked(catalog, lambda name=name: _active(catalog, name), elements)  # type: ignore[misc]
        kept[elements] = _asked(catalog, lambda name=name: _active(catalog, name), elements)  # type: ignore[misc]
        entry = bootstrap.open_repository(catalog.settings).get(ObjectRef.parse(f"manifest#{name}@1.0.0"))
        earlier[elements] = _asked(catalog, lambda entry=entry: _compiled(catalog, entry), elements)  # type: ignore[misc]
    what = f"requests to resolve a manifest of {LARGE} elements"
    yield _held(f"{what}, nothing kept", cold, cold[SMALL].total())
    yield _held(f"{what}, kept by digest", kept, 1)
    batches = math.ceil((LARGE - SMALL) / BATCH_READ_ITEMS)
    yield _held(f"{what}, not the active version, from its pins", earlier, earlier[SMALL].total() + batches)


def _held(name: str, asked: Mapping[int, Counter[str]], at_most: int) -> Figure:
    parts = ", ".join(f"{count} {operation}" for operation, count in sorted(asked[LARGE].items()))
    return Figure(name, asked[LARGE].total(), at_most, " requests", f"{parts}; {SMALL} take {asked[SMALL].total()}")


def _asked(catalog: PublishedCatalog, resolve: Callable[[], DeploymentPlan | None], elements: int) -> Counter[str]:
    """Return the requests of one resolution, as a process makes it that has just begun."""
    catalog.requests.take()
    plan = resolve()
    if plan is None or len(plan.steps) != elements:
        raise SystemExit(f"{plan.manifest if plan else 'nothing'} has not {elements} steps")
    return catalog.requests.take()


def _active(catalog: PublishedCatalog, name: str) -> DeploymentPlan | None:
    repository, kept = bootstrap.open_repository(catalog.settings), Path(catalog.settings.cache_dir)
    return plan_of_active(repository, catalog.store, name, cache_dir=kept)


def _compiled(catalog: PublishedCatalog, entry: CatalogEntry) -> DeploymentPlan:
    return compile_entry(bootstrap.open_repository(catalog.settings), entry)
