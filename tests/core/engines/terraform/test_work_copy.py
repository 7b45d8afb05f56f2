"""The state in the folder where Terraform works on it."""

import stat
from pathlib import Path

import pytest

from mcop_core.engines.state import Leftover, write_durably
from mcop_core.engines.terraform import work_copy
from mcop_core.errors import StateConflict
from tests.core.engines.test_state import NEW, OLD


def test_a_file_cut_off_by_a_crash_is_replaced_by_the_last_whole_copy(tmp_path: Path):
    """Terraform writes in place; the copy beside it was written by rename."""
    work_copy.place(tmp_path, OLD, OLD.digest)
    write_durably(tmp_path / work_copy.COPY_FILE, NEW.data)
    (tmp_path / work_copy.STATE_FILE).write_bytes(NEW.data[:40])

    assert work_copy.read_local(tmp_path) == NEW
    (tmp_path / work_copy.COPY_FILE).unlink()
    with pytest.raises(StateConflict):
        work_copy.read_local(tmp_path)


def test_what_an_operation_left_is_held_against_what_it_told_of(tmp_path: Path):
    """A tool that writes its state now and then may die before it says so."""
    work_copy.place(tmp_path, NEW, NEW.digest)
    found = work_copy.left_in(tmp_path, (), lambda state: state.without({"aws_vpc.a": {"id-a"}}))

    assert {"aws_vpc.b": "id-b"} == found.state.instances()
    assert NEW.digest == found.base


def test_what_is_placed_is_private_and_can_be_forgotten(tmp_path: Path):
    """The files are 0600, name their base, and go without a trace."""
    work_copy.place(tmp_path, OLD, "the-base")

    assert stat.S_IMODE((tmp_path / work_copy.STATE_FILE).stat().st_mode) == 0o600
    assert work_copy.left_in(tmp_path, ("x",)) == Leftover(
        str(tmp_path / work_copy.STATE_FILE), "the-base", OLD, ("x",)
    )
    work_copy.forget(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert work_copy.left_in(tmp_path, ()) is None
