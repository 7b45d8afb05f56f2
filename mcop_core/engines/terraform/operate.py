"""
Apply and destroy: an artifact in, one Terraform process on a durable local state, an `ApplyResult` out.

The order of things is what keeps resources from being lost: lease, Terraform's own lock, pull, settle what
a dead predecessor left, apply while the state is shipped, push, release. Whatever goes wrong in between, the
state is pushed first and the error raised after; if it cannot be pushed, lease and lock are kept, the file
stays, and the next holder settles it. What was being created when a process died is looked for in the cloud and
taken into the state (`adopt`) before Terraform works again.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from mcop_core.engines import state
from mcop_core.engines.artifact import RenderedArtifact
from mcop_core.engines.base import ApplyResult, Gate
from mcop_core.engines.mask import Mask
from mcop_core.engines.outputs import read_outputs
from mcop_core.engines.sealed import read_secrets, unseal
from mcop_core.engines.state import Leftover, StateFile
from mcop_core.engines.state_home import StateHome, leased_home
from mcop_core.engines.terraform import sealed, work_copy
from mcop_core.engines.terraform.command import PLAN_FILE, POLL_S, Process, cancelled
from mcop_core.engines.terraform.commands import EVENTS, Commands, tell
from mcop_core.engines.terraform.credentials import own_credentials
from mcop_core.engines.terraform.doubt import Doubt
from mcop_core.engines.terraform.log import EventReader, summary, tally
from mcop_core.engines.terraform.names import module_of
from mcop_core.engines.terraform.plan_json import Holds, read_component
from mcop_core.engines.terraform.preparation import CLI_CONFIG, Preparation, check_files
from mcop_core.engines.terraform.providers import terraform_environment
from mcop_core.engines.terraform.shipper import Shipper
from mcop_core.engines.terraform.toolchain import NO_TOOLS, Toolchain
from mcop_core.engines.terraform.warm import NO_POOL
from mcop_core.engines.workspace import Reporter, Workspace
from mcop_core.errors import EngineFailed, McopError, Tampered
from mcop_core.secrets.reference import SecretRef

RESUMES = 5
"""How often one operation starts Terraform again that was killed, or whose provider was."""

_PRIVATE = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


@dataclass(frozen=True, slots=True)
class Timing:
    """
    How long things may take, seconds.

    Attributes:
        ship_every_s: How often the state is copied while it changes.
        push_patience_s: How long a push waits for a store that does not answer.
    """

    ship_every_s: float = 1.0
    push_patience_s: float = 300.0


def apply(
    artifact: RenderedArtifact,
    workspace: Workspace,
    report: Reporter,
    gate: Gate | None = None,
    *,
    tools: Toolchain,
    timing: Timing = Timing(),
) -> ApplyResult:
    """
    Make the cloud what *artifact* says; see `Engine.apply`.

    Args:
        tools: What it is done with on this machine.

    Raises:
        Refused: The *gate* did not let its plan pass; nothing was done.
        EngineFailed: Terraform failed; what it created is in the state.
        StateLocked: Somebody else works on this state.
        StateConflict: The state moved, or the lease was lost; nothing was overwritten.
        Cancelled: A person stopped it; the state is written and the lock free.
        UnknownOutcome: A creation was cut off, and repeating it might double the resource; or one was done twice.
        Unreachable: The state store did not answer; what was done is kept in the workspace.
    """
    return _operate("apply", artifact, workspace, report, gate, tools, timing)


def destroy(
    artifact: RenderedArtifact,
    workspace: Workspace,
    report: Reporter,
    gate: Gate | None = None,
    *,
    tools: Toolchain,
    timing: Timing = Timing(),
) -> ApplyResult:
    """Remove everything that *artifact*'s state holds; arguments and errors as `apply`."""
    return _operate("destroy", artifact, workspace, report, gate, tools, timing)


