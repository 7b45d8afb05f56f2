"""Processes: run, followed, found again, stopped once; and what an exit code means."""

import os
import signal
import stat
import subprocess
import time
from pathlib import Path

import pytest

from mcop_core.engines.terraform.command import Process, failure, hint_for, pids_by_argument, run
from mcop_core.errors import EngineFailed

ENVIRONMENT = {"PATH": os.environ["PATH"]}

SCRIPT = """#!/bin/sh
trap 'echo interrupted; count=$((count+1)); echo $count; test $count -gt 0 && exit 1' INT
echo "hello $GREETING"
echo "group $(ps -o pgid= -p $$ | tr -d ' ') $$" >&2
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do test "$2" = wait && sleep 0.1; done
exit 4
"""


@pytest.fixture
def script(tmp_path: Path) -> str:
    path = tmp_path / "terraform"
    path.write_text(SCRIPT)
    path.chmod(0o700)
    return str(path)


def wait(condition) -> None:
    ends = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.01)


def test_a_command_gets_only_the_environment_it_is_given(script, tmp_path):
    """Nothing of the caller's environment is inherited, and all ends are returned."""
    done = run(script, ["plan"], cwd=tmp_path, environment={**ENVIRONMENT, "GREETING": "world"})

    assert (done.exit_code, done.stdout) == (4, "hello world\n")
    pgid, pid = done.stderr.split()[1:]
    assert pgid == pid


def test_a_missing_binary_names_the_setting(tmp_path):
    """What cannot be started says where its path comes from."""
    with pytest.raises(EngineFailed, match="MCOP_TERRAFORM"):
        run(str(tmp_path / "none"), [], cwd=tmp_path, environment={})
    with pytest.raises(EngineFailed, match="MCOP_TERRAFORM"):
        Process.start(str(tmp_path / "none"), [], directory=tmp_path, environment={}, name="x")


def test_a_process_is_followed_to_its_end(script, tmp_path):
    """Its lines come in order, its files are private, its session is its own."""
    process = Process.start(script, ["quick"], directory=tmp_path, environment=ENVIRONMENT, name="apply")

    assert list(process.lines(lambda: False)) == ["hello "]
    assert process.exit_code == 4
    assert process.stderr.split()[1] == str(process.pid)
    assert stat.S_IMODE((tmp_path / "apply.out").stat().st_mode) == 0o600


def test_a_cancelled_process_gets_one_sigint(script, tmp_path):
    """However often it is asked, the signal is sent once, and the rest of its output is read."""
    process = Process.start(script, ["wait"], directory=tmp_path, environment=ENVIRONMENT, name="apply")
    seen: list[str] = []

    for line in process.lines(lambda: "hello " in seen):
        seen.append(line)

    assert seen == ["hello ", "interrupted", "1"]
    assert process.exit_code == 1


def test_a_process_is_found_again_by_its_folder(script, tmp_path):
    """Who did not start it can follow it from its first line, and stop it."""
    started = Process.start(script, ["wait"], directory=tmp_path, environment=ENVIRONMENT, name="apply")

    wait(lambda: (tmp_path / "apply.out").read_bytes())
    found = Process.find(tmp_path, name="apply")
    assert found is not None
    assert found.pid == started.pid
    assert found.exit_code is None
    found.interrupt()
    assert list(found.lines(lambda: False))[:2] == ["hello ", "interrupted"]
    assert started.exit_code == 1
    assert Process.find(tmp_path, name="apply") is None


def test_a_zombie_is_no_process():
    """What has died and was not collected is not found."""
    marker = "--mcop-test-of-zombies"
    child = subprocess.Popen(["/bin/sh", "-c", "read line", "sh", marker], stdin=subprocess.PIPE)
    wait(lambda: pids_by_argument(marker) == [child.pid])

    child.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

    assert pids_by_argument(marker) == []
    child.communicate()


HINTS = {
    "Error: Error acquiring the state lock": "Another Terraform",
    "Failed to query available provider packages": "MCOP_TERRAFORM_PLUGIN_MIRROR",
    "NoCredentialProviders: no valid credential sources": "credentials",
    "api error RequestExpired: Request has expired.": "credentials",
    "api error NoSuchBucket: The specified bucket": "bucket does not exist",
    "dial tcp 127.0.0.1:4566: connect: connection refused": "endpoint",
    "write /x: no space left on device": "disk is full",
    "Error acquiring the state lock: write lock.info: no space left on device": "disk is full",
    "BucketAlreadyExists: taken": "import it",
    "nobody knows this one": "",
}


@pytest.mark.parametrize(("text", "part"), HINTS.items())
def test_a_known_error_has_a_hint(text, part):
    """What MCOP knows about an error is said; otherwise nothing is."""
    assert part in hint_for(text)
    assert bool(part) == bool(hint_for(text))


def test_a_failure_says_what_terraform_said_and_where():
    """Diagnostics first; without any the last words of the error stream; a signal by its number."""
    diagnostic = {"summary": "Bad", "detail": "connection refused", "where": "aws_vpc.x, main.tf:3"}

    error = failure("terraform", "apply", 1, [diagnostic], "")

    assert str(error).startswith(
        "terraform apply failed with exit code 1: aws_vpc.x, main.tf:3: Bad: connection refused"
    )
    assert error.diagnostics == (diagnostic,)
    assert "endpoint" in error.hint
    assert "tofu init failed with exit code 1: last words" in str(
        failure("/usr/bin/tofu", "init", 1, [], "╷\n│ last words\n╵\n")
    )
    assert "killed by signal 9" in str(failure("terraform", "apply", -9, [], ""))
    assert "ended unseen" in str(failure("terraform", "apply", None, [], ""))
