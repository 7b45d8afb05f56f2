from datetime import UTC, datetime

import pytest

from mcop_core.errors import NotFound
from mcop_core.executions.history import AirflowHistory, read_execution, record_document
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
    assert expected == read_execution(make_run(dag_id, "r1", conf=conf)).manifest


def test_the_newest_executions_come_first(airflow, api):
    """Listing is newest first, over all manifests, cut off at the limit, and leaves other DAGs out."""
    airflow.dags = {name: make_dag(name) for name in ("mcop.a", "mcop.b", "other")}
    airflow.runs = [make_run(name, f"r{n}", n) for n, name in enumerate(["mcop.a", "other", "mcop.b", "mcop.a"])]
    history = AirflowHistory(api)

    assert [record.id for record in history.find(limit=2)] == ["mcop.a/r3", "mcop.b/r2"]
    assert [record.id for record in history.find("a", limit=9)] == ["mcop.a/r3", "mcop.a/r0"]


def test_a_run_whose_task_failed_has_failed_whatever_airflow_calls_it(airflow, api):
    """Airflow goes by the last tasks, which it skips when a run is stopped; listed and alone it is said."""
    names = ["good", "stopped", "other"]
    airflow.dags = {f"mcop.{name}": make_dag(f"mcop.{name}") for name in names}
    airflow.runs = [make_run(f"mcop.{name}", name, number, state="success") for number, name in enumerate(names)]
    airflow.instances["good"] = [make_instance("apply", "success"), make_instance("remove", "skipped")]
    airflow.instances["stopped"] = [make_instance("apply", "failed"), make_instance("remove", "skipped")]
    airflow.instances["other"] = [make_instance(f"apply_{n}", "upstream_failed") for n in range(150)]
    history = AirflowHistory(api)

    assert [record.status for record in history.find(limit=9)] == ["FAILED", "FAILED", "COMPLETED"]
    assert [history.get(f"mcop.{name}/{name}").status for name in names] == ["COMPLETED", "FAILED", "FAILED"]


def test_executions_of_an_unknown_manifest(airflow, api):
    """A misspelt manifest is answered with the one that was meant, or with those there are."""
    airflow.dags = {name: make_dag(name) for name in ("mcop.storefront", "mcop.storefront.destroy", "mcop.zoo")}

    with pytest.raises(NotFound, match='Did you mean "storefront"'):
        AirflowHistory(api).find("storefrnt", limit=1)
    with pytest.raises(NotFound, match="Airflow shows: storefront, zoo"):
        AirflowHistory(api).find("another", limit=1)


@pytest.mark.parametrize(
    ("wanted", "near"),
    [("mcop.shop/mcop__2026-01-01__aa", "mcop.shop/mcop__2026-01-01__ab"), ("mcop.shp/one", "mcop.shop/one")],
)
def test_an_unknown_execution_has_the_nearest(airflow, api, wanted, near):
    """A misspelt run is looked for among the runs of its DAG, a misspelt DAG among all."""
    airflow.dags = {"mcop.shop": make_dag("mcop.shop")}
    airflow.runs = [make_run("mcop.shop", name, n) for n, name in enumerate(["mcop__2026-01-01__ab", "one"])]

    with pytest.raises(NotFound, match=f'Did you mean "{near}"') as caught:
        AirflowHistory(api).get(wanted)
    assert near == caught.value.suggestion


def test_an_execution_that_resembles_none(airflow, api):
    """Where nothing is near, the list is."""
    airflow.dags = {"mcop.shop": make_dag("mcop.shop")}

    with pytest.raises(NotFound, match="`mcop executions list` shows"):
        AirflowHistory(api).get("mcop.shop/one")


def test_an_execution_names_the_one_that_it_started(airflow, api):
    """The run of `mcop_execute` leads to the manifest's own, as soon as there is one."""
    airflow.dags["mcop_execute"] = make_dag("mcop_execute")
    airflow.runs = [make_run("mcop_execute", "r0", conf={"manifest_name": "shop"})]
    airflow.instances["r0"] = [make_instance("deploy")]
    before = AirflowHistory(api).get("mcop_execute/r0")
    airflow.instances["r0"] = [make_instance("deploy", "deferred", START, attempts=1)]
    airflow.xcoms["r0", "deploy"] = {"trigger_run_id": "mcop_execute__r0__1"}
    after = AirflowHistory(api).get("mcop_execute/r0")

    assert (before.started, after.started) == ("", "mcop.shop/mcop_execute__r0__1")
    assert "started" not in record_document(before)
    assert record_document(after)["started"] == after.started


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
