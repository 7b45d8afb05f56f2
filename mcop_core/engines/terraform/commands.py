"""Terraform's commands in the workspace of one operation: with which environment, and what of their output is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mcop_core.engines import state
from mcop_core.engines.mask import Mask
from mcop_core.engines.terraform.command import (
    IMPORT_FILE,
    IMPORT_PLAN_FILE,
    PLAN_FILE,
    Process,
    failure,
    read_plan,
    show_plan,
)
from mcop_core.engines.terraform.imports import import_blocks
from mcop_core.engines.terraform.log import EventReader, Fact, LogLine
from mcop_core.engines.terraform.warm import Loan
from mcop_core.engines.workspace import Reporter
from mcop_core.errors import EngineFailed

EVENTS = "apply"
"""Name of the files that hold what an apply says; see `Process`."""

_INIT = "init"


@dataclass(slots=True)
class Commands:
    """
    What an operation runs, one after the other.

    Attributes:
        operation: `apply` or `destroy`.
        binary: Path or name of Terraform or OpenTofu.
        directory: The workspace's folder: the root module.
        environment: All that Terraform is given, but the sealed inputs.
        variables: The sealed inputs: `TF_VAR_…`.
        mask: Hides secrets in every text.
        is_cancelled: Asked while a command works; if so, it is interrupted.
        stop_if_cancelled: Raises if so; asked once a command has failed.
        provider_died: Whether the last command failed since its provider was killed.
        loan: The warm providers that the next command uses.
    """

    operation: str
    binary: str
    directory: Path
    environment: Mapping[str, str]
    variables: Mapping[str, str]
    mask: Mask
    report: Reporter
    is_cancelled: Callable[[], bool]
    stop_if_cancelled: Callable[[], None]
    provider_died: bool = False
    loan: Loan = field(default_factory=Loan)

    def install(self, arguments: tuple[str, ...]) -> None:
        """
        Run `init` or `get` with *arguments*; it sees no sealed input.

        Raises:
            EngineFailed: It failed.
        """
        self.report.log("::group::init")
        process = self._start(arguments, _INIT, self.environment)
        for line in process.lines(self.is_cancelled):
            if line.strip():
                self.report.log(self.mask(line))
        self.report.log("::endgroup::")
        if process.exit_code != 0:
            self.stop_if_cancelled()
            raise failure(self.binary, arguments[0], process.exit_code, (), self.mask(process.stderr))
        self.report.record("initialised", command=arguments[0])

    def plan(self, reader: EventReader) -> None:
        """
        Write the plan of the operation to `PLAN_FILE`.

        Raises:
            EngineFailed: There is no plan.
        """
        process = self._start(["plan", *self._destroys, "-input=false", "-json", f"-out={PLAN_FILE}"], "plan")
        for line in process.lines(self.is_cancelled):
            tell(self.report, *reader.read(line))
        if process.exit_code != 0:
            tell(self.report, reader.close(), [])
            self.stop_if_cancelled()
            raise self.failed("plan", process, reader)

    def plan_imports(self, pairs: Mapping[str, str]) -> Mapping[str, Any]:
        """
        Return the plan that takes *pairs*, address -> id, into the state, as `show -json` gives it.

        It is made to its end, cancelled or not: what is looked for was begun.

        Raises:
            EngineFailed: There is no plan.
        """
        state.write_durably(self.directory / IMPORT_FILE, import_blocks(pairs))
        process = self._start(["plan", "-input=false", "-json", f"-out={IMPORT_PLAN_FILE}"], "import")
        reader = EventReader(self.mask)
        for line in process.lines(lambda: False):
            reader.read(line)
        if process.exit_code != 0:
            raise self.failed("plan", process, reader)
        return show_plan(self.binary, IMPORT_PLAN_FILE, cwd=self.directory, environment=self._whole_environment())

    def read(self, plan_file: str, versions: Mapping[str, str]) -> Mapping[str, Any]:
        """Return what a plan file holds; *versions* and errors as `read_plan`."""
        environment = self._whole_environment()
        return read_plan(self.binary, plan_file, versions, cwd=self.directory, environment=environment)

    def start_apply(self, *, is_planned: bool) -> Process:
        """Start to apply the plan in `PLAN_FILE`, or what comes of planning now; `EVENTS` names its output."""
        what = [PLAN_FILE] if is_planned else ["-auto-approve", *self._destroys]
        return self._start(["apply", "-input=false", "-json", "-backup=-", *what], EVENTS)

    def failed(self, command: str, process: Process, reader: EventReader) -> EngineFailed:
        """Return the error of a *process* that failed, remember whether its provider had died, and lend it no more."""
        self.provider_died = reader.provider_died
        ended_by_itself = process.exit_code is not None and process.exit_code > 0 and not self.is_cancelled()
        self.loan.leave(is_sound=ended_by_itself and not self.provider_died)
        return failure(self.binary, command, process.exit_code, reader.diagnostics, self.mask(process.stderr))

    @property
    def _destroys(self) -> list[str]:
        return ["-destroy"] if self.operation == "destroy" else []

    def _whole_environment(self) -> dict[str, str]:
        """Return what one command is told, the sealed inputs and the lent providers among it."""
        return {**self.environment, **self.variables, **self.loan.begin_command()}

    def _start(self, arguments: Sequence[str], name: str, environment: Mapping[str, str] | None = None) -> Process:
        return Process.start(
            self.binary,
            arguments,
            directory=self.directory,
            environment=self._whole_environment() if environment is None else environment,
            name=name,
            descriptors=self.loan.descriptors,
        )


def tell(report: Reporter, lines: list[LogLine], facts: list[Fact]) -> None:
    """Pass on what was read of a command's output."""
    for fact in facts:
        report.record(fact.event, **fact.facts)
    for line in lines:
        report.log(line.line, level=line.level)
