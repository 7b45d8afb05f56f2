"""A manifest of two engines: each takes outputs of the other's components, in a preview as in an apply."""

import os
import re
import shutil
from pathlib import Path

import pytest

from mcop_core.artifacts.local import LocalStore
from mcop_core.bootstrap import open_store
from mcop_core.catalog.memory import MemoryRepository
from mcop_core.compiler.resolution import needed_outputs
from mcop_core.compiler.snapshot import load_plan, load_snapshot
from mcop_core.deployments import Deployment, Deployments
from mcop_core.engines.changes import Mode
from mcop_core.engines.jenkins.engine import JenkinsEngine
from mcop_core.engines.terraform.engine import TerraformEngine
from mcop_core.engines.workspace import Workspace
from mcop_core.previewing import preview_deployed, preview_plan
from mcop_core.publishing import publish_folder
from mcop_core.rendering import render_step
from mcop_core.settings import Settings
from tests.core.engines.jenkins.controllers import SWIFT
from tests.core.engines.terraform.operations import Recorder
from tests.fakes.jenkins_server import TOKEN, running_jenkins

CATALOG = """
{kind: adapter, name: local, version: 1.0.0, provider: local, primitive_type: terraform, engine: terraform}
---
kind: adapter
name: ci
version: 1.0.0
provider: local
primitive_type: jenkins
engine: jenkins
settings:
  configuration: {url: URL, username: mcop}
  credentials: {token: "secret://env/JENKINS"}
---
{kind: primitive, name: thing, version: 1.0.0, provider: local, primitive_type: terraform, source: templates/thing}
---
{kind: primitive, name: release, version: 1.0.0, provider: local, primitive_type: jenkins, source: templates/release}
---
kind: pattern
name: things
version: 1.0.0
provider: local
primitive_type: terraform
parameters: {name: {type: string}}
elements: {thing: {primitive: thing, version: 1.0.0, inputs: {name: "${name}"}}}
---
kind: pattern
name: delivery
version: 1.0.0
provider: local
primitive_type: jenkins
parameters: {target: {type: string}}
elements: {release: {primitive: release, version: 1.0.0, inputs: {target: "to ${target}"}}}
---
kind: workflow
name: deploy
version: 1.0.0
patterns:
  things: {pattern: things, version: 1.0.0, inputs: {name: "${name}"}}
  delivery: {pattern: delivery, version: 1.0.0, inputs: {target: "${things.thing.made}"}}
backend: {type: local, path: STATES}
---
kind: manifest
name: shop
version: 1.0.0
namespace: team
configuration: {name: a}
workflows: {deploy: {workflow: deploy, version: 1.0.0}}
"""
MODULE = """
variable "name" { type = string }
resource "terraform_data" "this" { input = var.name }
output "made" { value = "${terraform_data.this.id}-${terraform_data.this.output}" }
"""
JENKINSFILE = "node {\n    echo {{ target }}\n}\n"
INTERFACE = "inputs:\n  target: {type: string}\noutputs:\n  build: {type: number, from: {build: number}}\n"
THING, RELEASE = "deploy.things.thing", "deploy.delivery.release"

TWO_TOOLS = CATALOG.replace("name: ci\n", "name: tofu\n").replace("primitive_type: jenkins", "primitive_type: tofu")
TWO_TOOLS = re.sub(
    "engine: jenkins\nsettings:\n.*?---",
    "engine: terraform\nsettings: {tool: opentofu}\n---",
    TWO_TOOLS,
    flags=re.DOTALL,
)
TWO_TOOLS = TWO_TOOLS.replace("source: templates/release", "source: templates/thing").replace(
    '{target: "to', '{name: "to'
)
"""The same with OpenTofu in the place of Jenkins."""


