"""A runner that works on Jenkins: killed with kill -9, the next one goes on with the same build."""

import os

import pytest

from mcop_core.catalog.models import AdapterSettings
from mcop_core.engines.base import RenderRequest
from mcop_core.engines.jenkins.engine import JenkinsEngine
from mcop_core.errors import UnknownOutcome
from mcop_core.runner import attach
from mcop_core.runner.folder import OperationFolder
from mcop_core.runner.journal import Journal
from mcop_core.runner.request import Operation, Outcome
from mcop_core.settings import Settings
from tests.contracts.engine import ADDRESS
from tests.core.engines.jenkins.controllers import FILES, HIDDEN
from tests.core.runner.conftest import Following, wait_for
from tests.fakes.jenkins_server import TOKEN, USERNAME, running_jenkins
from tests.fault_proxy import Does, proxied

JOB = "/".join(ADDRESS)


@pytest.fixture
def jenkins():
    with running_jenkins() as running:
        yield running


def render(works, url):
    engine = JenkinsEngine(Settings())
    settings = AdapterSettings(
        configuration={"url": url, "username": USERNAME}, credentials={"token": "secret://env/JENKINS"}
    )
    backend = {"type": "local", "path": str(works.folder / "store")}
    request = RenderRequest(ADDRESS, FILES, engine.describe(FILES), {"value": [1]}, settings, {}, backend)
    return engine.render(request)


def follow(works, request):
    environment = {**os.environ, "MCOP_SECRET_JENKINS": TOKEN}
    return attach.follow(
        request, works.settings, environment, on_line=lambda level, line: works.lines.append(f"{level}: {line}")
    )


def test_a_killed_runner_loses_and_doubles_no_build(works, jenkins):
    """Its follower starts another, which finds the build, follows it on and has its outputs; no secret is left."""
    jenkins.is_held = True
    request = works.request(render(works, jenkins.url))
    following = Following(lambda: follow(works, request))
    wait_for(lambda: any("Build 1 runs" in line for line in works.lines))
    works.kill(request, "runner_started")
    wait_for(lambda: len(works.records(request, "runner_started")) == 2)
    jenkins.is_held = False
    result = following.result()

    assert (Outcome.SUCCEEDED, [1]) == (result.outcome, result.outputs["result"])
    assert "2.528.3" == result.versions["jenkins"]
    assert 1 == len(jenkins.builds_of(JOB))
    left = b"".join(path.read_bytes() for path in works.folder.rglob("*") if path.is_file())
    assert TOKEN.encode() not in left
    assert 1 == left.count(HIDDEN.encode()), "in the state alone"


def test_a_runner_that_is_killed_while_it_asks_for_the_build(works, jenkins):
    """The request arrives when nobody waits for its answer any more: found by its parameter."""
    with proxied(jenkins.port) as proxy:
        fault = proxy.add(Does.DELAY, operation="POST", path="buildWithParameters", delay_s=2)
        request = works.request(render(works, proxy.url))
        following = Following(lambda: follow(works, request))
        wait_for(lambda: fault.hits == 1)
        works.kill(request, "runner_started")
        result = following.result()

    assert Outcome.SUCCEEDED is result.outcome
    assert 1 == len(jenkins.builds_of(JOB))


def test_destroying_in_a_runner(works, jenkins):
    """Job and state are gone; nothing holds a lock."""
    rendered = render(works, jenkins.url)
    follow(works, works.request(rendered))
    result = follow(works, works.request(rendered, operation=Operation.DESTROY, run_key="dag/run/destroy"))

    assert (Outcome.SUCCEEDED, 1) == (result.outcome, result.destroyed)
    assert [] == jenkins.jobs()
    assert [f"{JOB}.jenkins.json"] == works.keys()


def test_a_runner_that_dies_again_and_again_names_its_build(tmp_path):
    """It began something, though no Terraform was started: nobody is told that nothing was."""
    folder = OperationFolder(tmp_path / "operation")
    folder.make()
    with Journal(folder.journal) as journal:
        journal.append("resource_started", address="jenkins_build.this")

    error = attach.died(folder)

    assert (UnknownOutcome, ("jenkins_build.this",)) == (type(error), error.resources)
