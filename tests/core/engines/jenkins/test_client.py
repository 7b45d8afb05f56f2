"""The controller's API as MCOP speaks it: against the fake, and what no answer may do."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mcop_core.engines.jenkins.client import MAX_BYTES, Controller
from mcop_core.engines.jenkins.config_xml import JobConfig, folder_xml
from mcop_core.errors import EngineFailed, Refused, Unreachable
from tests.core.runner.conftest import wait_for
from tests.fakes.jenkins_server import TOKEN, USERNAME, running_jenkins

JOB = JobConfig("echo 'x'\nwriteFile file: 'a b.txt', text: 'x'\narchiveArtifacts artifacts: 'a b.txt'", "owner")


@pytest.fixture
def jenkins():
    with running_jenkins() as running:
        yield running


@pytest.fixture
def controller(jenkins):
    made = Controller(jenkins.url, USERNAME, TOKEN)
    yield made
    made.close()


def test_what_is_not_there(controller):
    """None, or nothing to do; never an error."""
    assert (None, None, None, ()) == (
        controller.config("a/b"),
        controller.folder("a"),
        controller.queue_item(7),
        controller.builds("a", "x"),
    )
    controller.delete("a")
    controller.cancel_item(7)
    controller.stop("a", 1)


def test_a_job_from_its_making_to_its_end(controller, jenkins):
    """Created once, built, read, renamed, moved, deleted."""
    assert (True, False) == (controller.create("f", folder_xml()), controller.create("f", folder_xml()))
    assert (True, False) == (controller.create("f/j", JOB.to_xml()), controller.create("f/j", JOB.to_xml()))
    item = controller.trigger("f/j", "op")
    wait_for(lambda: controller.queue_item(item).build is not None)
    wait_for(lambda: not controller.build("f/j", 1).is_running)
    (build,) = controller.builds("f/j", "op")

    assert ("SUCCESS", "op", b"x") == (build.result, build.operation, controller.artifact("f/j", 1, "a b.txt"))
    assert controller.console("f/j", 1, 0).text.endswith("Finished: SUCCESS\n")
    assert "Finished: SUCCESS\n" == controller.console("f/j", 1, controller.console("f/j", 1, 0).end - 18).text
    controller.rename("f/j", "k")
    controller.create("g", folder_xml())
    controller.relocate("f/k", "g")
    assert ["g/k"] == jenkins.jobs()
    controller.delete("g")
    assert [] == jenkins.jobs()


def test_a_crumb_is_asked_for_again_when_its_session_is_gone(controller, jenkins):
    """A controller that starts again forgets it; the request that it refused is made once more."""
    controller.create("f", folder_xml())
    jenkins.restart()

    assert controller.create("g", folder_xml())


def test_a_job_that_jenkins_does_not_take(controller, jenkins):
    """Told from one that is there already."""
    jenkins.refuses["createItem"] = (400, "‘f’ is an unsafe name".encode().decode("latin-1"))
    with pytest.raises(EngineFailed, match="does not take the job f"):
        controller.create("f", folder_xml())


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_controller_that_does_not_serve(controller, jenkins, status):
    """It may have done what it was asked for: whoever asks must look."""
    jenkins.refuses["/queue/api"] = (status, "away")
    with pytest.raises(Unreachable, match=f"does not answer .{status}") as caught:
        controller.queued("x")

    assert caught.value.is_sent


def test_a_controller_that_is_not_there():
    """Nothing was sent."""
    with pytest.raises(Unreachable) as caught:
        Controller("http://127.0.0.1:9", USERNAME, TOKEN).queued("x")

    assert (False, "Jenkins") == (caught.value.is_sent, caught.value.service)


class Answering(BaseHTTPRequestHandler):
    """Answers everything as its subclass says, and notes in `asked` what it was asked."""

    status: int
    sent: dict[str, str]
    body: bytes
    asked: list[dict[str, str]]

    def do_GET(self) -> None:
        self.asked.append(dict(self.headers))
        self.send_response(self.status)
        for name, value in {**self.sent, "Content-Length": str(len(self.body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(self.body)

    do_POST = do_GET  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def stranger():
    """Start a server that answers so; return its port and what it is asked."""
    servers = []

    def start(status=200, sent=None, body=b""):
        asked: list[dict] = []
        facts = {"status": status, "sent": sent or {}, "body": body, "asked": asked}
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Answering,), facts))
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        servers.append(server)
        return server.server_port, asked

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_no_redirect_is_followed(stranger):
    """The token goes to the adapter's address alone."""
    elsewhere, asked = stranger()
    port, _ = stranger(302, {"Location": f"http://127.0.0.1:{elsewhere}/"})
    with pytest.raises(EngineFailed, match="answers 302"):
        Controller(f"http://127.0.0.1:{port}", USERNAME, TOKEN).queued("x")
    login, _ = stranger(302, {"Location": f"http://127.0.0.1:{elsewhere}/login?from=x"})
    with pytest.raises(Refused, match="wants a login"):
        Controller(f"http://127.0.0.1:{login}", USERNAME, TOKEN).queued("x")

    assert [] == asked


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"\xff", b"", b"[" * 100_000])
def test_what_is_no_jenkins_is_told(stranger, body):
    """An address of something else; nothing of its page is shown."""
    port, _ = stranger(body=body)
    with pytest.raises(EngineFailed, match="is no Jenkins"):
        Controller(f"http://127.0.0.1:{port}", USERNAME, TOKEN).queued("x")


def test_a_page_is_never_quoted(stranger):
    """It may hold whatever was asked for; a header of Jenkins' own is told, without what moves a cursor."""
    port, _ = stranger(418, {"X-Error": "no \x1b[2J tea"}, b"secret page " + TOKEN.encode())
    with pytest.raises(EngineFailed) as caught:
        Controller(f"http://127.0.0.1:{port}", USERNAME, TOKEN).queued("x")

    assert "Jenkins answers 418 to /queue/api/json: no [2J tea" == str(caught.value)


def test_an_artifact_has_an_end(stranger):
    """What outputs are read from is small."""
    port, _ = stranger(body=b"x" * (MAX_BYTES + 1))
    with pytest.raises(EngineFailed, match="more than"):
        Controller(f"http://127.0.0.1:{port}", USERNAME, TOKEN).artifact("j", 1, "a")


def test_a_configuration_is_read_back():
    """As Jenkins writes it: XML 1.1; what defines entities is none of its."""
    text = JOB.to_xml().decode().replace("1.0", "1.1", 1)
    script = "a < b && c ]]> 'é \U0001f980'\n\ttab  \n\n"

    assert JOB == JobConfig.read(text, "j")
    assert script == JobConfig.read(JobConfig(script, "o").to_xml().decode(), "j").script
    for broken in ("<a", "<!DOCTYPE x [<!ENTITY a 'b'>]><flow-definition>&a;</flow-definition>"):
        with pytest.raises(EngineFailed, match="the configuration of j"):
            JobConfig.read(broken, "j")
    assert "" == JobConfig.read("<project><description>x</description></project>", "j").owner
