"""
An operation's folder, where the runner and those who follow it meet.

    <work_dir>/<request id>/          mode 0700
        request.json                  what to do
        alive                         locked (flock) by the runner for as long as it lives
        cancel                        there once somebody wants it stopped
        log.jsonl                     lines for the task's log, {"level", "line"}
        journal.jsonl                 what really happened, see `journal`
        runner.out                    what the runner's own interpreter had to say
        workspace/                    the engine's; gone after success
        result.json                   the last word, by rename

The lock is taken by who starts a runner, and handed to it as an open file: there is no moment at which two
can be started, nor one at which a dead runner seems alive.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mcop_core import errors
from mcop_core.engines.state import write_durably
from mcop_core.errors import McopError, Refused
from mcop_core.runner.journal import JOURNAL_FILE
from mcop_core.runner.request import Outcome, RunRequest, RunResult
from mcop_core.settings import Settings


@dataclass(frozen=True, slots=True)
class OperationFolder:
    """The paths of one operation."""

    path: Path

    @classmethod
    def of(cls, request: RunRequest, settings: Settings) -> OperationFolder:
        """Return the folder of *request*; it need not exist."""
        return cls(Path(settings.work_dir).absolute() / request.id)

    def make(self) -> None:
        """
        Make the folder if it is not there.

        Raises:
            Refused: It cannot be made; names the setting.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise Refused(
                f"{self.path} cannot be made: {error.strerror}. Set MCOP_WORK_DIR to a durable folder that the worker "
                "may write."
            ) from error

    @property
    def request(self) -> Path:
        """What to do."""
        return self.path / "request.json"

    @property
    def result(self) -> Path:
        """The last word."""
        return self.path / "result.json"

    @property
    def cancel(self) -> Path:
        """There once somebody wants the operation stopped."""
        return self.path / "cancel"

    @property
    def log(self) -> Path:
        """Lines for the task's log."""
        return self.path / "log.jsonl"

    @property
    def journal(self) -> Path:
        """What really happened."""
        return self.path / JOURNAL_FILE

    @property
    def output(self) -> Path:
        """What the runner's interpreter wrote."""
        return self.path / "runner.out"

    @property
    def workspace(self) -> Path:
        """The engine's folder."""
        return self.path / "workspace"

    def hold(self) -> int | None:
        """Return the locked file, to be closed by the caller; None if a runner, or one who starts it, holds it."""
        descriptor = os.open(self.path / "alive", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return None
        return descriptor

    def write_request(self, request: RunRequest) -> None:
        """Write what to do."""
        write_durably(self.request, json.dumps(asdict(request), indent=1).encode())

    def read_request(self) -> RunRequest:
        """Return what to do."""
        return RunRequest.from_json(json.loads(self.request.read_bytes()))

    def write_result(self, result: RunResult) -> None:
        """Write the last word, by rename."""
        write_durably(self.result, json.dumps(asdict(result), indent=1).encode())

    def read_result(self) -> RunResult | None:
        """Return the last word, None if it is not spoken yet."""
        try:
            document = json.loads(self.result.read_bytes())
        except FileNotFoundError:
            return None
        resources = tuple(document["resources"])
        return RunResult(**{**document, "outcome": Outcome(document["outcome"]), "resources": resources})


_OUTCOMES = {
    errors.Cancelled: Outcome.CANCELLED,
    errors.UnknownOutcome: Outcome.UNKNOWN,
    errors.Waiting: Outcome.WAITING,
}


def failed(error: McopError) -> RunResult:
    """Return the result that *error* ends an operation with; of its facts only those that are JSON."""
    outcome = _OUTCOMES.get(type(error), Outcome.FAILED)
    facts = {name: value for name, value in error.facts.items() if _is_json(value)}
    return RunResult(outcome, error=str(error), error_type=type(error).__name__, facts=facts)


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True


def error_of(result: RunResult) -> McopError:
    """Return the error that *result* was made of: of the same class, with its facts; lists come as tuples."""
    kind = getattr(errors, result.error_type, None)
    if not (isinstance(kind, type) and issubclass(kind, McopError)):
        kind = McopError
    return kind(result.error, **_frozen(result.facts))


def _frozen(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in facts.items()}
