"""Values -> a Jenkinsfile, by cases on disk: a template, inputs, and what is expected of them."""

import json
from pathlib import Path

import pytest

from mcop_core.catalog.models import AdapterSettings, Interface
from mcop_core.engines.base import RenderRequest
from mcop_core.engines.jenkins.controller_settings import check_settings
from mcop_core.engines.jenkins.primitive import read_primitive
from mcop_core.engines.jenkins.render import LONGEST_TEXT_BYTES, render
from mcop_core.errors import InvalidDocuments
from tests.contracts.engine import ADDRESS

CASES = Path(__file__).parents[3] / "cases" / "render_jenkins"
SETTINGS = AdapterSettings(
    configuration={"url": "https://ci.example.org/jenkins/", "username": "mcop", "folder": "teams/mcop"},
    credentials={"token": "secret://vault/ci/jenkins#token"},
)
BACKEND = {"type": "s3", "bucket": "state", "region": "us-east-1", "use_lockfile": True}
ECHO = {"Jenkinsfile": b"echo {{ a }}\n", "interface.yaml": b"inputs:\n  a: {}\n"}


def request(files, inputs, settings=SETTINGS) -> RenderRequest:
    return RenderRequest(ADDRESS, files, Interface(), inputs, settings, {}, BACKEND)


def request_of(case: Path) -> RenderRequest:
    files = {path.name: path.read_bytes() for path in (case / "template").iterdir()}
    return request(files, json.loads((case / "inputs.json").read_text()))


@pytest.mark.parametrize("case", sorted(CASES.iterdir()), ids=lambda case: case.name)
def test_a_case_renders_as_expected(case):
    """The Jenkinsfile and what apply needs beside it, or every fault."""
    if (case / "faults.txt").exists():
        with pytest.raises(InvalidDocuments) as caught:
            render(request_of(case))
        assert (case / "faults.txt").read_text().splitlines() == str(caught.value).splitlines()
        return
    artifact = render(request_of(case))

    assert (case / "expected" / "Jenkinsfile").read_text() == artifact.files["Jenkinsfile"].decode()
    assert json.loads((case / "runtime.json").read_text()) == artifact.runtime
    assert ["Jenkinsfile"] == list(artifact.files)


def test_a_case_is_described():
    """Inputs and outputs as the catalog keeps them."""
    files = {path.name: path.read_bytes() for path in (CASES / "release" / "template").iterdir()}
    interface = read_primitive(files).declared.to_interface()

    assert {"service": True, "agent": False, "zones": True, "notify": False} == {
        name: one.required for name, one in interface.inputs.items()
    }
    assert "What is released." == interface.inputs["service"].description
    assert {"url": False, "password": True, "number": False} == {
        name: one.sensitive for name, one in interface.outputs.items()
    }


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "has a file Jenkinsfile"),
        ({"Jenkinsfile": b"echo 'a'\n\xff"}, "Jenkinsfile:2: it is not UTF-8"),
        ({"Jenkinsfile": b"echo 'a'", "interface.yaml": b"\xff"}, "interface.yaml: it is not UTF-8"),
        ({"Jenkinsfile": b"echo 'a'", "interface.yaml": b"[]"}, "interface.yaml:1: it must be a mapping"),
        ({"Jenkinsfile": b"echo 'a'", "interface.yaml": b"a: 1\n---\nb: 1"}, "more than one document"),
        ({"Jenkinsfile": b"echo 'a'", "interface.yaml": b"a: &x 1"}, "interface.yaml:1, a: anchors"),
        (
            {"Jenkinsfile": b"echo 'a'", "interface.yaml": b"build: false\noutputs: {a: {from: {build: url}}}"},
            "interface.yaml:2, outputs: what apply does not build has no outputs",
        ),
    ],
)
def test_files_that_are_no_primitive(files, message):
    """Each is named, with its line."""
    with pytest.raises(InvalidDocuments, match=message):
        read_primitive(files)


def test_lines_may_end_as_on_windows():
    """A rendered Jenkinsfile has one kind of line end, which XML does not change."""
    files = {**ECHO, "Jenkinsfile": b"\xef\xbb\xbfecho 'x'\r\necho {{ a }}\r\n"}

    assert b"echo 'x'\necho 1\n" == render(request(files, {"a": 1})).files["Jenkinsfile"]


