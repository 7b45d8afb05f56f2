"""
What is deployed: per component of a manifest, the artifact that it was last applied with.

A record is written before an apply begins, so that nothing is made which no record knows, and removed after a
destroy has succeeded. It lies in the artifact store, `deployments/<namespace>/<manifest>/<step>.json`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mcop_core.artifacts.store import ObjectStore
from mcop_core.compiler.plan import DeploymentPlan
from mcop_core.errors import StoredObjectMissing
from mcop_core.parameters.ordering import order_by_references
from mcop_core.refs import ObjectRef, check_name

_PREFIX = "deployments"

DeployedName = tuple[str, str]
"""Namespace and name of a manifest of which something is deployed."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """
    One component as it was last applied.

    Attributes:
        step: `workflow.pattern.element`.
        artifact: Digest of the rendered artifact.
        plan: Digest of the plan it was rendered from.
        overrides: Parameter -> value of that execution.
        after: Ids of the steps it was applied after.
        execution: Id of the execution.
        at: When, ISO 8601, UTC.
        moved_from: Ids that it had before, as its manifest said then, the latest first.
    """

    step: str
    artifact: str
    plan: str
    overrides: Mapping[str, Any]
    after: tuple[str, ...]
    execution: str
    at: str
    moved_from: tuple[str, ...] = ()


class Deployments:
    """The deployed components of one manifest."""

    def __init__(self, store: ObjectStore, namespace: str, manifest: str) -> None:
        self._store = store
        self._prefix = f"{_PREFIX}/{check_name(namespace)}/{check_name(manifest)}/"

    @classmethod
    def of(cls, plan: DeploymentPlan, store: ObjectStore) -> Deployments:
        """Return those of the manifest that *plan* was compiled from, of any version."""
        return cls(store, plan.namespace, ObjectRef.parse(plan.manifest).name)

    def all(self) -> dict[str, Deployment]:
        """Return step -> deployment, sorted."""
        return {step: one for step in self.steps() if (one := self.get(step))}

    def get(self, step: str) -> Deployment | None:
        """Return one, None if *step* is not deployed."""
        try:
            document = json.loads(self._store.get(self._key(step)).data)
        except StoredObjectMissing:
            return None
        moved_from = tuple(document.get("moved_from", ()))
        return Deployment(**{**document, "after": tuple(document["after"]), "moved_from": moved_from})

    def steps(self) -> tuple[str, ...]:
        """Return the steps that are deployed, sorted."""
        keys = self._store.keys(self._prefix)
        return tuple(key.removeprefix(self._prefix).removesuffix(".json") for key in keys)

    def removed(self, plan: DeploymentPlan) -> tuple[Deployment, ...]:
        """
        Return what is deployed and not in *plan* any more, what depends on others before those.

        What a step of *plan* takes over is not among them; see `origins`.
        """
        return reverse_order({one.step: one for one in self._others(plan) if _taker(plan, one) is None})

    def origins(self, plan: DeploymentPlan) -> dict[str, tuple[Deployment, ...]]:
        """
        Return step id -> what is deployed under other ids and is that step now.

        So says the manifest of *plan*; or, where a version before a rename is deployed again, so said that of the
        version after it.
        """
        found: dict[str, tuple[Deployment, ...]] = {}
        for one in self._others(plan):
            taker = _taker(plan, one)
            if taker is not None:
                found[taker] = (*found.get(taker, ()), one)
        return found

    def _others(self, plan: DeploymentPlan) -> Iterator[Deployment]:
        """Yield what is deployed under ids that *plan* does not have."""
        kept = {step.id for step in plan.steps}
        yield from (one for step in self.steps() if step not in kept and (one := self.get(step)))

    def put(self, deployment: Deployment) -> None:
        """Note that a component is about to be applied."""
        self._store.put(self._key(deployment.step), json.dumps(asdict(deployment), indent=1).encode())

    def forget(self, step: str) -> None:
        """Note that a component was destroyed."""
        self._store.delete(self._key(step))

    def _key(self, step: str) -> str:
        return f"{self._prefix}{step}.json"


def deployed_manifests(store: ObjectStore) -> tuple[DeployedName, ...]:
    """Return the name of everything that is deployed, sorted."""
    found = {tuple(key.split("/")[1:3]) for key in store.keys(f"{_PREFIX}/")}
    return tuple(sorted((namespace, manifest) for namespace, manifest in found))


def executed_together(deployed: Mapping[str, Deployment]) -> tuple[tuple[Deployment, ...], ...]:
    """Return the deployments that share plan and overrides, the newest ones last."""
    found: dict[str, list[Deployment]] = {}
    for one in sorted(deployed.values(), key=lambda one: (one.at, one.step)):
        found.setdefault(json.dumps([one.plan, one.overrides], sort_keys=True), []).append(one)
    return tuple(tuple(its) for its in sorted(found.values(), key=lambda its: its[-1].at))


def _taker(plan: DeploymentPlan, one: Deployment) -> str | None:
    """Return the step of *plan* that *one*, deployed under an id that *plan* does not have, is now."""
    named = (step.id for step in plan.steps if one.step in step.moved_from)
    kept = {step.id for step in plan.steps}
    return next(named, None) or next((id_ for id_ in one.moved_from if id_ in kept), None)


def reverse_order(deployments: Mapping[str, Deployment]) -> tuple[Deployment, ...]:
    """Return *deployments* in the order in which they can be destroyed."""
    after: dict[str, Sequence[str]] = {
        step: tuple(other for other in one.after if other in deployments) for step, one in deployments.items()
    }
    ordered = order_by_references(after)
    in_circles = [step for step in deployments if step not in ordered]  # of several versions of a manifest
    return tuple(deployments[step] for step in [*in_circles, *reversed(ordered)])
