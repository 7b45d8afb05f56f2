"""Apply, destroy and settle on the fake controller: what goes wrong on the way, and what is left then."""

import json
from dataclasses import replace

import pytest

from mcop_core.engines.jenkins.config_xml import JobConfig
from mcop_core.engines.jenkins.engine import JenkinsEngine
from mcop_core.engines.jenkins.following import Following
from mcop_core.engines.jenkins.job_state import JobState, Pending
from mcop_core.engines.state import StateFile
from mcop_core.errors import Cancelled, EngineFailed, Refused, StateConflict, UnknownOutcome, Unreachable
from mcop_core.settings import Settings
from tests.contracts.engine import ADDRESS
from tests.core.engines.jenkins.controllers import FOLDER, SWIFT, World
from tests.core.engines.terraform.operations import Recorder
from tests.core.runner.conftest import Following as Background
from tests.core.runner.conftest import wait_for
from tests.fakes.jenkins_server import TOKEN, USERNAME, running_jenkins
from tests.fault_proxy import Does, proxied

KEY = f"{'/'.join(ADDRESS)}.jenkins.json"
ECHO = "node { \n echo {{ value }}\n}\n"
IMPATIENT = replace(SWIFT, slowest_poll_s=0.05, patience_s=0.2, settle_s=0.1)
VALUE = "inputs:\n  value: {default: null}\n"


@pytest.fixture
def jenkins():
    with running_jenkins() as running:
        yield running


@pytest.fixture
def world(tmp_path, jenkins):
    made = World(tmp_path, jenkins, jenkins.url, USERNAME, TOKEN)
    yield made
    made.close()


@pytest.fixture
def proxy(jenkins):
    with proxied(jenkins.port) as running:
        yield running


@pytest.fixture
def far(tmp_path, jenkins, proxy):
    """A world whose controller is reached through the proxy."""
    made = World(tmp_path, jenkins, proxy.url, USERNAME, TOKEN)
    yield made
    made.close()


# -- the job -------------------------------------------------------------------------------------------


def test_the_job_lies_where_the_component_does(world):
    """Below the adapter's folder; its folders are made, its script is the artifact's, in the sandbox."""
    world.apply("it's")
    config = JobConfig.read(world.jenkins.items[world.job].config, world.job)

    assert [f"{FOLDER}/shop/shop-test/base/net/thing"] == world.jenkins.jobs()
    assert JobConfig(world.render("it's").files["Jenkinsfile"].decode(), KEY) == config


def test_what_is_right_is_not_posted_again(world):
    """Neither the configuration nor a build, though Jenkins writes it in its own way."""
    world.apply()
    world.jenkins.asked.clear()
    world.apply()

    assert [] == [line for line in world.jenkins.asked if line.startswith("POST")]


def test_a_job_that_is_only_made_is_not_built(world):
    """Where the primitive says so; a build that a person starts is theirs."""
    world.with_files("node { echo 'a' }\n", "build: false\n")
    first, second = world.apply(), world.apply()

    assert (1, 0) == (first.added, second.added)
    assert [] == world.builds


def test_a_job_of_somebody_elses_is_left_alone(world):
    """Whatever its name; nothing is changed or built, and destroying does not delete it."""
    world.apply()
    world.destroy()
    world.controller.create(f"{FOLDER}/shop/shop-test", b"<com.cloudbees.hudson.plugins.folder.Folder/>")
    for path in ("shop-test/base", "shop-test/base/net"):
        world.controller.create(f"{FOLDER}/shop/{path}", b"<com.cloudbees.hudson.plugins.folder.Folder/>")
    world.controller.create(world.job, JobConfig("echo 'mine'", "other/state.jenkins.json").to_xml())

    with pytest.raises(Refused, match=r"belongs to other/state\.jenkins\.json"):
        world.apply()
    assert "DEFERRED" == world.preview().mode.name
    world.controller.update(world.job, b"<flow-definition><description>mine</description></flow-definition>")
    with pytest.raises(Refused, match="was not made by MCOP"):
        world.apply()
    assert [] == world.builds


