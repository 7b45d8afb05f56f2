from datetime import UTC, datetime

import httpx
import pytest

from mcop_core.artifacts.local import LocalStore
from mcop_core.catalog.memory import MemoryRepository
from mcop_core.catalog.repository import Change
from mcop_core.compiler.snapshot import Snapshot, SnapshotEntry, active_plan, save_snapshot
from mcop_core.embedded.deployment import Deployment, await_dag, look_back, shown
from mcop_core.embedded.resources import Listing, Resource
from mcop_core.errors import EngineFailed, NotFound, Refused
from mcop_core.executions.airflow_api import AirflowApi
from mcop_core.executions.history import read_execution
from tests.core.executions.fake_airflow import PASSWORD, FakeAirflow, make_dag, make_instance, make_run

PLAN = "f16839c9ed0087ad" * 4
ENTRY = SnapshotEntry(version="1.0.0", fingerprint="f", plan=PLAN)
BROKEN = SnapshotEntry(version="1.0.0", fingerprint="f", error="pattern network@2 is gone")
START, END = "2026-01-01T00:00:01Z", "2026-01-01T00:00:04Z"
FOUND = Listing((Resource("platform.network.vpc", "ec2 vpc", "vpc-1"),), {})


@pytest.fixture
def store(tmp_path):
    (tmp_path / "store").mkdir()
    return LocalStore.open(f"file://{tmp_path}/store")


@pytest.fixture
def snapshot(store):
    return save_snapshot(store, Snapshot(manifests={"shop": ENTRY, "broken": BROKEN}), {})


@pytest.fixture
def repository(snapshot):
    made = MemoryRepository(now=lambda: datetime(2026, 1, 1, tzinfo=UTC))
    made.commit(Change(expected_revision=0, snapshot=snapshot, put=[rule()]))
    return made


def rule():
    from mcop_core.catalog.models import ValidationRule

    return ValidationRule(name="size", version="1.0.0", type="string", value="small")


@pytest.fixture
def airflow():
    return FakeAirflow()


@pytest.fixture
def api(airflow):
    client = httpx.Client(base_url="http://airflow.test", transport=httpx.MockTransport(airflow))
    with AirflowApi(client, username="admin", password=PASSWORD, sleep=lambda pause_s: None) as opened:
        yield opened


def dag(snapshot, plan=PLAN, **facts):
    return make_dag("mcop.shop", bundle_version=snapshot, tags=[{"name": f"plan:{plan[:12]}"}], **facts)


def test_a_dag_is_awaited_until_graph_and_snapshot_are_the_plans(airflow, api, repository, store, snapshot):
    """Neither an older graph nor an older snapshot is run."""
    older = save_snapshot(store, Snapshot(), {})
    stages = [
        lambda: airflow.dags.update({"mcop.shop": dag(older)}),
        lambda: airflow.dags.update({"mcop.shop": dag(snapshot, "0" * 64)}),
        lambda: airflow.dags.update({"mcop.shop": dag(snapshot, is_stale=True)}),
        lambda: airflow.dags.update({"mcop.shop": dag(snapshot)}),
    ]

    found = await_dag(api, repository, store, "shop", timeout_s=60, sleep=lambda pause_s: stages.pop(0)())
    assert found == "mcop.shop"
    assert stages == []


def test_a_dag_that_does_not_appear_is_told(api, repository, store):
    """Nobody waits for ever."""
    ticks = iter(range(100))

    with pytest.raises(EngineFailed, match=r"does not show mcop\.shop with plan f16839c9ed00 after 5 s"):
        await_dag(api, repository, store, "shop", timeout_s=5, clock=lambda: next(ticks), sleep=lambda pause_s: None)


def test_a_dag_that_cannot_be_loaded_is_told_at_once(airflow, api, repository, store):
    """Airflow's own import error ends the waiting, and is shown."""
    airflow.import_errors = [{"filename": "dags/shop.py", "stack_trace": "ImportError: no module"}]

    with pytest.raises(Refused, match="ImportError: no module"):
        await_dag(api, repository, store, "shop", timeout_s=600)


def test_a_paused_dag_is_not_awaited(airflow, api, repository, store, snapshot):
    """A run of a paused DAG would be queued for ever."""
    airflow.dags["mcop.shop"] = dag(snapshot, is_paused=True)

    with pytest.raises(Refused, match="paused"):
        await_dag(api, repository, store, "shop", timeout_s=600)


def test_only_what_compiles_is_deployed(repository, store):
    """A manifest that is not there suggests the nearest; one that does not compile says why."""
    digest = repository.head().snapshot

    assert active_plan(store, digest, "shop") == PLAN
    with pytest.raises(NotFound, match='Did you mean "shop"'):
        active_plan(store, digest, "shpo")
    with pytest.raises(Refused, match="pattern network@2 is gone"):
        active_plan(store, digest, "broken")


def executed(state, *instances):
    return read_execution(make_run("mcop.shop", "r1", state=state), instances)


def test_a_deployment_is_read_back(airflow, api):
    """What each apply task did is told apart from what it put out."""
    airflow.dags["mcop.shop"] = make_dag("mcop.shop")
    airflow.runs = [make_run("mcop.shop", "r1", state="success")]
    airflow.xcoms["r1", "platform.network.apply_vpc"] = {
        "vpc_id": "vpc-1",
        "mcop.result": {"added": 2, "changed": 0, "destroyed": 1, "outputs": ["vpc_id"]},
    }
    steps = [
        make_instance(f"platform.network.{task}", "success", START, END, 1) for task in ("render_vpc", "apply_vpc")
    ]

    found = look_back(api, executed("success", *steps), FOUND)
    assert found.problems == ()
    assert found.total == {"added": 2, "changed": 0, "destroyed": 1}
    assert found.outputs == {"platform.network.apply_vpc": {"vpc_id": "vpc-1"}}


APPLY = make_instance("w.p.apply_e", "success", START, END, 1)
DONE = {"w.p.apply_e": {"added": 0}}


@pytest.mark.parametrize(
    ("state", "instance", "changes", "listing", "expected"),
    [
        ("success", APPLY, DONE, FOUND, ""),
        ("failed", make_instance("w.p.apply_e", "failed", START, END, 1), DONE, FOUND, "failed: w.p.apply_e"),
        ("success", APPLY, {}, FOUND, "no result was left by w.p.apply_e"),
        ("success", APPLY, DONE, Listing((), {}), "the cloud lists no resource"),
        ("success", APPLY, DONE, Listing(FOUND.resources, {"IAM": "denied"}), "IAM could not be asked: denied"),
    ],
)
def test_a_deployment_is_good_only_if_all_of_it_is(state, instance, changes, listing, expected):
    """A failed step, a step without a result, and a cloud that lists nothing or does not answer are problems."""
    problems = "; ".join(Deployment(executed(state, instance), changes, {}, listing).problems)

    assert expected in problems
    assert bool(problems) == bool(expected)


def test_a_sensitive_output_is_not_shown():
    """A person reads that there is one, and values of every other type as they are."""
    pointer = {"mcop_sensitive": {"state": "s3://states/key", "output": "password"}}

    assert [shown(pointer), shown("text"), shown(["ä", 1])] == ["(sensitive)", "text", '["ä", 1]']
