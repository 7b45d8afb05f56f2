"""Look at deployed manifests: each component previewed again with what it was deployed with; and former looks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter

from mcop_core.artifacts.store import ObjectStore
from mcop_core.catalog.models import DriftPolicy
from mcop_core.compiler.plan import DeploymentPlan
from mcop_core.compiler.resolution import open_steps
from mcop_core.compiler.snapshot import SnapshotEntry, load_plan, load_snapshot
from mcop_core.deployments import DeployedName, Deployment, Deployments, deployed_manifests, executed_together
from mcop_core.drift.find import find_drift
from mcop_core.drift.remedy import is_due, with_remedy
from mcop_core.drift.report import DriftReport
from mcop_core.engines.base import Engine
from mcop_core.engines.changes import ComponentChanges
from mcop_core.engines.workspace import Reporter, Workspace
from mcop_core.errors import Cancelled, EngineFailed, McopError, NotFound, Tampered
from mcop_core.previewing import preview_deployed
from mcop_core.refs import ObjectRef, check_name
from mcop_core.telemetry import span

AT_MOST = 200
"""Components planned as one. Terraform holds all of their states, and the plan, in memory."""
_AT_ONCE = 8
"""Manifests or reports that are read at a time: a client of S3 keeps ten connections."""
_TIME = "%Y%m%dT%H%M%SZ"
Name = TypeVar("Name")
Read = TypeVar("Read")
_REPORT = TypeAdapter(DriftReport)
Entries = Mapping[str, SnapshotEntry]
"""Manifest -> its entry in the catalog's snapshot."""


@dataclass(frozen=True, slots=True)
class Watch:
    """
    What looking at deployed manifests needs.

    Attributes:
        store: The artifact store.
        snapshot: Digest of the catalog's snapshot; empty while it has none.
        cache_dir: Folder of template files fetched before, by digest.
        workspace: As `previewing.preview_plan` takes it.
    """

    store: ObjectStore
    snapshot: str
    open_engine: Callable[[str], Engine]
    cache_dir: Path
    workspace: Workspace
    report: Reporter


def detect_drift(names: Sequence[DeployedName], watch: Watch) -> dict[DeployedName, DriftReport | McopError]:
    """
    Say what differs in the cloud from what the manifests deployed last; nothing is locked, written or applied.

    They are planned as one. What keeps one of them from it keeps no other: the error of one that cannot be looked at is
    its result. What is ignored stands in a manifest's active version, so that a rule counts without a deployment.

    Raises:
        Cancelled: A person stopped it.
    """
    with span("sweep", manifest="/".join(names[0]) if len(names) == 1 else "") as told:
        found = _detected(names, watch)
        reports = [one for one in found.values() if isinstance(one, DriftReport)]
        told.count(
            manifests=len(names),
            components=sum(one.components for one in reports),
            drifted=sum(len(one.drifted) for one in reports),
            failed=len(found) - len(reports),
        )
        return found


def _detected(names: Sequence[DeployedName], watch: Watch) -> dict[DeployedName, DriftReport | McopError]:
    try:
        return {**_look(names, watch)}
    except Cancelled:
        raise
    except EngineFailed as error:
        return dict.fromkeys(names, error)
    except McopError as error:
        if len(names) == 1:
            return {names[0]: error}
    return {name: found for one in names for name, found in _detected([one], _inside(watch, one)).items()}


def _inside(watch: Watch, name: DeployedName) -> Watch:
    directory = watch.workspace.directory / "-".join(name)
    return replace(watch, workspace=replace(watch.workspace, directory=directory))


def _look(names: Sequence[DeployedName], watch: Watch) -> dict[DeployedName, DriftReport]:
    deployed = _each(names, partial(_deployed, watch.store))
    changes = preview_deployed(deployed, watch.open_engine, watch.store, watch.cache_dir, watch.workspace, watch.report)
    entries = _entries(watch.store, watch.snapshot)
    return {name: _report(name, deployed[name], changes[name], entries, watch.store) for name in names}


