"""
`BillOfMaterials`: what one execution was made of, what it was given, who let it through, and what came of it.

Pure: an Airflow record, the plan it ran, what its tasks left and its approvals in; the bill out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from typing import Any

from pydantic import TypeAdapter

from mcop_core.approval_store import Approved
from mcop_core.catalog.models import ProviderLock
from mcop_core.compiler.outline import SENSITIVE, InputValue, input_values
from mcop_core.compiler.plan import DeploymentPlan, ParameterDoor, Step
from mcop_core.compiler.resolution import read_outputs
from mcop_core.compiler.run_conf import (
    ACTION_KEY,
    CONFIRM_KEY,
    PLAN_KEY,
    REQUESTER_KEY,
    RunAction,
    requester,
    run_overrides,
)
from mcop_core.compiler.snapshot import pinned_objects
from mcop_core.executions.history import TaskKey
from mcop_core.executions.naming import (
    ARTIFACT_KEY,
    PREVIEW_KEY,
    PREVIEW_TASK_ID,
    RESULT_KEY,
    StepTask,
    destroys,
    output_source,
    split_id,
    task_id,
)
from mcop_core.executions.record import ExecutionRecord, StepRecord
from mcop_core.executions.status import Status
from mcop_core.hand_over import Removed
from mcop_core.refs import OutputRef, StepRef
from mcop_core.secrets.reference import is_reference

_SHOWN_KEYS = frozenset({ACTION_KEY, REQUESTER_KEY, PLAN_KEY, CONFIRM_KEY, "manifest_name", "manifest_version"})
"""What a run's conf holds beside overrides."""


class Outcome(StrEnum):
    """What came of one step."""

    APPLIED = "applied"
    DESTROYED = "destroyed"
    FAILED = "failed"
    SKIPPED = "skipped"
    NOT_RUN = "not run"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class BilledParameter:
    """
    One input of one step.

    Attributes:
        name: Name of the primitive's input.
        value: JSON as the step was rendered with it; an output that no step left as `${address}`, a sensitive value
            as "(sensitive)".
        layer: The layer that set it.
        source: Where it is written: the object and the dotted path in it.
        via: The parameters on the way, the input's own first.
    """

    name: str
    value: Any
    layer: str
    source: str
    via: str


@dataclass(frozen=True, slots=True)
class BilledStep:
    """
    One step: what it was made of, and what came of it.

    Attributes:
        id: `workflow.pattern.element`.
        primitive: `primitive#name@version`.
        adapter: `adapter#name@version`.
        engine: Registered name of the engine.
        template: Digest of the primitive's files.
        locks: Provider address -> version and checksums.
        parameters: Every input, by name.
        outputs: What other steps read of this one; a sensitive output is a pointer to the state that holds it.
        artifact: Digest of what was rendered; None where nothing was.
        outcome: What came of it.
        attempts: How many attempts its apply or destroy task had.
        added, changed, destroyed: How many resources; None unless the step succeeded.
        exemptions: Rule -> reason: what the primitive may hold although it is forbidden.
        versions: Name -> version of the programs that did it, such as `mcop` and `terraform`; empty unless it
            succeeded.
    """

    id: str
    primitive: str
    adapter: str
    engine: str
    template: str
    locks: Mapping[str, ProviderLock]
    parameters: tuple[BilledParameter, ...]
    outputs: Mapping[str, Any]
    artifact: str | None
    outcome: Outcome
    attempts: int
    started_at: datetime | None
    ended_at: datetime | None
    added: int | None
    changed: int | None
    destroyed: int | None
    exemptions: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BilledApproval:
    """
    One approval.

    Attributes:
        preview: Digest of the approved preview; empty where it is about one task alone.
        task: Id of the task that was let do something beside the preview; empty for the preview itself.
        by: Ids of the people; empty where nobody was needed.
        at: When each of them answered, ISO 8601, UTC.
    """

    preview: str
    task: str
    by: tuple[str, ...]
    at: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BillOfMaterials:
    """
    What one execution was made of.

    Attributes:
        execution: `<dag id>/<run id>`.
        action: What it was to do.
        requested_by: Who asked for it; empty if nobody is known.
        note: Why, as somebody noted it.
        snapshot: Digest of the snapshot it was pinned to; None where no bundle pins runs.
        plan: Digest of its plan.
        manifest: `manifest#name@version`.
        objects: Every published version that the plan was compiled from, the manifest too, sorted.
        overrides: What was given beside the plan; of a sensitive parameter nothing but a reference.
        preview: Digest of its preview; None where there was none.
        approvals: That of the preview first.
        steps: In an order in which they can be applied.
        removed: What was destroyed since the manifest lost it.
        settled: What reconcilers found out of it that Airflow's record does not tell, a sentence each.
    """

    execution: str
    status: Status
    action: RunAction
    requested_by: str
    note: str
    requested_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    snapshot: str | None
    plan: str
    manifest: str
    namespace: str
    objects: tuple[str, ...]
    overrides: Mapping[str, Any]
    preview: str | None
    approvals: tuple[BilledApproval, ...]
    steps: tuple[BilledStep, ...]
    removed: tuple[Removed, ...] = ()
    settled: tuple[str, ...] = ()