def test_what_was_changed_by_hand_is_undone(world):
    """It shows as drift; the build need not run again."""
    world.apply()
    config = JobConfig.read(world.controller.config(world.job), world.job)
    changed = config.to_xml().replace(b"echo &#x27;working&#x27;", b"x").replace(b"working", b"sabotaged")
    world.controller.update(world.job, changed.replace(b"<sandbox>true", b"<sandbox>false"))
    (change,) = world.preview().resources
    result = world.apply()

    assert ("update", "changed") == (change.action, change.drift)
    assert {"sandbox", "sha256", "jenkinsfile[3]"} == {one.path for one in change.attributes}
    assert (0, 1, 1) == (result.added, result.changed, len(world.builds))
    assert config == JobConfig.read(world.controller.config(world.job), world.job)


def test_a_job_that_was_deleted_by_hand_is_made_again(world):
    """It shows as drift; what was built stays built."""
    world.apply()
    world.controller.delete(world.job)
    (change,) = world.preview().resources
    world.apply()

    assert ("create", "deleted") == (change.action, change.drift)
    assert ([world.job], []) == (world.jenkins.jobs(), world.builds)
    assert () == world.preview().resources


def test_another_controller_is_refused(world):
    """The job on the first would be left behind."""
    world.apply()
    world.url = world.url.replace("127.0.0.1", "localhost")

    with pytest.raises(Refused, match="Destroy the component with the version of the adapter"):
        world.apply()
    assert "DEFERRED" == world.preview().mode.name


def test_destroying_leaves_what_is_not_of_the_component(world):
    """Folders with something in them, and those that MCOP did not make."""
    world.apply()
    world.controller.create(f"{FOLDER}/shop/shop-test/base/other", JobConfig("echo 'x'", "").to_xml())
    world.destroy()

    assert [f"{FOLDER}/shop/shop-test/base/other"] == world.jenkins.jobs()
    assert f"{FOLDER}/shop/shop-test/base/net" not in world.jenkins.items


def test_a_folder_that_appears_meanwhile_is_taken(far, proxy):
    """Two components of one pattern make it at the same time."""
    proxy.add(Does.DROP_ANSWER, operation="POST", path="createItem", times=6)
    far.apply()

    assert 1 == len(far.builds)


# -- the build -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "result"), [("error 'it broke'", "FAILURE"), ("unstable 'shaky'", "UNSTABLE"), ("error 'x'", "FAILURE")]
)
def test_a_build_that_does_not_succeed_fails_the_step(world, step, result):
    """With its address and the end of its console; the next apply builds again."""
    world.with_files(f"node {{\n echo 'before'\n {step}\n}}\n")
    for number in (1, 2):
        with pytest.raises(EngineFailed) as caught:
            world.apply()
        assert f"build {number} of {world.job} ended with {result}" in str(caught.value)
        assert f"/{number}/" in caught.value.url
        assert f"Finished: {result}" == caught.value.diagnostics[-1]
    assert result == world.state().build.result
    assert [f"build 2 ended with {result}"] == [one.reason for one in world.preview().resources]


def test_the_console_is_in_the_log(world):
    """Line by line, behind a bar, so that no line of a build's can pass for one of MCOP's."""
    report = Recorder()
    world.with_files(ECHO, VALUE)
    world.apply("one\n::group::two\u202e[2J", report)

    assert [("info", "| one"), ("info", "| ::group::two\ufffd[2J")] == [
        one for one in report.lines if one[1].startswith(("| one", "| ::"))
    ]
    assert ("info", "| Finished: SUCCESS") in report.lines


def test_outputs_that_are_not_there_fail_the_step(world):
    """All are told at once, without a value; the next apply builds again."""
    text = "writeFile file: 'a.json', text: '{\"b\": \"secret-text\"}'"
    world.with_files(
        f"node {{\n {text}\n archiveArtifacts artifacts: 'a.json'\n}}\n",
        "outputs:\n  a: {type: number, from: {artifact: a.json, key: b}}\n  b: {from: {artifact: b.json}}\n"
        "  c: {from: {artifact: a.json, key: x}}\n  d: {from: description}\n",
    )
    for _ in range(2):
        with pytest.raises(EngineFailed) as caught:
            world.apply()
    told = str(caught.value)

    assert "secret-text" not in told
    for part in ("output a: its value is not of the type number", "output b: the build has not left the artifact b"):
        assert part in told
    for part in ("output c: the artifact a.json has no field 'x'", "output d: the build has not left the build's"):
        assert part in told
    assert 2 == len(world.builds)


