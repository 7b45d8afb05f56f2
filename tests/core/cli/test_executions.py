"""`mcop execute`, `mcop cancel` and `mcop executions`, against a small Airflow over real HTTP."""

import json
import signal
import subprocess
import sys
from dataclasses import asdict, replace
from datetime import UTC, datetime

import pytest

from mcop_core import bootstrap
from mcop_core.catalog.memory import MemoryRepository
from mcop_core.catalog.models import ValidationRule
from mcop_core.catalog.repository import Change
from mcop_core.cli import console
from mcop_core.compiler.snapshot import Snapshot, SnapshotEntry, save_snapshot
from mcop_core.operations import Ending, OperationNote, Operations
from mcop_core.runner.request import Operation, RunRequest
from tests.core.executions.fake_airflow import make_dag, make_instance, make_run

START, END = "2026-01-01T00:00:01Z", "2026-01-01T00:00:04Z"

pytestmark = pytest.mark.usefixtures("reachable")


@pytest.fixture
def airflow(airflow):
    airflow.dags = {name: make_dag(name, {"admit": ["apply"], "apply": []}) for name in ("mcop.shop", "mcop_execute")}
    airflow.params["mcop.shop"] = {
        "zones": {"schema": {"type": "array", "items": {"type": "string"}}},
        "days": {"schema": {"type": "number"}},
        "account": {"schema": {"type": ["string", "null"]}},
        "only": {"schema": {"type": "array", "items": {"type": "string", "enum": ["w.network", "w.data"]}}},
    }
    airflow.runs = [make_run("mcop.shop", f"r{number}", number, state="success", end_date=END) for number in range(3)]
    airflow.instances = {
        "r2": [make_instance("admit", "success", START, END, 1), make_instance("apply", "failed", START, END, 2)]
    }
    airflow.logs = {("r2", "apply", 1): ['{"event": "first try"}'], ("r2", "apply", 2): ['{"event": "second try"}']}
    airflow.logs["r2", "admit", 1] = [
        '{"event": "admitted [ok]", "timestamp": "2026-01-01T00:00:02Z", "level": "info"}'
    ]
    return airflow


def test_an_execution_is_started_with_its_overrides(mcop, airflow):
    """Values of --set are of the parameters' types; the run's id is printed."""
    sets = ["zones=[a, 1]", "days=7", "account=123456789012"]
    code, out, _ = mcop("execute", "shop", *(word for pair in sets for word in ("--set", pair)), "--note", "CHG-7")

    run = airflow.runs[-1]
    expected = {"zones": ["a", "1"], "days": 7, "account": "123456789012"}
    assert (code, run["dag_id"], run["conf"], run["note"]) == (0, "mcop.shop", expected, "CHG-7")
    assert out == f"started mcop.shop/{run['dag_run_id']}\n"


def test_a_slice_is_started(mcop, airflow):
    """Of patterns that the manifest has; the nearest is named for one that it has not."""
    assert mcop("execute", "shop", "--only", "w.data", "--only", "w.network", "--with-dependants")[0] == 0
    assert airflow.runs[-1]["conf"] == {"only": ["w.data", "w.network"], "with_dependants": True}

    code, _, err = mcop("execute", "shop", "--only", "w.dat")
    assert code == 2 and 'Did you mean "w.data"?' in err
    assert mcop("execute", "shop", "--with-dependants")[0] == 2


@pytest.fixture
def published(monkeypatch, tmp_path):
    """A catalog whose active version of `shop` has the plan `aaaa…`; returns the digest of its snapshot."""
    (tmp_path / "store").mkdir()
    store = f"file://{tmp_path}/store"
    entry = SnapshotEntry(version="1.0.0", fingerprint="f", plan="a" * 64)
    snapshot = save_snapshot(bootstrap.open_store(store), Snapshot(manifests={"shop": entry}), {})
    repository = MemoryRepository(now=lambda: datetime(2026, 1, 1, tzinfo=UTC))
    rule = ValidationRule(name="size", version="1.0.0", type="string", value="small")
    repository.commit(Change(expected_revision=0, snapshot=snapshot, put=[rule]))
    monkeypatch.setenv("MCOP_ARTIFACT_STORE", store)
    monkeypatch.setattr(bootstrap, "open_repository", lambda settings: repository)
    return snapshot


