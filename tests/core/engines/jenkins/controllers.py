"""
What the tests of Jenkins share: a controller, primitives, an engine that does not wait long, a world.

The controller is the fake one, unless MCOP_TEST_JENKINS_URL names a real one; then MCOP_TEST_JENKINS_USERNAME and
MCOP_TEST_JENKINS_TOKEN are whose API token is used, and everything is made below the folder `mcop-test`.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mcop_core.artifacts.local import LocalStore
from mcop_core.catalog.models import AdapterSettings
from mcop_core.engines.base import ApplyResult, Component, RenderRequest
from mcop_core.engines.changes import ComponentChanges
from mcop_core.engines.jenkins.client import Controller
from mcop_core.engines.jenkins.engine import JenkinsEngine
from mcop_core.engines.jenkins.following import Timing
from mcop_core.engines.jenkins.job_state import JobState
from mcop_core.engines.state import StateFile
from mcop_core.engines.workspace import Workspace
from mcop_core.secrets.reference import SecretRef
from mcop_core.settings import Settings
from tests.contracts.engine import ADDRESS
from tests.core.engines.terraform.operations import Recorder
from tests.fakes.jenkins_server import TOKEN, USERNAME, FakeBuild, FakeJenkins, running_jenkins

URL = os.environ.get("MCOP_TEST_JENKINS_URL", "")
FOLDER = "mcop-test"
SWIFT = Timing(poll_s=0.02, slowest_poll_s=0.1, patience_s=10, settle_s=0.3, looks=3, stop_again_s=5)
REAL = Timing(poll_s=0.5, slowest_poll_s=2, patience_s=60, settle_s=5)
REF = SecretRef("env", "JENKINS", "token")
HIDDEN = "hidden-4f2a9c"

JENKINSFILE = """\
node {
    def value = {{ value }}
    echo 'working'
    {% if slow %}
    sleep 20
    {% endif %}
    writeFile file: 'result.json', text: groovy.json.JsonOutput.toJson([result: value])
    archiveArtifacts artifacts: 'result.json'
    currentBuild.description = '{"hidden": "hidden-' + '4f2a9c"}'
}
"""
INTERFACE = """\
inputs:
  value: {type: any, default: null, description: What is put out.}
  slow: {type: bool, default: false}
outputs:
  result: {from: {artifact: result.json, key: result}, description: What came in.}
  hidden: {type: string, sensitive: true, from: {description: true, key: hidden}}
"""
FILES = {"Jenkinsfile": JENKINSFILE.encode(), "interface.yaml": INTERFACE.encode()}


class World:
    """
    A controller, a store, and an engine for both; `tests.contracts.engine.Operated`.

    Attributes:
        jenkins: The fake controller; None where a real one is used.
    """

    secret = HIDDEN

    def __init__(self, folder: Path, jenkins: FakeJenkins | None, url: str, username: str, token: str) -> None:
        self.folder, self.jenkins, self.url, self.username, self.token = folder, jenkins, url, username, token
        self.store = LocalStore(folder / "store")
        self.timing = SWIFT if jenkins else REAL
        self.engine = JenkinsEngine(Settings(), self.timing)
        self.is_cancelled, self.count = False, 0
        self.files: Mapping[str, bytes] = FILES
        self.allows_http = True
        self.wait_in_slot_s: float | None = None
        self.controller = Controller(url, username, token)

    @property
    def settings(self) -> AdapterSettings:
        configuration = {"url": self.url, "username": self.username, "folder": FOLDER, "allow_http": self.allows_http}
        configuration |= {} if self.wait_in_slot_s is None else {"wait_in_slot_s": self.wait_in_slot_s}
        return AdapterSettings(configuration=configuration, credentials={"token": str(REF)})

    def request(self, value: Any, *, slow: bool = False, address: tuple[str, ...] = ADDRESS) -> RenderRequest:
        interface = self.engine.describe(self.files)
        inputs = {name: one for name, one in (("value", value), ("slow", slow)) if name in interface.inputs}
        backend = {"type": "local", "path": str(self.folder / "store")}
        return RenderRequest(address, self.files, interface, inputs, self.settings, {}, backend)

    def render(self, value: Any = 1, **how: Any):
        return self.engine.render(self.request(value, **how))

    def workspace(self, owner: str = "mcop.shop-test manual") -> Workspace:
        self.count += 1
        return Workspace(
            self.folder / f"run{self.count}",
            lambda url: self.store,
            {},
            lambda: self.is_cancelled,
            owner,
            read_secrets=lambda namespace, refs: dict.fromkeys(refs, self.token),
        )

    def cancel(self) -> None:
        self.is_cancelled = True

    def resume(self) -> None:
        self.is_cancelled = False

    def lose(self) -> None:
        self.controller.delete(self.job)

    def apply(self, value: Any = 1, report: Recorder | None = None, gate: Any = None, **how: Any) -> ApplyResult:
        return self.engine.apply(self.render(value, **how), self.workspace(), report or Recorder(), gate)

    def destroy(self, report: Recorder | None = None) -> ApplyResult:
        return self.engine.destroy(self.render(), self.workspace(), report or Recorder())

    def preview(self, value: Any = 1, known: Any = None, **how: Any) -> ComponentChanges:
        (found,) = self.engine.preview([self.component(value=value, **how)], self.workspace(), Recorder(), known or {})
        return found

    def component(self, address: tuple[str, ...] = ADDRESS, value: Any = 1, **how: Any) -> Component:
        return Component(".".join(address[2:]), self.request(value, address=address), **how)

    def with_files(self, jenkinsfile: str, interface: str = "") -> None:
        """Have another primitive from now on; without *interface* it is one without inputs and outputs."""
        self.files = {"Jenkinsfile": jenkinsfile.encode(), "interface.yaml": interface.encode()}

    def state(self, key: str = f"{'/'.join(ADDRESS)}.jenkins.json") -> JobState | None:
        return JobState.read(StateFile.parse(self.store.get(key).data, key))

    @property
    def builds(self) -> list[FakeBuild]:
        """The builds of the job on the fake controller."""
        return self.jenkins.items[self.job].builds if self.job in self.jenkins.items else []

    @property
    def job(self) -> str:
        return f"{FOLDER}/{'/'.join(ADDRESS)}"

    def is_at_work(self) -> bool:
        number = 1
        while (build := self.controller.build(self.job, number)) is not None:
            if build.is_running:
                return "working" in self.controller.console(self.job, number, 0).text
            number += 1
        return False

    def made(self) -> list[str]:
        return sorted(self._below(f"{FOLDER}/{'/'.join(ADDRESS[:2])}"))

    def _below(self, path: str) -> Iterator[str]:
        found = self.controller.folder(path)
        if found is not None:
            yield path
            for name in found[1]:
                yield from self._below(f"{path}/{name}")

    def traces(self) -> str:
        files = [path for path in self.folder.rglob("*") if path.is_file() and not path.name.endswith(".jenkins.json")]
        return "".join(path.read_bytes().decode(errors="replace") for path in files) + self.render().to_json().decode()

    def close(self) -> None:
        if self.jenkins is None:
            self.controller.delete(FOLDER)
        self.controller.close()


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """A world with the controller that the environment names, or the fake one."""
    if URL:
        named = World(
            folder, None, URL, os.environ["MCOP_TEST_JENKINS_USERNAME"], os.environ["MCOP_TEST_JENKINS_TOKEN"]
        )
        try:
            yield named
        finally:
            named.close()
        return
    with running_jenkins() as jenkins:
        faked = World(folder, jenkins, jenkins.url, USERNAME, TOKEN)
        try:
            yield faked
        finally:
            faked.close()
