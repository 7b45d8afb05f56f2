"""Look at one deployed manifest: each component previewed again with what it was deployed with; and former looks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter

from mcop_core.artifacts.store import ObjectStore
from mcop_core.catalog.models import DriftPolicy
from mcop_core.compiler.plan import DeploymentPlan
from mcop_core.compiler.snapshot import SnapshotEntry, load_plan, load_snapshot
from mcop_core.deployments import Deployments, deployed_manifests, executed_together
from mcop_core.drift.find import find_drift
from mcop_core.drift.remedy import is_due, with_remedy
from mcop_core.drift.report import DriftReport
from mcop_core.engines.base import Engine, Reporter, Workspace
from mcop_core.errors import NotFound
from mcop_core.previewing import preview_deployed
from mcop_core.refs import ObjectRef, check_name

_TIME = "%Y%m%dT%H%M%SZ"
_REPORT = TypeAdapter(DriftReport)
Entries = Mapping[str, SnapshotEntry]
"""Manifest -> its entry in the catalog's snapshot."""


def detect_drift(
    namespace: str,
    manifest: str,
    snapshot: str,
    open_engine: Callable[[str], Engine],
    store: ObjectStore,
    cache_dir: Path,
    workspace: Workspace,
    report: Reporter,
) -> DriftReport:
    """
    Say what differs in the cloud from what *manifest* deployed last; nothing is locked, written or applied.

    What is ignored stands in the manifest's active version, so that a rule counts without a deployment.

    Args:
        snapshot: Digest of the catalog's snapshot; empty while it has none.
        store: The artifact store.
        cache_dir: Folder of template files fetched before, by digest.
        workspace: As `previewing.preview_plan` takes it.

    Raises:
        NotFound: Nothing of the manifest is deployed.
        EngineFailed: Nothing of it can be planned.
    """
    deployed = Deployments(store, namespace, manifest).all()
    if not deployed:
        raise NotFound(f"nothing of manifest {manifest!r} is deployed")
    together = executed_together(deployed)
    plan = load_plan(store, together[-1][0].plan)
    active = _active_version(store, _entries(store, snapshot), manifest) or plan
    changes = preview_deployed(deployed, open_engine, store, cache_dir, workspace, report)
    drift = find_drift(namespace, plan.manifest, deployed, changes, policy=active.drift, now=datetime.now(UTC))
    return with_remedy(drift, active, plan, together)


def due_manifests(store: ObjectStore, snapshot: str, now: datetime) -> tuple[tuple[str, str], ...]:
    """Return (namespace, manifest) of what is deployed and to be looked at *now*, as their policies say, sorted."""
    entries = _entries(store, snapshot)
    return tuple(
        (namespace, manifest)
        for namespace, manifest in deployed_manifests(store)
        if is_due(_policy(store, entries, namespace, manifest), last_look(store, namespace, manifest), now)
    )


def _policy(store: ObjectStore, entries: Entries, namespace: str, manifest: str) -> DriftPolicy:
    active = _active_version(store, entries, manifest)
    if active is not None:
        return active.drift
    deployed = Deployments(store, namespace, manifest).all()
    return load_plan(store, executed_together(deployed)[-1][0].plan).drift if deployed else DriftPolicy(watch=False)


def _entries(store: ObjectStore, snapshot: str) -> Entries:
    return load_snapshot(store, snapshot).manifests if snapshot else {}


def _active_version(store: ObjectStore, entries: Entries, manifest: str) -> DeploymentPlan | None:
    """Return the plan of the active version of *manifest*, None if the catalog has it no more, or it is broken."""
    entry = entries.get(manifest)
    return load_plan(store, entry.plan) if entry and entry.plan else None


def save_report(store: ObjectStore, report: DriftReport) -> str:
    """Keep *report* and return its key, which sorts by time."""
    at = datetime.fromisoformat(report.at).strftime(_TIME)
    key = f"{_prefix(report.namespace, ObjectRef.parse(report.manifest).name)}{at}.json"
    store.put(key, report.to_json())
    return key


def load_report(store: ObjectStore, key: str) -> DriftReport:
    """
    Return a report that was kept.

    Raises:
        StoredObjectMissing: There is none of that key.
    """
    return _REPORT.validate_json(store.get(key).data)


def last_look(store: ObjectStore, namespace: str, manifest: str) -> datetime | None:
    """Return when *manifest* was looked at last, None if it never was."""
    prefix = _prefix(namespace, manifest)
    latest = max(store.keys(prefix), default="")
    at = latest.removeprefix(prefix).removesuffix(".json")
    return datetime.strptime(at, _TIME).replace(tzinfo=UTC) if latest else None


def _prefix(namespace: str, manifest: str) -> str:
    return f"drift/{check_name(namespace)}/{check_name(manifest)}/"
