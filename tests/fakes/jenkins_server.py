"""
A fake of a Jenkins controller: the part of its REST API by which jobs are made, built and followed, and nothing else.

It is no Jenkins. Written by the remote access API's documentation (jenkins.io/doc/book/using/remote-access-api), the
`api/` pages of a controller, and the sources of `hudson.model.Queue`, `ParameterizedJobMixIn` and `LargeText`: paths,
status codes, headers and bodies are Jenkins'. Builds are run by an interpreter of a few steps, a line each: echo,
sleep, writeFile, archiveArtifacts, error, unstable, currentBuild.description and `def name = literal`. Permissions,
plugins, agents, the sandbox and Groovy itself are not there.
"""

import base64
import itertools
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree

from tests.fakes.groovy_literals import read

USERNAME, TOKEN = "mcop", "11fake0token0of0a0fake0controller0"
VERSION = "2.528.3"

_PARAMETER = "properties/hudson.model.ParametersDefinitionProperty/parameterDefinitions/*"
_ALONE = "properties/org.jenkinsci.plugins.workflow.job.properties.DisableConcurrentBuildsJobProperty"


@dataclass
class FakeBuild:
    number: int
    queue_id: int
    parameters: dict[str, str]
    console: str = ""
    result: str | None = None
    description: str | None = None
    artifacts: dict[str, bytes] = field(default_factory=dict)
    stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def is_running(self) -> bool:
        return self.result is None


@dataclass
class FakeItem:
    """A job or a folder; of a folder *builds* stays empty."""

    config: str
    is_folder: bool
    builds: list[FakeBuild] = field(default_factory=list)

    def find(self, path: str) -> str | None:
        return ElementTree.fromstring(self.config).findtext(path)

    @property
    def parameters(self) -> list[str]:
        found = ElementTree.fromstring(self.config).findall(_PARAMETER)
        return [one.findtext("name") or "" for one in found]

    @property
    def is_alone(self) -> bool:
        return ElementTree.fromstring(self.config).find(_ALONE) is not None


@dataclass
class QueueEntry:
    id: int
    job: str
    parameters: dict[str, str]
    since: float
    build: int | None = None
    is_cancelled: bool = False
    why: str = "In the quiet period. Expires in 0.1 sec"

    @property
    def has_left(self) -> bool:
        return self.build is not None or self.is_cancelled


