"""Deployed manifests looked at together, with real Terraform and states in a folder."""

import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import pytest

from mcop_core.bootstrap import open_engine, open_workspace
from mcop_core.catalog.models import Adapter
from mcop_core.compiler.resolution import needed_outputs
from mcop_core.compiler.snapshot import load_plan, load_snapshot, plan_key
from mcop_core.deployments import Deployment, Deployments
from mcop_core.drift import detect
from mcop_core.drift.detect import Watch, batched, detect_drift
from mcop_core.errors import EngineFailed, NotFound, StoredObjectMissing
from mcop_core.rendering import render_step
from mcop_core.settings import Settings
from tests.core.engines.terraform.operations import Recorder
from tests.plugins.small_catalog import SmallCatalog, filled

SHOP, CAFE = ("team", "shop"), ("team", "cafe")


class Watched:
    """A small catalog whose manifests are deployed without Airflow, and looked at."""

    def __init__(self, catalog: SmallCatalog) -> None:
        self.catalog, self.settings, self.report = catalog, catalog.settings, Recorder()
        self.open_engine = partial(open_engine, settings=self.settings)

    @property
    def snapshot(self):
        return self.catalog.repository.head().snapshot

    def note(self, name, **overrides):
        """Note every component of a manifest as deployed; return the plan."""
        digest = load_snapshot(self.catalog.store, self.snapshot).manifests[name[1]].plan
        plan, now = load_plan(self.catalog.store, digest), datetime.now(UTC).isoformat()
        for step in plan.steps:
            one = Deployment(step.id, "0" * 64, digest, overrides, step.after, f"mcop.{name[1]}/one", now)
            Deployments(self.catalog.store, *name).put(one)
        return plan

    def deploy(self, name):
        plan, outputs = self.note(name), {}
        with self._workspace() as workspace:
            for step in plan.steps:
                wanted = {ref: outputs[ref] for ref in needed_outputs(plan, step.id, {})}
                engine, cache = self.open_engine(step.engine), workspace.directory
                render = partial(render_step, plan, step.id, engine, self.catalog.store, cache, overrides={})
                done = engine.apply(render(outputs=wanted), workspace, self.report)
                outputs |= {ref: done.outputs[ref.output] for ref in self._read_by_others(plan, step)}

    def _read_by_others(self, plan, step):
        refs = {ref for other in plan.steps for ref in needed_outputs(plan, other.id, {})}
        return [ref for ref in refs if str(ref.step) == step.id]

    def lose(self, name, element):
        """Take the one resource out of the state of an element."""
        path = self.catalog.states.joinpath(*name, "platform", "pair", f"{element}.tfstate")
        path.write_text(json.dumps({**json.loads(path.read_text()), "resources": [], "serial": 9}))

    def look(self, *names):
        self.report = Recorder()
        with self._workspace() as workspace:
            cache = workspace.directory / "templates"
            watch = Watch(self.catalog.store, self.snapshot, self.open_engine, cache, workspace, self.report)
            return detect_drift(names, watch)

    def _workspace(self):
        return open_workspace(self.settings, os.environ, "test", cancelled=lambda: False)


@pytest.fixture
def watched(tmp_path):
    for name in ("states", "store"):
        (tmp_path / name).mkdir()
    settings = Settings(
        artifact_store=f"file://{tmp_path}/store",
        cache_dir=str(tmp_path / "cache"),
        exemptions=str(tmp_path / "exemptions.toml"),
    )
    return Watched(filled(settings, tmp_path / "states"))


def planned(report):
    return [facts["what"] for event, facts in report.records if event == "planning"]


@pytest.mark.terraform
def test_manifests_with_the_same_components_are_planned_as_one(watched):
    """What takes an output takes that of its own manifest, and each finding is in the manifest that it is about."""
    for name in (SHOP, CAFE):
        watched.deploy(name)
    quiet = watched.look(SHOP, CAFE)
    assert planned(watched.report) == ["4 components as one"]
    assert [(one.findings, one.components, one.is_clean) for one in quiet.values()] == [((), 2, True)] * 2

    watched.lose(CAFE, "second")
    found = watched.look(SHOP, CAFE)
    assert found[SHOP].findings == ()
    assert [(one.step, one.change.action) for one in found[CAFE].findings] == [("platform.pair.second", "create")]
    assert found[CAFE].findings == watched.look(CAFE)[CAFE].findings


@pytest.mark.terraform
def test_what_cannot_be_looked_at_keeps_nothing_else_from_it(watched):
    """A manifest whose plan is lost, and one that is gone, are told as such."""
    watched.deploy(SHOP)
    watched.deploy(CAFE)
    plan = Deployments(watched.catalog.store, *CAFE).get("platform.pair.first").plan
    watched.catalog.store.delete(plan_key(plan))

    found = watched.look(SHOP, CAFE, ("team", "gone"))

    assert found[SHOP].is_clean
    assert isinstance(found[CAFE], StoredObjectMissing) and plan in str(found[CAFE])
    assert isinstance(found["team", "gone"], NotFound)


@pytest.mark.terraform
def test_what_no_plan_can_be_made_of_is_not_planned_again_one_by_one(watched, tmp_path):
    """The engine's error is that of every manifest."""
    watched.note(SHOP)
    watched.note(CAFE)
    calls = tmp_path / "calls"
    binary = tmp_path / "terraform"
    binary.write_text(f'#!/bin/sh\necho "$1" >> {calls}\necho no >&2\nexit 1\n')
    binary.chmod(0o755)
    watched.open_engine = partial(open_engine, settings=replace(watched.settings, terraform=str(binary)))

    found = watched.look(SHOP, CAFE)
    many = calls.read_text().count("\n")
    calls.unlink()
    alone = watched.look(SHOP)

    assert all(isinstance(one, EngineFailed) for one in (*found.values(), *alone.values()))
    assert many <= 3 * calls.read_text().count("\n")


def test_those_whose_providers_are_configured_alike_are_batched(watched, monkeypatch):
    """As far as a batch has room; one of which nothing can be told is by itself."""
    watched.catalog.publish(watched.catalog.manifest("bar"))
    names = [("team", name) for name in ("bar", "cafe", "shop")]
    for name in names:
        watched.note(name)
    assert batched(names, watched.catalog.store) == (tuple(names),)

    monkeypatch.setattr(detect, "AT_MOST", 5)
    assert batched(names, watched.catalog.store) == (tuple(names[:2]), (names[2],))

    monkeypatch.setattr(detect, "AT_MOST", 1)
    assert batched(names, watched.catalog.store) == tuple((name,) for name in names)

    monkeypatch.undo()
    lost = Deployments(watched.catalog.store, "team", "cafe").get("platform.pair.first").plan
    watched.catalog.store.delete(plan_key(lost))
    assert batched(names, watched.catalog.store) == ((names[0], names[2]), (names[1],))


def test_providers_that_are_configured_otherwise_are_apart(watched):
    """Each configuration is a process of the provider, so that others have nothing to share."""
    catalog = watched.catalog
    provider = {"provider": "local", "primitive_type": "terraform"}
    settings = {"source": "hashicorp/aws", "configuration": {"region": "${region}"}}
    catalog.publish(
        Adapter(name="local-terraform", version="2.0.0", engine="terraform", settings=settings, **provider),
        *(catalog.manifest(name, region=region) for name, region in (("a", "eu-1"), ("b", "eu-1"), ("c", "us-1"))),
    )
    names = [("team", name) for name in ("a", "b", "c")]
    for name in names:
        watched.note(name)
    assert batched(names, catalog.store) == ((names[0], names[1]), (names[2],))
