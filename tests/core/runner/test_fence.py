"""A runner that cannot renew its lease is ended with its engine, before anybody may take over from it."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from mcop_core.runner.fence import FOLDER, SHARE, Fence, boot_clock, overdue
from mcop_core.runner.holder import is_running, started_at
from mcop_core.runner.request import Outcome
from tests.core.runner.conftest import Works, wait_for

STILL = (sys.executable, "-c", "import time; time.sleep(300)")


@pytest.mark.terraform
def test_a_runner_that_cannot_renew_its_lease_is_ended_with_its_terraform(works: Works):
    """A wedged runner's guard kills both; its task starts another runner, which does the rest once."""
    works.settings = replace(works.settings, lease_s=0.5, fence_s=2.5)
    request = works.request(works.render("abc", gated="b"))
    following = works.in_background(request)
    wait_for(lambda: works.made() == ["a", "b"])
    wedged = works.records(request, "runner_started")[-1]["pid"]
    engine = works.records(request, "terraform_started")[-1]["pid"]
    began = time.monotonic()
    os.kill(wedged, signal.SIGSTOP)

    wait_for(lambda: started_at(wedged) is None and started_at(engine) is None)
    ended_s = time.monotonic() - began
    works.open_gate()
    result = following.result()

    assert ended_s < 2.5
    assert result.outcome is Outcome.SUCCEEDED
    assert sorted(set(works.made())) == ["a", "b", "c"]
    assert any("could not renew its lease" in line for line in works.lines)


def test_a_guard_outlives_the_runner_while_its_engine_works(tmp_path: Path):
    """An engine without a runner is ended in time, too."""
    runner = subprocess.Popen(STILL)
    engine = subprocess.Popen([*STILL, f"-chdir={tmp_path}/workspace"], start_new_session=True)
    ends = boot_clock() + 1.5
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "lease").write_text(f"{ends:.3f}")
    command = [sys.executable, "-m", "mcop_core.runner.fence", str(tmp_path), str(runner.pid), started_at(runner.pid)]
    guard = subprocess.Popen(command)
    try:
        runner.kill()
        runner.wait()
        assert guard.poll() is None
        assert engine.wait(timeout=20) == -signal.SIGKILL
        assert boot_clock() >= ends
        assert guard.wait(timeout=20) == 0
    finally:
        for process in (runner, engine, guard):
            process.kill()
            process.wait()


def test_a_renewal_puts_the_end_off_and_a_lifted_lease_has_none(tmp_path: Path):
    """Counted from before the store was asked; four fifths of what the lease promises."""
    fence = Fence(tmp_path, 10.0)
    at = fence.clock()
    fence.put_off("one", at)
    fence.put_off("two", at + 5)

    assert overdue(tmp_path, at + 10 * SHARE - 0.1) == []
    assert overdue(tmp_path, at + 10 * SHARE + 0.1) == [tmp_path / FOLDER / "one"]
    fence.put_off("one", at + 100)
    assert overdue(tmp_path, at + 10) == []
    fence.lift("one")
    fence.lift("two")
    assert overdue(tmp_path, at + 1000) == []


def test_a_holder_that_promises_nothing_has_no_guard(tmp_path: Path):
    """Nothing is written, nobody is started."""
    fence = Fence(tmp_path, 0.0)
    fence.put_off("one", fence.clock())

    assert list(tmp_path.iterdir()) == []


def test_a_guard_that_died_is_replaced_at_the_next_renewal(tmp_path: Path):
    """So that the promise holds for as long as the runner works."""
    fence = Fence(tmp_path, 1000.0)
    fence.put_off("one", fence.clock())
    first = fence._guard
    first.kill()
    first.wait()
    fence.put_off("one", fence.clock())
    second = fence._guard
    try:
        assert second is not first
        assert is_running(second.pid, started_at(second.pid))
    finally:
        second.kill()
        second.wait()
