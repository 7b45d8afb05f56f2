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
from mcop_core.engines.base import ApplyResult, Gate, RenderedArtifact, Reporter, Workspace
from mcop_core.engines.mask import Mask
from mcop_core.engines.outputs import read_outputs
from mcop_core.engines.sealed import read_secrets, unseal
from mcop_core.engines.state import Leftover
from mcop_core.engines.state_home import StateHome, leased_home
from mcop_core.engines.terraform import sealed, work_copy
from mcop_core.engines.terraform.adopt import (
    Adoption,
    PlanImports,
    adopt,
    doubled,
    doubles,
    import_blocks,
    is_child,
    type_of,
    unknown,
)
from mcop_core.engines.terraform.command import (
    IMPORT_FILE,
    IMPORT_PLAN_FILE,
    PLAN_FILE,
    POLL_S,
    Process,
    cancelled,
    failure,
    show_plan,
)
from mcop_core.engines.terraform.credentials import NONE, OwnCredentials, own_credentials
from mcop_core.engines.terraform.log import EventReader, Fact, LogLine, summary, tally
from mcop_core.engines.terraform.plan_json import Holds, read_component
from mcop_core.engines.terraform.preparation import CLI_CONFIG, Preparation, check_files
from mcop_core.engines.terraform.providers import terraform_environment
from mcop_core.engines.terraform.render import module_of
from mcop_core.engines.terraform.search import KINDS, open_search
from mcop_core.engines.terraform.shipper import Shipper
from mcop_core.errors import (
    EngineFailed,
    McopError,
    Tampered,
    Unreachable,
)
from mcop_core.secrets.reference import SecretRef

RESUMES = 5
"""How often one operation starts Terraform again that was killed, or whose provider was."""

_EVENTS = "apply"
_INIT = "init"
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
    binary: str,
    mirror: Path | None,
    cache: Path | None = None,
    timing: Timing = Timing(),
) -> ApplyResult:
    """
    Make the cloud what *artifact* says; see `Engine.apply`.

    Args:
        binary: Path or name of Terraform or OpenTofu.
        mirror: Folder of provider packages; None for the registry.
        cache: Folder of provider packages installed before, see `preparation`; None: nothing is kept.

    Raises:
        Refused: The *gate* did not let its plan pass; nothing was done.
        EngineFailed: Terraform failed; what it created is in the state.
        StateLocked: Somebody else works on this state.
        StateConflict: The state moved, or the lease was lost; nothing was overwritten.
        Cancelled: A person stopped it; the state is written and the lock free.
        UnknownOutcome: A creation was cut off, and repeating it might double the resource; or one was done twice.
        Unreachable: The state store did not answer; what was done is kept in the workspace.
    """
    return _operate("apply", artifact, workspace, report, gate, binary, mirror, cache, timing)


def destroy(
    artifact: RenderedArtifact,
    workspace: Workspace,
    report: Reporter,
    gate: Gate | None = None,
    *,
    binary: str,
    mirror: Path | None,
    cache: Path | None = None,
    timing: Timing = Timing(),
) -> ApplyResult:
    """Remove everything that *artifact*'s state holds; arguments and errors as `apply`."""
    return _operate("destroy", artifact, workspace, report, gate, binary, mirror, cache, timing)


def _operate(
    operation: str,
    artifact: RenderedArtifact,
    workspace: Workspace,
    report: Reporter,
    gate: Gate | None,
    binary: str,
    mirror: Path | None,
    cache: Path | None,
    timing: Timing,
) -> ApplyResult:
    with open_session(
        operation, artifact, workspace, report, timing, gate=gate, binary=binary, mirror=mirror, cache=cache
    ) as session:
        return session.run()