def test_what_was_published_last_is_executed(mcop, airflow, published):
    """While Airflow still shows the plan of an older version, nothing is started."""

    def answers():
        yield make_dag("mcop.shop", tags=[{"name": f"plan:{'b' * 12}"}], bundle_version="c" * 64)
        while True:
            yield make_dag("mcop.shop", tags=[{"name": f"plan:{'a' * 12}"}], bundle_version=published)

    airflow.dags = Answering(airflow.dags, "mcop.shop", answers())
    code, _, err = mcop("execute", "shop")

    assert (code, err) == (0, "")
    assert airflow.dags.asked >= 2


class Answering(dict):
    """DAGs of which one is another each time that somebody looks."""

    def __init__(self, dags, name, answers):
        super().__init__(dags)
        self.name, self.answers, self.asked = name, answers, 0

    def __getitem__(self, name):
        if name != self.name:
            return super().__getitem__(name)
        self.asked += 1
        return next(self.answers)


def test_what_is_not_in_the_catalog_is_not_executed(mcop, airflow, published):
    """A DAG that outlived its manifest starts nothing."""
    airflow.dags["mcop.shpo"] = make_dag("mcop.shpo")
    code, _, err = mcop("execute", "shpo")

    assert code == 3
    assert 'Did you mean "shop"' in err
    assert len(airflow.runs) == 3


def test_without_a_catalog_airflows_version_is_executed(mcop, airflow):
    """Whoever may only start executions is told that the catalog was not asked."""
    code, _, err = mcop("execute", "shop")

    assert code == 0
    assert "what Airflow shows" in err
    assert len(airflow.runs) == 4


@pytest.mark.parametrize("arguments", [("shop", "--version", "1.1.0"), ("shop@1.1.0",)])
def test_a_named_version_goes_through_the_dag_that_activates_it(mcop, airflow, arguments):
    """`mcop_execute` gets the manifest, the version and the overrides, these by the types of the manifest's DAG."""
    mcop("execute", *arguments, "--set", "account=12", "--set", "new=12")

    expected = {"manifest_name": "shop", "manifest_version": "1.1.0", "overrides": {"account": "12", "new": 12}}
    assert (airflow.runs[-1]["dag_id"], airflow.runs[-1]["conf"]) == ("mcop_execute", expected)


@pytest.fixture
def through_execute(airflow):
    """Have a run of `mcop_execute` that ended, and the run that it started, whose apply failed."""
    airflow.dags["mcop_execute"] = make_dag("mcop_execute", {"activate": ["deploy"], "deploy": []})
    airflow.runs += [
        make_run("mcop_execute", "e1", 8, state="failed", end_date=END, conf={"manifest_name": "shop"}),
        make_run("mcop.shop", "e1-1", 9, state="failed", end_date=END),
    ]
    airflow.instances["e1"] = [make_instance("activate", "success", START, END, 1)]
    airflow.instances["e1"] += [make_instance("deploy", "failed", START, END, 1)]
    airflow.instances["e1-1"] = [make_instance("admit", "success", START, END, 1)]
    airflow.instances["e1-1"] += [make_instance("apply", "failed", START, END, 1)]
    airflow.xcoms["e1", "deploy"] = {"trigger_run_id": "e1-1"}
    airflow.logs["e1-1", "apply", 1] = ['{"event": "Error: quota"}']


def test_what_was_started_is_followed(mcop, through_execute):
    """The steps of both runs are told; the error and its hint are about the one that failed."""
    code, out, err = mcop("executions", "follow", "mcop_execute/e1")

    told = [line.strip() for line in err.splitlines()]
    assert code == 1
    assert "deploy: failed in 3.0 s" in told and "apply: failed in 3.0 s" in told
    assert "execution mcop_execute/e1: FAILED" in out and "execution mcop.shop/e1-1: FAILED" in out
    assert "hint: mcop executions logs mcop.shop/e1-1 apply" in told