@pytest.mark.parametrize("text", ["\x00", "\x1b[2J", "\x07", "\x7f", "\ufffe", "\ud800", "\uffff"])
def test_what_no_xml_can_hold_is_refused(text):
    """It would be changed, or break the job's configuration."""
    for value in (text, [text], {"a": text}, {text: 1}):
        with pytest.raises(InvalidDocuments, match=r"base\.net\.thing, a"):
            render(request(ECHO, {"a": value}))


def test_a_text_that_no_class_file_holds_is_refused():
    """Groovy would not compile it."""
    render(request(ECHO, {"a": "x" * LONGEST_TEXT_BYTES}))
    with pytest.raises(InvalidDocuments, match="more than 65535 bytes"):
        render(request(ECHO, {"a": "é" * (LONGEST_TEXT_BYTES // 2 + 1)}))


@pytest.mark.parametrize(
    ("configuration", "credentials", "message"),
    [
        ({"url": ""}, {}, "url is missing"),
        ({"username": ""}, {}, "username is missing"),
        ({"url": "ftp://ci.example.org"}, {}, "must be an address"),
        ({"url": "https://"}, {}, "must be an address"),
        ({"url": "https://ci.example.org:x"}, {}, "must be an address"),
        ({"url": "https://ci.example.org?a=b"}, {}, "must be an address"),
        ({"url": "https://a:b@ci.example.org"}, {}, "no user and no password"),
        ({"url": "http://ci.example.org"}, {}, "in clear"),
        ({"url": "http://127.0.0.1.example.org"}, {}, "in clear"),
        ({"url": "http://ci.example.org/{x}"}, {}, "in clear"),
        ({"url": "https://${host}"}, {}, "must be an address"),
        ({"folder": "${folder}"}, {}, "folder is"),
        ({"username": "{x}"}, {}, "username is"),
        ({"folder": "../x"}, {}, "folder is"),
        ({"folder": "/x"}, {}, "folder is"),
        ({"username": "a:b"}, {}, "username is"),
        ({"allow_http": "yes"}, {}, "must be true or false"),
        ({"token": "x"}, {}, "written to every artifact"),
        ({"uri": "x"}, {}, 'Did you mean "url"'),
        ({}, {"token": "plain"}, "is no reference to a secret"),
        ({}, {"key": "secret://env/A"}, "credentials.key is no field"),
    ],
)
def test_settings_that_cannot_be(configuration, credentials, message):
    """Told before anything is asked of the controller; a token is never shown."""
    settings = AdapterSettings(
        configuration={**SETTINGS.configuration, **configuration},
        credentials={**SETTINGS.credentials, **credentials},
    )
    with pytest.raises(InvalidDocuments, match=message):
        render(request(ECHO, {"a": 1}, settings))


@pytest.mark.parametrize("url", ["http://localhost:8080", "http://127.0.0.1", "http://[::1]:8080/", "https://ci"])
def test_addresses_that_can_be(url):
    """In clear on this machine alone."""
    settings = SETTINGS.model_copy(update={"configuration": {"url": url, "username": "mcop"}})

    assert url.rstrip("/") == render(request(ECHO, {"a": 1}, settings)).runtime["controller"]["url"]


def test_only_the_folder_may_refer():
    """Whoever starts a run chooses its values, and must not choose to whom the token is sent."""
    given = {"url": "https://${host}.example.org", "username": "${user}", "folder": "${folder}"}
    told = check_settings(SETTINGS.model_copy(update={"configuration": given}))

    assert ["url", "username"] == [one.split()[0].rpartition(".")[2] for one in told]


@pytest.mark.parametrize("name", ["tool", "tool_version", "source", "version"])
def test_what_is_for_terraform_is_refused(name):
    """Nobody would be held to it."""
    (told,) = check_settings(SETTINGS.model_copy(update={name: "1.0"}))

    assert told.startswith(f"settings.{name} is for Terraform") and told.endswith("leave it out")


def test_the_token_is_in_no_artifact():
    """Only where it lies; the runner reads it."""
    artifact = render(request(ECHO, {"a": 1}))

    assert ["secret://vault/ci/jenkins#token"] == [str(ref) for ref in artifact.secrets]