def test_facts_of_a_build_are_outputs(world):
    """Its number, address and result; numbers stay numbers."""
    world.with_files(
        "node { }\n",
        "outputs:\n  n: {from: {build: number}}\n  u: {from: {build: url}}\n  r: {from: {build: result}}\n",
    )

    assert {"n": 1, "u": world.controller.job_url(world.job, 1), "r": "SUCCESS"} == world.apply().outputs


def test_another_declaration_of_outputs_is_built(world):
    """They are taken from a build that knows of them."""
    world.with_files("node { }\n", "outputs:\n  n: {from: {build: number}}\n")
    world.apply()
    world.with_files("node { }\n", "outputs:\n  m: {from: {build: number}}\n")

    assert {"m": 2} == world.apply().outputs


# -- lost answers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("does", [Does.DROP_REQUEST, Does.DROP_ANSWER, Does.FAIL, Does.DELAY])
def test_a_trigger_that_gets_lost_is_neither_lost_nor_doubled(far, proxy, does, times):
    """Whether the request or its answer is: one build, and the apply succeeds."""
    proxy.add(does, operation="POST", path="buildWithParameters", times=times, delay_s=0.3)
    result = far.apply({"a": 1})

    assert {"a": 1} == result.outputs["result"]
    assert 1 == len(far.builds)
    assert () == far.preview({"a": 1}).resources


def test_a_trigger_that_gets_lost_while_its_build_ends(far, proxy):
    """The queue has forgotten it; the build is found by its parameter."""
    proxy.add(Does.DROP_ANSWER, operation="POST", path="buildWithParameters")
    proxy.add(Does.DELAY, operation="GET", path="queue/api", delay_s=0.3)
    far.jenkins.quiet_s = 0
    far.apply()

    assert 1 == len(far.builds)


@pytest.mark.parametrize("does", [Does.DROP_REQUEST, Does.DROP_ANSWER, Does.FAIL])
@pytest.mark.parametrize(
    "path",
    ["crumbIssuer", "createItem", "config.xml", "queue/item", "api/json", "progressiveText", "artifact/", "doDelete"],
)
def test_any_answer_may_get_lost(far, proxy, does, path):
    """Twice, of each request: apply, change and destroy come to their ends, each with one build."""
    fault = proxy.add(does, path=path, times=2)
    far.apply(1)
    far.apply(2)
    far.destroy()
    proxy.clear()

    assert [] == far.made()
    assert fault.hits


def test_a_late_trigger_is_seen(far, proxy):
    """A request that was thought lost and repeated arrives after all: taken out of the queue, no second build."""
    proxy.add(Does.DROP_REQUEST, operation="POST", path="buildWithParameters")
    far.jenkins.is_held = True
    following = Background(far.apply)
    wait_for(lambda: len(far.builds) == 1 and far.builds[0].is_running)
    far.controller.trigger(far.job, far.builds[0].parameters["MCOP_OPERATION"])
    wait_for(lambda: far.jenkins.queue[-1].is_cancelled)
    far.jenkins.is_held = False

    assert 1 == following.result().outputs["result"]
    assert 1 == len(far.builds)


def test_what_was_run_twice_is_named(world):
    """Whatever did it: nobody need find out alone."""
    world.apply()
    for number in (2, 3):
        world.controller.trigger(world.job, "one operation")
        wait_for(lambda number=number: len(world.builds) == number and not world.builds[-1].is_running)
    pending = Pending("one operation", "", world.job)
    following = Following(
        world.controller, pending, SWIFT, Recorder(), lambda: False, lambda: None, str, was_asked_twice=True
    )
    with pytest.raises(UnknownOutcome, match="twice") as caught:
        following.follow()

    assert caught.value.resources == (world.controller.job_url(world.job, 3),)