class Site:
    """The manifest, published and compiled; both engines, and what they deploy."""

    def __init__(self, folder: Path, url: str, catalog: str = CATALOG, **settings: str) -> None:
        self.folder, self.store = folder, LocalStore(folder / "store")
        settings = Settings(cache_dir=str(folder / "cache"), **settings)
        self.engines = {"terraform": TerraformEngine(settings), "jenkins": JenkinsEngine(settings, SWIFT)}
        catalog = catalog.replace("URL", url).replace("STATES", str(folder / "states"))
        files = {
            "catalog.yaml": catalog,
            "templates/thing/main.tf": MODULE,
            "templates/release/Jenkinsfile": JENKINSFILE,
            "templates/release/interface.yaml": INTERFACE,
        }
        for name, text in files.items():
            path = folder / "catalog" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        repository = MemoryRepository()
        publish_folder(folder / "catalog", repository, self.store, self.engine)
        snapshot = load_snapshot(self.store, repository.head().snapshot)
        self.plan = load_plan(self.store, snapshot.manifests["shop"].plan)
        self.count = 0

    def engine(self, name: str):
        return self.engines[name]

    def workspace(self) -> Workspace:
        self.count += 1
        directory = self.folder / f"run{self.count}"
        directory.mkdir()
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
        return Workspace(
            directory,
            open_store,
            environment,
            lambda: False,
            "mcop.shop manual",
            read_secrets=lambda namespace, refs: dict.fromkeys(refs, TOKEN),
        )

    def deploy(self, **overrides) -> dict[str, dict]:
        """Apply both, and note it, as the tasks of an execution do."""
        done: dict[str, dict] = {}
        for step in self.plan.steps:
            refs = needed_outputs(self.plan, step.id, overrides)
            outputs = {ref: done[str(ref.step)][ref.output] for ref in refs}
            engine = self.engine(step.engine)
            how = {"overrides": overrides, "outputs": outputs}
            artifact = render_step(self.plan, step.id, engine, self.store, self.folder / "cache", **how)
            self.store.put(artifact.key, artifact.to_json())
            after = tuple(str(ref.step) for ref in refs)
            noted = Deployment(
                step.id, artifact.digest, self.plan.digest, overrides, after, "run", "2026-01-01T00:00:00+00:00"
            )
            Deployments.of(self.plan, self.store).put(noted)
            done[step.id] = dict(engine.apply(artifact, self.workspace(), Recorder()).outputs)
        return done

    def preview(self, **overrides):
        cache = self.folder / "cache"
        found = preview_plan(
            self.plan, self.engine, self.store, cache, self.workspace(), Recorder(), overrides=overrides
        )
        return {one.step: one for one in found.components}

    def drift(self):
        deployed = Deployments.of(self.plan, self.store).all()
        name, cache = ("team", "shop"), self.folder / "cache"
        found = preview_deployed({name: deployed}, self.engine, self.store, cache, self.workspace(), Recorder())
        return {one.step: one for one in found[name]}


@pytest.fixture
def site(tmp_path):
    with running_jenkins() as jenkins:
        site = Site(tmp_path, jenkins.url)
        site.jenkins = jenkins
        yield site


@pytest.mark.terraform
def test_what_another_engine_will_make_is_open(site):
    """The Jenkinsfile is known after Terraform's apply; both are shown."""
    found = site.preview()

    assert [Mode.MERGED, Mode.ALONE] == [found[step].mode for step in (THING, RELEASE)]
    assert {"jenkinsfile", "sha256", "digest"} == {
        one.path for change in found[RELEASE].resources for one in change.attributes if one.is_unknown
    }


@pytest.mark.terraform
def test_what_another_engine_does_not_change_is_known(site):
    """Deployed, nothing is to be done and nothing has drifted; a changed name opens it again."""
    made = site.deploy()

    assert f"to {made[THING]['made']}" in site.jenkins.console_of("team/shop/deploy/delivery/release")
    assert {THING: (), RELEASE: ()} == {step: one.resources for step, one in site.preview().items()}
    assert {THING: (), RELEASE: ()} == {step: one.resources for step, one in site.drift().items()}
    assert ["update", "update"] == [one.action for one in site.preview(name="b")[RELEASE].resources]


@pytest.mark.terraform
def test_a_job_that_was_changed_by_hand_has_drifted(site):
    """It alone."""
    site.deploy()
    item = site.jenkins.items["team/shop/deploy/delivery/release"]
    item.config = item.config.replace("node {", "node { evil()")
    found = site.drift()

    assert () == found[THING].resources
    assert ["changed"] == [one.drift for one in found[RELEASE].resources]


@pytest.mark.terraform
def test_each_tool_previews_its_own_and_is_told_what_the_other_says(tmp_path):
    """Two adapters, two programs: none reads what the other wrote down, and outputs go from one to the other."""
    called, note = tmp_path / "tofu", tmp_path / "note"
    real = shutil.which("terraform")
    says = f'[ "$1" = version ] && echo OpenTofu v1.12.6 && exit\necho "$*" >> {note}\nexec {real} "$@"'
    called.write_text(f"#!/bin/sh\n{says}\n")
    called.chmod(0o755)
    site = Site(tmp_path, "", TWO_TOOLS, opentofu=str(called))

    first = site.preview()
    assert [Mode.MERGED, Mode.DEFERRED] == [first[step].mode for step in (THING, RELEASE)]
    assert not note.exists()

    made = site.deploy()
    assert made[RELEASE]["made"].endswith(f"to {made[THING]['made']}")
    assert {THING: (), RELEASE: ()} == {step: one.resources for step, one in site.preview().items()}
    assert {THING: (), RELEASE: ()} == {step: one.resources for step, one in site.drift().items()}
    assert "apply -input=false" in note.read_text()
