"""The state in the folder where Terraform works on it, and what is kept beside it."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from mcop_core.engines.state import Leftover, StateFile, write_durably
from mcop_core.engines.terraform.command import IMPORT_FILE, IMPORT_PLAN_FILE, PLAN_FILE
from mcop_core.errors import StateConflict

STATE_FILE = "terraform.tfstate"
BASE_FILE = "mcop-base.json"
COPY_FILE = "mcop-copy.tfstate"


def place(directory: Path, state: StateFile | None, base: str) -> None:
    """Put *state* where Terraform works on it in *directory*, and note its *base*."""
    forget(directory)
    write_durably(directory / BASE_FILE, json.dumps({"base": base}).encode())
    if state is not None:
        write_durably(directory / STATE_FILE, state.data)


def forget(directory: Path) -> None:
    """Remove the state, every copy of it, and the plans made from it, from *directory*."""
    copies = (COPY_FILE, f"{STATE_FILE}.backup", "errored.tfstate")
    for name in (BASE_FILE, STATE_FILE, *copies, PLAN_FILE, IMPORT_FILE, IMPORT_PLAN_FILE):
        with suppress(FileNotFoundError):
            (directory / name).unlink()


def read_local(directory: Path) -> StateFile | None:
    """
    Return the state in *directory*, None if there is none.

    Terraform writes the file in place, so that one cut off by a crash is possible: then the last whole copy.

    Raises:
        StateConflict: Neither can be read.
    """
    found: StateConflict | None = None
    for name in ("errored.tfstate", STATE_FILE, COPY_FILE):
        path = directory / name
        if path.exists() and path.stat().st_size:
            try:
                return StateFile.parse(path.read_bytes(), str(path))
            except StateConflict as error:
                found = found or error
    if found is not None:
        raise found
    return None


def left_in(
    directory: Path, doubtful: tuple[str, ...], corrected: Callable[[StateFile], StateFile] = lambda state: state
) -> Leftover | None:
    """
    Return what an operation left in its workspace *directory*, None if it had settled everything.

    Args:
        doubtful: As `Leftover` has it.
        corrected: Gives the state as what the operation told of says that it is; see `EventReader.corrected`.
    """
    base = directory / BASE_FILE
    if not base.exists():
        return None
    state = read_local(directory)
    known = corrected(state) if state else None
    return Leftover(str(directory / STATE_FILE), json.loads(base.read_bytes())["base"], known, doubtful)
