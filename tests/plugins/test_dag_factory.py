import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from airflow.models.serialized_dag import SerializedDagModel
from airflow.serialization.serialized_objects import DagSerialization

from mcop_airflow.dag_factory import (
    build_dag,
    build_dags_from_file,
    build_destroy_dag,
    direct_predecessors,
    predecessors,
)
from mcop_core.catalog.models import ApprovalPolicy
from mcop_core.errors import InvalidInput
from mcop_core.executions import naming
from tests.plugins.plans import group, layered, plan_of, step, storefront, workflow

REPOSITORY = Path(__file__).parents[2]


def serialised_hash(dag):
    return SerializedDagModel.hash(DagSerialization.to_dict(dag))


@pytest.fixture(scope="module")
def dag():
    return build_dag(storefront())


def upstream(dag, task):
    return dag.get_task(task).upstream_task_ids


def test_each_step_is_two_tasks_beside_the_runs_own(dag):
    """A DAG has a render and an apply task per step, and those of the run itself."""
    steps = [step.id.rpartition(".") for step in storefront().steps]
    tasks = {f"{group_}.{task}_{name}" for group_, _, name in steps for task in ("render", "apply")}

    assert tasks | {"admit", "preview", "remove", naming.plan_marker(storefront().digest)} == set(dag.task_ids)
    assert dag.dag_id == "mcop.storefront"


def test_each_workflow_and_pattern_is_a_task_group(dag):
    """Groups are nested: patterns stand in their workflow."""
    groups = dag.task_group_dict

    assert {"platform", "platform.network", "platform.data", "application", "application.web"} == set(groups) - {None}
    assert groups["platform.network"].parent_group.group_id == "platform"


def test_apply_follows_render(dag):
    """A step is applied after it was rendered, and after nothing else."""
    assert {"platform.network.render_vpc"} == upstream(dag, "platform.network.apply_vpc")


def test_admit_comes_first(dag):
    """Every task but admit runs after admit."""
    everything_else = set(dag.task_ids) - {"admit"}

    assert everything_else == dag.get_task("admit").get_flat_relative_ids(upstream=False)


def test_an_approval_stands_before_the_groups():
    """A manifest that asks for one is previewed, approved and then applied; no step begins before."""
    asking = build_dag(storefront(approval=ApprovalPolicy(when="always")))

    assert upstream(asking, "preview") == {"admit"}
    assert upstream(asking, "approve") == {"preview"}
    assert upstream(asking, "platform.network.render_vpc") == {"approve"}


def test_without_an_approval_the_preview_stands_beside_the_groups(dag):
    """Nothing waits for it."""
    assert "approve" not in dag.task_ids
    assert dag.get_task("preview").downstream_task_ids == set()


def test_a_reference_makes_an_edge(dag):
    """A step that reads an output is rendered after the step that produces it was applied."""
    assert {"platform.network.apply_vpc"} == upstream(dag, "platform.network.render_subnets")


def test_a_sequence_joins_last_steps_and_first_steps(dag):
    """Of two patterns in sequence, what nothing waits for comes before what waits for nothing."""
    last = {"platform.network.apply_subnets", "platform.network.apply_gateway"}

    assert last == upstream(dag, "platform.data.render_table")


def test_what_a_sequence_implies_needs_no_edge(dag):
    """A group that waits for two groups in sequence has edges from the later one alone."""
    last = {"platform.data.apply_table", "platform.data.apply_bucket"}

    assert last == upstream(dag, "application.web.render_app")


def test_without_a_sequence_references_alone_order():
    """Groups that wait for no group begin at once; steps wait for what they refer to."""
    plan = plan_of(workflow("w", group("w.a", step("w.a.x")), group("w.b", step("w.b.y", "w.a.x"), step("w.b.z"))))

    assert predecessors(plan) == {"w.a.x": (), "w.b.y": ("w.a.x",), "w.b.z": ()}


def test_groups_may_come_in_any_order():
    """Which groups a group waits for directly does not depend on the order of the plan's list."""
    groups = [
        group("w.c", step("w.c.x"), after=("w.a", "w.b")),
        group("w.b", step("w.b.x"), after=("w.a",)),
        group("w.a", step("w.a.x")),
    ]

    assert direct_predecessors(groups) == {"w.c": ("w.b",), "w.b": ("w.a",), "w.a": ()}


def test_a_workflow_may_be_called_like_a_task_of_the_run():
    """A workflow called `admit` gets a group beside the task `admit`."""
    dag = build_dag(plan_of(workflow("admit", group("admit.p", step("admit.p.e")))))

    assert {"ADMIT.p.render_e", "ADMIT.p.apply_e", "admit"} < set(dag.task_ids)


def test_a_dag_waits_to_be_triggered(dag):
    """A DAG has no schedule, runs once at a time, is not paused, and belongs to its namespace."""
    assert (dag.schedule, dag.max_active_runs, dag.is_paused_upon_creation, dag.catchup) == (None, 1, False, False)
    assert {"mcop", "namespace:shop", "provider:local", naming.plan_tag(storefront().digest)} == set(dag.tags)
    assert {"shop"} == {task.owner for task in dag.tasks}