def test_what_was_started_is_named(mcop, through_execute):
    """As text and as JSON; a document of the end holds both."""
    assert "  started execution: mcop.shop/e1-1\n" in mcop("executions", "show", "mcop_execute/e1")[1]
    assert json.loads(mcop("executions", "show", "mcop_execute/e1", "--json")[1])["started"] == "mcop.shop/e1-1"
    both = json.loads(mcop("executions", "follow", "mcop_execute/e1", "--json")[1])
    assert (both["id"], both["started_execution"]["id"]) == ("mcop_execute/e1", "mcop.shop/e1-1")


def test_the_log_of_a_step_of_what_was_started(mcop, through_execute):
    """The step is found where it is."""
    assert mcop("executions", "logs", "mcop_execute/e1", "apply")[1] == "Error: quota\n"


def test_an_interrupt_leaves_the_execution_alone(airflow, reachable):
    """The exit code says so, and the message how to follow it and how to stop it."""
    airflow.instances = Always([make_instance("admit", "running", START, None, 1), make_instance("apply")])
    airflow.runs.append(make_run("mcop.shop", "r9", 9, state="running"))
    command = [sys.executable, "-m", "mcop_core", "executions", "follow", "shop"]
    with subprocess.Popen(command, env=reachable, stderr=subprocess.PIPE, text=True) as process:
        assert "admit: running" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        told = process.stderr.read()

    assert process.returncode == 130
    assert "execution mcop.shop/r9 goes on" in told
    assert "mcop executions follow mcop.shop/r9" in told and "mcop cancel mcop.shop/r9" in told
    assert "Traceback" not in told
    assert airflow.runs[-1]["state"] == "running"


def test_an_execution_is_cancelled(mcop, airflow):
    """The latest of a manifest, or one by its id; what runs is told to stop, and the message says what happens."""
    airflow.runs.append(make_run("mcop.shop", "r9", 9, state="running"))
    airflow.instances["r9"] = [make_instance("apply", "running", START, None, 1)]
    code, out, _ = mcop("cancel", "shop")

    assert (code, airflow.runs[-1]["state"]) == (0, "failed")
    assert out.splitlines()[:2] == ["cancelled mcop.shop/r9", "  told to stop: apply"]
    assert "the state stays locked" in out


def test_a_cancellation_as_json(mcop, airflow):
    """Which executions, and which steps ran."""
    airflow.runs.append(make_run("mcop.shop", "r9", 9, state="queued"))

    assert json.loads(mcop("cancel", "mcop.shop/r9", "--json")[1]) == {
        "cancelled": ["mcop.shop/r9"],
        "stopping": [],
        "runners": [],
    }


def test_what_has_ended_cannot_be_cancelled(mcop, airflow):
    """The exit code is that of a refusal."""
    code, _, err = mcop("cancel", "mcop.shop/r2")

    assert (code, airflow.runs[2]["state"]) == (5, "success")
    assert "has ended as FAILED" in err


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


def test_a_parameter_that_the_manifest_does_not_have(mcop, airflow):
    """It is refused before anything starts: Airflow would keep it, and the run would fail."""
    code, _, err = mcop("execute", "shop", "--set", "zone=[a]", "--set", "dys=1")

    assert (code, len(airflow.runs)) == (2, 3)
    assert "--set: shop has no parameter 'zone'. Allowed: account, days, zones." in err
    assert 'Did you mean "zones"?' in err and 'Did you mean "days"?' in err


def test_a_value_that_airflow_refuses(mcop, airflow):
    """Airflow's own sentence is shown, without a traceback."""
    airflow.params["mcop.shop"] = {"env": {"schema": {"type": "string"}}}
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


