"""What components put out that an execution leaves alone: their last recorded outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from mcop_core.artifacts.store import ObjectStore
from mcop_core.compiler.plan import DeploymentPlan
from mcop_core.deployments import Deployment, Deployments
from mcop_core.engines.artifact import load_artifact
from mcop_core.engines.base import Engine
from mcop_core.errors import NotFound, StoredObjectMissing
from mcop_core.refs import OutputRef, StepRef


def recorded_outputs(
    plan: DeploymentPlan,
    refs: Iterable[OutputRef],
    open_engine: Callable[[str], Engine],
    store: ObjectStore,
    open_store: Callable[[str], ObjectStore],
) -> dict[OutputRef, Any]:
    """
    Return the value of each of *refs* as the last apply of its component left it, a sensitive one as its pointer.

    A component that has another id in *plan* than it is deployed under is read where it is.

    Args:
        store: The artifact store.
        open_store: Store URL -> store, for states.

    Raises:
        NotFound: Components were never applied, or put nothing of that name out then; names every one.
    """
    wanted: dict[StepRef, list[OutputRef]] = {}
    for ref in refs:
        wanted.setdefault(ref.step, []).append(ref)
    found: dict[OutputRef, Any] = {}
    faults: list[str] = []
    for step, its in sorted(wanted.items()):
        outputs = last_outputs(deployment_of(plan, store, str(step)), open_engine, store, open_store)
        if outputs is None:
            faults.append(f"{step} was never applied: execute its pattern first, or with this one")
            continue
        faults += [_missing(ref, outputs) for ref in its if ref.output not in outputs]
        found |= {ref: outputs[ref.output] for ref in its if ref.output in outputs}
    if faults:
        raise NotFound("; ".join(faults))
    return found


def deployment_of(plan: DeploymentPlan, store: ObjectStore, step: str) -> Deployment | None:
    """Return how *step* was last applied, under an id that it had before, too; None if it never was."""
    deployments = Deployments.of(plan, store)
    return deployments.get(step) or next(iter(deployments.origins(plan).get(step, ())), None)


def last_outputs(
    deployed: Deployment | None,
    open_engine: Callable[[str], Engine],
    store: ObjectStore,
    open_store: Callable[[str], ObjectStore],
) -> dict[str, Any] | None:
    """Return what *deployed* puts out, as `ApplyResult.outputs`; None if no apply ever came so far."""
    if deployed is None:
        return None
    artifact = load_artifact(store, deployed.artifact)
    try:
        return dict(open_engine(artifact.engine).outputs(artifact, open_store))
    except StoredObjectMissing:
        return None


def _missing(ref: OutputRef, outputs: dict[str, Any]) -> str:
    listed = ", ".join(sorted(outputs)) or "nothing"
    return (
        f"{ref.step} was last applied without the output {ref.output!r}, and with {listed}: execute its pattern first"
    )
