"""What an apply would do while values are open, or cannot be had."""

import pytest

from mcop_core.engines.changes import Mode
from mcop_core.engines.refine import hold_to
from mcop_core.engines.values import SealedText, SensitivePointer
from mcop_core.errors import Cancelled, Deviates
from mcop_core.refs import OutputRef, StepRef
from tests.core.engines.jenkins.controllers import World
from tests.core.engines.terraform.operations import Recorder
from tests.fakes.jenkins_server import TOKEN, USERNAME, running_jenkins

REF = OutputRef(StepRef("base", "net", "vpc"), "id")


@pytest.fixture
def world(tmp_path):
    with running_jenkins() as jenkins:
        made = World(tmp_path, jenkins, jenkins.url, USERNAME, TOKEN)
        yield made
        made.close()


@pytest.mark.parametrize("value", [REF, {"a": [REF]}, {REF: 1}, SealedText(("x-", REF))])
def test_an_open_value_leaves_the_jenkinsfile_open(world, value):
    """Job and build are shown; the apply may fill it in, the first time and later."""
    for number in (1, 2):
        approved = world.preview(value)
        world.apply(number, gate=lambda planned, approved=approved: hold_to([approved], planned))

        assert ["jenkins_job.this", "jenkins_build.this"] == [one.address for one in approved.resources]
        assert {"jenkinsfile", "sha256", "digest"} <= {
            one.path for change in approved.resources for one in change.attributes if one.is_unknown
        }
        assert {"result", "hidden"} == {one.name for one in approved.outputs if one.is_unknown}


def test_a_known_output_closes_it(world):
    """In text as by itself."""
    world.apply("x-vpc-1")

    assert () == world.preview(SealedText(("x-", REF)), {REF: "vpc-1"}).resources
    assert () == world.preview(REF, {REF: "x-vpc-1"}).resources


def test_a_sensitive_output_cannot_be_carried(world):
    """Deferred, with the reason."""
    found = world.preview(REF, {REF: SensitivePointer("file:///x#shop/shop-test/a/b/c.tfstate", "p").to_json()})

    assert Mode.DEFERRED is found.mode
    assert "its value is sensitive" in found.reason


def test_another_value_than_was_approved_is_stopped(world):
    """Before the job is touched."""
    approved = world.preview("a")
    with pytest.raises(Deviates, match="other values were approved for jenkinsfile"):
        world.apply("b", gate=lambda planned: hold_to([approved], planned))

    assert [] == world.jenkins.jobs()


def test_a_preview_can_be_cancelled(world):
    """Between two components."""
    world.cancel()
    with pytest.raises(Cancelled):
        world.preview()


def test_settings_that_cannot_be_defer(world):
    """Also while values are open."""
    world.url = "http://ci.example.org"
    world.allows_http = False
    for value in (1, REF):
        assert "in clear" in world.preview(value).reason


def test_one_that_cannot_be_told_leaves_the_others(world):
    """Each for itself."""
    good, bad = (
        world.component(("shop", "shop-test", "a", "b", "c")),
        world.component(("shop", "shop-test", "a", "b", "d")),
    )
    bad.request.inputs["nonsense"] = 1
    found = world.engine.preview([bad, good], world.workspace(), Recorder())

    assert [Mode.DEFERRED, Mode.ALONE] == [one.mode for one in found]