def test_a_list_is_a_line_each(mcop, airflow):
    """However long an id is, its row is one line, and nothing trails."""
    airflow.runs.append(make_run("mcop.shop", "x" * 200, 9, triggering_user_name=None))
    lines = mcop("executions", "list")[1].splitlines()

    assert len(lines) == 5
    assert all(line == line.rstrip() for line in lines)


@pytest.mark.parametrize("wanted", ["shop", "mcop.shop/r2"])
def test_an_execution_is_shown(mcop, wanted):
    """By its id, or as the latest of its manifest; every step with state and seconds."""
    _, out, _ = mcop("executions", "show", wanted)
    _, as_json, _ = mcop("executions", "show", wanted, "--json")

    assert "execution mcop.shop/r2: FAILED" in out
    assert "  apply  failed   3.0 s" in out.splitlines()
    assert [step["attempts"] for step in json.loads(as_json)["steps"]] == [1, 2]


def test_the_plan_that_a_run_was_triggered_for_is_no_override(mcop, airflow):
    """It is named beside what somebody gave."""
    airflow.runs[-1]["conf"] = {"days": 7, "mcop.plan": "abc"}
    _, out, _ = mcop("executions", "show", f"mcop.shop/{airflow.runs[-1]['dag_run_id']}")

    assert {"  conf: days=7", "  plan: abc"} <= set(out.splitlines())


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


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("logs", "shop", "applyy"), 'Did you mean "apply"?'),
        (("logs", "shop", "apply", "--attempt", "3"), "has 2 attempts"),
        (("logs", "mcop.shop/r5"), 'Did you mean "mcop.shop/r2"?'),
        (("show", "mcop.shop/r5"), 'Did you mean "mcop.shop/r2"?'),
        (("show", "mcop.shp/r2"), 'Did you mean "mcop.shop/r2"?'),
        (("show", "shp"), 'Did you mean "shop"?'),
        (("follow", "shp"), 'Did you mean "shop"?'),
        (("list", "shp"), 'Did you mean "shop"?'),
    ],
)
def test_what_is_not_there_has_the_nearest(mcop, arguments, told):
    """Steps, attempts, executions and manifests; the exit code is that of what is not found."""
    code, _, err = mcop("executions", *arguments)

    assert code == 3
    assert told in err


def test_the_logs_of_an_attempt_of_every_step(mcop):
    """Steps that had no such attempt are left out."""
    assert mcop("executions", "logs", "shop", "--attempt", "2")[1].splitlines() == [
        "== apply, attempt 2",
        "second try",
    ]


def test_an_airflow_that_is_away(mcop, monkeypatch):
    """Nobody there is exit code 6, and says how to start one."""
    monkeypatch.setenv("MCOP_AIRFLOW_URL", "http://127.0.0.1:1")
    console.settings.cache_clear()
    code, _, err = mcop("execute", "shop")

    assert code == 6
    assert "error: Airflow at http://127.0.0.1:1 did not answer" in err
    assert "mcop up" in err


@pytest.fixture
def unsettled(airflow, tmp_path):
    """The latest execution failed, and the runner of its step `apply` has not said how it ended."""
    airflow.runs[-1]["state"] = "failed"
    machine = {"host": "worker-7", "boot": "b", "pids": "p", "pid": 7, "started": "1", "owner": "o", "operation": "id"}
    note = OperationNote(
        "id",
        "mcop.shop/r2",
        "apply",
        "w.p.e",
        "apply",
        {},
        {**machine, "workspace": "/nowhere/id/workspace"},
        "2026-01-01T00:00:02+00:00",
    )
    operations = Operations(bootstrap.open_store(f"file://{tmp_path}/store"))
    operations.note(note)
    return operations, note


def test_an_execution_that_is_not_settled_says_so(mcop, unsettled):
    """In the list, shown alone, and as JSON; with what it waits for."""
    assert "SETTLING" in mcop("executions", "list", "shop")[1].splitlines()[1]
    out = mcop("executions", "show", "shop")[1]
    assert "mcop.shop/r2: SETTLING" in out
    assert "waits: apply of w.p.e: its runner (process 7 on worker-7, since 2026-01-01T00:00:02Z)" in out
    [document, *_] = json.loads(mcop("executions", "list", "shop", "--json")[1])
    assert (document["status"], len(document["awaits"])) == ("SETTLING", 1)


