"""Proof that a holder is dead."""

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from mcop_core.runner.holder import Holder, Proof, is_running, is_worked_in, prove, started_at

HERE = Holder("host", "boot", "pids", 1, "start", "owner", "operation", "/mine")
THEIRS = replace(HERE, pid=2, workspace="/theirs")

PROOFS = {
    "its process runs": (THEIRS, True, False, Proof.ALIVE),
    "its process is gone": (THEIRS, False, False, Proof.DEAD),
    "its process is gone, its Terraform works on": (THEIRS, False, True, Proof.ALIVE),
    "the same in my own workspace: I follow it on": (replace(THEIRS, workspace="/mine"), False, True, Proof.DEAD),
    "the machine was started again since": (replace(THEIRS, boot="other"), True, True, Proof.DEAD),
    "another machine": (replace(THEIRS, host="other"), False, False, Proof.UNKNOWN),
    "another machine's other boot": (replace(THEIRS, host="other", boot="other"), False, False, Proof.UNKNOWN),
    "another container": (replace(THEIRS, pids="other"), False, False, Proof.UNKNOWN),
}


@pytest.mark.parametrize(("holder", "lives", "works", "expected"), PROOFS.values(), ids=PROOFS)
def test_only_the_holders_own_machine_can_prove_it_dead(holder, lives, works, expected):
    """What cannot be proved is unknown."""
    assert prove(holder, HERE, lives=lambda pid, started: lives, works_in=lambda workspace: works) is expected


def test_this_process_is_alive_and_a_zombie_is_not():
    """A pid counts only with its start time; what was killed but not collected is dead."""
    assert prove(*[Holder.here(owner="o", operation="x", workspace=Path("/w"))] * 2) is Proof.ALIVE
    assert not is_running(os.getpid(), "another time")
    child = subprocess.Popen(["/bin/sh", "-c", "read line"], stdin=subprocess.PIPE)
    started = started_at(child.pid)
    assert is_running(child.pid, started)

    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

    assert not is_running(child.pid, started)
    child.communicate()
    assert started_at(child.pid) is None
    assert not is_worked_in("/no/such/workspace")
