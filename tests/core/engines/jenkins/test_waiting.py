"""A build that takes longer than a slot is worth: left alone, looked at again, told once, and never lost."""

from dataclasses import replace

import pytest

from mcop_core.engines.jenkins.controller_settings import check_settings
from mcop_core.engines.jenkins.following import LATEST_S, SOONEST_S, next_look_s
from mcop_core.engines.jenkins.job_state import JobState
from mcop_core.engines.state import StateFile
from mcop_core.errors import Cancelled, EngineFailed, UnknownOutcome, Waiting
from tests.contracts.engine import to_its_end
from tests.core.engines.jenkins.controllers import World
from tests.core.engines.terraform.operations import Recorder
from tests.core.runner.conftest import wait_for
from tests.fakes.jenkins_server import TOKEN, USERNAME, running_jenkins

TALKS = """\
node {
    echo 'first'
    sleep time: 300, unit: 'MILLISECONDS'
    echo 'second \U0001f980'
    sleep time: 300, unit: 'MILLISECONDS'
    echo 'third'
}
"""
OTHER = "mcop.shop-test other"


@pytest.fixture
def world(tmp_path):
    with running_jenkins() as jenkins:
        made = World(tmp_path, jenkins, jenkins.url, USERNAME, TOKEN)
        made.wait_in_slot_s = 0
        yield made
        made.close()


def look(world, report=None, *, value=1, owner="mcop.shop-test manual"):
    """Apply once; return the `Waiting` that it ended as."""
    with pytest.raises(Waiting) as caught:
        world.engine.apply(world.render(value), world.workspace(owner), report or Recorder())
    return caught.value


def bars(report):
    """The lines of the console that were told."""
    return [line for _, line in report.lines if line.startswith("| ")]


def running(world):
    """Leave a build that runs and is held, as one look does."""
    world.jenkins.is_held = True
    look(world)
    wait_for(lambda: bool(world.builds) and "Started" in world.builds[0].console)


@pytest.mark.parametrize(("waited_s", "pause_s"), [(0, SOONEST_S), (60, 12), (600, 120), (86_400, LATEST_S)])
def test_the_longer_it_takes_the_later_it_is_looked_at(waited_s, pause_s):
    """After a fifth of what it took until now, within bounds."""
    assert pause_s == next_look_s(waited_s)


def test_every_line_of_the_console_is_told_once(world):
    """By however many looks; what was done before the first one counts, and is counted once."""
    world.with_files(TALKS)
    report, looks = Recorder(), []

    def apply():
        looks.append(1)
        return world.apply(report=report)

    result = to_its_end(apply)

    assert len(looks) > 3
    assert world.builds[0].console.splitlines() == [line.removeprefix("| ") for line in bars(report)]
    assert (2, 0, 1) == (result.added, result.changed, len(world.builds))
    assert 1 == report.text.count("asked for a build") + report.text.count("Build 1 runs")


def test_a_line_that_had_not_ended_is_told_whole(world):
    """It is kept from one look to the next."""
    running(world)
    world.builds[0].console += "half of"
    first, second = Recorder(), Recorder()
    look(world, first)
    world.builds[0].console += " a line\n"
    look(world, second)

    assert ("| Started by user mcop", 0) == (bars(first)[0], first.text.count("half of"))
    assert ["| half of a line"] == bars(second)
    assert "console of build 1, continued" in second.text


def test_a_progress_bar_without_an_end_is_told_in_pieces(world):
    """A state does not grow with it."""
    running(world)
    report = Recorder()
    world.builds[0].console += "#" * 5_000
    look(world, report)

    assert ("", "| " + "#" * 5_000) == (world.state().pending.rest, bars(report)[-1])


def test_a_failure_shows_the_last_lines_whoever_told_them(world):
    """Those of earlier looks, too."""
    world.with_files("node {\n echo 'why it fails'\n sleep time: 200, unit: 'MILLISECONDS'\n error 'so'\n}\n")
    with pytest.raises(EngineFailed, match=r"why it fails\n(.*\n)*ERROR: so"):
        to_its_end(world.apply)

    assert ("FAILURE", None) == (world.state().build.result, world.state().pending)


def test_nothing_is_held_between_two_looks(world):
    """Neither lease nor lock; the state says what is waited for, by whom, and how far it is told."""
    running(world)
    look(world)
    pending = world.state().pending

    assert [] == [key for key in world.store.keys("") if key.endswith("lock")]
    assert ("mcop.shop-test manual", 1) == (pending.owner, pending.build)
    assert ["jenkins_job.this"] == [one["address"] for one in pending.done]
    assert pending.told > 0


def test_in_the_queue_it_is_left_alone_too(world):
    """And found there, or as the build that it became."""
    world.jenkins.quiet_s = 60
    assert "stands in the queue" in str(look(world))
    assert world.state().pending.item == world.jenkins.queue[0].id
    world.jenkins.quiet_s = 0
    to_its_end(world.apply)

    assert 1 == len(world.builds)