def _each(names: Sequence[Name], read: Callable[[Name], Read]) -> dict[Name, Read]:
    """Return name -> what *read* returns of it, in order; several are read at a time."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return dict(zip(names, pool.map(read, names), strict=True))


def _deployed(store: ObjectStore, name: DeployedName) -> dict[str, Deployment]:
    found = Deployments(store, *name).all()
    if not found:
        raise NotFound(f"nothing of manifest {name[1]!r} is deployed")
    return found


def _report(
    name: DeployedName,
    deployed: Mapping[str, Deployment],
    changes: Sequence[ComponentChanges],
    entries: Entries,
    store: ObjectStore,
) -> DriftReport:
    namespace, manifest = name
    together = executed_together(deployed)
    plan = load_plan(store, together[-1][0].plan)
    active = _active_version(store, entries, manifest) or plan
    drift = find_drift(namespace, plan.manifest, deployed, changes, policy=active.drift, now=datetime.now(UTC))
    return with_remedy(drift, active, plan, together)


# -- which ones, and which of them together ------------------------------------------------------------


def batched(names: Iterable[DeployedName], store: ObjectStore) -> tuple[tuple[DeployedName, ...], ...]:
    """
    Return *names* in groups that are planned as one: those whose providers are configured alike,
    and speak with the same credentials.

    A provider is a process for each of its configurations, so that others would save nothing. A group has at most
    `AT_MOST` components, or is one manifest.
    """

    def read(name: DeployedName) -> tuple[str, int]:
        deployed = Deployments(store, *name).all()
        return _configuration(name, deployed, store), len(deployed)

    alike: dict[str, dict[DeployedName, int]] = {}
    for name, (configuration, size) in _each(tuple(names), read).items():
        alike.setdefault(configuration, {})[name] = size
    return tuple(group for sizes in alike.values() for group in _groups(sizes))


def _groups(sizes: Mapping[DeployedName, int]) -> Iterator[tuple[DeployedName, ...]]:
    group: list[DeployedName] = []
    for name in sizes:
        if group and sum(sizes[one] for one in [*group, name]) > AT_MOST:
            yield tuple(group)
            group = []
        group.append(name)
    yield tuple(group)


def _configuration(name: DeployedName, deployed: Mapping[str, Deployment], store: ObjectStore) -> str:
    """Return what the providers of a manifest are configured with, the same text for the same; its name if unknown."""
    try:
        return repr(sorted({found for its in executed_together(deployed) for found in _configurations(its[0], store)}))
    except McopError:
        return "/".join(name)


def _configurations(one: Deployment, store: ObjectStore) -> Iterator[str]:
    plan = load_plan(store, one.plan)
    opened = open_steps(plan, overrides=one.overrides)
    for step in plan.steps:
        versions = sorted((address, lock.version) for address, lock in step.locks.items())
        configured = sorted(opened[step.id].configuration.items())
        yield repr([step.engine, step.settings.source, versions, configured, step.credentials])


def due_manifests(store: ObjectStore, snapshot: str, now: datetime) -> tuple[DeployedName, ...]:
    """Return the names of what is deployed and to be looked at *now*, as their policies say, sorted."""
    entries = _entries(store, snapshot)

    def read(name: DeployedName) -> bool:
        return is_due(_policy(store, entries, *name), last_look(store, *name), now)

    return tuple(name for name, due in _each(deployed_manifests(store), read).items() if due)


def _policy(store: ObjectStore, entries: Entries, namespace: str, manifest: str) -> DriftPolicy:
    """Return what a manifest says of drift; the default where its plan is lost, so that a look tells that."""
    try:
        active = _active_version(store, entries, manifest)
        if active is not None:
            return active.drift
        deployed = Deployments(store, namespace, manifest).all()
        return load_plan(store, executed_together(deployed)[-1][0].plan).drift if deployed else DriftPolicy(watch=False)
    except (NotFound, Tampered):
        return DriftPolicy()


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


def load_reports(store: ObjectStore, keys: Sequence[str]) -> list[DriftReport]:
    """
    Return the reports that were kept under *keys*, in their order.

    Raises:
        StoredObjectMissing: There is none of one of them.
    """

    def read(key: str) -> DriftReport:
        return _REPORT.validate_json(store.get(key).data)

    return list(_each(keys, read).values())


def last_look(store: ObjectStore, namespace: str, manifest: str) -> datetime | None:
    """Return when *manifest* was looked at last, None if it never was."""
    prefix = _prefix(namespace, manifest)
    latest = max(store.keys(prefix), default="")
    at = latest.removeprefix(prefix).removesuffix(".json")
    return datetime.strptime(at, _TIME).replace(tzinfo=UTC) if latest else None


def _prefix(namespace: str, manifest: str) -> str:
    return f"drift/{check_name(namespace)}/{check_name(manifest)}/"
