"""Operations in processes of their own: a work folder, a store, requests, and what became of them."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mcop_core.artifacts.local import LocalStore
from mcop_core.engines.artifact import RenderedArtifact
from mcop_core.runner import attach
from mcop_core.runner.folder import OperationFolder
from mcop_core.runner.journal import read_journal
from mcop_core.runner.request import Operation, RunRequest, RunResult
from mcop_core.settings import Settings
from tests.core.engines.terraform.operations import KEY, chain
from tests.core.engines.terraform.operations import artifact as render
from tests.exemptions import exempt, module_files


class Works:
    """One machine: its work folder, the one store, and the runners on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = LocalStore(folder / "store")
        self.marker = folder / "marker"
        self.settings = Settings(
            artifact_store=self.store.url,
            work_dir=str(folder / "runs"),
            cache_dir=str(folder / "cache"),
            exemptions=str(folder / "exemptions.toml"),
            lease_s=1.0,
        )
        self.lines: list[str] = []

    def render(self, names: str, *, gated: str = "") -> RenderedArtifact:
        """A chain of resources that note in `marker` that they are made; the gated ones wait for `open_gate`."""
        rendered = render(self.store.url, chain(self.marker, names, gated=gated), outputs=("ids",))
        exempt(Path(self.settings.exemptions), module_files(rendered))
        return rendered

    def open_gate(self) -> None:
        (self.folder / "gate").touch()

    def inflight(self) -> bytes:
        key = f"{KEY}.mcop-inflight"
        return self.store.get(key).data if key in self.keys() else b""

    def request(
        self, rendered: RenderedArtifact, *, operation: Operation = Operation.APPLY, run_key: str = "dag/run/task"
    ) -> RunRequest:
        self.store.put(rendered.key, rendered.to_json())
        return RunRequest(operation, rendered.digest, run_key, "mcop.shop manual", self.store.url)

    def follow(self, request: RunRequest) -> RunResult:
        return attach.follow(
            request, self.settings, os.environ, on_line=lambda level, line: self.lines.append(f"{level}: {line}")
        )

    def in_background(self, request: RunRequest) -> "Following":
        return Following(lambda: self.follow(request))

    def folder_of(self, request: RunRequest) -> OperationFolder:
        return OperationFolder.of(request, self.settings)

    def records(self, request: RunRequest, event: str) -> list[dict]:
        return [record for record in read_journal(self.folder_of(request).journal) if record["event"] == event]

    def made(self) -> list[str]:
        return self.marker.read_text().split() if self.marker.exists() else []

    def keys(self) -> list[str]:
        """What lies in the store beside artifacts, released leases and the notes of operations."""
        beside = ("artifacts/", "operations/", "settlements/")
        return [key for key in self.store.keys("") if not key.startswith(beside) and "lease" not in key]

    def kill(self, request: RunRequest, event: str) -> None:
        """kill -9 the last process that the journal names in an *event*."""
        os.kill(self.records(request, event)[-1]["pid"], signal.SIGKILL)


class Following:
    """A call of `follow` in a thread; `result` waits for it."""

    def __init__(self, call: Callable[[], RunResult]) -> None:
        self._result: RunResult | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(call,))
        self._thread.start()

    def _run(self, call: Callable[[], RunResult]) -> None:
        try:
            self._result = call()
        except BaseException as error:
            self._error = error

    def result(self) -> RunResult:
        self._thread.join(60)
        assert not self._thread.is_alive()
        if self._error is not None:
            raise self._error
        assert self._result is not None
        return self._result


def wait_for(condition: Callable[[], bool], timeout_s: float = 30) -> None:
    """Wait until *condition* holds; fail if it does not in time."""
    ends = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < ends, "it did not come to pass"
        time.sleep(0.02)


@pytest.fixture
def works(tmp_path: Path) -> Iterator[Works]:
    """A machine; every runner and Terraform of it that a failed test left is killed, by its pid."""
    machine = Works(tmp_path)
    yield machine
    machine.open_gate()
    for path in (tmp_path / "runs").glob("*/journal.jsonl"):
        for record in read_journal(path):
            _kill_ours(record.get("pid"), tmp_path)


def _kill_ours(pid: int | None, folder: Path) -> None:
    try:
        if pid and str(folder) in Path(f"/proc/{pid}/cmdline").read_text():
            os.kill(pid, signal.SIGKILL)
    except (FileNotFoundError, ProcessLookupError):
        pass