@pytest.mark.parametrize("is_forgotten", [False, True])
def test_taken_out_of_the_queue_between_two_looks(world, is_forgotten):
    """The step fails, and it is not asked for again behind the back of whoever took it out."""
    world.jenkins.quiet_s = 60
    look(world)
    world.controller.cancel_item(world.jenkins.queue[0].id)
    if is_forgotten:
        world.jenkins.forget_queue()
    with pytest.raises(EngineFailed, match="was taken out of the queue"):
        world.apply()

    assert ([], None) == (world.builds, world.state().pending)


@pytest.mark.parametrize("is_replaced", [False, True])
def test_deleted_between_two_looks(world, is_replaced):
    """Nobody can tell what it did; a build of somebody else's that has its number is not taken for it."""
    running(world)
    look(world)
    world.builds[0].stopped.set()
    item = world.jenkins.items[world.job]
    item.builds = [replace(item.builds[0], parameters={"MCOP_OPERATION": "other"})] if is_replaced else []
    with pytest.raises(UnknownOutcome, match="was deleted"):
        world.apply()

    assert world.state().pending


def test_stopped_between_two_looks_by_somebody(world):
    """In Jenkins: the next look fails and says so."""
    running(world)
    look(world)
    world.controller.stop(world.job, 1)
    with pytest.raises(EngineFailed, match="ended with ABORTED"):
        to_its_end(world.apply)


def test_another_execution_follows_it_to_its_end(world):
    """It answers for it from then on, tells its console from the start, and builds what it wants itself."""
    running(world)
    look(world)
    report = Recorder()
    look(world, report, value=2, owner=OTHER)
    assert (OTHER, "| Started by user mcop") == (world.state().pending.owner, bars(report)[0])
    world.jenkins.is_held = False
    result = to_its_end(lambda: world.engine.apply(world.render(2), world.workspace(OTHER), report))

    assert (2, 2) == (result.outputs["result"], len(world.builds))
    assert not any(one["address"] == "jenkins_job.this" and one["action"] == "create" for one in result.resources)


def test_a_destruction_waits_for_it_too(world):
    """As it does after a crash; then nothing is left."""
    running(world)
    look(world)
    with pytest.raises(Waiting):
        world.destroy()
    world.jenkins.is_held = False
    to_its_end(world.destroy)

    assert [] == world.jenkins.jobs()


def test_a_move_takes_it_along(world):
    """The component's next apply under its other id finds it."""
    running(world)
    look(world)
    target = world.render(1, address=("shop", "shop-test", "base", "net", "other"))
    world.engine.move(world.render(1), target, world.workspace(), Recorder())
    world.jenkins.is_held = False
    result = to_its_end(lambda: world.engine.apply(target, world.workspace(), Recorder()))

    builds = [build for job in world.jenkins.jobs() for build in world.jenkins.builds_of(job)]
    assert (1, 1) == (result.outputs["result"], len(builds))


def test_settling_what_was_cancelled_stops_the_build(world):
    """It is waited for until it has stopped, however long that takes."""
    running(world)
    look(world)
    world.cancel()
    with pytest.raises(Cancelled):
        world.engine.settle("apply", world.render(), world.workspace(), Recorder())

    assert (["ABORTED"], None) == ([one.result for one in world.builds], world.state().pending)


def test_settling_leaves_alone_what_somebody_else_waits_for(world):
    """Another execution's build is that one's."""
    running(world)
    look(world, owner=OTHER)
    world.cancel()

    assert world.engine.settle("apply", world.render(), world.workspace(), Recorder()) is None
    assert world.builds[0].is_running


def test_what_an_older_version_noted_is_followed_too(world):
    """Its state names no one who waits."""
    running(world)
    look(world)
    key = next(key for key in world.store.keys("") if key.endswith(".jenkins.json"))
    document = StateFile.parse(world.store.get(key).data, key).document
    noted = {name: document["mcop_pending"][name] for name in ("operation", "digest", "job")}
    file = StateFile.of({**document, "mcop_pending": noted})
    world.store.put(key, file.data)
    assert "" == JobState.read(file).pending.owner
    world.jenkins.is_held = False

    assert 1 == to_its_end(world.apply).outputs["result"]
    assert 1 == len(world.builds)


def test_a_short_build_is_waited_for(world):
    """Where nobody says otherwise: no look but the first."""
    world.wait_in_slot_s = None

    assert 1 == world.apply().outputs["result"]


@pytest.mark.parametrize("value", [-1, "60", True, 3e6, float("nan")])
def test_how_long_it_may_wait_is_a_number_of_seconds(world, value):
    """Whoever writes anything else is told what is allowed."""
    settings = world.settings
    wrong = settings.model_copy(update={"configuration": {**settings.configuration, "wait_in_slot_s": value}})

    assert [] == check_settings(settings)
    (told,) = check_settings(wrong)
    assert "settings.configuration.wait_in_slot_s is" in told
    assert "seconds between 0 and 2592000" in told


def test_an_artifact_says_nothing_of_it_unless_the_adapter_does(world):
    """What was rendered before there was such a setting is rendered to the same bytes."""
    said = world.render().runtime["controller"]
    world.wait_in_slot_s = None

    assert {**world.render().runtime["controller"], "wait_in_slot_s": 0} == said
