"""What is not to be there any more: destroyed as a whole, and where a manifest lost a component."""

import json

import pytest

from mcop_airflow.dag_factory import build_destroy_dag
from mcop_core.catalog.models import Pattern
from mcop_core.deployments import Deployments
from mcop_core.executions import naming
from mcop_core.hand_over import HandOver
from tests.plugins.small_catalog import LOCAL, MODULE, filled
from tests.plugins.test_approval import Asker

pytestmark = pytest.mark.terraform

PROTECTED = MODULE + 'resource "terraform_data" "kept" {\n  lifecycle { prevent_destroy = true }\n}\n'


class Destroyer(Asker):
    """Destroys manifests, and publishes versions of the pattern `pair` with other elements."""

    def destroy(self, name, run_id, rounds=20, **conf):
        plan = self.plan(name)
        stored = self.scheduling.store_plan(plan, destroys=True)
        return self.scheduling.run(
            stored, self.files(plan), run_id=run_id, rounds=rounds, conf={"confirm": name, **conf}
        )

    def files(self, plan):
        dag = build_destroy_dag(plan)
        dag.task_dict[naming.ADMIT_TASK_ID].open_catalog = lambda settings: self.catalog.repository
        return dag

    def answer_destruction(self, name, run_id, option):
        plan = self.plan(name)
        self.scheduling.answer(f"mcop.{name}.destroy", run_id, "approve", option, "boss")
        return self.scheduling.follow(
            self.scheduling.store_plan(plan, destroys=True), self.files(plan), run_id, rounds=20
        )

    def pair(self, version, *elements):
        """Publish a version of the pattern that has these of the elements `first`, `second` and `third`."""
        inputs = {
            "first": {"name": "${base}"},
            "second": {"name": "after-${first.name}"} if "first" in elements else {"name": "alone"},
            "third": {"name": "third", "tags": "${labels}"},
        }
        made = {name: {"primitive": "thing", "version": "~> 1.0", "inputs": inputs[name]} for name in elements}
        parameters = {"base": {"type": "string", "default": "one"}, "labels": {"type": "list(string)", "default": []}}
        used = {name: one for name, one in parameters.items() if name in str(inputs[elements[0]]) + str(made)}
        self.catalog.publish(Pattern(name="pair", version=version, parameters=used, elements=made, **LOCAL))

    def resources(self, name):
        """Return element -> how many resources its state holds."""
        paths = (self.catalog.states / f"team/{name}").rglob("*.tfstate")
        return {path.stem: len(json.loads(path.read_text())["resources"]) for path in paths}

    def deployed(self, name):
        return Deployments(self.catalog.store, "team", name).steps()


@pytest.fixture
def destroyer(scheduling, environment, tmp_path):
    return Destroyer(filled(environment, tmp_path / "states"), scheduling)


def test_everything_is_destroyed_in_reverse_order(destroyer):
    """The states are empty, the records tell what was destroyed, and a second destruction finds nothing."""
    destroyer.publish("gone", approval="never")
    destroyer.deploy("gone", run_id="one")
    assert destroyer.deployed("gone") == ("platform.pair.first", "platform.pair.second")

    run, tasks = destroyer.destroy("gone", "d1")
    rendered = destroyer.xcoms("one", "mcop.gone")["platform.pair.render_first", naming.ARTIFACT_KEY]

    assert (run, tasks["platform.pair.destroy_first"]) == ("success", "success")
    left = destroyer.xcoms("d1", "mcop.gone.destroy")
    assert left["platform.pair.destroy_first", naming.ARTIFACT_KEY] == rendered
    assert destroyer.resources("gone") == {"first": 0, "second": 0}
    assert destroyer.deployed("gone") == ()
    assert destroyer.destroy("gone", "d2")[0] == "success"


def test_the_name_must_be_typed(destroyer):
    """Airflow refuses another when the run is triggered."""
    from airflow.sdk.exceptions import ParamValidationError

    destroyer.publish("typed", approval="never")
    with pytest.raises(ParamValidationError, match="confirm"):
        destroyer.destroy("typed", "d1", confirm="type")


def test_a_destruction_takes_no_overrides(destroyer):
    """Admit ends it before anything is looked at."""
    destroyer.publish("plain", approval="never")
    run, tasks = destroyer.destroy("plain", "d1", base="two")
    assert (run, tasks["admit"], tasks["remove"]) == ("failed", "failed", "upstream_failed")


