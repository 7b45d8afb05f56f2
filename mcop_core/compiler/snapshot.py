"""
All plans at one catalog revision, content-addressed.

A snapshot names, for each active manifest, its plan by digest, or why there is none: a manifest that does not
compile takes no other with it. What did not change is not compiled again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from mcop_core.artifacts.kept import kept_or_fetched
from mcop_core.artifacts.store import ObjectStore, put_once
from mcop_core.catalog.canonical import canonical_json
from mcop_core.catalog.models import CatalogObject, Manifest
from mcop_core.catalog.repository import CatalogEntry, Pins, Standing
from mcop_core.catalog.view import CatalogView
from mcop_core.compiler.compiler import COMPILER_VERSION, compile_manifest
from mcop_core.compiler.plan import DeploymentPlan
from mcop_core.errors import InvalidName, NotFound, Refused, Tampered, closest
from mcop_core.refs import Kind, ObjectRef


class SnapshotEntry(BaseModel):
    """
    One manifest in a snapshot.

    Attributes:
        version: The active version.
        fingerprint: Digest of everything its compilation read; unchanged means the same plan.
        plan: Digest of its plan; empty where there is none.
        error: Why there is none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    fingerprint: str
    plan: str = ""
    error: str = ""


class Snapshot(BaseModel):
    """The manifests of one catalog revision, by name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    manifests: dict[str, SnapshotEntry] = {}

    def to_json(self) -> bytes:
        """Return the one JSON text of this snapshot."""
        return canonical_json(self.model_dump(mode="json", exclude_defaults=True))

    @property
    def digest(self) -> str:
        """SHA-256 of `to_json`, in hex."""
        return hashlib.sha256(self.to_json()).hexdigest()


def build_snapshot(
    entries: Iterable[CatalogEntry], active: Mapping[str, str], previous: Snapshot | None = None
) -> tuple[Snapshot, dict[str, DeploymentPlan]]:
    """
    Compile the active version of every manifest with the pins it has.

    Args:
        entries: The whole catalog.
        active: Manifest name -> active version.
        previous: An earlier snapshot; entries whose fingerprint is unchanged are taken from it.

    Returns:
        The snapshot, and digest -> plan of what was compiled anew.
    """
    known = {entry.ref: entry for entry in entries}
    objects = [entry.object for entry in known.values()]
    revoked = frozenset(ref for ref, entry in known.items() if entry.standing is Standing.REVOKED)
    earlier = previous.manifests if previous else {}
    found: dict[str, SnapshotEntry] = {}
    plans: dict[str, DeploymentPlan] = {}
    for name, version in sorted(active.items()):
        entry = known.get(ObjectRef(Kind.MANIFEST, name, version))
        fingerprint = _fingerprint(name, version, entry, known, revoked)
        if name in earlier and earlier[name].fingerprint == fingerprint:
            found[name] = earlier[name]
            continue
        compiled = _compile(name, version, entry, objects, revoked)
        if isinstance(compiled, str):
            found[name] = SnapshotEntry(version=version, fingerprint=fingerprint, error=compiled)
        else:
            found[name] = SnapshotEntry(version=version, fingerprint=fingerprint, plan=compiled.digest)
            plans[compiled.digest] = compiled
    return Snapshot(manifests=found), plans


def _compile(
    name: str,
    version: str,
    entry: CatalogEntry | None,
    objects: Iterable[CatalogObject],
    revoked: frozenset[ObjectRef],
) -> DeploymentPlan | str:
    """Return the plan, or why there is none; whatever one manifest runs into, the others must not feel it."""
    if entry is None or not isinstance(entry.object, Manifest):
        return f"manifest#{name}@{version} is active, but is not in the catalog any more"
    try:
        return compile_manifest(entry.object, CatalogView(objects, pins=entry.pins, hidden=revoked))
    except Exception as error:
        return str(error) or type(error).__name__


def _fingerprint(
    name: str,
    version: str,
    entry: CatalogEntry | None,
    known: Mapping[ObjectRef, CatalogEntry],
    revoked: frozenset[ObjectRef],
) -> str:
    """A manifest with pins read what they name; one without may have read anything."""
    document: dict[str, Any] = {"compiler": COMPILER_VERSION, "manifest": f"{name}@{version}"}
    if entry is not None:
        refs = pinned_refs(entry.pins) if entry.pins else known.keys()
        document["pins"] = dict(entry.pins)
        document["digest"] = entry.object.digest
        document["objects"] = {str(ref): known[ref].object.digest if ref in known else None for ref in refs}
        document["revoked"] = [] if entry.pins else sorted(map(str, revoked))
    return hashlib.sha256(canonical_json(document)).hexdigest()


def pinned_refs(pins: Pins) -> set[ObjectRef]:
    """Return the versions that *pins* name, of whatever form the pin is."""
    refs: set[ObjectRef] = set()
    for key, chosen in pins.items():
        kind, _, rest = key.partition("#")
        if "/" in rest:
            name, _, version = chosen.partition("@")
        else:
            name, version = rest.partition("@")[0], chosen
        refs.add(ObjectRef(Kind(kind), name, version))
    return refs


def pinned_objects(plan: DeploymentPlan) -> list[ObjectRef]:
    """Return every published version that *plan* was compiled from, the manifest too, sorted."""
    return sorted({ObjectRef.parse(plan.manifest), *pinned_refs(plan.pins)})


# -- stored ---------------------------------------------------------------------------------------------


def save_snapshot(store: ObjectStore, snapshot: Snapshot, plans: Mapping[str, DeploymentPlan]) -> str:
    """
    Store *plans*, then *snapshot*, and return its digest; what is there already is left alone.

    Raises:
        Unreachable: The store did not answer; a snapshot that is there has all its plans.
    """
    for digest, plan in sorted(plans.items()):
        put_once(store, plan_key(digest), plan.to_json())
    put_once(store, snapshot_key(snapshot.digest), snapshot.to_json())
    return snapshot.digest


def load_snapshot(store: ObjectStore, digest: str, cache_dir: Path | None = None) -> Snapshot:
    """
    Return the snapshot with *digest*.

    Args:
        cache_dir: Where it is kept from now on, or was before; None: it is read from the store.

    Raises:
        StoredObjectMissing: There is none.
        Tampered: What lies there has another digest.
        Unreachable: The store did not answer.
    """
    return Snapshot.model_validate_json(_get(store, snapshot_key(digest), digest, cache_dir))


def load_plan(store: ObjectStore, digest: str, cache_dir: Path | None = None) -> DeploymentPlan:
    """Return the plan with *digest*; arguments and errors as `load_snapshot`."""
    return DeploymentPlan.model_validate_json(_get(store, plan_key(digest), digest, cache_dir))


def active_plan(store: ObjectStore, snapshot: str, manifest: str) -> str:
    """
    Return the digest of the plan that a snapshot holds for *manifest*.

    Args:
        snapshot: Digest of the snapshot; empty while the catalog has none.

    Raises:
        NotFound: No version of it is active; names the nearest.
        Refused: Its active version does not compile; says why.
    """
    manifests = load_snapshot(store, snapshot).manifests if snapshot else {}
    entry = manifests.get(manifest)
    if entry is None:
        near = closest(manifest, manifests)
        hint = f' Did you mean "{near}"?' if near else f" There are: {', '.join(sorted(manifests)) or 'none'}."
        raise NotFound(f"there is no active manifest {manifest!r}.{hint}")
    if not entry.plan:
        raise Refused(f"the active version of {manifest} does not compile: {entry.error}")
    return entry.plan


def holds_plan(store: ObjectStore, snapshot: str, manifest: str, plan: str) -> bool:
    """Return whether the snapshot with this digest holds *plan* for *manifest*; raises as `load_snapshot`."""
    entry = load_snapshot(store, snapshot).manifests.get(manifest)
    return entry is not None and entry.plan == plan


def snapshot_key(digest: str) -> str:
    """Return the key of the snapshot with *digest*."""
    return f"snapshots/{_checked(digest)}.json"


def plan_key(digest: str) -> str:
    """Return the key of the plan with *digest*."""
    return f"{plan_prefix(_checked(digest))}.json"


def plan_prefix(beginning: str) -> str:
    """Return how the key of a plan starts whose digest starts with *beginning*."""
    return f"plans/{beginning}"


def _checked(digest: str) -> str:
    if len(digest) != hashlib.sha256().digest_size * 2 or not set(digest) <= set("0123456789abcdef"):
        raise InvalidName(f"{digest!r} is no SHA-256 digest in hex", name=digest)
    return digest


def _get(store: ObjectStore, key: str, digest: str, cache_dir: Path | None) -> bytes:
    def fetch() -> bytes:
        data = store.get(key).data
        found = hashlib.sha256(data).hexdigest()
        if found != digest:
            raise Tampered(f"{key} has the digest {found}", expected=digest, found=found)
        return data

    return kept_or_fetched(cache_dir, digest, fetch) if cache_dir else fetch()