def settle(
    operation: str,
    artifact: RenderedArtifact,
    workspace: Workspace,
    report: Reporter,
    *,
    binary: str,
    mirror: Path | None,
    cache: Path | None = None,
    timing: Timing = Timing(),
) -> ApplyResult | None:
    """
    Settle what a dead *operation* left, and begin nothing; see `Engine.settle`. Arguments and errors as `apply`.

    A Terraform that outlived its runner is followed to its end. What was cut off is looked for in the cloud.
    """
    with open_session(
        operation, artifact, workspace, report, timing, binary=binary, mirror=mirror, cache=cache
    ) as session:
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
    binary: str = "",
    mirror: Path | None = None,
    cache: Path | None = None,
) -> Iterator[Session]:
    """Hold lease and lock of the state of *artifact* inside the block; arguments and errors as `apply`."""
    with leased_home(artifact, workspace, report, timing.push_patience_s) as home:
        session = Session(operation, artifact, workspace, report, gate, binary, mirror, cache, timing, home)
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
    binary: str
    mirror: Path | None
    cache: Path | None
    timing: Timing
    home: StateHome
    is_settled: bool = True
    is_fenced: bool = False
    doubtful: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    was_completed: bool = False
    provider_died: bool = False
    has_adopted: bool = False
    adopted: set[str] = field(default_factory=set)
    resumes: int = 0
    secrets: Mapping[SecretRef, str] = field(default_factory=dict)
    own: OwnCredentials = NONE
    resources: list[dict[str, Any]] = field(default_factory=list)
    versions: Mapping[str, str] = field(default_factory=dict)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold Terraform's lock; lock and lease are kept at the end if something is unsettled."""
        self.is_settled = not (self.home.lease.abandoned or (self.directory / work_copy.BASE_FILE).exists())
        with self.home.locked(self.operation, self.workspace.owner, give_back=lambda: self.is_settled):
            yield

    def run(self) -> ApplyResult:
        """Carry out the operation."""
        self.home.pull()
        values, mask = self._unseal()
        self._settle(mask)
        if self.was_completed:
            return self._finish()
        if not self.doubtful:
            self._stop_if_cancelled()
        if self.operation == "destroy" and self.home.base is None and not self.doubtful:
            self.report.log("Nothing to destroy: there is no state.")
            return ApplyResult({})
        preparation = self._preparation(mask)
        while True:
            try:
                preparation.make_ready()
                self._resolve_doubt(values, mask)
                self._stop_if_cancelled()
                return self._terraform(values, mask)
            except EngineFailed as error:
                self._stop_if_cancelled()
                if not (self._may_resume() if self._can_go_on(error) else preparation.make_ready_again(error)):
                    raise
                self._warn(f"{error} Starting again.")

    def recover(self) -> ApplyResult | None:
        """Settle what a dead predecessor left; return what it did, None if it was cut off."""
        self.home.pull()
        values, mask = self._unseal()
        self._settle(mask)
        if self.doubtful:
            preparation = self._preparation(mask)
            preparation.make_ready()
            try:
                self._resolve_doubt(values, mask)
            except EngineFailed as error:
                if not preparation.make_ready_again(error):
                    raise
                self._resolve_doubt(values, mask)
        return self._finish() if self.was_completed else None

    def _can_go_on(self, error: EngineFailed) -> bool:
        """Whether Terraform, or the provider under it, was killed, or what it failed to create is in the state now."""
        exit_code = error.facts.get("exit_code")
        return self.provider_died or self.has_adopted or (exit_code is not None and exit_code < 0)

    def _may_resume(self) -> bool:
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
        self._settle(Mask(self._private()))

    def _sealed(self) -> Mapping[str, Any]:
        nothing_is_there = self.operation == "destroy" and self.home.base is None
        return {} if nothing_is_there else self.artifact.runtime.get("sealed", {})

    def _unseal(self) -> tuple[dict[str, Any], Mask]:
        """Read the secrets and what else is sealed; return the values, and what hides them in every text."""
        sealed_values, entry = self._sealed(), self.artifact.runtime.get("credentials", {})
        self.secrets = read_secrets({"": sealed_values, "credentials": entry}, self.workspace, self._namespace)
        self.own = own_credentials([entry], self.secrets)
        values = unseal(sealed_values, self.workspace.open_store, self.secrets)
        secret = [*values.values(), *self.secrets.values(), *self.own.texts]
        return values, Mask([*secret, *self._private()])

    @property
    def _namespace(self) -> str:
        return self.home.address.namespace

    def _private(self) -> list[Any]:
        outputs = self.home.base.outputs.values() if self.home.base else ()
        known = [output["value"] for output in outputs if output.get("sensitive")]
        texts = [self.workspace.environment.get(name, "") for name in _PRIVATE]
        return [*known, *(text for text in texts if len(text) >= 16)]

    # -- what a predecessor left ------------------------------------------------------------------------

    def _settle(self, mask: Mask) -> None:
        own = self._own_leftover(mask)
        others = [_left_in(path) for path in reversed(self._foreign())]
        inflight = self.home.read_inflight()
        leftovers = [left for left in (own, *others, inflight) if left is not None]
        settled = state.settle(self.home.base, leftovers)
        if settled.is_new and settled.state is not None:
            self.report.log(f"Resuming: pushing the state of serial {settled.state.serial} that was left unpushed.")
            self.home.push(settled.state)
        self._doubt(settled.doubtful)
        if leftovers:
            self._clear(*self._foreign())
        self.is_settled = True

    def _foreign(self) -> list[Path]:
        return [path for path in self.home.lease.left if path != self.directory]

    def _own_leftover(self, mask: Mask) -> Leftover | None:
        events = self.directory / f"{_EVENTS}.out"
        process = Process.find(self.directory, name=_EVENTS)
        if not ((self.directory / work_copy.BASE_FILE).exists() and events.exists()):
            self._await_end(process)
            return work_copy.left_in(self.directory, ())
        reader = EventReader(mask)
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
            self._tell(*reader.read(line))
        self._tell(reader.close(), [])

    def _clear(self, *others: Path) -> None:
        """Remove every copy of the state: what it holds is in the store now. What is in doubt stays noted there."""
        if not self.doubtful:
            self.home.delete_inflight()
        for directory in (self.directory, *others):
            work_copy.forget(directory)
            for end in ("out", "err"):
                (directory / f"{_EVENTS}.{end}").unlink(missing_ok=True)
        self.is_settled = True
        self.home.note_settled()

    # -- what nobody knows ------------------------------------------------------------------------------

    def _doubt(self, addresses: tuple[str, ...]) -> None:
        """Note which creations are in doubt, where whoever comes next finds it."""
        self.doubtful = addresses
        if not addresses:
            return
        self.home.note_doubt(addresses)

    def _resolve_doubt(self, values: Mapping[str, Any], mask: Mask) -> None:
        """Find out what became of the creations in doubt, and put what exists into the state."""
        looked_for = (*self.doubtful, *self.refused)
        if not looked_for:
            return
        self.report.log(f"Looking in the cloud for what was cut off: {', '.join(looked_for)}.")
        try:
            found = self._look_for_doubtful(partial(self._plan_imports, values, mask))
        finally:
            work_copy.forget(self.directory)
        if found.state is not None and found.adopted:
            self.home.push(found.state)
        self.report.record(
            "adopted", **{name: getattr(found, name) for name in ("adopted", "absent", "unknown", "strays")}
        )
        for address, one in found.adopted.items():
            self.report.log(f"= {address} was created before: taken into the state [{one}]")
        for address in found.absent:
            self.report.log(f"{address} was not created")
        self.has_adopted = bool(found.adopted)
        self.adopted |= found.adopted.keys()
        self.doubtful = self.refused = ()
        self.home.delete_inflight()
        if found.unknown or found.strays:
            raise unknown(found)

    def _look_for_doubtful(self, plan: PlanImports) -> Adoption:
        search, look = (
            open_search(self.artifact, self.own),
            partial(adopt, self.doubtful, self.home.base, refused=self.refused),
        )
        if search is None:
            return look(search=None, plan=plan)
        return look(search=search, plan=plan, half_made=search.half_made)

    def _plan_imports(self, values: Mapping[str, Any], mask: Mask, pairs: Mapping[str, str]) -> Mapping[str, Any]:
        work_copy.place(self.directory, self.home.base, self.home.digest)
        state.write_durably(self.directory / IMPORT_FILE, import_blocks(pairs))
        environment = self._environment(sealed.variables(values, self.artifact.runtime.get("types", {})))
        arguments = ["plan", "-input=false", "-json", f"-out={IMPORT_PLAN_FILE}"]
        process = Process.start(
            self.binary, arguments, directory=self.directory, environment=environment, name="import"
        )
        reader = EventReader(mask)
        for line in process.lines(lambda: False):
            reader.read(line)
        if process.exit_code != 0:
            self.provider_died = reader.provider_died
            raise failure("plan", process.exit_code, reader.diagnostics, mask(process.stderr))
        return show_plan(self.binary, IMPORT_PLAN_FILE, cwd=self.directory, environment=environment)

    # -- Terraform --------------------------------------------------------------------------------------

    def _preparation(self, mask: Mask) -> Preparation:
        return Preparation(
            self.artifact.files,
            self.directory,
            binary=self.binary,
            mirror=self.mirror,
            cache=self.cache,
            run=partial(self._install, mask=mask),
        )

    def _install(self, arguments: tuple[str, ...], *, mask: Mask) -> None:
        self.report.log("::group::init")
        process = Process.start(
            self.binary, arguments, directory=self.directory, environment=self._environment({}), name=_INIT
        )
        for line in process.lines(self.is_cancelled):
            if line.strip():
                self.report.log(mask(line))
        self.report.log("::endgroup::")
        if process.exit_code != 0:
            self._stop_if_cancelled()
            raise failure(arguments[0], process.exit_code, (), mask(process.stderr))
        self.report.record("initialised", command=arguments[0])

    def _environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        workers = self.own.without_the_workers(self.workspace.environment)
        allowed = terraform_environment(workers, own=self.artifact.runtime.get("environment", ()))
        return {**self.own.over(allowed), **variables, "TF_CLI_CONFIG_FILE": str(self.directory / CLI_CONFIG)}

    def _terraform(self, values: Mapping[str, Any], mask: Mask) -> ApplyResult:
        variables = sealed.variables(values, self.artifact.runtime.get("types", {}))
        work_copy.place(self.directory, self.home.base, self.home.digest)
        self.provider_died = self.has_adopted = False
        reader = EventReader(mask)
        environment = self._environment(variables)
        if self.gate is not None:
            self._pass(self.gate, reader, environment, mask)
        self._hold_files()
        self.is_settled = False
        process = Process.start(
            self.binary, self._arguments(), directory=self.directory, environment=environment, name=_EVENTS
        )
        self.report.record("terraform_started", pid=process.pid, operation=self.operation)
        self._follow(process, reader)
        self.report.record("terraform_ended", pid=process.pid, exit_code=process.exit_code)
        self._learn(reader)
        return self._end(process, reader, values, mask)

    @property
    def _destroys(self) -> list[str]:
        return ["-destroy"] if self.operation == "destroy" else []

    def _arguments(self) -> list[str]:
        what = ["-auto-approve", *self._destroys] if self.gate is None else [PLAN_FILE]
        return ["apply", "-input=false", "-json", "-backup=-", *what]

    def _pass(self, gate: Gate, reader: EventReader, environment: Mapping[str, str], mask: Mask) -> None:
        """Write the plan that will be applied, and ask *gate* whether it may be."""
        try:
            self._plan(reader, environment, mask)
            planned = self._plan_digest()
            shown = show_plan(self.binary, PLAN_FILE, cwd=self.directory, environment=environment)
            module = module_of(self.artifact)
            adopted = tuple(sorted(one.removeprefix(f"module.{module}.") for one in self.adopted))
            gate(replace(read_component(shown, module, self.secrets.values()), adopted=adopted))
            self._hold_plan(planned)
        except McopError:
            work_copy.forget(self.directory)
            raise
        self.report.record("plan_passed", plan=planned)

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

    def _plan(self, reader: EventReader, environment: Mapping[str, str], mask: Mask) -> None:
        arguments = ["plan", *self._destroys, "-input=false", "-json", f"-out={PLAN_FILE}"]
        process = Process.start(self.binary, arguments, directory=self.directory, environment=environment, name="plan")
        for line in process.lines(self.is_cancelled):
            self._tell(*reader.read(line))
        if process.exit_code != 0:
            self._tell(reader.close(), [])
            self._stop_if_cancelled()
            self.provider_died = reader.provider_died
            raise failure("plan", process.exit_code, reader.diagnostics, mask(process.stderr))

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
                self._tell(*reader.read(line))
            self._tell(reader.close(), [])
        self._note_fence(shipper)
        shipper.ship()

    def _note_fence(self, shipper: Shipper) -> None:
        self.is_fenced = self.is_fenced or shipper.is_fenced

    def _tell(self, lines: list[LogLine], facts: list[Fact]) -> None:
        for fact in facts:
            self.report.record(fact.event, **fact.facts)
        for line in lines:
            self.report.log(line.line, level=line.level)

    # -- after ------------------------------------------------------------------------------------------

    def _end(self, process: Process, reader: EventReader, values: Mapping[str, Any], mask: Mask) -> ApplyResult:
        local = work_copy.read_local(self.directory)
        if local is not None and (process.exit_code is None or process.exit_code < 0):
            local = reader.corrected(local)
        if local is not None and (self.home.base is None or local.content() != self.home.base.content()):
            self.home.push(local)
        self._doubt(self._in_doubt(reader, process.exit_code))
        self.refused = self._refused(reader)
        self._clear()
        if process.exit_code != 0:
            self.provider_died = reader.provider_died
            self._resolve_doubt(values, mask)
            if self.is_cancelled():
                raise cancelled(self.operation)
            raise failure(self.operation, process.exit_code, reader.diagnostics, mask(process.stderr))
        return self._finish()

    def _recorded(self) -> Mapping[str, str]:
        return self.home.base.instances() if self.home.base else {}

    def _in_doubt(self, reader: EventReader, exit_code: int | None) -> tuple[str, ...]:
        """Return what was cut off, and what failed or was lost and can be looked for: then nobody need wonder."""
        recorded = self._recorded()
        lost = reader.unheard(recorded) if exit_code and exit_code > 0 else ()
        wanted = (*reader.failed(recorded), *lost) if open_search(self.artifact, self.own) else ()
        can_be_found = [address for address in wanted if type_of(address) in KINDS]
        return tuple(dict.fromkeys([*reader.doubtful(recorded), *can_be_found]))

    def _refused(self, reader: EventReader) -> tuple[str, ...]:
        """Return the children whose creation failed. Noted nowhere: whoever comes next is refused again."""
        failed = reader.failed(self._recorded())
        return tuple(one for one in failed if is_child(type_of(one)) and one not in self.doubtful)

    def _finish(self) -> ApplyResult:
        """Return the result, unless something that was created is in the cloud twice."""
        if self.operation == "apply":
            self._look_for_doubles()
        return self._result()

    def _look_for_doubles(self) -> None:
        search = open_search(self.artifact, self.own)
        if search is None or self.home.base is None:
            return
        gone = {str(one["id"]) for one in self.resources if one["action"] == "delete"}
        try:
            found = doubles(self.home.base, search, gone=gone)
        except Unreachable as error:
            self._warn(f"{error}. So nobody looked whether something was created twice.")
            return
        if found:
            self.report.record("doubles", resources=list(found))
            raise doubled(found)

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
        for line in (directory / f"{_EVENTS}.out").read_text(errors="replace").splitlines():
            reader.read(line)
    return work_copy.left_in(directory, reader.doubtful(), reader.corrected)
