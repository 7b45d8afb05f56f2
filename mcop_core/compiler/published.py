"""
A published manifest -> its plan, in as many requests for 200 elements as for 20.

What the catalog's snapshot holds of it is its plan, under a digest: the head, the snapshot and the plan are three
requests, and the head alone once the others are kept. A version that is not the active one is compiled with what its
pins name, read in batches.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mcop_core.artifacts.store import ObjectStore
from mcop_core.catalog.models import Manifest
from mcop_core.catalog.repository import CatalogEntry, CatalogRepository, Standing
from mcop_core.catalog.view import CatalogView
from mcop_core.compiler.compiler import compile_manifest
from mcop_core.compiler.plan import DeploymentPlan
from mcop_core.compiler.provider_choice import with_choices
from mcop_core.compiler.snapshot import load_plan, load_snapshot, pinned_refs
from mcop_core.errors import InvalidDocuments, NotFound, StoredObjectMissing, Unreachable


def plan_of_active(
    repository: CatalogRepository, store: ObjectStore, name: str, version: str = "", *, cache_dir: Path
) -> DeploymentPlan | None:
    """
    Return the plan that executions of the manifest *name* run, without compiling it.

    Args:
        version: Only if this is the active one; empty: whichever is.
        cache_dir: Folder of snapshots and plans that were read before, by digest.

    Returns:
        None where there is none: nothing of that name or version is active, it does not compile, or the store has
        lost it or does not answer.

    Raises:
        Tampered: What the store holds has another digest.
        Unreachable: The catalog did not answer.
    """
    head = repository.head()
    try:
        entry = load_snapshot(store, head.snapshot, cache_dir).manifests.get(name) if head.snapshot else None
        if entry is None or not entry.plan or version not in ("", entry.version):
            return None
        return load_plan(store, entry.plan, cache_dir)
    except (StoredObjectMissing, Unreachable):
        return None


def compile_entry(repository: CatalogRepository, entry: CatalogEntry) -> DeploymentPlan:
    """
    Compile the manifest that *entry* is with the versions that it is pinned to.

    These alone are read, 100 in a request. Where they are not all that it takes, or it has a fault, it is compiled
    with the whole catalog: what chooses freely, and what names the nearest right answer, needs that.

    Raises:
        TypeError: It is no manifest.
        InvalidDocuments: Every fault.
    """
    manifest = manifest_of(entry)
    if entry.pins:
        found = repository.get_many(pinned_refs(entry.pins))
        try:
            plan = compile_manifest(manifest, CatalogView((one.object for one in found.values()), pins=entry.pins))
        except (InvalidDocuments, NotFound):
            return compile_manifest(manifest, whole_view(repository, entry))
        if plan.pins.keys() <= entry.pins.keys():  # nothing was found but by a pin
            return plan
    return compile_manifest(manifest, whole_view(repository, entry))


def compile_chosen(
    repository: CatalogRepository, entry: CatalogEntry, plan: DeploymentPlan, choices: Mapping[str, str]
) -> DeploymentPlan:
    """
    Compile the manifest that *entry* is once more, for other providers.

    Args:
        plan: What it compiles to as it is.
        choices: Parameter of `plan.chosen_by` -> provider.

    Raises:
        InvalidDocuments: Every fault.
    """
    return compile_manifest(with_choices(manifest_of(entry), plan, choices), whole_view(repository, entry))


def manifest_of(entry: CatalogEntry) -> Manifest:
    """Return the manifest that *entry* is; raises TypeError if it is none."""
    if not isinstance(entry.object, Manifest):
        raise TypeError(f"{entry.ref} is no manifest")
    return entry.object


def whole_view(repository: CatalogRepository, entry: CatalogEntry) -> CatalogView:
    """Return every version that there is, those that are revoked hidden, with the pins of *entry*."""
    entries = repository.entries()
    revoked = {item.ref for item in entries if item.standing is Standing.REVOKED}
    return CatalogView((item.object for item in entries), pins=entry.pins, hidden=revoked)
