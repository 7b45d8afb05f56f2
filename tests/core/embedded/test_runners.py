import fcntl
import json
import threading
from dataclasses import asdict

import pytest

from mcop_core.embedded.runners import active_operations, cancel_all
from mcop_core.errors import UnknownOutcome
from mcop_core.runner.request import Operation, RunRequest


@pytest.fixture
def hold(tmp_path):
    """Return what makes the folder of an operation that somebody works on."""
    held = []

    def make(name):
        request = RunRequest(Operation.APPLY, "0" * 64, f"mcop.shop/r1/{name}", name, "file:///store")
        folder = tmp_path / name
        folder.mkdir()
        (folder / "request.json").write_text(json.dumps(asdict(request)))
        file = (folder / "alive").open("w")
        fcntl.flock(file, fcntl.LOCK_EX)
        held.append(file)
        return request, file

    yield make
    for file in held:
        file.close()


def test_only_what_is_held_is_active(tmp_path, hold):
    """An operation whose runner has gone is not active, though its folder is there."""
    hold("a")
    hold("b")[1].close()

    assert active_operations(tmp_path) == [tmp_path / "a"]
    assert active_operations(tmp_path / "none") == []


def test_each_runner_is_asked_once_and_waited_for(tmp_path, hold):
    """Cancelling returns when the last runner has ended."""
    files = {request.owner: file for request, file in (hold("a"), hold("b"))}
    asked = []

    def cancel(request):
        asked.append(request.owner)
        threading.Timer(0.5, files[request.owner].close).start()

    assert cancel_all(tmp_path, cancel, timeout_s=30) == 2
    assert sorted(asked) == ["a", "b"]


def test_a_runner_that_does_not_end_is_named(tmp_path, hold):
    """Nobody waits for ever, and nobody takes it for stopped."""
    hold("a")
    ticks = iter(range(100))

    with pytest.raises(UnknownOutcome, match="still working after 2 s") as caught:
        cancel_all(tmp_path, lambda request: None, timeout_s=2, clock=lambda: next(ticks))
    assert caught.value.resources == (str(tmp_path / "a"),)
