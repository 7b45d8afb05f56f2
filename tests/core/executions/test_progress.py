from datetime import UTC, datetime

import pytest

from mcop_core.errors import NotFound
from mcop_core.executions.history import read_execution
from mcop_core.executions.progress import changed_lines, describe, follow, measure, summary_line
from mcop_core.executions.status import Status
from tests.core.executions.fake_airflow import make_dag, make_instance, make_run

NOW = datetime(2026, 1, 1, 0, 1, 0, tzinfo=UTC)
START, END = "2026-01-01T00:00:10Z", "2026-01-01T00:00:12Z"
GRAPH = {"admit": ["render"], "render": ["apply"], "apply": ["last"], "last": []}


def progress(*instances, graph=GRAPH):
    return measure(read_execution(make_run("mcop.shop", "r1"), instances), graph, NOW)


def words(found):
    return {step.id: describe(step) for step in found.steps}


def test_each_step_says_what_it_does():
    """What is done says how long it took, what runs how long already, what waits for whom."""
    found = progress(
        make_instance("apply"),
        make_instance("admit", "success", START, END, 1),
        make_instance("last"),
        make_instance("render", "running", START, None, 2),
    )

    assert words(found) == {
        "admit": "done in 2.0 s",
        "render": "running 50 s, attempt 2",
        "apply": "waiting for render",
        "last": "waiting for apply",
    }
    assert summary_line(found) == "1 of 4 done, 2 waiting; running: render"


def test_steps_stand_in_an_order_in_which_they_can_run():
    """The order is the graph's, whatever Airflow answers first."""
    found = progress(*(make_instance(name) for name in ("last", "apply", "render", "admit")))

    assert [step.id for step in found.steps] == ["admit", "render", "apply", "last"]


def test_a_long_chain_is_measured():
    """Ten thousand steps in a row need no recursion."""
    graph = {f"t{n}": [f"t{n + 1}"] for n in range(10_000)}
    found = progress(*(make_instance(f"t{n}") for n in reversed(range(10_001))), graph=graph)

    assert [found.steps[0].id, found.steps[1].id, found.steps[-1].id] == ["t0", "t1", "t10000"]


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("failed", "failed in 2.0 s"),
        ("upstream_failed", "not run"),
        ("skipped", "skipped in 2.0 s"),
        ("up_for_retry", "will retry in 2.0 s"),
        ("awaiting_input", "needs a person in 2.0 s"),
        ("queued", "queued"),
        ("scheduled", "queued"),
        ("unheard_of", "unheard_of in 2.0 s"),
    ],
)
def test_every_state_has_a_word(state, expected):
    """Airflow's states are told in plain words; a new one is told as it is."""
    assert {"a": expected} == words(progress(make_instance("a", state, START, END, 1), graph={}))


def test_many_predecessors_are_counted():
    """Who waits for many names two of them."""
    graph = {name: ["z"] for name in "abcde"}
    found = progress(*(make_instance(name) for name in "abcdez"), graph=graph)

    assert words(found)["z"] == "waiting for a, b and 3 more"


def test_what_is_finished_is_not_waited_for():
    """Only the predecessors that are still to end are named."""
    graph = {"a": ["z"], "b": ["z"]}
    found = progress(make_instance("a", "success", START, END), make_instance("b"), make_instance("z"), graph=graph)

    assert words(found)["z"] == "waiting for b"


def test_only_changes_are_told():
    """A reading is told by what changed since the one before; waiting and queueing are no news."""
    first = progress(make_instance("admit", "running", START), make_instance("render"))
    second = progress(make_instance("admit", "success", START, END), make_instance("render", "queued"))

    assert changed_lines(None, first) == ["admit: running 50 s"]
    assert changed_lines(first, first) == []
    assert changed_lines(first, second) == ["admit: done in 2.0 s"]


def test_a_run_is_followed_to_its_end(airflow, api):
    """Every reading is passed on, and the last one is returned."""
    airflow.dags["mcop.shop"] = make_dag("mcop.shop", GRAPH)
    airflow.runs = [make_run("mcop.shop", "r1", state="running")]
    airflow.instances["r1"] = [make_instance("admit", "running", START)]
    seen = []

    def end(pause_s):
        airflow.runs[0]["state"] = "success"
        airflow.instances["r1"] = [make_instance("admit", "success", START, END, 1)]

    record = follow(api, "mcop.shop", "r1", on_progress=seen.append, now=lambda: NOW, sleep=end)

    assert record.status == Status.COMPLETED
    assert [found.steps[0].word for found in seen] == ["running", "done"]


def test_the_run_that_was_started_is_followed_too(airflow, api):
    """Its steps stand after the task that started it; each graph is asked for once, its id once it is known."""
    outer = {"activate": ["deploy"], "deploy": ["write_outputs"], "write_outputs": []}
    airflow.dags = {"mcop_execute": make_dag("mcop_execute", outer), "mcop.shop": make_dag("mcop.shop", GRAPH)}
    airflow.runs = [make_run("mcop_execute", "r1", state="running", conf={"manifest_name": "shop"})]
    airflow.instances["r1"] = [make_instance("activate", "running", START), make_instance("deploy")]
    seen = []

    def start(pause_s):
        airflow.runs.append(make_run("mcop.shop", "r2", state="running"))
        airflow.instances["r1"] = [make_instance(name, "running", START, attempts=1) for name in outer]
        airflow.instances["r2"] = [make_instance(name) for name in GRAPH]
        airflow.xcoms["r1", "deploy"] = {"trigger_run_id": "r2"}

    def end(pause_s):
        airflow.runs[0]["state"] = "failed"

    pauses = iter([start, end])
    record = follow(
        api,
        "mcop_execute",
        "r1",
        on_progress=seen.append,
        now=lambda: NOW,
        sleep=lambda pause_s: next(pauses)(pause_s),
    )

    assert (record.id, record.status, record.started) == ("mcop_execute/r1", Status.FAILED, "mcop.shop/r2")
    assert [step.id for step in seen[0].steps] == ["activate", "deploy"]
    assert [step.id for step in seen[1].steps] == ["activate", "deploy", *GRAPH, "write_outputs"]
    counts = {path: count for (_, path), count in airflow.asked.items()}
    assert counts["/api/v2/dags/mcop.shop/tasks"] == 1
    assert counts["/api/v2/dags/mcop_execute/dagRuns/r1/taskInstances/~/xcomEntries"] == 1


def test_a_run_that_is_not_there_is_not_followed(airflow, api):
    """Following nothing fails at once."""
    airflow.dags["mcop.shop"] = make_dag("mcop.shop")

    with pytest.raises(NotFound):
        follow(api, "mcop.shop", "r1", on_progress=print, now=lambda: NOW)
