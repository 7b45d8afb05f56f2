import json
import os
import signal
import time
from datetime import UTC, datetime

import pytest

from mcop_core.embedded import airflow
from mcop_core.embedded.home import Home
from mcop_core.embedded.processes import Register, session_members
from mcop_core.embedded.stack import Stack, code_digest
from mcop_core.embedded.tools import Tool
from mcop_core.errors import Conflict, EngineFailed, InvalidInput
from mcop_core.executions.airflow_api import AirflowApi
from mcop_core.executions.history import AirflowHistory
from mcop_core.executions.progress import follow
from mcop_core.executions.status import Status
from mcop_core.settings import Settings, load_profile


def test_two_calls_do_not_collide(home):
    """While one call starts or stops the stack, another is told who does."""
    first, second = (Stack(home, {}, print) for _ in range(2))

    with first.locked(), pytest.raises(Conflict, match=str(os.getpid())), second.locked():
        pass
    with second.locked():
        pass


def test_a_stack_that_was_never_started_is_stopped(home):
    """Every part is shown as stopped, and stopping it does nothing."""
    stack = Stack(home, {}, print)
    with stack.locked():
        stack.stop(lambda: 0)

    assert {part.state for part in stack.parts()} == {"stopped"}
    assert [part.name for part in stack.parts()] == ["emulator", *airflow.COMPONENTS]


def test_a_failed_start_leaves_no_process(home):
    """When a part cannot be started, those that were started with it are stopped; the part and its log are named."""
    with home.lock_file.open("w"):
        pass
    (home.airflow / "airflow.db").mkdir()
    stack = Stack(home, {"PATH": os.environ["PATH"], "HOME": str(home.folder)}, print)

    with stack.locked(), pytest.raises(EngineFailed, match=r"airflow-db-migrate\.log"):
        stack.start(buckets={})
    assert Register.load(home.stack_file).components == {}


def test_the_clouds_that_its_caller_configures_are_the_stacks(home, monkeypatch, tmp_path):
    """Their folder is absolute; the catalog of the caller is none of the stack's."""
    monkeypatch.chdir(tmp_path)
    inherited = {"MCOP_CLOUDS": "clouds", "MCOP_INVENTORY_SCHEDULE": "", "MCOP_OBJECTS_TABLE": "theirs"}
    stack = Stack(home, inherited, print)
    stack._choose_ports()
    settings = stack._settings(Tool(tmp_path / "terraform", "1.0.0", "named"))

    assert (str(tmp_path / "clouds"), "") == (settings.clouds, settings.inventory_schedule)
    assert Settings().objects_table == settings.objects_table


def test_a_line_that_nobody_reads_stops_nothing(home):
    """A terminal that was closed does not keep the stack from being stopped."""

    def closed(line):
        raise BrokenPipeError

    stack = Stack(home, {}, closed)
    with stack.locked():
        stack.stop(lambda: 1)


def test_code_has_a_digest(tmp_path):
    """Changed code is noticed; the command line's own is no part of what runs."""
    (tmp_path / "cli").mkdir()
    (tmp_path / "a.py").write_text("1")
    before = code_digest([tmp_path])
    (tmp_path / "cli" / "b.py").write_text("2")
    assert code_digest([tmp_path]) == before

    (tmp_path / "a.py").write_text("2")
    assert code_digest([tmp_path]) != before


# -- a real one ----------------------------------------------------------------------------------------------

DAG = """
from airflow.sdk import Param, dag, task

@dag(dag_id="mcop.trial", schedule=None, params={"size": Param("small", enum=["small", "large"])})
def trial():
    @task
    def first(params=None):
        print("size is", params["size"])
        return {"ids": ["a", "b"]}

    @task
    def second(found):
        print(found)

    second(first())

trial()
"""


def wait(condition):
    while not condition():
        time.sleep(0.2)


@pytest.fixture(scope="module")
def live_project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    (folder / "dags").mkdir()
    (folder / "plugins").mkdir()
    (folder / "dags" / "mcop_manifests.py").write_text(DAG)
    return folder


