from datetime import UTC, datetime

import pytest

from mcop_core.errors import Conflict, InvalidInput, InvalidName, NotFound, Refused
from mcop_core.executions.history import AirflowHistory
from mcop_core.executions.requests import (
    cancel_execution,
    new_run_id,
    parameter_schemas,
    run_id_of,
    start_execution,
)
from tests.core.executions.fake_airflow import make_dag, make_instance, make_run

START = "2026-01-01T00:00:01Z"


@pytest.fixture(autouse=True)
def dags(airflow):
    airflow.dags = {name: make_dag(name) for name in ("mcop.shop", "mcop_execute")}


def test_the_active_version_runs_in_the_manifests_own_dag(airflow, api):
    """Overrides are the run's conf, and the note goes with it."""
    record = start_execution(api, "shop", "", {"size": "small"}, run_id="r1", note="CHG-7")

    assert record.id == "mcop.shop/r1"
    assert (airflow.runs[-1]["conf"], airflow.runs[-1]["note"]) == ({"size": "small"}, "CHG-7")


def test_what_was_asked_for_with_a_key_is_started_once(airflow, api):
    """The same request again is the same execution; another one with that key is refused, naming both."""
    started = [
        start_execution(api, "shop", "", {"size": "small", "mcop.plan": plan}, run_id=run_id_of("build-1"))
        for plan in ("older", "newer")
    ]

    assert started[0] == started[1]
    assert ["mcop__key__build-1"] == [run["dag_run_id"] for run in airflow.runs]
    with pytest.raises(Conflict, match=r'"size": "small".*"size": "large"'):
        start_execution(api, "shop", "", {"size": "large"}, run_id=run_id_of("build-1"))


@pytest.mark.parametrize("key", ["", "a b", "a/b", "ä", "k" * 101, "a\n"])
def test_a_key_fits_into_a_run_id(key):
    """What Airflow would refuse or change is refused before."""
    with pytest.raises(InvalidInput, match="such as build-4711"):
        run_id_of(key)


@pytest.mark.parametrize(
    ("overrides", "conf"),
    [
        ({}, {"manifest_name": "shop", "manifest_version": "1.1.0"}),
        ({"size": "s"}, {"manifest_name": "shop", "manifest_version": "1.1.0", "overrides": {"size": "s"}}),
    ],
)
def test_a_named_version_goes_through_the_dag_that_activates_it(airflow, api, overrides, conf):
    """Its run is told manifest, version and overrides; the manifest need not have a DAG yet."""
    del airflow.dags["mcop.shop"]
    start_execution(api, "shop", "1.1.0", overrides, run_id="r1")

    assert (airflow.runs[-1]["dag_id"], airflow.runs[-1]["conf"]) == ("mcop_execute", conf)


@pytest.mark.parametrize(
    ("manifest", "version", "error"),
    [("shp", "", NotFound), ("Shop", "", InvalidName), ("Shop", "1.0.0", InvalidName)],
)
def test_nothing_is_started_for_what_is_no_manifest(airflow, api, manifest, version, error):
    """What does not exist, or cannot, is refused before anything runs."""
    with pytest.raises(error):
        start_execution(api, manifest, version, {}, run_id="r1")
    assert airflow.runs == []


@pytest.mark.parametrize(("dag", "version"), [("mcop.shop", ""), ("mcop_execute", "1.0.0")])
def test_a_paused_dag_starts_nothing(airflow, api, dag, version):
    """A run of it would wait until somebody unpauses it."""
    airflow.dags[dag]["is_paused"] = True

    with pytest.raises(InvalidInput, match=f"{dag} is paused"):
        start_execution(api, "shop", version, {}, run_id="r1")
    assert airflow.runs == []


def test_the_schemas_of_the_parameters(airflow, api):
    """They come from the DAG; a manifest that has none yet has no schemas."""
    airflow.params["mcop.shop"] = {"size": {"value": None, "schema": {"type": "string"}}, "free": {"value": 1}}

    assert parameter_schemas(api, "shop") == {"size": {"type": "string"}, "free": {}}
    assert parameter_schemas(api, "new") == {}


def test_a_run_id_tells_when():
    """Time and a part that nobody else has."""
    assert new_run_id(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), lambda: "ab12") == "mcop__2026-01-02T03-04-05__ab12"


def test_cancelling_stops_what_runs_and_what_waits(airflow, api):
    """The run is failed, the running step told to stop, the waiting one skipped; what is done stays done."""
    airflow.runs = [make_run("mcop.shop", "r1", state="running")]
    airflow.instances["r1"] = [
        make_instance("admit", "success", START, START, 1),
        make_instance("apply", "running", START, None, 1),
        make_instance("last"),
    ]

    cancelled = cancel_execution(api, AirflowHistory(api).get("mcop.shop/r1"))

    assert (cancelled.executions, cancelled.stopping) == (("mcop.shop/r1",), ("apply",))
    assert airflow.runs[0]["state"] == "failed"
    assert [item["state"] for item in airflow.instances["r1"]] == ["success", "failed", "skipped"]


def test_cancelling_from_outside_in(airflow, api):
    """`mcop_execute` is failed before the run that it waits for: a retry of it would start another."""
    airflow.runs = [
        make_run("mcop_execute", "r1", 1, state="running", conf={"manifest_name": "shop"}),
        make_run("mcop.shop", "r2", 2, state="running"),
    ]
    airflow.instances = {
        "r1": [make_instance("deploy", "deferred", START, None, 1)],
        "r2": [make_instance("apply", "running", START, None, 1)],
    }
    airflow.xcoms["r1", "deploy"] = {"trigger_run_id": "r2"}

    cancelled = cancel_execution(api, AirflowHistory(api).get("mcop_execute/r1"))

    assert cancelled.executions == ("mcop_execute/r1", "mcop.shop/r2")
    assert cancelled.stopping == ("apply",)
    asked = [path for method, path in airflow.asked if method == "PATCH"]
    assert asked == ["/api/v2/dags/mcop_execute/dagRuns/r1", "/api/v2/dags/mcop.shop/dagRuns/r2"]


@pytest.mark.parametrize("state", ["success", "failed"])
def test_what_has_ended_is_not_cancelled(airflow, api, state):
    """Its record stays as it is."""
    airflow.runs = [make_run("mcop.shop", "r1", state=state)]

    with pytest.raises(Refused, match="nothing to cancel"):
        cancel_execution(api, AirflowHistory(api).get("mcop.shop/r1"))
    assert airflow.runs[0]["state"] == state
