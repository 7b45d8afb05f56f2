"""What the runner and its followers leave for each other."""

import os
import stat
from pathlib import Path

import pytest

from mcop_core.errors import Cancelled, EngineFailed, InvalidDocuments, McopError, StateLocked, UnknownOutcome
from mcop_core.runner.folder import OperationFolder, error_of, failed
from mcop_core.runner.request import Operation, Outcome, RunRequest, RunResult
from mcop_core.settings import Settings

REQUEST = RunRequest(Operation.DESTROY, "d" * 64, "dag/run/task", "mcop.shop", "file:///store")


@pytest.fixture
def folder(tmp_path: Path) -> OperationFolder:
    folder = OperationFolder.of(REQUEST, Settings(work_dir=str(tmp_path / "runs")))
    folder.make()
    return folder


def test_a_request_has_a_private_folder_of_its_own(folder):
    """Named by the request, readable by its owner alone."""
    assert folder.path.name == REQUEST.id
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700


def test_request_and_result_read_as_they_were_written(folder):
    """Enums and tuples come back as such; before the last word there is none."""
    result = RunResult(Outcome.SUCCEEDED, {"ids": [1]}, added=2, resources=({"address": "a"},), facts={"x": 1})

    assert folder.read_result() is None
    folder.write_request(REQUEST)
    folder.write_result(result)

    assert folder.read_request() == REQUEST
    assert folder.read_result() == result
    assert stat.S_IMODE(folder.result.stat().st_mode) == 0o600


def test_one_holder_at_a_time(folder):
    """Whoever comes second gets nothing, until the first lets go."""
    first = folder.hold()

    assert first is not None
    assert folder.hold() is None
    os.close(first)
    second = folder.hold()
    assert second is not None
    os.close(second)


OUTCOMES = {
    "unknown": (UnknownOutcome("who knows", resources=("a.b",)), Outcome.UNKNOWN),
    "cancelled": (Cancelled("stop"), Outcome.CANCELLED),
    "locked": (StateLocked("locked", holder={"ID": "1"}), Outcome.FAILED),
    "failed": (EngineFailed("bad", diagnostics=({"summary": "s"},), hint="h"), Outcome.FAILED),
    "base": (McopError("other"), Outcome.FAILED),
}


@pytest.mark.parametrize(("error", "outcome"), OUTCOMES.values(), ids=OUTCOMES)
def test_an_error_survives_the_result(folder, error, outcome):
    """Class, message and facts come back through the file."""
    folder.write_result(failed(error))

    found = folder.read_result()
    again = error_of(found)
    assert found.outcome is outcome
    assert (type(error), error.message, error.facts) == (type(again), again.message, again.facts)


def test_facts_that_are_no_json_are_left_out_and_unknown_classes_become_the_base():
    """A result never fails to be written, nor to be raised."""
    assert failed(InvalidDocuments("x", faults=(object(),), n=1)).facts == {"n": 1}
    for name in ("KeyError", "closest", "", "annotations"):
        assert type(error_of(RunResult(Outcome.FAILED, error="x", error_type=name))) is McopError
