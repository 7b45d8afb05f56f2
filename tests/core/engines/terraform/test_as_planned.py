"""What a gate let pass and changes nothing is not applied: Terraform works once, and all is as if it had twice."""

import json

import pytest

from mcop_core.engines.terraform import work_copy
from mcop_core.errors import Deviates
from tests.core.engines.terraform.operations import Bench, Recorder, artifact

pytestmark = pytest.mark.terraform


def module(value="first", shown="as it was", reads=None):
    """A resource and two outputs; *reads* is the state that a data source reads, and puts out nothing of."""
    data = {"terraform_remote_state": {"other": {"backend": "local", "config": {"path": str(reads)}}}}
    return {
        **({"data": data} if reads else {}),
        "resource": {"terraform_data": {"one": {"input": value}}},
        "output": {"value": {"value": "${terraform_data.one.output}"}, "shown": {"value": shown}},
    }


class Gated(Bench):
    """Applies through a gate that lets everything pass; `seen` is what it saw."""

    def __init__(self, folder):
        super().__init__(folder)
        self.seen = []
        self.read = folder / "read.tfstate"
        self.write("a")

    def write(self, value):
        """Have the state that a data source reads say *value*."""
        outputs = {"value": {"value": value, "type": "string"}}
        said = {"version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "l", "outputs": outputs}
        self.read.write_text(json.dumps({**said, "resources": []}))

    def run(self, root):
        """Return what came of applying *root*, and whether Terraform was started to apply."""
        report = Recorder()
        rendered = artifact(self.url, root, outputs=("value", "shown"))
        done = self.apply(rendered, report, self.seen.append)
        if "opentofu" in done.versions:
            pytest.skip("OpenTofu's plan files are not read")
        return done, "terraform_started" in report.events


@pytest.fixture
def bench(tmp_path):
    return Gated(tmp_path)


@pytest.mark.parametrize("has_data", [False, True], ids=["a resource", "a data source, too"])
def test_what_is_as_planned_is_left_as_it_is(bench, has_data):
    """The same outputs, no change, the same state in the store, and nothing in the workspace."""
    root = module(reads=bench.read if has_data else None)
    first, _ = bench.run(root)
    before, stored = bench.state(), bench.stored()
    again, was_applied = bench.run(root)

    assert not was_applied
    assert (again.outputs, again.versions) == (first.outputs, first.versions)
    assert (again.added, again.changed, again.destroyed, again.resources) == (0, 0, 0, ())
    assert (bench.state(), bench.stored()) == (before, stored)
    assert not (bench.workspace().directory / work_copy.BASE_FILE).exists()
    assert len(bench.seen) == 2


def test_what_was_left_can_be_changed_next(bench):
    """Lease and lock are free, and the workspace is as after an apply."""
    for value, applied in (("first", True), ("first", False), ("second", True)):
        assert bench.run(module(value))[1] is applied
    assert bench.state()["outputs"]["value"]["value"] == "second"


CHANGES = {
    "a resource": lambda bench: module("second", reads=bench.read),
    "an output alone": lambda bench: module(shown="otherwise", reads=bench.read),
    "a data source that is gone": lambda bench: module(),
    "what a data source reads": lambda bench: bench.write("b") or module(reads=bench.read),
}


@pytest.mark.parametrize("changed", CHANGES.values(), ids=CHANGES)
def test_what_changes_the_cloud_or_the_state_is_applied(bench, changed):
    """Also where no resource changes: the state says afterwards what Terraform alone would have it say."""
    bench.run(module(reads=bench.read))
    before, root = bench.state(), changed(bench)
    _, was_applied = bench.run(root)
    after = bench.state()
    _, again = bench.run(root)

    assert was_applied and not again
    assert after != before
    assert ("data" in root) == any(one["mode"] == "data" for one in after["resources"])


def test_a_first_apply_writes_a_state_even_of_nothing(bench):
    """Whoever looks for the component finds that it was applied."""
    _, was_applied = bench.run({"output": {"value": {"value": None}, "shown": {"value": None}}})

    assert was_applied


def test_a_gate_refuses_what_changes_nothing_too(bench):
    """Policies may forbid what is there."""
    bench.run(module())

    def refuse(planned):
        raise Deviates("no", changes={})

    with pytest.raises(Deviates):
        bench.apply(artifact(bench.url, module(), outputs=("value", "shown")), Recorder(), refuse)
    assert not bench.run(module())[1]
