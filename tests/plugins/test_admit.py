from datetime import UTC, datetime

import pytest

from mcop_airflow import admit
from mcop_airflow.dag_factory import build_dag
from mcop_core.catalog.memory import MemoryRepository
from mcop_core.catalog.models import ValidationRule
from mcop_core.catalog.repository import CatalogEntry, Standing
from mcop_core.compiler.snapshot import load_plan, load_snapshot
from mcop_core.errors import InvalidDocuments, Refused, Unreachable
from mcop_core.executions import naming
from tests.plugins.plans import group, layered, plan_of, step, workflow

PAIR = [step("w.p.a"), step("w.p.b")]


def small(*steps, **fields):
    return plan_of(workflow("w", group("w.p", *(steps or PAIR))), **{"manifest": "manifest#raced@1.0.0", **fields})


CHANGED = {
    "other tasks": small(step("w.p.a"), step("w.p.c")),
    "another edge": small(step("w.p.a"), step("w.p.b", "w.p.a")),
    "another value": small(step("w.p.a", inputs={"name": layered("x")}), step("w.p.b")),
    "another version": small(step("w.p.a", primitive="primitive#thing@1.0.1"), step("w.p.b")),
}


def test_the_same_ids_pass():
    """A run whose tasks are the pinned DAG's is let through."""
    admit.check_graph({"a", "b"}, {"b", "a"})


@pytest.mark.parametrize("changed", CHANGED.values(), ids=CHANGED)
def test_every_change_of_a_plan_shows_in_the_task_ids(changed):
    """Edges, values and versions change the graph's task ids too, by the task that names the plan."""
    with pytest.raises(Refused, match="created from the graph of another plan"):
        admit.check_graph(set(build_dag(small()).task_ids), set(build_dag(changed).task_ids))


def test_the_refusal_says_what_differs():
    """The message names the ids on either side, not hundreds of them, and the way out."""
    with pytest.raises(Refused) as raised:
        admit.check_graph({f"t{number}" for number in range(9)}, {"x"})

    assert "the run alone has x; the snapshot alone has t0, t1, t2, t3, t4, t5 and 3 more" in str(raised.value)
    assert "Nothing was applied. Trigger a new run." in str(raised.value)


def test_a_dag_of_another_plan_than_the_snapshots_is_refused():
    """The digest of the file the DAG was built from is the pinned snapshot's, where one is pinned."""
    admit.check_digest("a", "a")
    admit.check_digest("a", None)
    with pytest.raises(Refused, match="built from plan a, but the pinned snapshot holds plan b"):
        admit.check_digest("a", "b")


def test_a_plan_that_nobody_asked_for_is_refused():
    """A run's conf may ask for a plan; one that does not takes what the DAG has."""
    for conf in (None, {}, {"mcop.plan": "a"}):
        admit.check_asked_for("a", conf)
    with pytest.raises(Refused, match="asked for with plan b, but Airflow created it from plan a"):
        admit.check_asked_for("a", {"mcop.plan": "b"})


def test_a_bundle_of_another_kind_pins_no_plan():
    """In a plain DAGs folder there is no snapshot to compare with."""
    assert admit.pinned_digest(object(), "raced") is None


def test_overrides_are_checked_by_name_type_and_rule(catalog):
    """Unknown names are told with the nearest; values against the rule with the rule; good ones pass."""
    plan = plan_in(catalog, "shop")

    admit.check_run_overrides(plan, {"base": "three", "labels": []})
    with pytest.raises(InvalidDocuments, match=r'bas.*Did you mean "base"'):
        admit.check_run_overrides(plan, {"bas": "x"})
    with pytest.raises(InvalidDocuments, match="base"):
        admit.check_run_overrides(plan, {"base": "NOT ALLOWED"})
    with pytest.raises(InvalidDocuments, match="states cannot be overridden"):
        admit.check_run_overrides(plan, {"states": "/elsewhere"})


def plan_in(catalog, name):
    snapshot = load_snapshot(catalog.store, catalog.repository.head().snapshot)
    return load_plan(catalog.store, snapshot.manifests[name].plan)


