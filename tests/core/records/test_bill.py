"""Bills of executions that went otherwise than well, and what must not stand in any."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from mcop_core.approval_store import ApprovalStore
from mcop_core.approvals import Person
from mcop_core.artifacts.local import LocalStore
from mcop_core.compiler.compiler import compile_manifest
from mcop_core.compiler.plan import DeploymentPlan
from mcop_core.compiler.snapshot import Snapshot, save_snapshot
from mcop_core.errors import NotFound
from mcop_core.executions.naming import RESULT_KEY, plan_marker
from mcop_core.executions.record import ExecutionRecord, StepRecord
from mcop_core.executions.status import Status, from_airflow
from mcop_core.hand_over import HandOver, Removed
from mcop_core.operations import Ending, OperationNote, Operations, Settlement
from mcop_core.records.bill import Outcome, bill_document, make_bill, wanted_values
from mcop_core.records.reading import read_bill
from tests.core.compiler.conftest import SHOP
from tests.core.compiler.objects import manifest_of, read, view_of
from tests.core.compiler.test_outline import SECRET

VPC, SUBNETS = "platform.network.vpc", "platform.network.subnets"


def compiled(text=SHOP):
    found = read(text)
    return compile_manifest(manifest_of(found), view_of(found))


@pytest.fixture(scope="module")
def plan():
    return compiled()


def execution(status=Status.COMPLETED, dag="mcop.shop", conf=None, **states):
    tasks = tuple(
        StepRecord(f"platform.network.{task}", from_airflow(state), state, attempts=1) for task, state in states.items()
    )
    return ExecutionRecord(f"{dag}/one", "shop", status, "ann", conf=conf or {}, steps=tasks)


def billed(plan, record, left=None):
    return make_bill(record, plan, left or {}, (), digest=plan.digest)


def step(bill, name=VPC):
    return next(one for one in bill.steps if one.id == name)


@pytest.mark.parametrize(
    ("status", "states", "outcome"),
    [
        (Status.COMPLETED, {"render_vpc": "success", "apply_vpc": "success"}, Outcome.APPLIED),
        (Status.FAILED, {"render_vpc": "success", "apply_vpc": "failed"}, Outcome.FAILED),
        (Status.FAILED, {"render_vpc": "failed", "apply_vpc": "upstream_failed"}, Outcome.FAILED),
        (Status.FAILED, {"render_vpc": "upstream_failed", "apply_vpc": "upstream_failed"}, Outcome.NOT_RUN),
        (Status.COMPLETED, {"render_vpc": "skipped", "apply_vpc": "skipped"}, Outcome.SKIPPED),
        (Status.RUNNING, {"render_vpc": "success", "apply_vpc": "awaiting_input"}, Outcome.OPEN),
        (Status.RUNNING, {"render_vpc": None, "apply_vpc": None}, Outcome.OPEN),
        (Status.FAILED, {"render_vpc": None, "apply_vpc": None}, Outcome.NOT_RUN),
        (Status.COMPLETED, {}, Outcome.NOT_RUN),
    ],
)
def test_what_came_of_a_step(plan, status, states, outcome):
    """Both of its tasks tell it; what did not begin in a run that ended will not."""
    left = {("platform.network.apply_vpc", RESULT_KEY): {"added": 1}}

    assert step(billed(plan, execution(status, **states), left)).outcome == outcome


def test_what_somebody_marked_as_a_success_was_not_applied(plan):
    """Airflow calls it a success, but it left no result."""
    marked = billed(plan, execution(render_vpc="success", apply_vpc="success"))

    assert step(marked).outcome is Outcome.NOT_RUN


def test_a_destruction_is_billed_with_what_it_destroyed(plan):
    """The artifact that the component was deployed with, how much went, and no overrides."""
    record = execution(dag="mcop.shop.destroy", conf={"confirm": "shop"}, destroy_vpc="success")
    task = "platform.network.destroy_vpc"
    result = {"added": 0, "changed": 0, "destroyed": 3, "versions": {"mcop": "0.1.0", "terraform": "1.9.8"}}
    left = {(task, "artifact"): "a" * 64, (task, "mcop.result"): result}
    bill = billed(plan, record, left)

    assert set(left) <= wanted_values(record, plan)
    assert (bill.action, bill.overrides) == ("destroy", {})
    assert (step(bill).outcome, step(bill).artifact, step(bill).destroyed) == (Outcome.DESTROYED, "a" * 64, 3)
    assert step(bill).versions == result["versions"]


def test_an_output_that_nobody_left_stands_as_its_address(plan):
    """So it is seen which value the step waited for."""
    values = {one.name: one.value for one in step(billed(plan, execution()), SUBNETS).parameters}
    left = {("platform.network.apply_vpc", "vpc_id"): "vpc-1"}
    known = {one.name: one.value for one in step(billed(plan, execution(), left), SUBNETS).parameters}

    assert (values["vpc_id"], known["vpc_id"]) == ("${platform.network.vpc.vpc_id}", "vpc-1")


def test_sensitive_values_are_in_no_bill():
    """Neither what the manifest configures, nor what somebody typed where a reference belongs or no parameter is."""
    plan = compiled(SECRET)
    outer = {"cidr": "10.0.0.0/16", "host": "hunter2", "hots": "hunter2"}
    text = json.dumps(bill_document(billed(plan, execution(conf=outer))))

    assert "hunter2" not in text
    assert '"cidr": "10.0.0.0/16"' in text


def test_a_reference_to_a_secret_is_billed():
    """It is no secret, and tells which one was used."""
    text = SECRET.replace('vault: "secret://vault/${token}-hunter2#host", token: "hunter2", ', "")
    text = text.replace('"https://{host}:443"', '"{host}"').replace('"${vault}"', '"secret://vault/shop#host"')
    values = {o.name: o.value for o in step(billed(compiled(text), execution()), "application.web.service").parameters}

    assert values["url"] == "secret://vault/shop#host"


def test_what_a_primitive_may_hold_by_an_exemption_is_billed(plan):
    """With the reason that the administrator gave."""
    document = json.loads(plan.to_json())
    for group in document["workflows"][0]["groups"]:
        for one in group["steps"]:
            one["exemptions"] = {"provisioner": "it must"} if one["id"] == VPC else {}
    bill = billed(DeploymentPlan.model_validate_json(json.dumps(document)), execution())

    assert ({"provisioner": "it must"}, {}) == (step(bill).exemptions, step(bill, SUBNETS).exemptions)


def test_approvals_are_read_from_the_store_with_the_people(plan, tmp_path):
    """That of the preview first, then what single tasks were let do; XComs say nothing that counts."""
    store = LocalStore.open(f"file://{tmp_path}")
    save_snapshot(store, Snapshot(), {plan.digest: plan})
    approvals = ApprovalStore(store, "mcop.shop", "one")
    approvals.allow("platform.network.apply_vpc", '{"step": "x"}', [Person("bob", "Bob", "2026-01-02")])
    approvals.approve("d" * 64, [Person("ann", "Ann", "2026-01-01")])
    ApprovalStore(store, "mcop.shop", "two").approve("e" * 64, [])
    HandOver(store, "mcop.shop", "one").removed("platform.network.gone", "f" * 64, 2)
    HandOver(store, "mcop.shop", "one").rendered(VPC, "a" * 64)
    marker = StepRecord(plan_marker(plan.digest), Status.COMPLETED, "success")
    bill = read_bill(Left({}), store, replace(execution(), steps=(marker,)))

    assert bill.plan == plan.digest
    assert [(one.preview, one.task, one.by, one.at) for one in bill.approvals] == [
        ("d" * 64, "", ("ann",), ("2026-01-01",)),
        ("", "platform.network.apply_vpc", ("bob",), ("2026-01-02",)),
    ]
    assert bill.removed == (Removed("platform.network.gone", "f" * 64, 2),)


def test_what_airflow_missed_is_billed(plan, tmp_path):
    """A reconciler's finding stands beside the outcome that Airflow's record tells."""
    store = LocalStore.open(f"file://{tmp_path}")
    save_snapshot(store, Snapshot(), {plan.digest: plan})
    ended = Ending("succeeded", "2026-01-01T00:01:00+00:00", is_settled=True)
    facts = ("mcop.shop/one", "platform.network.apply_vpc", VPC, "apply", {}, {}, "2026-01-01T00:00:00+00:00")
    found = Settlement(OperationNote("id", *facts, ended=ended), "failed", "apply of it succeeded", "2026-01-01")
    Operations(store).settle(found, b"")
    marker = StepRecord(plan_marker(plan.digest), Status.COMPLETED, "success")

    assert read_bill(Left({}), store, replace(execution(), steps=(marker,))).settled == ("apply of it succeeded",)


class Left(dict):
    """A history in which tasks left this."""

    def values(self, execution, wanted):
        return {key: self[key] for key in wanted if key in self}


def test_an_execution_whose_plan_is_gone_says_so(plan, tmp_path):
    """With the store in which it was looked for; one that runs no plan names what it started."""
    store = LocalStore.open(f"file://{tmp_path}")
    marker = StepRecord(plan_marker(plan.digest), Status.COMPLETED, "success")

    with pytest.raises(NotFound, match="is not in the store file:///"):
        read_bill(Left({}), store, replace(execution(), steps=(marker,)))
    with pytest.raises(NotFound, match=r"runs no plan.*It started mcop\.shop/two"):
        read_bill(Left({}), store, replace(execution(), started="mcop.shop/two"))


def test_a_cleared_run_has_the_plan_that_it_ran_last(plan, tmp_path):
    """Cleared onto another version, its earlier marker is removed and the later one counts."""
    store = LocalStore.open(f"file://{tmp_path}")
    save_snapshot(store, Snapshot(), {plan.digest: plan})
    markers = (
        StepRecord("Plan_" + "0" * 16, Status.FAILED, "removed"),
        StepRecord(plan_marker(plan.digest), Status.COMPLETED, "success"),
    )
    started = datetime(2026, 1, 1, tzinfo=UTC)

    assert read_bill(Left({}), store, replace(execution(), steps=markers, started_at=started)).plan == plan.digest