def test_a_controller_that_is_away_is_waited_for(world):
    """Before anything is asked, in the queue, while it builds: a restart loses sessions, not builds."""
    world.jenkins.is_held = world.jenkins.is_away = True
    report = Recorder()
    following = Background(lambda: world.apply(report=report))
    wait_for(lambda: "does not answer (503)" in report.text)
    world.jenkins.is_away = False
    wait_for(lambda: bool(world.builds))
    for _ in range(2):
        world.jenkins.is_away = True
        world.jenkins.restart()
        wait_for(lambda: report.lines[-1][0] == "warning")
        world.jenkins.is_away = False
        wait_for(lambda: world.jenkins.asked[-1].endswith("progressiveText"))
    world.jenkins.is_held = False

    assert 1 == following.result().outputs["result"]
    assert 1 == len(world.builds)


def test_a_controller_that_stays_away_ends_the_step(world):
    """Nothing was asked for, so nothing is in doubt; the next one finds nothing and begins."""
    world.engine = JenkinsEngine(Settings(), IMPATIENT)
    world.jenkins.is_away = True
    report = Recorder()
    with pytest.raises(Unreachable, match="does not answer"):
        world.apply(report=report)
    world.jenkins.is_away = False
    world.apply()

    assert "in_doubt" not in report.events
    assert 1 == len(world.builds)


def test_a_controller_that_goes_away_for_good_while_it_builds(world):
    """The build is named as in doubt; the next attempt goes on with it and finds its outcome."""
    world.engine = JenkinsEngine(Settings(), IMPATIENT)
    world.jenkins.is_held = True
    report = Recorder()
    following = Background(lambda: world.apply(report=report))
    wait_for(lambda: world.is_at_work() or bool(world.builds))
    wait_for(lambda: "Build 1 runs" in report.text)
    world.jenkins.is_away = True
    with pytest.raises(Unreachable):
        following.result()
    pending = world.state().pending
    world.jenkins.is_away = world.jenkins.is_held = False

    assert [pending.operation in json.dumps(facts) for event, facts in report.records if event == "in_doubt"] == [True]
    assert 1 == world.apply().outputs["result"]
    assert (1, None) == (len(world.builds), world.state().pending)


def test_whether_it_was_queued_may_stay_unknown(far, proxy):
    """The answer gets lost, and then the controller: named, and looked for first by the next one."""
    far.engine = JenkinsEngine(Settings(), IMPATIENT)
    proxy.add(Does.DROP_ANSWER, operation="POST", path="buildWithParameters")
    proxy.add(Does.FAIL, operation="GET", path="queue/api", times=None)
    report = Recorder()
    with pytest.raises(UnknownOutcome, match="cannot be told") as caught:
        far.apply(report=report)
    proxy.clear()

    assert far.state().pending.operation in caught.value.resources[0]
    assert "in_doubt" in report.events
    assert 1 == far.apply().outputs["result"]
    assert 1 == len(far.builds)


def test_a_login_that_does_not_hold(world):
    """Told in words; the token is in no message."""
    world.token = "wrong-" + "x" * 20
    with pytest.raises(Refused, match="does not know mcop by this token") as caught:
        world.apply()
    assert world.token not in str(caught.value)
    assert [] == world.jenkins.jobs()


@pytest.mark.parametrize(("status", "kind"), [(403, Refused), (418, EngineFailed), (302, EngineFailed)])
def test_an_answer_that_is_not_expected(world, status, kind):
    """With Jenkins' own word for it, and nothing of its page."""
    world.jenkins.refuses["createItem"] = (status, "mcop is missing the Job/Create permission")
    with pytest.raises(kind):
        world.apply()
    assert [] == world.jenkins.jobs()


def test_a_build_that_is_deleted_while_it_is_followed(world):
    """What it did cannot be told; the next attempt builds anew only once that was said."""
    world.jenkins.is_held = True
    report = Recorder()
    following = Background(lambda: world.apply(report=report))
    wait_for(lambda: "Build 1 runs" in report.text)
    del world.builds[0]
    with pytest.raises(UnknownOutcome, match="was deleted"):
        following.result()


# -- what a predecessor left ---------------------------------------------------------------------------


class Died(BaseException):
    """The end of a process, as far as its own code can tell."""


def dies_at(event: str) -> Recorder:
    def act(name: str, facts: dict) -> None:
        if name == event:
            raise Died

    return Recorder(act)


