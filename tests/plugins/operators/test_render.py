import json
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowFailException

from mcop_airflow.operators.render import RenderPrimitiveOperator
from mcop_core.compiler.snapshot import load_plan, load_snapshot
from mcop_core.engines.artifact import artifact_key
from mcop_core.executions import naming
from mcop_core.hand_over import HandOver


class Task:
    """The XComs around one render task: what earlier steps left, and what it leaves."""

    run_id = "one"

    def __init__(self, **outputs):
        self.outputs, self.pushed = outputs, {}

    def xcom_pull(self, task_ids, *, key, map_indexes=None):
        return self.outputs.get(key) if task_ids == "platform.pair.apply_first" else None

    def xcom_push(self, key, value):
        self.pushed[key] = value


@pytest.fixture
def render(catalog, environment):
    """Render a step of `shop`; return the files that lie in the store under the digest that the task left."""
    snapshot = load_snapshot(catalog.store, catalog.repository.head().snapshot)
    plan = load_plan(catalog.store, snapshot.manifests["shop"].plan)
    steps = {step.id: step for step in plan.steps}

    def run(step, task=None, **conf):
        task = task or Task()
        operator = RenderPrimitiveOperator(task_id="render", plan=plan, step=steps[step])
        HandOver(catalog.store, operator.dag_id, task.run_id).applied("platform.pair.first", task.outputs)
        operator.execute.__wrapped__(operator, {"ti": task, "dag_run": SimpleNamespace(conf=conf, clear_number=0)})
        digest = task.pushed[naming.ARTIFACT_KEY]
        return json.loads(catalog.store.get(artifact_key(digest)).data)["files"]

    return run


def values(files):
    return json.loads(files["terraform.tfvars.json"]["text"])


def test_an_artifact_lies_in_the_store(render):
    """The files are stored under the digest that is left in XCom, values in one file of their own."""
    assert values(render("platform.pair.first")) == {"name": "one", "tags": ["a", "b"]}


def test_outputs_of_earlier_steps_are_filled_in(render):
    """A reference becomes the value that the earlier step left, with its type."""
    files = render("platform.pair.second", Task(name="vpc-1", tags=["x", "y"]))

    assert values(files) == {"name": "after-vpc-1", "tags": ["x", "y"]}


def test_overrides_are_filled_in(render):
    """The run's conf goes on top of the plan."""
    assert values(render("platform.pair.first", base="two"))["name"] == "two"


def test_a_missing_output_fails_at_once(render):
    """A step that refers to what was not applied in this run is not rendered, and says what is missing."""
    with pytest.raises(AirflowFailException, match=r"platform\.pair\.first left no output 'name'"):
        render("platform.pair.second")


def test_the_same_values_give_the_same_artifact(render):
    """Rendered twice, the task leaves the same digest and nothing new is stored."""
    first, second = Task(), Task()
    render("platform.pair.first", first)
    render("platform.pair.first", second)

    assert first.pushed == second.pushed
