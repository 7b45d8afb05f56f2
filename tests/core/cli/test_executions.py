"""`mcop execute` and `mcop executions`, against a small Airflow over real HTTP."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from mcop_core.cli import console
from mcop_core.cli.main import app
from tests.core.executions.fake_airflow import PASSWORD, FakeAirflow, make_dag, make_instance, make_run

START, END = "2026-01-01T00:00:01Z", "2026-01-01T00:00:04Z"


@pytest.fixture
def airflow():
    fake = FakeAirflow()
    fake.dags = {name: make_dag(name, {"admit": ["apply"], "apply": []}) for name in ("mcop.shop", "mcop_execute")}
    fake.runs = [make_run("mcop.shop", f"r{number}", number, state="success", end_date=END) for number in range(3)]
    fake.instances = {
        "r2": [make_instance("admit", "success", START, END, 1), make_instance("apply", "failed", START, END, 2)]
    }
    fake.logs = {("r2", "apply", 1): ['{"event": "first try"}'], ("r2", "apply", 2): ['{"event": "second try"}']}
    fake.logs["r2", "admit", 1] = ['{"event": "admitted [ok]", "timestamp": "2026-01-01T00:00:02Z", "level": "info"}']
    return fake


@pytest.fixture
def served(airflow):
    """Return the address at which *airflow* is served."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            address = f"http://{self.headers['Host']}{self.path}"
            found = airflow(httpx.Request(self.command, address, headers=dict(self.headers), content=body))
            self.send_response(found.status_code)
            self.send_header("Content-Length", str(len(found.content)))
            self.end_headers()
            self.wfile.write(found.content)

        do_GET = do_POST = answer  # noqa: N815

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def mcop(served, monkeypatch, capsys, tmp_path):
    """Return what calls `mcop` and returns exit code, output and errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MCOP_AIRFLOW_URL", served)
    monkeypatch.setenv("MCOP_AIRFLOW_USERNAME", "admin")
    monkeypatch.setenv("MCOP_AIRFLOW_PASSWORD", PASSWORD)
    console.settings.cache_clear()

    def call(*arguments):
        code = console.run(lambda: app(arguments, standalone_mode=False), debug=False)
        said = capsys.readouterr()
        return code, said.out, said.err

    yield call
    console.settings.cache_clear()


def test_an_execution_is_started_with_its_overrides(mcop, airflow):
    """Values of --set are typed; the run's id is printed."""
    code, out, _ = mcop("execute", "shop", "--set", "zones=[a,b]", "--set", "days=7", "--note", "CHG-7")

    run = airflow.runs[-1]
    assert (code, run["dag_id"], run["conf"], run["note"]) == (
        0,
        "mcop.shop",
        {"zones": ["a", "b"], "days": 7},
        "CHG-7",
    )
    assert out == f"started mcop.shop/{run['dag_run_id']}\n"


@pytest.mark.parametrize("arguments", [("shop", "--version", "1.1.0"), ("shop@1.1.0",)])
def test_a_named_version_goes_through_the_dag_that_activates_it(mcop, airflow, arguments):
    """`mcop_execute` gets the manifest, the version and the overrides."""
    mcop("execute", *arguments, "--set", "size=small")

    expected = {"manifest_name": "shop", "manifest_version": "1.1.0", "overrides": {"size": "small"}}
    assert (airflow.runs[-1]["dag_id"], airflow.runs[-1]["conf"]) == ("mcop_execute", expected)


def test_a_failed_execution_is_exit_code_one(mcop, airflow, monkeypatch):
    """`--wait` ends with the state of the run, every step, and what to read next."""
    airflow.instances = Always([make_instance("admit", "failed", START, END, 1), make_instance("apply")])
    airflow.runs = EndAtOnce(airflow.runs)
    code, out, err = mcop("execute", "shop", "--wait")

    assert code == 1
    assert "FAILED" in out
    assert "admit: failed in 3.0 s" in err
    assert "failed: admit" in err
    assert "hint: mcop executions logs mcop.shop/" in err


class Always(dict):
    """The same task instances for every run."""

    def __init__(self, instances):
        self._instances = instances

    def get(self, key, default=None):
        return self._instances


class EndAtOnce(list):
    """Runs that fail as soon as they are added."""

    def append(self, run):
        super().append({**run, "state": "failed", "end_date": END})


def test_a_misspelt_manifest_suggests_the_nearest(mcop, airflow):
    """Nothing is started, and the exit code is that of what is not found."""
    code, _, err = mcop("execute", "shpo")

    assert (code, len(airflow.runs)) == (3, 3)
    assert 'Did you mean "shop"?' in err


def test_a_paused_manifest_is_refused(mcop, airflow):
    """A run that would wait for ever is not started."""
    airflow.dags["mcop.shop"]["is_paused"] = True
    code, _, err = mcop("execute", "shop")

    assert (code, len(airflow.runs)) == (2, 3)
    assert "paused" in err


def test_a_value_that_airflow_refuses(mcop):
    """Airflow's own sentence is shown, without a traceback."""
    code, _, err = mcop("execute", "shop", "--set", "env=qa")

    assert code == 2
    assert "'qa' is not one of ['dev']" in err
    assert "Traceback" not in err


def test_versions_that_disagree(mcop):
    """Two different versions in one call are a mistake."""
    assert mcop("execute", "shop@1.0.0", "--version", "2.0.0")[0] == 2


def test_executions_are_listed_newest_first(mcop):
    """The list is cut off at the limit; --json has every field."""
    _, out, _ = mcop("executions", "list", "--limit", "2")
    _, as_json, _ = mcop("executions", "list", "shop", "--json")

    assert [line.split()[0] for line in out.splitlines()[1:]] == ["mcop.shop/r2", "mcop.shop/r1"]
    assert [record["id"] for record in json.loads(as_json)] == ["mcop.shop/r2", "mcop.shop/r1", "mcop.shop/r0"]


@pytest.mark.parametrize("wanted", ["shop", "mcop.shop/r2"])
def test_an_execution_is_shown(mcop, wanted):
    """By its id, or as the latest of its manifest; every step with state and seconds."""
    _, out, _ = mcop("executions", "show", wanted)
    _, as_json, _ = mcop("executions", "show", wanted, "--json")

    assert "execution mcop.shop/r2: COMPLETED" in out
    assert "  apply  failed   3.0 s" in out.splitlines()
    assert [step["attempts"] for step in json.loads(as_json)["steps"]] == [1, 2]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("apply",), ["second try"]),
        (("apply", "--attempt", "1"), ["first try"]),
        ((), ["== admit, attempt 1", "00:00:02 admitted [ok]", "== apply, attempt 2", "second try"]),
    ],
)
def test_logs_are_printed(mcop, arguments, expected):
    """Of one step or of all that were started; of the last attempt, or of the one asked for; brackets stay."""
    assert mcop("executions", "logs", "shop", *arguments)[1].splitlines() == expected


def test_the_log_of_no_step(mcop):
    """A misspelt step suggests the nearest."""
    code, _, err = mcop("executions", "logs", "shop", "aply")

    assert code == 3
    assert 'Did you mean "apply"?' in err


def test_an_airflow_that_is_away(mcop, monkeypatch):
    """Nobody there is exit code 6, and says how to start one."""
    monkeypatch.setenv("MCOP_AIRFLOW_URL", "http://127.0.0.1:1")
    console.settings.cache_clear()
    code, _, err = mcop("execute", "shop")

    assert code == 6
    assert "mcop up" in err