def test_no_task_has_template_fields(dag):
    """Catalog text is never rendered by Jinja."""
    assert {()} == {tuple(task.template_fields) for task in dag.tasks}


def test_every_task_and_group_is_documented(dag):
    """DAG, groups and tasks carry a page for the UI."""
    groups = [group_ for name, group_ in dag.task_group_dict.items() if name]

    assert all([dag.doc_md, *(task.doc_md for task in dag.tasks), *(group_.doc_md for group_ in groups)])


def test_the_serialised_dag_holds_no_catalog_value(dag):
    """What Airflow stores shows no value of a sensitive input."""
    assert "hunter2" not in json.dumps(DagSerialization.to_dict(dag))


def test_an_unchanged_plan_gives_the_same_dag():
    """Built again, the serialised DAG has the same hash."""
    assert len({serialised_hash(build_dag(storefront())) for _ in range(3)}) == 1


@pytest.mark.parametrize(
    "changed",
    [
        storefront(description="Other words."),
        plan_of(workflow("w", group("w.p", step("w.p.e", primitive="primitive#thing@1.0.1")))),
        plan_of(workflow("w", group("w.p", step("w.p.e", inputs={"name": layered("x")})))),
    ],
)
def test_a_changed_plan_gives_another_dag(changed):
    """Whatever changes in a plan changes the DAG, if only by the task that names the plan."""
    plain = [storefront(), plan_of(workflow("w", group("w.p", step("w.p.e"))))]

    assert serialised_hash(build_dag(changed)) not in {serialised_hash(build_dag(plan)) for plan in plain}


HASH_SCRIPT = """
from tests.plugins.plans import storefront
from mcop_airflow.dag_factory import build_dag
from airflow.models.serialized_dag import SerializedDagModel
from airflow.serialization.serialized_objects import DagSerialization
print("hash:", SerializedDagModel.hash(DagSerialization.to_dict(build_dag(storefront()))))
"""


def test_the_dag_is_the_same_in_every_process():
    """Python's hash seed, which orders sets, does not reach the serialised DAG."""
    printed = subprocess.run(
        [sys.executable, "-c", HASH_SCRIPT],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONHASHSEED": "4242"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert f"hash: {serialised_hash(build_dag(storefront()))}" == printed.strip().splitlines()[-1]


def test_a_dag_is_built_from_a_plans_file(tmp_path):
    """The file holds the plan's canonical JSON, and its digest is the plan's."""
    file = tmp_path / "storefront.json"
    file.write_bytes(storefront().to_json())

    assert serialised_hash(build_dag(storefront())) == serialised_hash(build_dags_from_file(file)["mcop.storefront"])


def test_a_destruction_runs_in_reverse_order():
    """What is deployed last is destroyed first; before all that, what the manifest does not have any more."""
    dag = build_destroy_dag(storefront())

    assert dag.dag_id == "mcop.storefront.destroy"
    assert upstream(dag, "preview") == {"admit"}
    assert upstream(dag, "approve") == {"preview"}
    assert upstream(dag, "remove") == {"approve"}
    assert upstream(dag, "application.web.destroy_app") == {"remove"}
    assert upstream(dag, "platform.network.destroy_vpc") == {
        "platform.network.destroy_gateway",
        "platform.network.destroy_subnets",
    }


def test_a_file_holds_both_dags_and_a_task_builds_its_own(tmp_path):
    """The destruction is a DAG of its own, so that it can be permitted separately."""
    file = tmp_path / "storefront.json"
    file.write_bytes(storefront().to_json())

    assert set(build_dags_from_file(file)) == {"mcop.storefront", "mcop.storefront.destroy"}
    assert set(build_dags_from_file(file, "mcop.storefront.destroy")) == {"mcop.storefront.destroy"}


def test_what_was_removed_is_destroyed_last(dag):
    """After everything else was applied: nothing refers to it any more. A failure anywhere keeps it from running."""
    assert upstream(dag, "remove") == {task for task in dag.task_ids if ".apply_" in task}


def test_a_long_chain_is_built():
    """A thousand steps in a chain make a DAG; nothing recurses by step."""
    steps = [step("w.p.s0"), *(step(f"w.p.s{number}", f"w.p.s{number - 1}") for number in range(1, 1000))]

    assert len(build_dag(plan_of(workflow("w", group("w.p", *steps)))).task_ids) == 2004


def test_a_dag_brings_the_permissions_of_its_namespace(monkeypatch, tmp_path):
    """The access rules are read where the DAG is built; without any Airflow's own hold."""
    rules = tmp_path / "access.toml"
    rules.write_text('[shop]\noperators = ["execute"]\n')
    plan = plan_of(workflow("w", group("w.p", step("w.p.a"))))
    assert build_dag(plan).access_control is None

    monkeypatch.setenv("MCOP_ACCESS", str(rules))
    can = {
        dag.dag_id: dag.access_control["operators"]["DAG Runs"] for dag in (build_dag(plan), build_destroy_dag(plan))
    }
    assert can == {
        "mcop.storefront": {"can_read", "can_create"},
        "mcop.storefront.destroy": {"can_read"},
    }

    rules.unlink()
    with pytest.raises(InvalidInput, match="access rules"):
        build_dag(plan)