def _operate(
    operation: str,
    artifact: RenderedArtifact,
    workspace: Workspace,
    report: Reporter,
    gate: Gate | None,
    tools: Toolchain,
    timing: Timing,
) -> ApplyResult:
    with open_session(operation, artifact, workspace, report, timing, gate=gate, tools=tools) as session:
        return session.run()


def settle(
    operation: str,
    artifact: RenderedArtifact,
    workspace: Workspace,
    report: Reporter,
    *,
    tools: Toolchain,
    timing: Timing = Timing(),
) -> ApplyResult | None:
    """
    Settle what a dead *operation* left, and begin nothing; see `Engine.settle`. Arguments and errors as `apply`.

    A Terraform that outlived its runner is followed to its end. What was cut off is looked for in the cloud.
    """
    with open_session(operation, artifact, workspace, report, timing, tools=tools) as session:
        return session.recover()


@contextmanager
def open_session(
    operation: str,
    artifact: RenderedArtifact,
    workspace: Workspace,
    report: Reporter,
    timing: Timing,
    *,
    gate: Gate | None = None,
    tools: Toolchain = NO_TOOLS,
) -> Iterator[Session]:
    """Hold lease and lock of the state of *artifact* inside the block; arguments and errors as `apply`."""
    with leased_home(artifact, workspace, report, timing.push_patience_s) as home:
        session = Session(operation, artifact, workspace, report, gate, tools, timing, home)
        with session.locked():
            yield session


