import pytest

from mcop_airflow.xcom import pull_outputs, pull_summary, push_outputs
from mcop_core.errors import NotFound
from mcop_core.executions import naming
from mcop_core.refs import OutputRef, StepRef
from mcop_core.runner.request import Outcome, RunResult

VPC = StepRef("platform", "network", "vpc")
POINTER = {"mcop_sensitive": {"state": "s3://bucket/key", "output": "token"}}


class Run:
    """The XComs of a run, as one task instance reads and writes them: a dictionary."""

    def __init__(self, task):
        self.task, self.values = task, {}

    def xcom_push(self, key, value):
        self.values[self.task, key] = value

    def xcom_pull(self, task_ids, *, key, map_indexes=None):
        return self.values.get((task_ids, key))


@pytest.fixture
def applied():
    """A run whose vpc was applied."""
    run = Run(naming.task_id(VPC, naming.StepTask.APPLY))
    outputs = {"id": "vpc-1", "zones": ["a", "b"], "size": 3, "nothing": None, "token": POINTER}
    push_outputs(run, RunResult(Outcome.SUCCEEDED, outputs, 2, 1, versions={"terraform": "1.9.8"}))
    return run


@pytest.mark.parametrize(
    ("name", "value"), [("id", "vpc-1"), ("zones", ["a", "b"]), ("size", 3), ("nothing", None), ("token", POINTER)]
)
def test_an_output_keeps_its_type(applied, name, value):
    """What one task pushes another pulls, lists, numbers, null and pointers too."""
    ref = OutputRef(VPC, name)

    assert pull_outputs(applied, [ref]) == {ref: value}


def test_an_output_that_is_not_there_is_told_from_null(applied):
    """A missing output raises and names those that are there; a null one is a value."""
    with pytest.raises(NotFound, match=r"no output 'ids' in this run\. It left: id, nothing, size, token, zones"):
        pull_outputs(applied, [OutputRef(VPC, "ids")])


def test_a_step_that_was_not_applied_left_nothing(applied):
    """A step that did not run in this run has no summary, and its outputs raise."""
    other = StepRef("platform", "network", "subnets")

    assert pull_summary(applied, other) == {}
    with pytest.raises(NotFound, match="It left: none"):
        pull_outputs(applied, [OutputRef(other, "id")])


def test_the_summary_says_what_was_done(applied):
    """Counts, names of outputs and versions stand beside the outputs, under a key that no output can have."""
    counts = {"added": 2, "changed": 1, "destroyed": 0}
    wanted = {"outputs": ["id", "nothing", "size", "token", "zones"], "versions": {"terraform": "1.9.8"}}

    assert pull_summary(applied, VPC) == counts | wanted
    assert "." in naming.RESULT_KEY
