"""Executions in a file, for when Airflow has forgotten them."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from mcop_core.artifacts.local import LocalStore
from mcop_core.compiler.snapshot import Snapshot, save_snapshot
from mcop_core.errors import Conflict, Refused, Tampered
from mcop_core.executions.history import AirflowHistory
from mcop_core.executions.naming import plan_marker
from mcop_core.executions.record import ExecutionRecord, StepRecord
from mcop_core.executions.status import Status
from mcop_core.records.export import check_export, export, exported_bills
from mcop_core.records.reading import read_bill
from tests.core.executions.conftest import airflow, api, pauses  # noqa: F401
from tests.core.executions.fake_airflow import make_dag, make_instance, make_run
from tests.core.records.test_bill import Left, compiled

BEFORE = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def plan():
    return compiled()


@pytest.fixture
def store(plan, tmp_path):
    opened = LocalStore.open(f"file://{tmp_path}/store")
    save_snapshot(opened, Snapshot(), {plan.digest: plan})
    return opened


def execution(plan, run_id="one", status=Status.COMPLETED, conf=None):
    marker = StepRecord(plan_marker(plan.digest), Status.COMPLETED, "success")
    return ExecutionRecord(f"mcop.shop/{run_id}", "shop", status, "ann", conf=conf or {}, steps=(marker,))


def test_an_export_holds_every_execution_with_its_bill(plan, store, tmp_path):
    """And those that have none, with why; the bills are read again as they were."""
    whole = execution(plan, conf={"cidr": "10.0.0.0/16"})
    without = ExecutionRecord(
        "mcop_execute/one", "shop", Status.FAILED, conf={"manifest_name": "shop", "overrides": {}}
    )
    count = export(Left(), store, [whole, without], BEFORE, tmp_path / "old.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "old.jsonl").read_text().splitlines()]

    assert (count, check_export(tmp_path / "old.jsonl"), len(lines)) == (2, 2, 5)
    assert lines[1]["execution"]["conf"] == {"cidr": "10.0.0.0/16"}
    assert lines[2]["execution"]["conf"] == {"manifest_name": "shop", "overrides": "(sensitive)"}
    assert (lines[2]["bill"], "runs no plan" in lines[2]["without_bill"]) == (None, True)
    assert exported_bills(tmp_path / "old.jsonl") == {whole.id: read_bill(Left(), store, whole)}


def test_an_export_with_an_open_execution_is_refused(plan, store, tmp_path):
    """It is named, and no file is left: what is cleaned after an export is nothing that goes on."""
    records = [execution(plan), execution(plan, "two", Status.RUNNING)]

    with pytest.raises(Refused, match=r"mcop\.shop/two"):
        export(Left(), store, records, BEFORE, tmp_path / "old.jsonl")
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_an_export_overwrites_nothing(plan, store, tmp_path):
    """The earlier one stays as it was."""
    (tmp_path / "old.jsonl").write_text("2025")

    with pytest.raises(Conflict, match="is there already"):
        export(Left(), store, [execution(plan)], BEFORE, tmp_path / "old.jsonl")
    assert (tmp_path / "old.jsonl").read_text() == "2025"


@pytest.mark.parametrize(
    "damage", [lambda text: text[:-90], lambda text: text.replace("ann", "eve"), lambda text: "{}\n"]
)
def test_a_damaged_export_is_told(plan, store, tmp_path, damage):
    """Cut short, altered, or something else."""
    path = tmp_path / "old.jsonl"
    export(Left(), store, [execution(plan)], BEFORE, path)
    path.write_text(damage(path.read_text()))

    with pytest.raises(Tampered):
        check_export(path)


def test_everything_up_to_a_moment_is_found(airflow, api):  # noqa: F811
    """Runs of manifests' DAGs and of `mcop_execute`, over pages, with their tasks; no other DAG's, none later."""
    airflow.dags = {name: make_dag(name) for name in ("mcop.shop", "mcop.shop.destroy", "mcop_execute", "mcopy")}
    names = ["mcop.shop", "mcop.shop.destroy", "mcop_execute", "mcopy"] * 60
    airflow.runs = [make_run(name, f"r{number}", number) for number, name in enumerate(names)]
    airflow.instances["r0"] = [make_instance("admit", "success")]
    found = list(AirflowHistory(api).older(datetime(2026, 1, 1, 3, 20, tzinfo=UTC)))

    assert len(found) == 150
    assert {record.id.partition("/")[0] for record in found} == {"mcop.shop", "mcop.shop.destroy", "mcop_execute"}
    assert [step.id for step in found[-1].steps] == ["admit"]
    assert replace(found[-1], steps=()) == AirflowHistory(api).find("shop", limit=999)[-1]
