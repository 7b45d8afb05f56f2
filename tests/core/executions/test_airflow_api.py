import httpx
import pytest

from mcop_core.errors import Conflict, InvalidInput, NotFound, Refused, Unreachable
from mcop_core.executions.airflow_api import READ_PAUSES_S, AirflowApi, describe_detail
from mcop_core.settings import Settings
from tests.core.executions.fake_airflow import make_dag, make_instance, make_run


def test_a_token_is_asked_for_once(airflow, api):
    """Every call after the first uses the same token."""
    assert [api.version(), api.version()] == ["3.3.2", "3.3.2"]
    assert airflow.asked["POST", "/auth/token"] == 1


def test_an_expired_token_is_replaced(airflow, api):
    """A token that Airflow no longer takes is renewed, and the caller does not notice."""
    api.version()
    airflow.expire()

    assert api.version() == "3.3.2"


def test_a_wrong_password_is_refused(airflow):
    """A login that fails says whose and where, and does not repeat the password."""
    client = httpx.Client(base_url="http://airflow.test", transport=httpx.MockTransport(airflow))
    with AirflowApi(client, username="admin", password="wrong") as api, pytest.raises(Refused) as caught:
        api.version()

    assert caught.value.message == "login of 'admin' at http://airflow.test: Invalid credentials"


def test_a_stale_token_without_a_password_is_refused(airflow):
    """Without a password there is nothing to renew a token with."""
    client = httpx.Client(base_url="http://airflow.test", transport=httpx.MockTransport(airflow))
    with AirflowApi(client, token="old") as api, pytest.raises(Refused, match="Invalid JWT token"):
        api.version()


def test_without_credentials_the_settings_are_named(airflow):
    """Somebody who has configured nothing reads what to configure."""
    client = httpx.Client(base_url="http://airflow.test", transport=httpx.MockTransport(airflow))
    with AirflowApi(client) as api, pytest.raises(Refused, match="MCOP_AIRFLOW_TOKEN"):
        api.version()


@pytest.mark.parametrize("failure", [httpx.ConnectError("refused"), httpx.ReadTimeout("slow"), 500, 503])
def test_a_read_is_tried_again(airflow, api, pauses, failure):
    """A read that finds Airflow away for a moment succeeds when it is back."""
    api.version()
    airflow.failures = [failure, failure]

    assert api.version() == "3.3.2"
    assert list(READ_PAUSES_S[:2]) == pauses


def test_a_read_gives_up(airflow, api):
    """An Airflow that stays away is unreachable, and named."""
    airflow.failures = [httpx.ConnectError("refused") for _ in range(20)]

    with pytest.raises(Unreachable, match=r"http://airflow\.test did not answer") as caught:
        api.version()
    assert caught.value.service == "Airflow"


def test_a_server_error_that_stays_is_unreachable(airflow, api):
    """Answers of 500 are told with Airflow's own words."""
    api.version()
    airflow.failures = [500] * 20

    with pytest.raises(Unreachable, match="500: come back later"):
        api.version()


def test_a_trigger_is_sent_once(airflow, api):
    """A trigger that is not answered and did nothing is not repeated: the caller decides."""
    airflow.dags["mcop.shop"] = make_dag("mcop.shop")
    api.version()
    airflow.failures = [httpx.ConnectError("refused")]

    with pytest.raises(Unreachable, match="did not take the run 'r1'"):
        api.trigger("mcop.shop", run_id="r1", conf={})
    assert airflow.asked["POST", "/api/v2/dags/mcop.shop/dagRuns"] == 1


@pytest.mark.parametrize("instead", [httpx.ReadError("connection reset"), 500])
def test_a_trigger_whose_answer_is_lost_is_found_again(airflow, api, instead):
    """A run that Airflow started before the connection or the server broke is returned, and there is one of it."""
    airflow.dags["mcop.shop"] = make_dag("mcop.shop")
    airflow.instead_of_answers = instead

    run = api.trigger("mcop.shop", run_id="r1", conf={"zones": ["a"]}, note="CHG-7")

    assert (run["dag_run_id"], run["conf"], run["note"]) == ("r1", {"zones": ["a"]}, "CHG-7")
    assert len(airflow.runs) == 1


def test_a_value_that_airflow_refuses_is_invalid_input(airflow, api):
    """A refused conf is told by the sentence that matters, without the schema below it."""
    airflow.dags["mcop.shop"] = make_dag("mcop.shop")

    with pytest.raises(InvalidInput) as caught:
        api.trigger("mcop.shop", run_id="r1", conf={"env": "qa"})
    assert (
        caught.value.message == "run 'r1' of DAG 'mcop.shop': Invalid input for param env: 'qa' is not one of ['dev']"
    )


def test_a_run_id_is_taken_once(airflow, api):
    """Two runs of one id conflict."""
    airflow.dags["mcop.shop"] = make_dag("mcop.shop")
    api.trigger("mcop.shop", run_id="r1", conf={})

    with pytest.raises(Conflict, match="Unique constraint violation"):
        api.trigger("mcop.shop", run_id="r1", conf={})


@pytest.mark.parametrize("ask", ["dag", "tasks"])
def test_an_unknown_dag_suggests_the_nearest(airflow, api, ask):
    """A misspelt DAG is answered with the one that was meant."""
    airflow.dags["mcop.shop"] = make_dag("mcop.shop")

    with pytest.raises(NotFound, match=r'Did you mean "mcop\.shop"\?'):
        getattr(api, ask)("mcop.shpo")