BILL: TypeAdapter[BillOfMaterials] = TypeAdapter(BillOfMaterials)
"""Reads and writes a bill as JSON."""


def bill_document(bill: BillOfMaterials) -> dict[str, Any]:
    """Return *bill* as JSON; `BILL` reads it again."""
    document: dict[str, Any] = BILL.dump_python(bill, mode="json")
    return document


def make_bill(
    record: ExecutionRecord,
    plan: DeploymentPlan,
    left: Mapping[TaskKey, Any],
    approvals: Sequence[Approved],
    removed: Sequence[Removed] = (),
    settled: Sequence[str] = (),
    *,
    digest: str,
) -> BillOfMaterials:
    """
    Return the bill of an execution.

    Args:
        record: With its steps.
        plan: The plan that it ran.
        left: What its tasks left, of `wanted_values`.
        removed: What it destroyed since the manifest lost it.
        settled: What reconcilers found out of it.
        digest: The plan's.
    """
    return BillOfMaterials(
        execution=record.id,
        status=record.status,
        action=action_of(record),
        requested_by=requester(record.requested_by, record.conf),
        note=record.note,
        requested_at=record.queued_at,
        started_at=record.started_at,
        ended_at=record.ended_at,
        snapshot=record.bundle_version,
        plan=digest,
        manifest=plan.manifest,
        namespace=plan.namespace,
        objects=tuple(str(ref) for ref in pinned_objects(plan)),
        overrides=shown_overrides(plan, overrides_of(record, plan)),
        preview=left.get((PREVIEW_TASK_ID, PREVIEW_KEY)),
        approvals=tuple(_approval(one) for one in approvals),
        steps=_steps(record, plan, left),
        removed=tuple(removed),
        settled=tuple(settled),
    )


def action_of(record: ExecutionRecord) -> RunAction:
    """Return what an execution was to do."""
    default = RunAction.DESTROY if destroys(split_id(record.id)[0]) else RunAction.APPLY
    return RunAction(record.conf.get(ACTION_KEY) or default)


def overrides_of(record: ExecutionRecord, plan: DeploymentPlan) -> dict[str, Any]:
    """Return what an execution of *plan* was given beside it; a destruction takes no overrides."""
    return {} if destroys(split_id(record.id)[0]) else run_overrides(plan, record.conf)