@pytest.mark.parametrize("is_done", [False, True], ids=["it runs", "it has ended"])
def test_a_build_that_outlives_its_process_is_followed_on(world, is_done):
    """It is found by its parameter, and its outcome is the apply's; no second one."""
    world.jenkins.is_held = True
    with pytest.raises(Died):
        world.apply(report=dies_at("resource_started"))
    world.controller.trigger(world.job, world.state().pending.operation)  # what the dead one had just asked for
    wait_for(lambda: bool(world.builds))
    world.jenkins.is_held = False
    if is_done:
        wait_for(lambda: not world.builds[0].is_running)
        world.jenkins.forget_queue()
    result = world.apply()

    assert (1, 1) == (len(world.builds), result.outputs["result"])
    assert "jenkins_build" in [one["type"] for one in result.resources]


def test_what_a_dead_process_never_asked_for_is_asked_for(world):
    """Its note is all there is of it."""
    with pytest.raises(Died):
        world.apply(report=dies_at("resource_started"))
    assert world.state().pending
    world.apply()

    assert (1, None) == (len(world.builds), world.state().pending)


def test_what_a_dead_process_asked_for_may_come_late(world):
    """After it was looked for: it has the name of what was asked for instead, and is taken out of the queue."""
    with pytest.raises(Died):
        world.apply(report=dies_at("resource_started"))
    operation = world.state().pending.operation
    world.jenkins.is_held = True
    following = Background(lambda: world.apply(2))
    wait_for(lambda: len(world.builds) == 1)
    world.controller.trigger(world.job, operation)
    wait_for(lambda: world.jenkins.queue[-1].is_cancelled)
    world.jenkins.is_held = False

    assert 2 == following.result().outputs["result"]
    assert [{"MCOP_OPERATION": operation}] == [build.parameters for build in world.builds]


def test_what_was_never_asked_for_is_forgotten_where_nothing_is_to_be_built(world):
    """The version before is deployed again."""
    world.apply(1)
    with pytest.raises(Died):
        world.apply(2, dies_at("resource_started"))
    world.apply(1)

    assert (1, None) == (len(world.builds), world.state().pending)


@pytest.mark.parametrize("is_good", [True, False])
def test_an_older_build_is_waited_for_and_not_taken_for_this_one(world, is_good):
    """Two builds of a component never work beside each other; that the older one fails is told, and no error."""
    world.with_files("node {\n {% if value == 1 %}error 'old'{% endif %}\n echo {{ value }}\n}\n", VALUE)
    world.jenkins.is_held = True
    with pytest.raises(Died):
        world.apply(3 if is_good else 1, dies_at("resource_started"))
    world.controller.trigger(world.job, world.state().pending.operation)
    wait_for(lambda: bool(world.builds))
    world.jenkins.is_held = False
    report = Recorder()
    world.apply(2, report)

    assert ["SUCCESS" if is_good else "FAILURE", "SUCCESS"] == [build.result for build in world.builds]
    assert is_good == ("of an earlier version" not in report.text)
    assert 2 == world.state().build.number


def test_a_job_that_was_made_by_a_dead_process_is_known(world):
    """Cut off between the job and the state's next version."""
    with pytest.raises(Died):
        world.apply(report=dies_at("state_pushed"))
    world.apply()

    assert 1 == len(world.builds)


@pytest.mark.parametrize("was_asked", [True, False])
def test_settling_begins_nothing(world, was_asked):
    """A build that was asked for is followed to its end; what was not is forgotten. Settled twice, nothing happens."""
    world.jenkins.is_held = True
    with pytest.raises(Died):
        world.apply(report=dies_at("resource_started"))
    if was_asked:
        world.controller.trigger(world.job, world.state().pending.operation)
        wait_for(lambda: bool(world.builds))
    world.jenkins.is_held = False
    first, second = (world.engine.settle("apply", world.render(), world.workspace(), Recorder()) for _ in range(2))

    assert was_asked == (first is not None)
    assert not was_asked or 1 == first.outputs["result"]
    assert (None, None) == (second, world.state().pending)
    assert int(was_asked) == len(world.builds)