@pytest.fixture(scope="module")
def make_stack(live_project):
    """Return what makes the stack of a project whose only DAG is a plain one, as another call would."""
    inherited = {"PATH": os.environ["PATH"], "HOME": str(live_project), "AWS_PROFILE": "not-there"}
    home = Home.of(live_project)
    options = {"AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(airflow.bundles(home)[1:])}
    return lambda: Stack(home, inherited, print, options=options)


@pytest.fixture(scope="module")
def stack(make_stack):
    made = make_stack()
    with made.locked():
        try:
            made.start(buckets={"states": "us-east-1"})
            made.wait()
            yield made
        finally:
            made.stop(lambda: 0)


@pytest.fixture(scope="module")
def api(stack):
    profile = load_profile({}, stack.home.settings_file)
    settings = Settings.from_environment({name: value for name, value in profile.items() if name.startswith("MCOP_")})
    with AirflowApi.open(settings) as opened:
        wait(lambda: opened.dags("mcop."))
        yield opened


@pytest.mark.system
def test_a_started_stack_is_healthy(stack):
    """Emulator and the four components of Airflow run, each in a session of its own, and say that they are well."""
    parts = stack.parts()

    assert {part.state for part in parts} == {"healthy"}
    assert all(os.getsid(part.pid) == part.pid for part in parts)


@pytest.mark.system
def test_an_execution_through_the_api(api):
    """A run is triggered, followed step by step, and read back with its outputs and its log."""
    seen = []
    api.trigger("mcop.trial", run_id="one+1:x", conf={"size": "large"}, note="CHG-7")
    follow(api, "mcop.trial", "one+1:x", on_progress=seen.append, now=lambda: datetime.now(UTC), pause_s=0.2)

    record = AirflowHistory(api).get("mcop.trial/one+1:x")
    assert (record.status, record.manifest, record.requested_by) == (Status.COMPLETED, "trial", "admin")
    assert [step.id for step in record.steps] == ["first", "second"]
    assert [found.id for found in AirflowHistory(api).find("trial", limit=5)] == [record.id]
    assert "waiting for first" in {f"{s.word} for {w}" for p in seen for s in p.steps for w in s.waits_for}
    assert api.xcoms("mcop.trial", "one+1:x", "first")["return_value"] == {"ids": ["a", "b"]}
    events = [line["event"] for line in api.logs("mcop.trial", "one+1:x", "first", attempt=1)]
    assert "size is large" in events


@pytest.mark.system
def test_airflows_own_refusals(api):
    """What Airflow refuses is told in its own words."""
    with pytest.raises(InvalidInput, match="'huge' is not one of"):
        api.trigger("mcop.trial", run_id="two", conf={"size": "huge"})
    with pytest.raises(Conflict):
        api.trigger("mcop.trial", run_id="taken", conf={})
        api.trigger("mcop.trial", run_id="taken", conf={})


@pytest.mark.system
def test_a_half_dead_stack_is_repaired(stack):
    """A part that was killed is started again, and the others are left alone."""
    before = {part.name: part.pid for part in stack.parts()}
    os.kill(before["dag-processor"], signal.SIGKILL)
    wait(lambda: {part.name: part.state for part in stack.parts()}["dag-processor"] == "stopped")

    stack.start(buckets={"states": "us-east-1"})
    stack.wait()

    after = {part.name: part.pid for part in stack.parts()}
    assert {part.state for part in stack.parts()} == {"healthy"}
    assert {name for name in after if after[name] != before[name]} == {"dag-processor"}
    assert session_members(before["dag-processor"]) == {}


@pytest.mark.system
def test_stopping_leaves_no_process_and_keeps_the_data(stack, make_stack):
    """After a stop no process of the stack is left; its database and its ports are there for the next start."""
    pids = [part.pid for part in stack.parts()]
    stack.stop(lambda: 0)

    assert [session_members(pid) for pid in pids] == [{}] * len(pids)
    assert (stack.home.airflow / "airflow.db").exists()
    assert Register.load(stack.home.stack_file).ports["emulator"]
    assert {part.state for part in make_stack().parts()} == {"stopped"}
