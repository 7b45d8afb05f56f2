"""What is deployed, as the artifact store keeps it."""

from dataclasses import replace

import pytest

from mcop_core.artifacts.local import LocalStore
from mcop_core.deployments import Deployment, Deployments, deployed_manifests, executed_together, reverse_order
from mcop_core.errors import InvalidName


def deployment(step, *after):
    return Deployment(step, "a" * 64, "p" * 64, {"size": "m"}, after, "mcop.shop/run1", "2026-01-01T00:00:00+00:00")


@pytest.fixture
def deployments(tmp_path):
    (tmp_path / "store").mkdir()
    return Deployments(LocalStore(tmp_path / "store"), "team", "shop")


def test_a_component_is_known_until_it_was_destroyed(deployments):
    """Applied again, the newer record counts."""
    assert deployments.get("w.p.a") is None
    deployments.put(deployment("w.p.a"))
    deployments.put(deployment("w.p.a", "w.p.b"))
    assert deployments.get("w.p.a") == deployment("w.p.a", "w.p.b")
    assert deployments.steps() == ("w.p.a",)
    deployments.forget("w.p.a")
    assert deployments.steps() == ()


def test_manifests_do_not_see_each_other(deployments, tmp_path):
    """Also where one's name begins with the other's."""
    deployments.put(deployment("w.p.a"))
    assert Deployments(LocalStore(tmp_path / "store"), "team", "sho").steps() == ()
    assert Deployments(LocalStore(tmp_path / "store"), "team", "shop2").steps() == ()
    with pytest.raises(InvalidName):
        Deployments(LocalStore(tmp_path / "store"), "team", "../other")


def test_deployments_of_one_execution_belong_together():
    """Those with the same plan and overrides; the newest ones are last."""
    old, new = deployment("w.p.a"), replace(deployment("w.p.b"), overrides={}, at="2026-01-02T00:00:00+00:00")
    other = replace(deployment("w.p.c"), at="2026-01-01T12:00:00+00:00")

    assert executed_together({one.step: one for one in (new, other, old)}) == ((old, other), (new,))


def test_everything_that_is_deployed_is_known(deployments, tmp_path):
    """By namespace and manifest."""
    store = LocalStore(tmp_path / "store")
    assert deployed_manifests(store) == ()
    deployments.put(deployment("w.p.a"))
    deployments.put(deployment("w.p.b"))
    Deployments(store, "other", "shop").put(deployment("w.p.a"))
    assert deployed_manifests(store) == (("other", "shop"), ("team", "shop"))
    assert set(deployments.all()) == {"w.p.a", "w.p.b"}


def test_what_depends_on_others_is_destroyed_before_them():
    """Steps that are not deployed order nothing; a circle, of several versions of a manifest, loses none."""
    found = {one.step: one for one in (deployment("a"), deployment("b", "a", "gone"), deployment("c", "b"))}
    assert [one.step for one in reverse_order(found)] == ["c", "b", "a"]
    knot = {one.step: one for one in (deployment("x", "y"), deployment("y", "x"), deployment("z"))}
    assert sorted(one.step for one in reverse_order(knot)) == ["x", "y", "z"]