def test_run_ids_are_quoted(airflow, api):
    """Run ids with `+`, `:` and `/` in them reach Airflow unchanged."""
    airflow.dags["mcop.shop"] = make_dag("mcop.shop")
    name = "manual__2026-01-01T00:00:00+00:00"
    airflow.runs.append(make_run("mcop.shop", name))

    assert name == api.run("mcop.shop", name)["dag_run_id"]


def test_all_pages_of_a_listing_are_read(airflow, api):
    """DAGs, tasks and runs beyond the first hundred are not lost."""
    airflow.dags = {f"mcop.m{number:03}": make_dag(f"mcop.m{number:03}") for number in range(250)}
    airflow.runs = [make_run("mcop.m000", f"r{number}", number) for number in range(230)]
    airflow.instances["r0"] = [make_instance(f"t{number:03}") for number in range(310)]

    assert len(api.dags("mcop.")) == 250
    assert [f"r{number}" for number in range(229, -1, -1)] == [run["dag_run_id"] for run in api.runs()]
    assert len(api.task_instances("mcop.m000", "r0")) == 310


def test_runs_are_asked_for_as_they_are_needed(airflow, api):
    """Whoever wants the newest run does not read all of them."""
    airflow.runs = [make_run("mcop.shop", f"r{number}", number) for number in range(230)]

    assert next(api.runs())["dag_run_id"] == "r229"
    assert airflow.asked["GET", "/api/v2/dags/~/dagRuns"] == 1


def test_tasks_come_in_the_order_of_their_start(airflow, api):
    """What has not started stands at the end."""
    airflow.dags["mcop.shop"] = make_dag("mcop.shop")
    airflow.runs = [make_run("mcop.shop", "r1")]
    airflow.instances["r1"] = [
        make_instance("c"),
        make_instance("b", "running", "2026-01-01T00:00:02Z"),
        make_instance("a", "success", "2026-01-01T00:00:01Z"),
    ]

    assert [item["task_id"] for item in api.task_instances("mcop.shop", "r1")] == ["a", "b", "c"]


def test_xcoms_keep_their_types(airflow, api):
    """Outputs come back as the JSON they were."""
    airflow.dags["mcop.shop"] = make_dag("mcop.shop")
    airflow.runs = [make_run("mcop.shop", "r1")]
    airflow.xcoms["r1", "apply"] = {"ids": ["a", "b"], "count": 2, "none": None}

    assert api.xcoms("mcop.shop", "r1", "apply") == {"count": 2, "ids": ["a", "b"], "none": None}


def test_logs_come_line_by_line(airflow, api):
    """Each line of a log is one document; text that is none is a line too."""
    airflow.dags["mcop.shop"] = make_dag("mcop.shop")
    airflow.runs = [make_run("mcop.shop", "r1")]
    airflow.logs["r1", "apply", 2] = ['{"event": "created", "level": "info"}', "plain", ""]

    expected = [{"event": "created", "level": "info"}, {"event": "plain"}]
    assert expected == list(api.logs("mcop.shop", "r1", "apply", attempt=2))


def test_the_log_of_no_attempt_is_not_found(airflow, api):
    """Asking for an attempt that was not made says which."""
    airflow.dags["mcop.shop"] = make_dag("mcop.shop")
    airflow.runs = [make_run("mcop.shop", "r1")]

    with pytest.raises(NotFound, match="attempt 3 of task 'apply'"):
        api.logs("mcop.shop", "r1", "apply", attempt=3)


def test_waiting_ends_with_the_run(airflow, api, pauses):
    """`wait` returns the run when it has ended."""
    airflow.dags["mcop.shop"] = make_dag("mcop.shop")
    airflow.runs = [make_run("mcop.shop", "r1", state="success")]

    assert api.wait("mcop.shop", "r1", timeout_s=5)["state"] == "success"
    assert pauses == []


def test_waiting_ends_at_its_time(airflow, api):
    """A run that does not end in time is told as it is."""
    airflow.dags["mcop.shop"] = make_dag("mcop.shop")
    airflow.runs = [make_run("mcop.shop", "r1", state="running")]
    ticks = iter(range(100))

    with pytest.raises(Unreachable, match="still running after 5 s"):
        api.wait("mcop.shop", "r1", timeout_s=5, clock=lambda: next(ticks))


def test_health_needs_no_login(airflow, api):
    """Health is asked without a token, and a component that never reported has none."""
    assert api.health() == {"scheduler": "healthy", "triggerer": None}
    assert airflow.asked["POST", "/auth/token"] == 0


def test_nothing_listens(free_port):
    """A real connection to nothing is unreachable, and says how to start something."""
    settings = Settings(airflow_url=f"http://127.0.0.1:{free_port}/", airflow_token="t")
    with AirflowApi.open(settings) as api, pytest.raises(Unreachable, match="mcop up"):
        api.trigger("mcop.shop", run_id="r", conf={})


@pytest.fixture
def free_port():
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize(
    ("detail", "expected"),
    [
        ("a sentence", "a sentence"),
        ("", "no reason given"),
        ([{"loc": ["body", "conf"], "msg": "bad", "input": {"password": "p"}}], "body.conf: bad"),
        (["odd"], "odd"),
        ({"reason": "Unique constraint violation"}, "Unique constraint violation"),
        ({"other": 1}, '{"other": 1}'),
    ],
)
def test_details_of_every_form_become_text(detail, expected):
    """Airflow's `detail` has several forms; none of them repeats what the caller sent."""
    assert expected == describe_detail(detail)