@dataclass(slots=True)
class Session:
    """One operation under its lease; the steps of `run`, and what they learn."""

    operation: str
    artifact: RenderedArtifact
    workspace: Workspace
    report: Reporter
    gate: Gate | None
    tools: Toolchain
    timing: Timing
    home: StateHome
    is_settled: bool = True
    is_fenced: bool = False
    was_completed: bool = False
    has_lost_provider: bool = False
    resumes: int = 0
    doubt: Doubt = field(init=False)
    mask: Mask = field(default_factory=Mask)
    secrets: Mapping[SecretRef, str] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    resources: list[dict[str, Any]] = field(default_factory=list)
    versions: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.doubt = Doubt(self.artifact, self.home, self.report)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold Terraform's lock; lock and lease are kept at the end if something is unsettled."""
        self.is_settled = not (self.home.lease.abandoned or (self.directory / work_copy.BASE_FILE).exists())
        with self.home.locked(self.operation, self.workspace.owner, give_back=lambda: self.is_settled):
            yield

    def run(self) -> ApplyResult:
        """Carry out the operation."""
        self._begin()
        if self.was_completed:
            return self._finish()
        if not self.doubt.addresses:
            self._stop_if_cancelled()
        if self.operation == "destroy" and self.home.base is None and not self.doubt.addresses:
            self.report.log("Nothing to destroy: there is no state.")
            return ApplyResult({})
        commands = self._commands()
        preparation = self._preparation(commands)
        while True:
            try:
                preparation.make_ready()
                self._resolve_doubt(commands)
                self._stop_if_cancelled()
                return self._terraform(commands)
            except EngineFailed as error:
                self._stop_if_cancelled()
                can_go_on = self._can_go_on(error, commands)
                if not (self._may_resume(commands) if can_go_on else preparation.make_ready_again(error)):
                    raise
                self._warn(f"{error} Starting again.")

    def recover(self) -> ApplyResult | None:
        """Settle what a dead predecessor left; return what it did, None if it was cut off."""
        self._begin()
        if self.doubt.addresses:
            commands = self._commands()
            preparation = self._preparation(commands)
            preparation.make_ready()
            try:
                self._resolve_doubt(commands)
            except EngineFailed as error:
                if not preparation.make_ready_again(error):
                    raise
                self._resolve_doubt(commands)
        return self._finish() if self.was_completed else None

    def _can_go_on(self, error: EngineFailed, commands: Commands) -> bool:
        """Whether Terraform, or the provider under it, was killed, or what it failed to create is in the state now."""
        exit_code = error.facts.get("exit_code")
        return commands.provider_died or self.doubt.has_adopted or (exit_code is not None and exit_code < 0)

    def _may_resume(self, commands: Commands) -> bool:
        self.has_lost_provider = self.has_lost_provider or commands.provider_died
        self.resumes += 1
        return self.resumes <= RESUMES

    @property
    def directory(self) -> Path:
        """The workspace's folder: the root module."""
        return self.workspace.directory

    def is_cancelled(self) -> bool:
        """Whether Terraform must stop: a person said so, or the state is not ours any more."""
        return self.workspace.cancelled() or self.home.lease.is_lost or self.is_fenced

    def _stop_if_cancelled(self) -> None:
        if self.is_cancelled():
            self.home.lease.check()
            raise cancelled(self.operation)

    def _warn(self, line: str) -> None:
        self.report.log(line, level="warning")

    # -- before -----------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Pull the state, and settle what a dead predecessor left, as `run` does before anything else."""
        self.home.pull()
        self.mask = Mask(self._private())
        self._settle()

    def _begin(self) -> None:
        self.home.pull()
        self._unseal()
        self._settle()

    def _unseal(self) -> None:
        """Read the secrets and what else is sealed; from here on they are hidden in every text."""
        inputs, entry = self._sealed(), self.artifact.runtime.get("credentials", {})
        namespace = self.home.address.namespace
        self.secrets = read_secrets({"": inputs, "credentials": entry}, self.workspace, namespace)
        self.doubt.own = own_credentials([entry], self.secrets)
        self.values = unseal(inputs, self.workspace.open_store, self.secrets)
        secret = [*self.values.values(), *self.secrets.values(), *self.doubt.own.texts]
        self.mask = Mask([*secret, *self._private()])

    def _sealed(self) -> Mapping[str, Any]:
        nothing_is_there = self.operation == "destroy" and self.home.base is None
        return {} if nothing_is_there else self.artifact.runtime.get("sealed", {})

    def _private(self) -> list[Any]:
        outputs = self.home.base.outputs.values() if self.home.base else ()
        known = [output["value"] for output in outputs if output.get("sensitive")]
        texts = [self.workspace.environment.get(name, "") for name in _PRIVATE]
        return [*known, *(text for text in texts if len(text) >= 16)]

    # -- what a predecessor left ------------------------------------------------------------------------

    def _settle(self) -> None:
        own = self._own_leftover()
        others = [_left_in(path) for path in reversed(self._foreign())]
        inflight = self.home.read_inflight()
        leftovers = [left for left in (own, *others, inflight) if left is not None]
        settled = state.settle(self.home.base, leftovers)
        if settled.is_new and settled.state is not None:
            self.report.log(f"Resuming: pushing the state of serial {settled.state.serial} that was left unpushed.")
            self.home.push(settled.state)
        self.doubt.note((*settled.doubtful, *self.doubt.findable(settled.planned)))
        if leftovers:
            self._clear(*self._foreign())
        self.is_settled = True

    def _foreign(self) -> list[Path]:
        return [path for path in self.home.lease.left if path != self.directory]

    def _own_leftover(self) -> Leftover | None:
        events = self.directory / f"{EVENTS}.out"
        process = Process.find(self.directory, name=EVENTS)
        if not ((self.directory / work_copy.BASE_FILE).exists() and events.exists()):
            self._await_end(process)
            return work_copy.left_in(self.directory, ())
        reader = EventReader(self.mask)
        if process is not None:
            self.report.log(f"Following on Terraform process {process.pid}, which outlived its runner.")
            self._follow(process, reader)
        else:
            self.report.log("What Terraform did before its runner died:")
            self._replay(events, reader)
        self._learn(reader)
        self.was_completed = reader.complete
        return work_copy.left_in(self.directory, reader.doubtful(), reader.corrected)

    def _learn(self, reader: EventReader) -> None:
        self.resources += reader.resources
        self.versions = reader.versions

    def _await_end(self, process: Process | None) -> None:
        """Stop a Terraform that prepares or plans for a runner that died: it changes nothing."""
        if process is None:
            return
        process.interrupt()
        while process.is_running():
            time.sleep(POLL_S)

    def _replay(self, events: Path, reader: EventReader) -> None:
        for line in events.read_text(errors="replace").splitlines():
            tell(self.report, *reader.read(line))
        tell(self.report, reader.close(), [])

    def _clear(self, *others: Path) -> None:
        """Remove every copy of the state: what it holds is in the store now. What is in doubt stays noted there."""
        if not self.doubt.addresses:
            self.home.delete_inflight()
        for directory in (self.directory, *others):
            work_copy.forget(directory)
            for end in ("out", "err"):
                (directory / f"{EVENTS}.{end}").unlink(missing_ok=True)
        self.is_settled = True
        self.home.note_settled()

    # -- Terraform --------------------------------------------------------------------------------------

    def _commands(self) -> Commands:
        runtime = self.artifact.runtime
        workers = self.doubt.own.without_the_workers(self.workspace.environment)
        allowed = terraform_environment(workers, own=runtime.get("environment", ()))
        return Commands(
            self.operation,
            self.tools.binary,
            self.directory,
            {**self.doubt.own.over(allowed), "TF_CLI_CONFIG_FILE": str(self.directory / CLI_CONFIG)},
            sealed.variables(self.values, runtime.get("types", {})),
            self.mask,
            self.report,
            self.is_cancelled,
            self._stop_if_cancelled,
        )

    def _preparation(self, commands: Commands) -> Preparation:
        return Preparation(self.artifact.files, self.directory, self.tools, run=commands.install)

    def _resolve_doubt(self, commands: Commands) -> None:
        self.doubt.resolve(partial(self._plan_imports, commands))

    def _plan_imports(self, commands: Commands, pairs: Mapping[str, str]) -> Mapping[str, Any]:
        work_copy.place(self.directory, self.home.base, self.home.digest)
        try:
            with self._lent(commands):
                return commands.plan_imports(pairs)
        finally:
            work_copy.forget(self.directory)

    def _terraform(self, commands: Commands) -> ApplyResult:
        work_copy.place(self.directory, self.home.base, self.home.digest)
        commands.provider_died = self.doubt.has_adopted = False
        with self._lent(commands):
            return self._deploy(commands)

    @contextmanager
    def _lent(self, commands: Commands) -> Iterator[None]:
        """Have the commands in the block use lent providers, until one has died under this operation."""
        pool = NO_POOL if self.has_lost_provider else self.tools.warm
        with pool.lent(self.artifact.files, self.directory, commands.environment, self.report) as commands.loan:
            yield

    def _deploy(self, commands: Commands) -> ApplyResult:
        reader = EventReader(self.mask)
        if self.gate is not None:
            self._pass(self.gate, reader, commands)
            if self._is_as_planned(reader):
                return self._leave(reader)
        self._hold_files()
        self.is_settled = False
        process = commands.start_apply(is_planned=self.gate is not None)
        self.report.record("terraform_started", pid=process.pid, operation=self.operation)
        self._follow(process, reader)
        self.report.record("terraform_ended", pid=process.pid, exit_code=process.exit_code)
        self._learn(reader)
        return self._end(process, reader, commands)

    def _pass(self, gate: Gate, reader: EventReader, commands: Commands) -> None:
        """Write the plan that will be applied, and ask *gate* whether it may be."""
        try:
            commands.plan(reader)
            planned = self._plan_digest()
            shown = commands.read(PLAN_FILE, reader.versions)
            module = module_of(self.artifact)
            adopted = tuple(sorted(one.removeprefix(f"module.{module}.") for one in self.doubt.adopted))
            gate(replace(read_component(shown, module, self.secrets.values()), adopted=adopted))
            self._hold_plan(planned)
        except McopError:
            work_copy.forget(self.directory)
            raise
        self.report.record("plan_passed", plan=planned)

    def _is_as_planned(self, reader: EventReader) -> bool:
        """
        Whether applying the plan in `PLAN_FILE` would leave everything as it is: the cloud, the outputs, the state.

        Then it need not be applied. A plan that cannot be told so is.
        """
        from mcop_core.engines.terraform.plan_file import Unreadable, unchanged_state

        if self.operation != "apply" or self.home.base is None:
            return False
        with suppress(Unreadable):
            planned = unchanged_state((self.directory / PLAN_FILE).read_bytes(), reader.versions)
            return planned is not None and StateFile.parse(planned, PLAN_FILE).content() == self.home.base.content()
        return False

    def _leave(self, reader: EventReader) -> ApplyResult:
        """Return the result of a plan that changes nothing."""
        self._learn(reader)
        self._clear()
        return self._finish()

    def _plan_digest(self) -> str:
        with suppress(FileNotFoundError):
            return hashlib.sha256((self.directory / PLAN_FILE).read_bytes()).hexdigest()
        return "none"

    def _hold_plan(self, planned: str) -> None:
        """Refuse a plan file that is not the one which Terraform wrote and the gate saw: it can run anything."""
        found = self._plan_digest()
        if found != planned:
            raise Tampered(
                f"the plan of {self.home.address.key} was changed after Terraform made it: its digest was {planned} "
                f"and is {found}. Nothing was applied",
                expected=planned,
                found=found,
            )

    def _hold_files(self) -> None:
        """Refuse what lies in the workspace and is not what was rendered; the state is put away again."""
        try:
            check_files(self.artifact.files, self.directory)
        except Tampered:
            work_copy.forget(self.directory)
            raise

    def _follow(self, process: Process, reader: EventReader) -> None:
        base = json.loads((self.directory / work_copy.BASE_FILE).read_bytes())["base"]
        with Shipper(
            self.home.store,
            self.home.address,
            self.directory,
            base=base,
            reader=reader,
            tell=self._warn,
            every_s=self.timing.ship_every_s,
        ) as shipper:
            for line in process.lines(self.is_cancelled, idle=lambda: self._note_fence(shipper)):
                tell(self.report, *reader.read(line))
            tell(self.report, reader.close(), [])
        self._note_fence(shipper)
        shipper.ship()

    def _note_fence(self, shipper: Shipper) -> None:
        self.is_fenced = self.is_fenced or shipper.is_fenced

    # -- after ------------------------------------------------------------------------------------------

    def _end(self, process: Process, reader: EventReader, commands: Commands) -> ApplyResult:
        local = work_copy.read_local(self.directory)
        if local is not None and (process.exit_code is None or process.exit_code < 0):
            local = reader.corrected(local)
        if local is not None and (self.home.base is None or local.content() != self.home.base.content()):
            self.home.push(local)
        self.doubt.note_after(reader, process.exit_code)
        self._clear()
        if process.exit_code != 0:
            error = commands.failed(self.operation, process, reader)
            self._resolve_doubt(commands)
            if self.is_cancelled():
                raise cancelled(self.operation)
            raise error
        return self._finish()

    def _finish(self) -> ApplyResult:
        """Return the result, unless something that was created is in the cloud twice."""
        if self.operation == "apply":
            self.doubt.look_for_doubles(self.resources)
        return self._result()

    def _result(self) -> ApplyResult:
        wanted = self.artifact.runtime.get("outputs", {})
        outputs = read_outputs(wanted, self.home.base, self.home.address, Holds(self.secrets.values()))
        outputs = {} if self.operation == "destroy" else outputs
        added, changed, destroyed = tally(self.resources)
        self.report.log(summary(self.resources, len(outputs)))
        return ApplyResult(outputs, added, changed, destroyed, tuple(self.resources), self.versions)


def _left_in(directory: Path) -> Leftover | None:
    """Return what another operation left in *directory*, by its state and by what its Terraform said."""
    reader = EventReader(Mask())
    with suppress(FileNotFoundError):
        for line in (directory / f"{EVENTS}.out").read_text(errors="replace").splitlines():
            reader.read(line)
    return work_copy.left_in(directory, reader.doubtful(), reader.corrected)
