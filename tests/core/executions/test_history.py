from datetime import UTC, datetime

import pytest

from mcop_core.errors import InvalidName, NotFound
from mcop_core.executions.history import (
    AirflowHistory,
    dag_of,
    execution_id,
    manifest_of,
    read_execution,
    record_document,
    split_id,
)
from mcop_core.executions.status import Status
from tests.core.executions.fake_airflow import make_dag, make_instance, make_run

START, END = "2026-01-01T00:00:01.5Z", "2026-01-01T00:00:04Z"


def test_a_run_becomes_an_execution():
    """Who, what and when of a run stand in its record, with aware times."""
    run = make_run("mcop.shop", "r1", state="failed", conf={"zones": ["a"]}, bundle_version="abc", start_date=START)
    record = read_execution(run, [make_instance("apply", "failed", START, END, 2)])

    assert (
        record.id,
        record.manifest,
        record.status,
        record.requested_by,
    ) == ("mcop.shop/r1", "shop", Status.FAILED, "admin")
    assert datetime(2026, 1, 1, 0, 0, 1, 500000, UTC) == record.started_at
    assert [(step.id, step.status, step.state, step.attempts, step.duration_s) for step in record.steps] == [
        ("apply", Status.FAILED, "failed", 2, 2.5)
    ]


def test_a_run_that_nobody_asked_for_has_no_requester():
    """Scheduled runs and runs without conf are records too."""
    record = read_execution(make_run("mcop.shop", "r1", triggering_user_name=None, conf=None))

    assert (record.requested_by, record.conf) == ("", {})


@pytest.mark.parametrize(
    ("dag_id", "conf", "expected"),
    [
        ("mcop.shop", {}, "shop"),
        ("mcop.shop.destroy", {}, "shop"),
        ("mcop_execute", {"manifest_name": "shop"}, "shop"),
        ("mcop_execute", {}, ""),
        ("another", {}, ""),
    ],
)
def test_the_manifest_of_a_run(dag_id, conf, expected):
    """A run belongs to the manifest that its DAG or its request names."""
    assert expected == manifest_of(dag_id, conf)


def test_a_dag_is_named_after_its_manifest():
    """`manifest_of` is the inverse of `dag_of`."""
    assert manifest_of(dag_of("shop-1_b"), {}) == "shop-1_b"


def test_ids_are_split_as_they_were_joined():
    """A run id may hold anything but the DAG id ends at the first slash."""
    assert split_id(execution_id("mcop.shop", "manual__x/y")) == ("mcop.shop", "manual__x/y")


@pytest.mark.parametrize("text", ["", "mcop.shop", "/r1", "mcop.shop/"])
def test_what_is_no_id_is_refused(text):
    """A manifest's name or half an id is not an execution."""
    with pytest.raises(InvalidName, match="executions list"):
        split_id(text)


def test_the_newest_executions_come_first(airflow, api):
    """Listing is newest first, over all manifests, cut off at the limit, and leaves other DAGs out."""
    airflow.dags = {name: make_dag(name) for name in ("mcop.a", "mcop.b", "other")}
    airflow.runs = [make_run(name, f"r{n}", n) for n, name in enumerate(["mcop.a", "other", "mcop.b", "mcop.a"])]
    history = AirflowHistory(api)

    assert [record.id for record in history.find(limit=2)] == ["mcop.a/r3", "mcop.b/r2"]
    assert [record.id for record in history.find("a", limit=9)] == ["mcop.a/r3", "mcop.a/r0"]


def test_executions_of_an_unknown_manifest(airflow, api):
    """A misspelt manifest is answered with the DAG that was meant."""
    airflow.dags["mcop.storefront"] = make_dag("mcop.storefront")

    with pytest.raises(NotFound, match="storefront"):
        AirflowHistory(api).find("storefrnt", limit=1)


def test_the_latest_execution_has_its_steps(airflow, api):
    """`latest` reads the newest run with its tasks."""
    airflow.dags["mcop.a"] = make_dag("mcop.a")
    airflow.runs = [make_run("mcop.a", "r0", 0), make_run("mcop.a", "r1", 1)]
    airflow.instances["r1"] = [make_instance("admit", "success", START, END, 1)]

    record = AirflowHistory(api).latest("a")

    assert (record.id, [step.id for step in record.steps]) == ("mcop.a/r1", ["admit"])


def test_a_manifest_that_never_ran(airflow, api):
    """There is no latest execution before the first."""
    airflow.dags["mcop.a"] = make_dag("mcop.a")

    with pytest.raises(NotFound, match="never executed"):
        AirflowHistory(api).latest("a")


def test_a_record_as_a_document():
    """A record is JSON with ISO times; steps are there when they were read."""
    run = make_run("mcop.shop", "r1", state="success", start_date=START, end_date=END)
    document = record_document(read_execution(run, [make_instance("apply", "success", START, END, 1)]))

    assert (document["status"], document["ended_at"]) == ("COMPLETED", "2026-01-01T00:00:04+00:00")
    assert [step["duration_s"] for step in document["steps"]] == [2.5]
    assert "steps" not in record_document(read_execution(run))