class FakeJenkins:
    """
    Attributes:
        items: Path -> job or folder.
        queue: Every item of the queue that is not forgotten, those that have left it included.
        quiet_s: How long an item waits before it is built, seconds.
        is_held: While this is true no build gets beyond its first line.
        asked: `<method> <path>` of every request, in order.
        is_away: While this is true a start is under way: everything is answered with 503.
    """

    def __init__(self) -> None:
        self.items: dict[str, FakeItem] = {}
        self.queue: list[QueueEntry] = []
        self.quiet_s = 0.02
        self.is_held = self.is_away = False
        self.asked: list[str] = []
        self.refuses: dict[str, tuple[int, str]] = {}
        self.lock = threading.RLock()
        self._ids, self._sessions = itertools.count(1), itertools.count(1)
        self._crumbs: dict[str, str] = {}
        self._is_closed = False
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    # -- what tests do to it ------------------------------------------------------------------------

    def restart(self) -> None:
        """Lose every session, keep jobs, queue and builds, as a controller does that starts again."""
        self._crumbs.clear()

    def forget_queue(self) -> None:
        """Know nothing any more of items that have left the queue, as after five minutes."""
        with self.lock:
            self.queue = [entry for entry in self.queue if not entry.has_left]

    def builds_of(self, job: str) -> list[FakeBuild]:
        return self.items[job].builds

    def console_of(self, job: str) -> str:
        return "".join(build.console for build in self.builds_of(job))

    def jobs(self) -> list[str]:
        return sorted(path for path, item in self.items.items() if not item.is_folder)

    def everything(self) -> str:
        """All text that it holds."""
        texts = [item.config for item in self.items.values()]
        return "\n".join([*texts, *(build.console for item in self.items.values() for build in item.builds)])

    # -- the queue ----------------------------------------------------------------------------------

    def work(self) -> None:
        """Take items out of the queue until it is closed."""
        while not self._is_closed:
            time.sleep(0.01)
            if self.is_away:
                continue
            with self.lock:
                for entry in [entry for entry in self.queue if not entry.has_left]:
                    self._leave(entry)

    def close(self) -> None:
        self._is_closed, self.is_held = True, False
        for item in self.items.values():
            for build in item.builds:
                build.stopped.set()

    def _leave(self, entry: QueueEntry) -> None:
        item = self.items.get(entry.job)
        if item is None:
            entry.is_cancelled = True
            return
        running = [build for build in item.builds if build.is_running]
        if item.is_alone and running:
            entry.why = f"Build #{running[0].number} is already in progress (ETA: N/A)"
        elif time.monotonic() - entry.since >= self.quiet_s:
            build = FakeBuild(len(item.builds) + 1, entry.id, entry.parameters)
            item.builds.append(build)
            entry.build = build.number
            threading.Thread(target=self._run, args=(item, build), daemon=True).start()

    def _run(self, item: FakeItem, build: FakeBuild) -> None:
        build.console += f"Started by user {USERNAME}\n[Pipeline] Start of Pipeline\n"
        while self.is_held and not build.stopped.is_set():
            time.sleep(0.01)
        result = Interpreter(build).run(item.find("definition/script") or "")
        build.console += f"[Pipeline] End of Pipeline\nFinished: {result}\n"
        build.result = result

    # -- requests -----------------------------------------------------------------------------------

    def answer(self, request: "Asked") -> "Answer":
        self.asked.append(f"{request.method} {request.path}")
        if self.is_away:
            return Answer(503, "Please wait while Jenkins is getting ready to work ...")
        for pattern, (status, said) in self.refuses.items():
            if re.search(pattern, request.path):
                return Answer(status, said, {"X-Error": said})
        if request.login != f"{USERNAME}:{TOKEN}":
            return Answer(401, "Unauthorized")
        if request.path == "/crumbIssuer/api/json":
            return self._new_crumb(request)
        if request.method == "POST" and self._crumbs.get(request.session) != request.headers.get("jenkins-crumb"):
            return Answer(403, "No valid crumb was included in the request")
        with self.lock:
            return self._routed(request)

    def _new_crumb(self, request: "Asked") -> "Answer":
        session = request.session if request.session in self._crumbs else f"session{next(self._sessions)}"
        crumb = self._crumbs.setdefault(session, f"crumb-of-{session}")
        document = {"crumb": crumb, "crumbRequestField": "Jenkins-Crumb"}
        return Answer.of(document, {"Set-Cookie": f"JSESSIONID.fake={session}; Path=/; HttpOnly"})

    def _routed(self, request: "Asked") -> "Answer":
        parts = [unquote(part) for part in request.path.strip("/").split("/")]
        names = []
        while len(parts) >= 2 and parts[0] == "job":
            names.append(parts[1])
            parts = parts[2:]
        path, rest = "/".join(names), "/".join(parts)
        if rest.startswith("queue/"):
            return self._queue_request(request, rest)
        if path and path not in self.items:
            return Answer(404, "Not Found")
        if match := re.fullmatch(r"(\d+)/(.*)", rest):
            return self._build_request(request, path, int(match[1]), match[2])
        handlers = {
            "createItem": self._create_item,
            "config.xml": self._config_xml,
            "doDelete": self._do_delete,
            "confirmRename": self._confirm_rename,
            "move/move": self._move_move,
            "api/json": self._api_json,
            "buildWithParameters": self._build_with_parameters,
        }
        return handlers[rest](request, path) if rest in handlers else Answer(404, "Not Found")

    def _create_item(self, request: "Asked", folder: str) -> "Answer":
        name = request.query["name"]
        path = f"{folder}/{name}" if folder else name
        if path in self.items:
            said = f"A job already exists with the name '{name}'"
            return Answer(400, said, {"X-Error": said})
        root = ElementTree.fromstring(request.body)
        if root.tag not in ("flow-definition", "com.cloudbees.hudson.plugins.folder.Folder"):
            return Answer(500, "com.thoughtworks.xstream.mapper.CannotResolveClassException")
        self.items[path] = FakeItem(_as_jenkins_writes(root), root.tag != "flow-definition")
        return Answer(200)

    def _config_xml(self, request: "Asked", path: str) -> "Answer":
        if request.method == "POST":
            self.items[path].config = _as_jenkins_writes(ElementTree.fromstring(request.body))
            return Answer(200)
        return Answer(200, self.items[path].config, {"Content-Type": "application/xml"})

    def _do_delete(self, request: "Asked", path: str) -> "Answer":
        for one in [one for one in self.items if one == path or one.startswith(f"{path}/")]:
            for build in self.items.pop(one).builds:
                build.stopped.set()
        return Answer(302, headers={"Location": f"{self.url}/"})

    def _confirm_rename(self, request: "Asked", path: str) -> "Answer":
        return self._move(path, f"{path.rpartition('/')[0]}/{request.query['newName']}".strip("/"))

    def _move_move(self, request: "Asked", path: str) -> "Answer":
        return self._move(path, f"{request.form['destination']}/{path.rpartition('/')[2]}".strip("/"))

    def _move(self, path: str, into: str) -> "Answer":
        if into in self.items or (into.rpartition("/")[0] and into.rpartition("/")[0] not in self.items):
            return Answer(400, "it cannot be there")
        for one in [one for one in self.items if one == path or one.startswith(f"{path}/")]:
            self.items[into + one.removeprefix(path)] = self.items.pop(one)
        return Answer(302, headers={"Location": f"{self.url}/job/{into}"})

    def _api_json(self, request: "Asked", path: str) -> "Answer":
        item = self.items.get(path)
        depth = path.count("/") + 1 if path else 0
        inside = [one for one in self.items if one.startswith(f"{path}/" if path else "") and one.count("/") == depth]
        document: dict[str, Any] = {
            "description": item.find("description") if item else None,
            "jobs": [{"name": one.rpartition("/")[2]} for one in inside],
        }
        if item and not item.is_folder:
            document = {"builds": [self._build_document(build) for build in reversed(item.builds)]}
        return Answer.of(document)

    def _build_with_parameters(self, request: "Asked", path: str) -> "Answer":
        item = self.items[path]
        if not item.parameters:
            return Answer(400, "Nothing is submitted", {"X-Error": f"{path} is not parameterized"})
        if item.find("disabled") == "true":
            return Answer(409, f"{path} is not buildable", {"X-Error": f"{path} is not buildable"})
        parameters = {name: value for name, value in request.form.items() if name in item.parameters}
        waiting = [one for one in self.queue if not one.has_left and (one.job, one.parameters) == (path, parameters)]
        if not waiting:
            waiting = [QueueEntry(next(self._ids), path, parameters, time.monotonic())]
            self.queue += waiting
        return Answer(201, headers={"Location": f"{self.url}/queue/item/{waiting[0].id}/"})

    # -- queue and builds ---------------------------------------------------------------------------

    def _queue_request(self, request: "Asked", rest: str) -> "Answer":
        if rest == "queue/api/json":
            return Answer.of({"items": [self._entry_document(one) for one in self.queue if not one.has_left]})
        wanted = request.query.get("id") if rest == "queue/cancelItem" else rest.split("/")[2]
        entry = next((one for one in self.queue if str(one.id) == wanted), None)
        if rest == "queue/cancelItem":
            if entry is None or entry.has_left:
                return Answer(404, "Not Found")
            entry.is_cancelled = True
            return Answer(204)
        return Answer.of(self._entry_document(entry)) if entry else Answer(404, "Not Found")

    def _entry_document(self, entry: QueueEntry) -> dict[str, Any]:
        kind = "LeftItem" if entry.has_left else "WaitingItem"
        document = {
            "_class": f"hudson.model.Queue${kind}",
            "id": entry.id,
            "why": None if entry.has_left else entry.why,
        }
        document["actions"] = [{}, _parameters_action(entry.parameters)]
        if entry.has_left:
            document["cancelled"] = entry.is_cancelled
            document["executable"] = {"number": entry.build} if entry.build else None
        return document

    def _build_request(self, request: "Asked", path: str, number: int, rest: str) -> "Answer":
        build = next((one for one in self.items[path].builds if one.number == number), None)
        if build is None:
            return Answer(404, "Not Found")
        if rest == "api/json":
            return Answer.of(self._build_document(build))
        if rest == "logText/progressiveText":
            return _progressive(build, int(request.query.get("start", "0")))
        if rest == "stop" and request.method == "POST":
            build.stopped.set()
            return Answer(302, headers={"Location": self.url})
        if rest.startswith("artifact/") and rest.removeprefix("artifact/") in build.artifacts:
            return Answer(200, build.artifacts[rest.removeprefix("artifact/")])
        return Answer(404, "Not Found")

    def _build_document(self, build: FakeBuild) -> dict[str, Any]:
        return {
            "number": build.number,
            "building": build.is_running,
            "result": build.result,
            "description": build.description,
            "queueId": build.queue_id,
            "actions": [{}, _parameters_action(build.parameters)],
        }

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        jenkins = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _handle(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                answer = jenkins.answer(Asked(self.command, self.path, headers, body))
                data = answer.body.encode() if isinstance(answer.body, str) else answer.body
                self.send_response(answer.status)
                for name, value in {"X-Jenkins": VERSION, **answer.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = _handle  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        return Handler


@dataclass(frozen=True)
class Asked:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.target).query).items()}

    @property
    def form(self) -> dict[str, str]:
        values = parse_qs(self.body.decode(), keep_blank_values=True)
        return {**self.query, **{name: found[0] for name, found in values.items()}}

    @property
    def login(self) -> str:
        kind, _, text = self.headers.get("authorization", "").partition(" ")
        return base64.b64decode(text).decode() if kind == "Basic" else ""

    @property
    def session(self) -> str:
        found = re.search(r"JSESSIONID\.fake=(\w+)", self.headers.get("cookie", ""))
        return found[1] if found else ""


