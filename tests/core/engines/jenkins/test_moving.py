"""A component with another id: its state moves, then its job; nothing is built again."""

import pytest

from mcop_core.engines.state import StateAddress, read_outputs
from mcop_core.engines.values import SensitivePointer
from mcop_core.errors import EngineFailed, StateConflict, StoredObjectMissing
from tests.contracts.engine import ADDRESS
from tests.core.engines.jenkins.controllers import FOLDER, HIDDEN, World
from tests.core.engines.terraform.operations import Recorder
from tests.fakes.jenkins_server import TOKEN, USERNAME, running_jenkins

ELSEWHERE = [(*ADDRESS[:4], "other"), (*ADDRESS[:3], "lan", "thing"), (*ADDRESS[:2], "top", "lan", "other")]


@pytest.fixture
def world(tmp_path):
    with running_jenkins() as jenkins:
        made = World(tmp_path, jenkins, jenkins.url, USERNAME, TOKEN)
        yield made
        made.close()


def move(world, origin, target, report=None) -> None:
    world.engine.move(origin, target, world.workspace(), report or Recorder())


@pytest.mark.parametrize("address", ELSEWHERE, ids=lambda address: ".".join(address[2:]))
def test_state_job_and_builds_move(world, address):
    """The job keeps its builds; its old folders are gone; outputs, sensitive ones too, are found from both ids."""
    before = world.apply()
    origin, target = world.render(), world.render(address=address)
    was = SensitivePointer.read(before.outputs["hidden"])
    preview = world.engine.preview(
        [world.component(address, moved_from={"base.net.thing": origin})], world.workspace(), Recorder()
    )[0]
    move(world, origin, target)
    result = world.engine.apply(target, world.workspace(), Recorder(), lambda planned: hold(planned, preview))

    assert "base.net.thing" == preview.moved_from
    assert ["jenkins_job.this"] == [one.address for one in preview.resources]
    assert [f"{FOLDER}/{'/'.join(address)}"] == world.jenkins.jobs()
    assert 1 == len(world.jenkins.builds_of(world.jenkins.jobs()[0]))
    assert (1, 0) == (result.outputs["result"], result.added)
    assert HIDDEN == read_outputs(lambda url: world.store, StateAddress.parse(was.state))["hidden"]
    assert ADDRESS[2] == address[2] or f"{FOLDER}/{'/'.join(ADDRESS[:3])}" not in world.jenkins.items


def hold(planned, approved) -> None:
    from mcop_core.engines.refine import hold_to

    hold_to([approved], planned)


def test_what_was_never_applied_does_not_move(world):
    """And nothing is left of the attempt."""
    move(world, world.render(), world.render(address=ELSEWHERE[0]))

    with pytest.raises(StoredObjectMissing):
        world.engine.outputs(world.render(address=ELSEWHERE[0]), lambda url: world.store)


def test_two_states_do_not_become_one(world):
    """Nothing is moved."""
    world.apply()
    world.apply(address=ELSEWHERE[0])
    with pytest.raises(StateConflict, match="nothing was moved"):
        move(world, world.render(), world.render(address=ELSEWHERE[0]))

    assert 2 == len(world.jenkins.jobs())


@pytest.mark.parametrize("is_theirs", [False, True])
def test_a_job_that_was_left_between_two_places_is_found(world, is_theirs):
    """Moved into the folder, and not renamed yet; one that is another component's is left alone."""
    world.apply()
    origin, target = world.render(), world.render(address=ELSEWHERE[2])
    folder = f"{FOLDER}/{'/'.join(ELSEWHERE[2][:4])}"
    world.apply(address=(*ELSEWHERE[2][:4], "thing" if is_theirs else "sibling"))
    if not is_theirs:
        world.controller.relocate(world.job, folder)
    move(world, origin, target)
    if is_theirs:
        with pytest.raises(EngineFailed, match="answers 400"):
            world.engine.apply(target, world.workspace(), Recorder())
        return
    world.engine.apply(target, world.workspace(), Recorder())

    assert [f"{folder}/other", f"{folder}/sibling"] == world.jenkins.jobs()
    assert 1 == len(world.jenkins.builds_of(f"{folder}/other"))


@pytest.mark.parametrize("write", [1, 2, 3])
def test_cut_off_and_called_again_it_goes_on(world, write):
    """Between any two of its writes."""

    class Died(BaseException):
        pass

    def act(event: str, facts: dict) -> None:
        pushed.extend([event] if event == "state_pushed" else [])
        if len(pushed) == write:
            raise Died

    world.apply()
    pushed: list[str] = []
    origin, target = world.render(), world.render(address=ELSEWHERE[2])
    with pytest.raises(Died):
        move(world, origin, target, Recorder(act))
    move(world, origin, target)
    result = world.engine.apply(target, world.workspace(), Recorder())

    assert (1, 0) == (result.outputs["result"], result.added)
    assert [f"{FOLDER}/{'/'.join(ELSEWHERE[2])}"] == world.jenkins.jobs()
