"""A component with another name: it keeps its state and its resources, forwards and back."""

import json

import pytest

from mcop_core.catalog.models import Manifest, Pattern, Workflow
from mcop_core.deployments import Deployment, Deployments
from mcop_core.settings import Settings
from tests.plugins.small_catalog import blocks, filled
from tests.plugins.test_destruction import Destroyer

pytestmark = pytest.mark.terraform

OLD, NEW = "platform.pair.first", "platform.pair.prime"


class Renamer(Destroyer):
    """Publishes manifests whose component `first` is called `prime` from version 2.0.0 on."""

    def publish_blocks(self):
        """Publish what the versions with `prime` are made of, which those before do not see."""
        inputs = {
            "prime": {"name": "${base}", "tags": "${labels}"},
            "second": {"name": "after-${prime.name}", "tags": "${prime.tags}"},
        }
        elements = {key: {"primitive": "thing", "version": "~> 1.0", "inputs": given} for key, given in inputs.items()}
        (pair,) = (one for one in blocks() if isinstance(one, Pattern))
        (platform,) = (one for one in blocks() if isinstance(one, Workflow))
        renamed = {"name": "renamed", "version": "1.0.0"}
        self.catalog.publish(
            Pattern.model_validate({**pair.model_dump(), **renamed, "elements": elements}),
            Workflow.model_validate(
                {**platform.model_dump(), **renamed, "patterns": {"pair": {"pattern": "renamed", "version": "1.0.0"}}}
            ),
        )

    def publish_renamed(self, name, approval="always"):
        document = self.catalog.manifest(name, "2.0.0").document()
        workflows = {"platform": {"workflow": "renamed", "version": "1.0.0"}}
        moved = [{"from": OLD, "to": NEW}]
        self.catalog.publish(
            Manifest.model_validate({**document, "workflows": workflows, "moved": moved, "approval": approval})
        )

    def ids(self, name):
        """Return element -> the ids of its resources, for what has any."""
        found = {}
        for path in (self.catalog.states / f"team/{name}").rglob("*.tfstate"):
            ids = [i["attributes"]["id"] for r in json.loads(path.read_text())["resources"] for i in r["instances"]]
            found |= {path.stem: ids} if ids else {}
        return found


@pytest.fixture(scope="module")
def renamer(scheduling, tmp_path_factory):
    folder = tmp_path_factory.mktemp("renamed")
    with pytest.MonkeyPatch.context() as patch:
        settings = Settings(
            artifact_store=f"file://{folder}/store", work_dir=str(folder / "runs"), cache_dir=str(folder / "cache")
        )
        for name, value in settings.to_environment().items():
            patch.setenv(name, value)
        made = Renamer(filled(settings, folder / "states"), scheduling)
        made.publish_blocks()
        yield made


def test_a_renamed_component_keeps_its_resources_forwards_and_back(renamer, capsys):
    """What comes with the new name is approved as a change; the version before, activated again, is the name before."""
    renamer.publish("renamed")
    renamer.start("renamed", "one")
    assert renamer.answer("renamed", "one", "Approve")[0] == "success"
    before = renamer.ids("renamed")
    renamer.publish_renamed("renamed")

    renamer.start("renamed", "two", conf={"labels": ["c"]})
    asked = renamer.question("renamed", "two")
    assert "0 to add, 2 to change, 0 to replace, 0 to destroy, in 2 components, 1 moved" in asked.subject
    assert f"{NEW}, moved from {OLD}" in asked.body
    run, tasks = renamer.answer("renamed", "two", "Approve")
    assert (run, tasks["remove"]) == ("success", "skipped")
    assert renamer.ids("renamed") == {"prime": before["first"], "second": before["second"]}
    assert renamer.deployed("renamed") == (NEW, "platform.pair.second")

    renamer.catalog.activate("renamed", "1.0.0")
    renamer.start("renamed", "three")
    assert renamer.question("renamed", "three").subject.startswith("manifest#renamed@1.0.0: Preview: 0 to add, 2 to ch")
    assert renamer.answer("renamed", "three", "Approve")[0] == "success"
    assert renamer.ids("renamed") == before
    recorded = Deployments(renamer.catalog.store, "team", "renamed").get(OLD)
    assert (recorded.execution, recorded.plan) == ("mcop.renamed/three", renamer.plan("renamed").digest)
    assert renamer.deployed("renamed") == (OLD, "platform.pair.second")


def test_a_destruction_finds_what_is_deployed_under_the_old_name(renamer):
    """Renamed in the manifest, and never executed since: destroyed in its place, after what depends on it."""
    renamer.publish("leaving", approval="never")
    renamer.deploy("leaving", run_id="one")
    renamer.publish_renamed("leaving", approval="never")
    run, tasks = renamer.destroy("leaving", "d1")
    assert (run, tasks["platform.pair.destroy_prime"]) == ("success", "success")
    assert (renamer.ids("leaving"), renamer.deployed("leaving")) == ({}, ())


def test_what_is_half_moved_is_not_lost(renamer):
    """Where both ids are deployed, the step that takes the other over is no reason to destroy either."""
    renamer.publish_renamed("half", approval="never")
    plan, deployments = renamer.plan("half"), Deployments(renamer.catalog.store, "team", "half")
    for step, moved_from in ((OLD, ()), (NEW, (OLD,)), ("platform.pair.gone", ())):
        deployments.put(Deployment(step, "a" * 64, "p" * 64, {}, (), "run", "2026-01-01T00:00:00+00:00", moved_from))

    assert [one.step for one in deployments.removed(plan)] == ["platform.pair.gone"]
    assert {step: [one.step for one in origins] for step, origins in deployments.origins(plan).items()} == {NEW: [OLD]}
