"""The same values through Jenkins: in a Jenkinsfile, in a job's configuration, and back out of a build."""

import re

import pytest

from mcop_core.engines.base import RenderRequest
from mcop_core.errors import InvalidDocuments, InvalidName
from tests.contracts.engine import ADDRESS
from tests.core.engines.jenkins.controllers import FILES, World
from tests.core.hostile.tables import cases, each
from tests.fakes.groovy_literals import decode, early
from tests.fakes.jenkins_server import TOKEN, USERNAME, running_jenkins


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with running_jenkins() as jenkins:
        made = World(tmp_path_factory.mktemp("jenkins"), jenkins, jenkins.url, USERNAME, TOKEN)
        yield made
        made.close()


@pytest.fixture(scope="module")
def interface(world):
    return world.engine.describe(FILES)


def rendered(world, interface, value) -> str:
    backend = {"type": "local", "path": "/tmp/states"}
    request = RenderRequest(ADDRESS, FILES, interface, {"value": value}, world.settings, {}, backend)
    return world.engine.render(request).files["Jenkinsfile"].decode()


@each("values")
def test_a_value_is_refused_or_stands_there_as_it_is(case, world, interface):
    """In every reading that a version of Groovy has; nothing beside it becomes another text."""
    try:
        text = rendered(world, interface, case.variant)
    except InvalidDocuments as error:
        assert all(fault.path.split(".")[0].split("[")[0] == "value" for fault in error.faults), error
        return
    except InvalidName:  # a forged reference, which the checks of a run refuse before
        return
    (line,) = re.findall(r"^    def value = (.*)$", text, re.MULTILINE)

    for reading in (line, early(line, counts_backslashes=True), early(line, counts_backslashes=False)):
        assert case.variant == decode(reading)
    assert rendered(world, interface, None).replace("null", line, 1) == text


def test_a_build_gives_back_what_it_was_given(world, interface):
    """
    Every value that an output may be comes out of a build as it went in; nothing in it was run.

    Jenkins carries less than Terraform does: no XML holds U+FFFE, and no class file a text of 64 KiB.
    """
    carried = {case.name: case.variant for case in cases("values") if case.says.get("output") == "carried"}
    refused = [name for name, value in carried.items() if is_refused(world, interface, value)]
    given = {name: value for name, value in carried.items() if name not in refused}

    assert given == world.apply(given).outputs["result"]
    assert len(refused) < 5 < 200 < len(given)


def is_refused(world, interface, value) -> bool:
    try:
        rendered(world, interface, value)
    except InvalidDocuments:
        return True
    return False
