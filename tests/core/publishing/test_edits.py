"""Activation, standing and upgrade move the catalog with its snapshot."""

import pytest

from mcop_core.catalog.repository import Standing
from mcop_core.compiler.snapshot import load_plan, load_snapshot
from mcop_core.errors import InvalidInput, ObjectNotFound
from mcop_core.publishing import activate, plan_upgrade, publish_folder, set_standing, upgrade
from mcop_core.refs import Kind, ObjectRef


def plan_of(repository, store):
    return load_plan(store, load_snapshot(store, repository.head().snapshot).manifests["shop"].plan)


@pytest.fixture
def published(folder, repository, store, engines):
    """Shop 1.0.0 and 1.1.0 (active), thing 1.0.0."""
    publish_folder(folder.path, repository, store, engines)
    folder.write("manifest.yaml", (folder.path / "manifest.yaml").read_text().replace("1.0.0", "1.1.0", 1))
    publish_folder(folder.path, repository, store, engines)
    return folder


def test_activating_an_older_version_changes_the_plan(published, repository, store):
    """The DAG runs the active version; a rollback is an activation."""
    activate(repository, store, "shop", "1.0.0")

    assert "manifest#shop@1.0.0" == plan_of(repository, store).manifest


def test_an_unknown_version_is_not_activated(published, repository, store):
    """The known versions are told."""
    with pytest.raises(ObjectNotFound, match=r"1\.1\.0"):
        activate(repository, store, "shop", "9.9.9")


def test_a_revoked_manifest_is_not_activated(published, repository, store):
    """A revocation refuses new runs, so it refuses to become what runs."""
    ref = ObjectRef(Kind.MANIFEST, "shop", "1.0.0")
    set_standing(repository, store, ref, Standing.REVOKED, "wrong region")

    with pytest.raises(InvalidInput, match="wrong region"):
        activate(repository, store, "shop", "1.0.0")


def test_an_upgrade_shows_and_then_pins_the_newest(published, repository, store, engines):
    """`plan_upgrade` changes nothing; `upgrade` moves the pins, and the plan with them."""
    published.add_thing("1.2.0")
    publish_folder(published.path, repository, store, engines)

    planned = plan_upgrade(repository, "shop")
    before = plan_of(repository, store)
    upgrade(repository, store, planned)

    assert (("primitive#thing@~> 1.0", "1.0.0", "1.2.0"),) == planned.changes
    assert {"primitive#thing@1.0.0"} == {step.primitive for step in before.steps}
    assert {"primitive#thing@1.2.0"} == {step.primitive for step in plan_of(repository, store).steps}


def test_an_upgrade_does_not_choose_a_revoked_version(published, repository, store, engines):
    """The newest allowed version that still may be used is chosen."""
    for version in ("1.2.0", "1.3.0"):
        published.add_thing(version)
    publish_folder(published.path, repository, store, engines)
    set_standing(repository, store, ObjectRef(Kind.PRIMITIVE, "thing", "1.3.0"), Standing.REVOKED, "leaks")

    assert (("primitive#thing@~> 1.0", "1.0.0", "1.2.0"),) == plan_upgrade(repository, "shop").changes
