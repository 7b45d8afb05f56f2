"""An execution rendered again from what was recorded of it: the same bytes, or why not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mcop_core.artifacts.store import ObjectStore
from mcop_core.compiler.plan import DeploymentPlan
from mcop_core.engines.artifact import RenderedArtifact
from mcop_core.engines.base import Engine
from mcop_core.errors import InvalidInput, McopError, Unreachable
from mcop_core.executions.naming import destroys, split_id
from mcop_core.records.bill import BilledStep, BillOfMaterials
from mcop_core.refs import OutputRef, StepRef
from mcop_core.rendering import render_step


@dataclass(frozen=True, slots=True)
class ReplayedStep:
    """
    One step rendered again.

    Attributes:
        step: `workflow.pattern.element`.
        recorded: Digest of what the execution rendered; None where it rendered nothing, and so nothing is replayed.
        artifact: What was rendered now; None where nothing was.
        problem: Why it is not the same bytes; empty if it is, and where nothing was recorded.
    """

    step: str
    recorded: str | None
    artifact: RenderedArtifact | None = None
    problem: str = ""


def replay(
    bill: BillOfMaterials,
    plan: DeploymentPlan,
    open_engine: Callable[[str], Engine],
    store: ObjectStore,
    cache_dir: Path,
) -> Iterator[ReplayedStep]:
    """
    Render every step of an execution again, with the plan, the overrides and the outputs that were recorded.

    The catalog is not asked. What one step runs into keeps no other from being replayed.

    Args:
        plan: The plan that the bill names.
        open_engine: Registered name -> engine.
        store: Where the templates lie.
        cache_dir: Folder of template files fetched before, by digest.

    Raises:
        InvalidInput: The execution destroyed, which renders nothing.
        Unreachable: The store did not answer.
    """
    if destroys(split_id(bill.execution)[0]):
        raise InvalidInput(f"{bill.execution} destroys what others rendered: replay one that deployed")
    outputs = {
        OutputRef(StepRef(*step.id.split(".")), name): value
        for step in bill.steps
        for name, value in step.outputs.items()
    }
    for step in bill.steps:
        if step.artifact is None:
            yield ReplayedStep(step.id, None)
            continue
        try:
            artifact = render_step(
                plan, step.id, open_engine(step.engine), store, cache_dir, overrides=bill.overrides, outputs=outputs
            )
        except Unreachable:
            raise
        except McopError as error:
            yield ReplayedStep(step.id, step.artifact, problem=error.message)
        else:
            yield ReplayedStep(step.id, step.artifact, artifact, _problem(step, artifact))


def _problem(step: BilledStep, artifact: RenderedArtifact) -> str:
    if artifact.digest == step.artifact:
        return ""
    return f"{artifact.digest} was rendered now, by another version of MCOP or of the engine {step.engine}?"