def test_what_cannot_be_settled_here_is_named(mcop, unsettled):
    """Exit code 8, and who can help; a lost worker needs the execution's name."""
    code, out, err = mcop("reconcile")
    assert code == 8 and "not settled: w.p.e" in err
    assert "mcop reconcile mcop.shop/r2 --lost worker-7" in out
    assert json.loads(mcop("reconcile", "shop", "--json")[1])[0]["verdict"] == "left"
    assert mcop("reconcile", "--lost", "worker-7")[0] == 2


def test_what_ended_unseen_is_settled(mcop, unsettled):
    """It is said once, and shown with the execution ever after."""
    operations, note = unsettled
    ended = Ending("succeeded", "2026-01-01T00:00:03+00:00", is_settled=True, added=3)
    request = RunRequest(Operation.APPLY, "a", "mcop.shop/r2/apply/w.p.e", "o", "file:///s", "w.p.e")
    operations.note(replace(note, ended=ended, request=asdict(request)))
    assert "settled  mcop.shop/r2  apply of w.p.e succeeded" in mcop("reconcile")[1]
    assert mcop("reconcile")[1] == "nothing is unsettled\n"

    out = mcop("executions", "show", "shop")[1]
    assert "mcop.shop/r2: FAILED" in out
    assert "settled: apply of w.p.e succeeded: 3 added, 0 changed, 0 destroyed; Airflow calls its task failed" in out


def test_without_a_store_it_is_said_that_airflows_word_is_shown(mcop, airflow, monkeypatch):
    """An outage takes no list away, and nothing is passed off as settled."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("MCOP_ARTIFACT_STORE", "s3://gone?region=us-east-1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    code, out, err = mcop("executions", "list", "shop")

    assert (code, len(out.splitlines())) == (0, 4)
    assert "Airflow's word alone" in err


def test_a_runner_whose_task_is_gone_is_cancelled(mcop, airflow):
    """Airflow calls it failed, and it is told to stop all the same."""
    airflow.runs[-1]["state"] = "failed"
    airflow.runners["mcop.shop/r2"] = ["w.p.e"]
    code, out, _ = mcop("cancel", "shop")

    assert code == 0
    assert "  told to stop: w.p.e" in out.splitlines()
    assert "mcop executions logs mcop.shop/r2" in out


def test_an_airflow_without_the_plugin_is_told_as_ever(mcop, airflow):
    """The run is marked failed; its tasks tell their runners."""
    airflow.has_plugin = False
    airflow.runs.append(make_run("mcop.shop", "r9", 9, state="running"))

    assert mcop("cancel", "shop")[0] == 0
    assert airflow.runs[-1]["state"] == "failed"


def test_terraform_is_killed_only_where_that_is_confirmed(mcop, airflow):
    """Nobody to ask, another id, or an execution that was not cancelled: nothing is killed."""
    airflow.runners["mcop.shop/r2"] = ["w.p.e"]
    for words, code in ((("--force",), 2), (("--force", "--confirm", "mcop.shop/r1"), 2), (("--confirm", "x"), 2)):
        assert mcop("cancel", "mcop.shop/r2", *words)[0] == code
    airflow.runs.append(make_run("mcop.shop", "r9", 9, state="running"))
    assert mcop("cancel", "mcop.shop/r9", "--force", "--confirm", "mcop.shop/r9")[0] == 5
    assert airflow.forced == []

    code, out, _ = mcop("cancel", "mcop.shop/r2", "--force", "--confirm", "mcop.shop/r2")
    assert (code, airflow.forced) == (0, [("mcop.shop/r2", "mcop.shop/r2")])
    assert "the Terraform of w.p.e" in out
