"""From an execution's id to its bill: Airflow's history and the artifact store, wherever they are read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mcop_core.approval_store import ApprovalStore
from mcop_core.compiler.snapshot import load_plan, plan_prefix
from mcop_core.errors import NotFound
from mcop_core.executions.naming import is_plan_marker, marked_plan, split_id
from mcop_core.executions.status import Status
from mcop_core.hand_over import HandOver
from mcop_core.operations import Operations, belied
from mcop_core.records.bill import BillOfMaterials, make_bill, wanted_values

if TYPE_CHECKING:
    from mcop_core.artifacts.store import ObjectStore
    from mcop_core.executions.history import ExecutionHistory
    from mcop_core.executions.record import ExecutionRecord


def read_bill(history: ExecutionHistory, store: ObjectStore, record: ExecutionRecord) -> BillOfMaterials:
    """
    Return the bill of an execution.

    Args:
        history: Where *record* is from.
        store: Where plans and approvals lie.
        record: With its steps.

    Raises:
        NotFound: It runs no plan, or the plan is not in the store any more.
        Tampered: What lies there as its plan is another.
        Unreachable: Airflow or the store did not answer.
    """
    digest = find_plan(store, record)
    plan = load_plan(store, digest)
    left = history.values(record.id, wanted_values(record, plan))
    run = split_id(record.id)
    approvals, removed = ApprovalStore(store, *run).all(), HandOver(store, *run).all_removed()
    settlements = Operations(store).settlements(record.id)
    if record.status is Status.COMPLETED and belied(settlements, {step.id: step.started_at for step in record.steps}):
        record = replace(record, status=Status.FAILED)
    return make_bill(record, plan, left, approvals, removed, [one.text for one in settlements], digest=digest)


def find_plan(store: ObjectStore, record: ExecutionRecord) -> str:
    """
    Return the digest of the plan whose graph an execution ran, by the task that names it.

    Raises:
        NotFound: None of its tasks names one, or there is no such plan in the store.
    """
    named = [marked_plan(step.id) for step in record.steps if is_plan_marker(step.id) and step.state != "removed"]
    if not named:
        started = f" It started {record.started}." if record.started else ""
        raise NotFound(f"execution {record.id} runs no plan, so it has no bill of materials.{started}")
    prefix = plan_prefix(named[-1])
    for key in store.keys(prefix):
        return key.removeprefix(plan_prefix("")).removesuffix(".json")
    raise NotFound(f"the plan {named[-1]}… of execution {record.id} is not in the store {store.url} any more")