def shown_overrides(plan: DeploymentPlan, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return *overrides* for people: of a sensitive parameter nothing but a reference, of an unknown name nothing.

    A secret that somebody typed makes no execution, but Airflow keeps what was typed.
    """
    doors = {door.name: door for door in plan.parameters}
    return {n: v if n in doors and _may_show(doors[n], v) else SENSITIVE for n, v in overrides.items()}


def hidden_conf(conf: Mapping[str, Any]) -> dict[str, Any]:
    """Return a run's *conf* for people without its plan, which alone knows what is sensitive."""
    return {n: v if n in _SHOWN_KEYS else SENSITIVE for n, v in conf.items()}


def _may_show(door: ParameterDoor, value: Any) -> bool:
    return not door.is_sensitive or is_reference(value)


def wanted_values(record: ExecutionRecord, plan: DeploymentPlan) -> frozenset[TaskKey]:
    """Return what a bill takes from the tasks of an execution."""
    last = _last_task(record)
    steps = [StepRef(*step.id.split(".")) for step in plan.steps]
    results = {(task_id(step, last), RESULT_KEY) for step in steps}
    artifacts = {(task_id(step, task), ARTIFACT_KEY) for step in steps for task in (StepTask.RENDER, last)}
    outputs = {output_source(ref) for ref in read_outputs(plan, overrides_of(record, plan))}
    return frozenset({(PREVIEW_TASK_ID, PREVIEW_KEY), *results, *artifacts, *outputs})


def _last_task(record: ExecutionRecord) -> StepTask:
    return StepTask.DESTROY if destroys(split_id(record.id)[0]) else StepTask.APPLY


def _steps(record: ExecutionRecord, plan: DeploymentPlan, left: Mapping[TaskKey, Any]) -> tuple[BilledStep, ...]:
    overrides = overrides_of(record, plan)
    outputs = {ref: left[source] for ref in read_outputs(plan, overrides) if (source := output_source(ref)) in left}
    rows = groupby(input_values(plan, overrides, outputs), key=lambda row: row.step)
    parameters = {step: tuple(_parameter(row) for row in found) for step, found in rows}
    return tuple(_step(record, step, parameters.get(step.id, ()), outputs, left) for step in plan.steps)


def _parameter(row: InputValue) -> BilledParameter:
    return BilledParameter(row.input, row.value, str(row.origin.layer), row.origin.source, row.origin.via)


def _step(
    record: ExecutionRecord,
    step: Step,
    parameters: tuple[BilledParameter, ...],
    outputs: Mapping[OutputRef, Any],
    left: Mapping[TaskKey, Any],
) -> BilledStep:
    place, last = StepRef(*step.id.split(".")), _last_task(record)
    ran = {task.id: task for task in record.steps}
    render, change = (ran.get(task_id(place, task)) for task in (StepTask.RENDER, last))
    artifacts = (left.get((task_id(place, task), ARTIFACT_KEY)) for task in (StepTask.RENDER, last))
    result: Mapping[str, Any] = left.get((task_id(place, last), RESULT_KEY)) or {}
    return BilledStep(
        id=step.id,
        primitive=step.primitive,
        adapter=step.adapter,
        engine=step.engine,
        template=step.template.digest,
        locks=step.locks,
        parameters=parameters,
        outputs={ref.output: value for ref, value in sorted(outputs.items()) if ref.step == place},
        artifact=next((digest for digest in artifacts if digest), None),
        outcome=_outcome(render, change, last, has_result=bool(result), is_final=record.status.is_final),
        attempts=change.attempts if change else 0,
        started_at=change.started_at if change else None,
        ended_at=change.ended_at if change else None,
        added=result.get("added"),
        changed=result.get("changed"),
        destroyed=result.get("destroyed"),
        exemptions=step.exemptions,
        versions=result.get("versions", {}),
    )


_DONE = {StepTask.APPLY: Outcome.APPLIED, StepTask.DESTROY: Outcome.DESTROYED}


def _outcome(
    render: StepRecord | None, change: StepRecord | None, last: StepTask, *, has_result: bool, is_final: bool
) -> Outcome:
    states = [task.state for task in (render, change) if task]
    if "failed" in states:
        return Outcome.FAILED
    state = change.state if change else "removed"
    if state == "success" and last is StepTask.APPLY and not has_result:
        return Outcome.NOT_RUN  # somebody marked it as a success
    if state == "success":
        return _DONE[last]
    if state == "skipped":
        return Outcome.SKIPPED
    return Outcome.NOT_RUN if is_final or state in ("upstream_failed", "removed") else Outcome.OPEN


def _approval(approved: Approved) -> BilledApproval:
    people = approved.people
    by, at = tuple(person.id for person in people), tuple(person.at for person in people)
    return BilledApproval(approved.preview, approved.task, by, at)