def test_a_destruction_is_approved_where_the_manifest_asks_for_it(destroyer):
    """Asked with everything that would go; rejected, everything stays."""
    destroyer.publish("asked")
    destroyer.start("asked", "one")
    destroyer.answer("asked", "one", "Approve")
    run, tasks = destroyer.destroy("asked", "d1")
    assert (run, tasks["approve"]) == ("running", "awaiting_input")
    asked = destroyer.scheduling.question("mcop.asked.destroy", "d1", "approve")
    assert "0 to add, 0 to change, 0 to replace, 2 to destroy" in asked.subject

    assert destroyer.answer_destruction("asked", "d1", "Reject")[0] == "failed"
    assert destroyer.resources("asked") == {"first": 1, "second": 1}
    destroyer.destroy("asked", "d2")
    assert destroyer.answer_destruction("asked", "d2", "Approve")[0] == "success"
    assert destroyer.resources("asked") == {"first": 0, "second": 0}


def test_what_is_protected_is_refused_before_anything_is_destroyed(destroyer, capsys):
    """Terraform's own protection, told by Terraform in the preview."""
    destroyer.catalog.publish(destroyer.catalog.primitive("1.0.1", PROTECTED))
    destroyer.publish("kept", approval="never")
    destroyer.deploy("kept", run_id="one")
    run, tasks = destroyer.destroy("kept", "d1")
    assert (run, tasks["preview"], tasks["platform.pair.destroy_second"]) == ("failed", "failed", "upstream_failed")
    assert "prevent_destroy" in capsys.readouterr().out
    assert destroyer.resources("kept") == {"first": 2, "second": 2}


def test_a_destruction_can_only_be_previewed(destroyer):
    """What would go is told, and stays."""
    destroyer.publish("looked", approval="never")
    destroyer.deploy("looked", run_id="one")
    run, tasks = destroyer.destroy("looked", "d1", action="preview")
    assert (run, tasks["approve"], tasks["platform.pair.destroy_first"]) == ("success", "skipped", "skipped")
    assert destroyer.resources("looked") == {"first": 1, "second": 1}


def test_a_component_that_the_manifest_lost_is_destroyed(destroyer):
    """With the files it was deployed with, after everything else was applied; the preview says so."""
    destroyer.pair("1.1.0", "first", "second", "third")
    destroyer.publish("smaller")
    destroyer.start("smaller", "one", conf={"labels": ["a"]})
    destroyer.answer("smaller", "one", "Approve")
    assert destroyer.resources("smaller") == {"first": 1, "second": 1, "third": 1}
    destroyer.pair("1.2.0", "second")
    destroyer.publish("smaller", "1.1.0")

    run, tasks = destroyer.start("smaller", "two")
    assert (run, tasks["approve"]) == ("running", "awaiting_input")
    assert "0 to add, 1 to change, 0 to replace, 2 to destroy" in destroyer.question("smaller", "two").subject
    run, tasks = destroyer.answer("smaller", "two", "Approve")

    assert (run, tasks["remove"]) == ("success", "success")
    assert destroyer.resources("smaller") == {"first": 0, "second": 1, "third": 0}
    assert destroyer.deployed("smaller") == ("platform.pair.second",)
    removed = HandOver(destroyer.catalog.store, "mcop.smaller", "two").all_removed()
    assert [(one.step, one.destroyed) for one in removed] == [("platform.pair.first", 1), ("platform.pair.third", 1)]


def test_a_lost_component_that_deviates_is_asked_about_alone(destroyer):
    """A resource that the preview did not show is not destroyed unasked; what was approved goes, one by one."""
    destroyer.pair("1.1.0", "first", "second", "third")
    destroyer.publish("odd")
    destroyer.start("odd", "one", conf={"labels": ["a"]})
    destroyer.answer("odd", "one", "Approve")
    destroyer.pair("1.2.0", "second")
    destroyer.publish("odd", "1.1.0")
    destroyer.start("odd", "two")
    state = destroyer.catalog.states / "team/odd/platform/pair/third.tfstate"
    document = json.loads(state.read_text())
    strange = {**document["resources"][0], "name": "strange"}
    document |= {"serial": document["serial"] + 1, "resources": [*document["resources"], strange]}
    state.write_text(json.dumps(document))

    run, tasks = destroyer.answer("odd", "two", "Approve")
    assert (run, tasks["remove"]) == ("running", "awaiting_input")
    asked = destroyer.question("odd", "two", "remove")
    assert asked.subject == "platform.pair.third would do what was not approved"
    assert "terraform_data.strange" in asked.body and "terraform_data.this" not in asked.body
    assert destroyer.resources("odd")["third"] == 2

    run, tasks = destroyer.answer("odd", "two", "Approve", task="remove")
    assert (run, tasks["remove"]) == ("success", "success")
    assert destroyer.resources("odd") == {"first": 0, "second": 1, "third": 0}


def test_nothing_is_removed_where_nothing_was_lost(destroyer):
    """The task is left out."""
    destroyer.publish("same", approval="never")
    assert destroyer.deploy("same", run_id="one")[1]["remove"] == "skipped"
