import itertools

import pytest

from mcop_core.errors import InvalidName
from mcop_core.executions import naming
from mcop_core.executions.naming import StepTask, is_apply_task
from mcop_core.refs import OutputRef, StepRef

NAMES = ["a", "apply_a", "render_a", "apply", "a_b", "a-b", "admit", "preview", "approve", "plan_0", "x" * 63]
STEPS = [StepRef(*parts) for parts in itertools.product(NAMES, repeat=3)]
TASKS = list(itertools.product(STEPS, StepTask))


def test_every_task_id_leads_back_to_its_step():
    """A task id tells its step and which task it is, whatever the names hold."""
    assert [naming.step_task(naming.task_id(step, task)) for step, task in TASKS] == TASKS


def test_no_two_things_of_a_run_share_an_id():
    """Groups, tasks and the run's own tasks have different ids: Airflow keeps them in one namespace."""
    groups = {naming.workflow_group_id(name) for name in NAMES}
    patterns = {naming.pattern_group_id(*pair) for pair in itertools.product(NAMES, repeat=2)}
    tasks = {naming.task_id(step, task) for step, task in TASKS}
    own = {*naming.RESERVED_TASK_IDS, naming.plan_marker("0123456789abcdef" * 4)}

    assert len(NAMES) == len(groups)
    assert len(NAMES) ** 2 == len(patterns)
    assert len(TASKS) == len(tasks)
    assert len(groups | patterns | tasks | own) == sum(map(len, (groups, patterns, tasks, own)))


def test_ids_are_accepted_by_airflow():
    """The longest ids are within Airflow's limit, and of its characters."""
    from airflow.sdk.definitions._internal.node import validate_key

    for step, task in TASKS:
        validate_key(naming.task_id(step, task))
    validate_key(naming.destroy_dag_id("x" * 63))


def test_a_task_that_applies_is_told_from_outside():
    """Core tells the apply tasks by their ids alone."""
    assert [is_apply_task(naming.task_id(step, task)) for step, task in TASKS] == [
        t is StepTask.APPLY for _, t in TASKS
    ]


@pytest.mark.parametrize("text", ["admit", "a.b", "a.b.c", "a.b.delete_c", "a.b.destroy_", ".b.apply_c", "a..apply_c"])
def test_what_is_no_steps_task_is_refused(text):
    """An id of another form raises and says what the form is."""
    with pytest.raises(InvalidName, match=r"workflow\.pattern\.render_element"):
        naming.step_task(text)


def test_an_output_lies_with_its_apply_task():
    """An output's XCom key is its name, under the apply task of its step."""
    source = naming.output_source(OutputRef.parse("platform.network.vpc.vpc_id"))

    assert source == ("platform.network.apply_vpc", "vpc_id")


def test_a_marker_names_the_plan():
    """It carries the beginning of the plan's digest, and is recognised again."""
    marker = naming.plan_marker("3fa9c1d2e4b5a6c7" * 4)

    assert marker == "Plan_3fa9c1d2e4b5a6c7"
    assert naming.is_plan_marker(marker)
    assert not naming.is_plan_marker("plan_3fa9c1d2e4b5a6c7")
