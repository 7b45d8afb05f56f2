"""
EDGE subprocess: ask the policies of a folder, in a process of their own.

The Rego interpreter is native code without a limit of time: what it breaks or never ends must not be a task.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from mcop_core.errors import Refused
from mcop_core.policies.models import Document, Level, Verdict

PATIENCE_S = 120.0
"""How long all policies together may take."""


def ask_policies(folder: str, document: Document) -> tuple[Verdict, ...]:
    """
    Return what the policies in *folder* have against *document*; nothing if no folder is set.

    Whatever keeps them from being asked denies: no folder of that name, a broken policy, a crash, too long a time.
    """
    if not folder:
        return ()
    if not Path(folder).is_dir():
        return (_denied(f"there is no folder {folder}, which MCOP_POLICIES names"),)
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "mcop_core.policies.main", folder],
            input=json.dumps(document).encode(),
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return (_denied(f"they took longer than {PATIENCE_S:g} s"),)
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip() or f"the interpreter ended with {done.returncode}"
        return (_denied(said),)
    return tuple(Verdict(one["policy"], Level(one["level"]), one["message"]) for one in json.loads(done.stdout))


def refuse_denied(verdicts: tuple[Verdict, ...]) -> None:
    """
    Pass if no verdict denies.

    Raises:
        Refused: One does; names every denial.
    """
    denials = [f"{one.policy}: {one.message}" for one in verdicts if one.level is Level.DENY]
    if denials:
        raise Refused(f"denied by policy: {'; '.join(denials)}")


def _denied(reason: str) -> Verdict:
    return Verdict("policies", Level.DENY, f"the policies could not be asked: {reason}")