def test_settling_a_destruction(world):
    """Came to its end or not; what it had not begun is not begun."""
    world.apply()
    settle = lambda: world.engine.settle("destroy", world.render(), world.workspace(), Recorder())  # noqa: E731
    before = settle()
    world.destroy()
    after = settle()

    assert (None, 1) == (before, after.destroyed)


# -- cancelled -----------------------------------------------------------------------------------------


def test_cancelled_in_the_queue(world):
    """Taken out of it: never built; the next apply builds."""
    world.jenkins.quiet_s = 60
    report = Recorder()
    following = Background(lambda: world.apply(report=report))
    wait_for(lambda: "Waiting in the queue" in report.text)
    world.cancel()
    with pytest.raises(Cancelled):
        following.result()

    assert ([], None) == (world.builds, world.state().pending)
    assert all(entry.is_cancelled for entry in world.jenkins.queue)
    world.is_cancelled, world.jenkins.quiet_s = False, 0
    world.apply()


def test_cancelled_while_it_builds(world):
    """The build is stopped and waited for; what it came to is in the state."""
    world.jenkins.is_held = True
    report = Recorder()
    following = Background(lambda: world.apply(report=report))
    wait_for(lambda: "Build 1 runs" in report.text)
    world.cancel()
    with pytest.raises(Cancelled):
        following.result()

    assert (["ABORTED"], "ABORTED") == ([one.result for one in world.builds], world.state().build.result)
    assert "asking build 1 to stop" in report.text


def test_somebody_takes_it_out_of_the_queue(world):
    """In Jenkins: the step fails and says so."""
    world.jenkins.quiet_s = 60
    following = Background(world.apply)
    wait_for(lambda: bool(world.jenkins.queue))
    world.controller.cancel_item(world.jenkins.queue[0].id)
    with pytest.raises(EngineFailed, match="was taken out of the queue"):
        following.result()

    assert world.state().pending is None


def test_somebody_stops_the_build(world):
    """In Jenkins: the step fails and says so."""
    world.jenkins.is_held = True
    following = Background(world.apply)
    wait_for(lambda: bool(world.builds))
    world.controller.stop(world.job, 1)
    with pytest.raises(EngineFailed, match="ended with ABORTED"):
        following.result()


# -- previews ------------------------------------------------------------------------------------------


def test_a_preview_shows_the_lines_that_change(world):
    """And the build, and which outputs only it will know; those of a job that is made in full."""
    first = world.preview("a")
    world.apply("a")
    job, build = world.preview("b").resources
    outputs = world.preview("b").outputs

    assert ["create", "create"] == [one.action for one in first.resources]
    assert {"jenkinsfile[2]": ("    def value = 'a'", "    def value = 'b'")} == {
        one.path: (one.before, one.after) for one in job.attributes if one.path != "sha256"
    }
    assert ("update", "jenkins_build.this") == (build.action, build.address)
    assert {("hidden", None, True, True), ("result", "a", True, False)} == {
        (one.name, one.before, one.is_unknown, one.is_sensitive) for one in outputs
    }


def test_a_controller_that_cannot_be_asked_defers(world):
    """And says why; nobody approves what was not looked at without knowing."""
    world.jenkins.is_away = True
    found = world.preview()

    assert "DEFERRED" == found.mode.name
    assert "does not answer" in found.reason


def test_a_state_is_of_the_common_format(world):
    """So that a person, and the other engine, can read it; nothing of the token is in it."""
    world.apply()
    data = world.store.get(KEY).data
    file = StateFile.parse(data, KEY)

    assert {"jenkins_job.this": world.job, "jenkins_build.this": "1"} == file.instances()
    assert JobState.read(file).to_file(file).content() == file.content()
    assert TOKEN.encode() not in data
    pending = Pending("operation", "digest", "job")
    assert pending == JobState.read(JobState("https://ci", "job", KEY, "", pending=pending).to_file(None)).pending


def test_a_state_of_anothers_is_not_overwritten(world):
    """It moved while the build ran, which lease and lock forbid: said, and left as it is."""
    world.jenkins.is_held = True
    report = Recorder()
    following = Background(lambda: world.apply(report=report))
    wait_for(lambda: "Build 1 runs" in report.text)
    world.store.put(KEY, world.state().to_file(None).data)
    world.jenkins.is_held = False
    with pytest.raises(StateConflict):
        following.result()
