import httpx
import pytest

from mcop_core.embedded.deployment import Deployment, look_back, shown
from mcop_core.embedded.resources import Listing, Resource
from mcop_core.executions.airflow_api import AirflowApi
from mcop_core.executions.history import read_execution
from tests.core.executions.fake_airflow import PASSWORD, FakeAirflow, make_dag, make_instance, make_run

START, END = "2026-01-01T00:00:01Z", "2026-01-01T00:00:04Z"
FOUND = Listing((Resource("platform.network.vpc", "ec2 vpc", "vpc-1"),), {})


@pytest.fixture
def airflow():
    return FakeAirflow()


@pytest.fixture
def api(airflow):
    client = httpx.Client(base_url="http://airflow.test", transport=httpx.MockTransport(airflow))
    with AirflowApi(client, username="admin", password=PASSWORD, sleep=lambda pause_s: None) as opened:
        yield opened


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