@dataclass(frozen=True)
class Answer:
    status: int
    body: str | bytes = ""
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, document: dict[str, Any], headers: dict[str, str] | None = None) -> "Answer":
        return cls(200, json.dumps(document), {"Content-Type": "application/json", **(headers or {})})


def _parameters_action(parameters: dict[str, str]) -> dict[str, Any]:
    return {"parameters": [{"name": name, "value": value} for name, value in parameters.items()]}


def _progressive(build: FakeBuild, start: int) -> Answer:
    is_running, data = build.is_running, build.console.encode()
    headers = {"X-Text-Size": str(len(data)), "Content-Type": "text/plain;charset=UTF-8"}
    return Answer(200, data[start:], {**headers, **({"X-More-Data": "true"} if is_running else {})})


def _as_jenkins_writes(root: ElementTree.Element) -> str:
    """XML 1.1, with plugins' versions, and what XStream adds."""
    for one in root.iter():
        if one.tag.startswith(("hudson.", "org.jenkinsci.", "com.cloudbees.")):
            one.set("plugin", "some-plugin@1.0")
    if root.tag == "flow-definition":
        root.set("plugin", "workflow-job@1500.v0")
        if root.find("actions") is None:
            root.insert(0, ElementTree.Element("actions"))
    return "<?xml version='1.1' encoding='UTF-8'?>\n" + ElementTree.tostring(root, encoding="unicode")