class Catalog(MemoryRepository):
    """A catalog in which one version has the given standing, or which does not answer."""

    def __init__(self, standing=None):
        super().__init__()
        self.standing = standing

    def get_many(self, refs):
        if self.standing is None:
            raise Unreachable("DynamoDB does not answer", service="DynamoDB")
        rule = ValidationRule(name="any", version="1.0.0", type="string", value="x")
        return {ref: CatalogEntry(rule, datetime(2026, 1, 1, tzinfo=UTC), self.standing, "so it is") for ref in refs}


ANSWERS = {
    "active": (Standing.ACTIVE, "success", "Admitted manifest#raced@1.0.0"),
    "deprecated": (Standing.DEPRECATED, "success", "manifest#raced@1.0.0 is deprecated: so it is"),
    "revoked": (Standing.REVOKED, "failed", "Refused: manifest#raced@1.0.0 is revoked: so it is"),
    "out of reach": (None, "success", "DynamoDB does not answer: revocations are not checked"),
}


def files_of(plan, standing=Standing.ACTIVE):
    """Return the DAG of *plan* as a worker loads it; its steps do nothing, the catalog is the test's."""
    dag = build_dag(plan)
    dag.task_dict[naming.ADMIT_TASK_ID].open_catalog = lambda settings: Catalog(standing)
    for task in dag.task_dict.values():
        if "." in task.task_id:
            task.execute = lambda context: None
    return dag


@pytest.mark.parametrize(("standing", "state", "said"), ANSWERS.values(), ids=ANSWERS)
def test_a_run_begins_unless_a_version_is_revoked(scheduling, environment, capsys, standing, state, said):
    """A revocation refuses; a deprecation and a catalog out of reach are warned of, and the run goes on."""
    plan = small()
    run, tasks = scheduling.run(scheduling.store_plan(plan), files_of(plan, standing))

    assert (run, tasks["admit"]) == (state, state)
    assert {tasks["w.p.apply_a"], tasks["w.p.apply_b"]} == ({"success"} if state == "success" else {"upstream_failed"})
    assert said in capsys.readouterr().out


@pytest.mark.parametrize("changed", CHANGED.values(), ids=CHANGED)
def test_the_race_ends_before_anything_is_applied(scheduling, environment, changed):
    """
    A run created from the stored graph of one plan and pinned to the files of another fails in admit.

    Airflow 3.3.2 stores a DAG file that was parsed while the bundle moved on under the new version; a run that is
    created then has the old graph and the new files.
    """
    run, tasks = scheduling.run(scheduling.store_plan(small()), files_of(changed))

    assert (run, tasks["admit"]) == ("failed", "failed")
    assert {state for task, state in tasks.items() if "." in task} == {"upstream_failed"}


def test_a_plan_activated_in_between_is_not_applied(scheduling, environment):
    """
    A run asked for with one plan and created from another fails in admit.

    Activated 1.0, 1.1 and 1.0 again, Airflow shows the first 1.0 before it parses 1.1: whoever waits for 1.0 sees it.
    """
    plan, dag = small(), scheduling.store_plan(small())
    run, tasks = scheduling.run(dag, files_of(plan), conf={"mcop.plan": "b" * 64})

    assert (run, tasks["admit"]) == ("failed", "failed")
    assert {state for task, state in tasks.items() if "." in task} == {"upstream_failed"}


def test_unknown_overrides_end_before_anything_is_applied(scheduling, environment):
    """Airflow accepts any key in a run's conf; admit refuses those that are no parameter."""
    plan = small()
    run, tasks = scheduling.run(scheduling.store_plan(plan), files_of(plan), conf={"zone": "eu"})

    assert (run, tasks["admit"], tasks["w.p.render_a"]) == ("failed", "failed", "upstream_failed")


def test_a_second_run_on_the_same_state_is_refused(scheduling, environment):
    """While another run of the manifest is running, this one does not begin."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session

    plan = small()
    dag = scheduling.store_plan(plan)
    scheduling.run(dag, files_of(plan), run_id="other")
    with create_session() as session:
        session.query(DagRun).filter_by(dag_id=dag.dag_id, run_id="other").update({"state": "running"})
    try:
        run, tasks = scheduling.run(dag, files_of(plan))
    finally:
        with create_session() as session:
            session.query(DagRun).filter_by(dag_id=dag.dag_id, run_id="other").update({"state": "success"})

    assert (run, tasks["admit"], tasks["w.p.render_a"]) == ("failed", "failed", "upstream_failed")