class Interpreter:
    """Runs the few steps that the fake knows, in the order of their lines; whatever else stands there is left out."""

    def __init__(self, build: FakeBuild) -> None:
        self.build = build
        self.names: dict[str, Any] = {}
        self.files: dict[str, bytes] = {}
        self.is_unstable = False

    def run(self, script: str) -> str:
        steps: dict[str, Callable[[str], None]] = {
            r"def (\w+) = ": self._define,
            r"echo\b": self._echo,
            r"sleep\b": self._sleep,
            r"writeFile\b": self._write,
            r"archiveArtifacts\b": self._archive,
            r"currentBuild\.description = ": self._describe,
            r"unstable\b": self._unstable,
            r"error\b": self._error,
        }
        try:
            for line in script.split("\n"):
                for pattern, run in steps.items():
                    if found := re.match(rf"\s*{pattern}", line):
                        self._check()
                        run(line[found.end() :] if "def" not in pattern else line.strip())
        except _Ended as ended:
            return str(ended)
        return "UNSTABLE" if self.is_unstable else "SUCCESS"

    def _check(self) -> None:
        if self.build.stopped.is_set():
            raise _Ended("ABORTED")

    def _define(self, text: str) -> None:
        name, _, value = text.removeprefix("def ").partition(" = ")
        self.names[name] = self._value(value)

    def _value(self, text: str) -> Any:
        """A literal, a name, or `groovy.json.JsonOutput.toJson(…)` of either; several joined by +."""
        text = text.strip()
        if text.startswith("groovy.json.JsonOutput.toJson("):
            return json.dumps(self._value(text.removeprefix("groovy.json.JsonOutput.toJson(").removesuffix(")")))
        if re.fullmatch(r"\w+", text) and text in self.names:
            return self.names[text]
        if text.startswith("[") and (found := re.fullmatch(r"\[(\w+): (\w+)\]", text)) and found[2] in self.names:
            return {found[1]: self.names[found[2]]}
        value, at = read(text, 0)
        rest = text[at:].strip()
        return value if not rest.startswith("+") else f"{value}{self._value(rest[1:])}"

    def _echo(self, text: str) -> None:
        value = self._value(text)
        self.build.console += f"[Pipeline] echo\n{value if isinstance(value, str) else json.dumps(value)}\n"

    def _sleep(self, text: str) -> None:
        found = re.match(r"\s*(?:time: (\d+), unit: 'MILLISECONDS'|(\d+))", text)
        assert found, text
        self.build.stopped.wait(int(found[1]) / 1000 if found[1] else int(found[2]))
        self._check()

    def _write(self, text: str) -> None:
        name, at = read(text, text.index("file:") + 5)
        self.files[name] = self._value(text[at:].partition("text:")[2]).encode()

    def _archive(self, text: str) -> None:
        name, _ = read(text.replace("artifacts:", ""), 0)
        self.build.artifacts[name] = self.files[name]

    def _describe(self, text: str) -> None:
        self.build.description = self._value(text)

    def _unstable(self, text: str) -> None:
        self.is_unstable = True
        self.build.console += f"WARNING: {self._value(text)}\n"

    def _error(self, text: str) -> None:
        self.build.console += f"ERROR: {self._value(text)}\n"
        raise _Ended("FAILURE")


class _Ended(Exception):
    pass


@contextmanager
def running_jenkins() -> Iterator[FakeJenkins]:
    """A fake controller for as long as the block."""
    jenkins = FakeJenkins()
    threads = [
        threading.Thread(target=jenkins.server.serve_forever, args=(0.05,), daemon=True),
        threading.Thread(target=jenkins.work, daemon=True),
    ]
    for thread in threads:
        thread.start()
    try:
        yield jenkins
    finally:
        jenkins.close()
        jenkins.server.shutdown()
        jenkins.server.server_close()
        for thread in threads:
            thread.join()
