"""
Apply, destroy and settle: an artifact in, a job and one build of it, an `ApplyResult` out.

The order of things is what keeps builds from being doubled or lost: lease and lock, pull, follow what a predecessor
asked for, put the job right, write down which build will be asked for, ask for it, follow it, write down what came of
it. Cut off anywhere, the state names the one build that there may be, and whoever comes next looks for it first.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

from mcop_core.catalog.canonical import canonical_json
from mcop_core.engines.artifact import RenderedArtifact
from mcop_core.engines.base import ApplyResult, Gate
from mcop_core.engines.jenkins.client import Build, Controller
from mcop_core.engines.jenkins.config_xml import folder_xml, is_ours
from mcop_core.engines.jenkins.controller_settings import TOKEN, WAIT_IN_SLOT
from mcop_core.engines.jenkins.following import Following, Timing, ask_again
from mcop_core.engines.jenkins.job_state import (
    BUILD,
    BUILD_ADDRESS,
    JOB,
    JOB_ADDRESS,
    JobState,
    LastBuild,
    Pending,
)
from mcop_core.engines.jenkins.outputs import collect_outputs
from mcop_core.engines.jenkins.planning import (
    Found,
    Wanted,
    changes,
    check_home,
    check_owner,
    destruction,
    find_job,
    is_job_right,
    needs_build,
    script_digest,
)
from mcop_core.engines.mask import Mask
from mcop_core.engines.outputs import read_outputs
from mcop_core.engines.state import StateAddress, StateFile
from mcop_core.engines.state_home import StateHome, open_home
from mcop_core.engines.values import SECRET_KEY
from mcop_core.engines.workspace import Reporter, Workspace
from mcop_core.errors import Cancelled, EngineFailed, McopError, StateConflict, UnknownOutcome, Unreachable, Waiting
from mcop_core.secrets.reference import SecretRef

Answer = TypeVar("Answer")
OpenController = Callable[[str, str, str], Controller]
"""Address, user and token -> the controller."""


def open_controller(
    artifact: RenderedArtifact, workspace: Workspace, opener: OpenController = Controller
) -> tuple[Controller, Mask]:
    """Return the controller of *artifact*, its token read, and what hides the token in every text."""
    token = SecretRef.parse(artifact.runtime["credentials"][TOKEN][SECRET_KEY])
    namespace = StateAddress.of(artifact).namespace
    value = workspace.read_secrets(namespace, [token])[token]
    where = artifact.runtime["controller"]
    return opener(where["url"], where["username"], value), Mask([value])


@contextmanager
def open_session(
    operation: str,
    artifact: RenderedArtifact,
    workspace: Workspace,
    report: Reporter,
    timing: Timing,
    gate: Gate | None = None,
) -> Iterator[Session]:
    """Hold lease and lock, and a connection to the controller, inside the block."""
    with open_home(operation, artifact, workspace, report, timing.patience_s) as home:
        stay_s = artifact.runtime["controller"].get(WAIT_IN_SLOT, timing.stay_s)
        held_to = replace(timing, stay_s=float(stay_s))
        session = Session(artifact, workspace, report, held_to, home, gate, JobState.read(home.base))
        try:
            yield session
        finally:
            session.close()


def apply(
    artifact: RenderedArtifact, workspace: Workspace, report: Reporter, gate: Gate | None, timing: Timing
) -> ApplyResult:
    """
    Make the job what *artifact* says, and build it if that is asked for and not done; see `Engine.apply`.

    Raises:
        Refused: The gate did not let it pass, the job is somebody else's or on another controller; nothing was done.
        EngineFailed: The build did not succeed, or left no outputs; with the last lines of its console.
        StateLocked: Somebody else works on this state.
        Cancelled: A person stopped it; the build has ended.
        Waiting: The build takes longer than `Timing.stay_s`; run again, it goes on with the same build.
        UnknownOutcome: What a build did cannot be told.
        Unreachable: Controller or state store did not answer; run again, it goes on with the same build.
    """
    with open_session("apply", artifact, workspace, report, timing, gate) as session:
        return session.apply()


def destroy(
    artifact: RenderedArtifact, workspace: Workspace, report: Reporter, gate: Gate | None, timing: Timing
) -> ApplyResult:
    """Delete the job with its builds, and its state; raises as `apply`."""
    with open_session("destroy", artifact, workspace, report, timing, gate) as session:
        return session.destroy()


def settle(
    operation: str, artifact: RenderedArtifact, workspace: Workspace, report: Reporter, timing: Timing
) -> ApplyResult | None:
    """Follow the build that a dead *operation* asked for to its end, and begin nothing; see `Engine.settle`."""
    with open_session(operation, artifact, workspace, report, timing) as session:
        session.timing = replace(timing, stay_s=math.inf)  # nobody looks again after a settlement
        return session.settle(operation)


@dataclass(slots=True)
class Session:
    """One operation under its lease."""

    artifact: RenderedArtifact
    workspace: Workspace
    report: Reporter
    timing: Timing
    home: StateHome
    gate: Gate | None
    state: JobState | None
    done: list[dict[str, Any]] = field(default_factory=list)
    _opened: tuple[Controller, Mask] | None = None

    @property
    def wanted(self) -> Wanted:
        """What the artifact asks for."""
        return Wanted.of(self.artifact)

    @property
    def _known(self) -> JobState:
        """The state, once there must be one."""
        if self.state is None:
            raise StateConflict(f"the state {self.home.address} is gone while it is held")
        return self.state

    @property
    def controller(self) -> Controller:
        """The controller; the token is read when it is needed first."""
        return self._open()[0]

    def _open(self) -> tuple[Controller, Mask]:
        if self._opened is None:
            self._opened = open_controller(self.artifact, self.workspace)
        return self._opened

    def close(self) -> None:
        """Close the connections."""
        if self._opened is not None:
            self._opened[0].close()

    # -- the operations -----------------------------------------------------------------------------

    def apply(self) -> ApplyResult:
        """Carry out an apply."""
        wanted = self.wanted
        check_home(wanted, self.state)
        self._finish_pending()
        self._stop_if_cancelled()
        found = self.find()
        check_owner(wanted, self.state, found)
        planned = changes(self.home.address.step, wanted, self.state, found)
        if self.gate is not None:
            self.gate(planned)
        for change in planned.resources:
            self.report.log(f"{change.action} {change.address}: {wanted.job}")
        if not is_job_right(wanted, found) or self.state is None or self.state.job != wanted.job:
            self._put_job(found)
        if needs_build(wanted, self.state):
            self._build()
        elif self._known.pending is not None:
            self._forget(self._known.pending)
        return self._result()

    def destroy(self) -> ApplyResult:
        """Carry out a destroy."""
        if self.state is None:
            self.report.log("Nothing to destroy: there is no state.")
            return ApplyResult({})
        check_home(self.wanted, self.state)
        self._finish_pending(fails=False)
        self._stop_if_cancelled()
        if self.gate is not None:
            self.gate(destruction(self.home.address.step, self.state))
        started = time.monotonic()
        self._delete_job(self.find())
        self._note(JOB_ADDRESS, JOB, "delete", self.state.job, started)
        self.home.write(StateFile.following(self.home.base, resources=[], outputs={}))
        self.home.note_settled()
        return ApplyResult({}, destroyed=1, resources=tuple(self.done), versions=self._versions())

    def settle(self, operation: str) -> ApplyResult | None:
        """Settle what a dead operation left."""
        if operation == "destroy":
            was_destroyed = self.home.base is not None and self.state is None
            return ApplyResult({}, destroyed=1) if was_destroyed else None
        if self.state is None or self.state.pending is None or self._is_others(self.state.pending):
            return None
        digest = self.state.pending.digest
        self._finish_pending()
        if self.state.pending is not None:
            self._forget(self.state.pending)
        last = self.state.build
        is_done = digest == self.wanted.digest and last is not None and last.is_good(digest)
        return self._result() if is_done else None

    # -- the job ------------------------------------------------------------------------------------

    def find(self) -> Found:
        """Return the job, wherever it lies; see `planning.find_job`."""
        return find_job(lambda job: self._asked(partial(self.controller.config, job)), self.wanted, self.state)

    def _put_job(self, found: Found) -> None:
        wanted, started = self.wanted, time.monotonic()
        if self.state is None:
            self._push(JobState(wanted.url, wanted.job, wanted.config.owner, ""))
        action = "create" if found.config is None else "update"
        if not is_job_right(wanted, found):
            self._asked(self._put)
            self._note(JOB_ADDRESS, JOB, action, wanted.job, started)
        script = script_digest(wanted.config.script)
        self._push(replace(self._known, job=wanted.job, owner=wanted.config.owner, script=script))

    def _put(self) -> None:
        """Put the job where it is wanted, as it is wanted; repeated, it goes on from what there is."""
        wanted, config = self.wanted, self.wanted.config.to_xml()
        found = self.find()
        if found.config is not None and found.job != wanted.job:
            self._relocate(found.job)
            found = self.find()
        if found.config is None:
            self._make_folders(wanted.job)
            if not self.controller.create(wanted.job, config):
                check_owner(wanted, self.state, self.find())
                self.controller.update(wanted.job, config)
        elif not is_job_right(wanted, found):
            self.controller.update(wanted.job, config)
        self._check_taken()

    def _check_taken(self) -> None:
        found = self.find()
        if not is_job_right(self.wanted, found):
            raise EngineFailed(
                f"Jenkins keeps another configuration of {found.job} than it was given: is a plugin missing that "
                "pipeline jobs need, or does one rewrite them?",
                diagnostics=(),
            )

    def _relocate(self, job: str) -> None:
        """Move the job into another folder, and give it its name there."""
        self._make_folders(self.wanted.job)
        (folder, _, name), (into, _, as_name) = job.rpartition("/"), self.wanted.job.rpartition("/")
        self.report.log(f"Moving the job {job} to {self.wanted.job}")
        if folder != into:
            self.controller.relocate(job, into)
        if name != as_name:
            self.controller.rename(f"{into}/{name}" if into else name, as_name)
        self._delete_folders(job)

    def _make_folders(self, job: str) -> None:
        parts = job.split("/")[:-1]
        for count in range(1, len(parts) + 1):
            path = "/".join(parts[:count])
            if self.controller.folder(path) is None and self.controller.create(path, folder_xml()):
                self.report.log(f"Created the folder {path}")

    def _delete_job(self, found: Found) -> None:
        if found.config is not None:
            check_owner(self.wanted, self.state, found)
            self._asked(partial(self.controller.delete, found.job))
        for job in dict.fromkeys([found.job, self._known.job]):
            self._asked(partial(self._delete_folders, job))

    def _delete_folders(self, job: str) -> None:
        """
        Delete the folders of the manifest that hold nothing any more.

        That of its namespace stays: another manifest may be about to use it, and Jenkins cannot delete a folder on
        the condition that it is empty.
        """
        parts = job.split("/")
        for count in range(len(parts) - 1, len(parts) - 4, -1):
            found = self.controller.folder("/".join(parts[:count]))
            if found is None:
                continue
            if found[1] or not is_ours(found[0]):
                return
            self.controller.delete("/".join(parts[:count]))

    # -- the build ----------------------------------------------------------------------------------

    def _build(self) -> None:
        self._stop_if_cancelled()
        unheard, asked = self._known.pending, self._known.asked
        # One that nobody has heard of may yet arrive: under the same name it is known then, and taken away.
        operation = unheard.operation if unheard else self._new_operation(asked)
        pending = Pending(
            operation,
            self.wanted.digest,
            self.wanted.job,
            owner=self.workspace.owner,
            since=_now(),
            done=tuple(self.done),
            is_repeated=unheard is not None,
        )
        self._push(replace(self._known, pending=pending, asked=asked + 1))
        one = self._following(pending)
        self._complete(one, is_new=True, fails=True)

    def _new_operation(self, asked: int) -> str:
        parts = [str(self.home.address), self.artifact.digest, self.workspace.owner, asked]
        return hashlib.sha256(canonical_json(parts)).hexdigest()[:32]

    def _following(self, pending: Pending) -> Following:
        controller, mask = self._open()
        return Following(
            controller, pending, self.timing, self.report, self.workspace.cancelled, self._check_lease, mask
        )

    def _finish_pending(self, *, fails: bool = True) -> None:
        """
        Follow a build that a predecessor asked for to its end; one that nobody has heard of stays noted.

        Args:
            fails: Whether a build of what is wanted now that does not succeed is an error.
        """
        pending = self.state.pending if self.state else None
        if pending is None:
            return
        if self._is_others(pending) or not pending.since:
            # Whoever follows it answers for it, and tells its console from the start.
            pending = replace(pending, owner=self.workspace.owner, since=_now(), done=(), told=0, rest="")
        self.done = [dict(one) for one in pending.done]
        one = self._following(pending)
        if not pending.was_seen:
            self.report.log(f"An earlier attempt asked for a build of {pending.job}: looking for it.")
            with self._in_doubt(one):
                trace = one.look()
            if trace.is_empty:
                self.report.log("Jenkins has not heard of it.")
                return
        self._complete(one, is_new=False, fails=fails and pending.digest == self.wanted.digest)

    def _is_others(self, pending: Pending) -> bool:
        """Whether somebody else waits for a build; of one that an older version noted nobody knows who does."""
        return pending.owner not in ("", self.workspace.owner)

    def _forget(self, pending: Pending) -> None:
        self._push(replace(self._known, pending=None))
        self.report.record("adopted", resources=[], operation=pending.operation)

    @contextmanager
    def _in_doubt(self, one: Following) -> Iterator[None]:
        """Note for reconcilers that nobody knows what becomes of a build, if that is how it ends."""
        try:
            yield
        except (Unreachable, UnknownOutcome):
            self.report.record("in_doubt", resources=[one.name])
            raise

    def _complete(self, one: Following, *, is_new: bool, fails: bool) -> None:
        """Have the build of *one* run to its end, and write down what came of it, or how far it is told."""
        started = time.monotonic() - one.waited_s
        if is_new:
            self._trigger(one)
        with self._in_doubt(one):
            try:
                build = one.follow()
            except Waiting:
                self._push(replace(self._known, pending=one.seen))
                raise
            outputs, problem = self._judge(one, build)
        last = None if build is None else self._last(one, build, has_outputs=not problem)
        self._record(one.pending, last, outputs)
        if build is not None and not problem:
            self._note(BUILD_ADDRESS, BUILD, "create" if build.number == 1 else "update", str(build.number), started)
        if one.was_stopped:
            raise Cancelled(f"the apply of {self.home.address.step} was cancelled; no build of it runs any more")
        if problem and fails:
            raise self._failed(one, build, problem)
        if problem:
            self.report.log(f"{problem}, of an earlier version", level="warning")

    def _trigger(self, one: Following) -> None:
        self.report.record("resource_started", address=BUILD_ADDRESS, type=BUILD, id=one.pending.operation)
        try:
            one.trigger()
        except UnknownOutcome:
            self.report.record("in_doubt", resources=[one.name])
            raise
        except McopError:
            self.report.record("resource_failed", address=BUILD_ADDRESS)
            self._forget(one.pending)
            raise

    def _judge(self, one: Following, build: Build | None) -> tuple[Mapping[str, Any], str]:
        """Return the outputs of *build*, and what is wrong with it; empty if nothing is."""
        if build is None:
            return {}, f"the build of {one.pending.job} was taken out of the queue"
        if build.result != "SUCCESS":
            return {}, f"build {build.number} of {one.pending.job} ended with {build.result or 'no result'}"
        if one.pending.digest != self.wanted.digest:
            return {}, ""
        try:
            wanted = self.wanted.outputs
            return collect_outputs(wanted, self.controller, one.pending.job, build, one.asked), ""
        except EngineFailed as error:
            return {}, f"build {build.number} of {one.pending.job} succeeded, and has not what is declared: {error}"

    def _last(self, one: Following, build: Build, *, has_outputs: bool) -> LastBuild:
        url = self.controller.job_url(one.pending.job, build.number)
        return LastBuild(build.number, url, build.result, one.pending.digest if has_outputs else "")

    def _record(self, pending: Pending, last: LastBuild | None, outputs: Mapping[str, Any]) -> None:
        is_good = last is not None and last.is_good(self.wanted.digest)
        kept = outputs if is_good else self._known.outputs
        self._push(replace(self._known, pending=None, build=last or self._known.build, outputs=kept))
        self.report.record("adopted", resources=[], operation=pending.operation)

    def _failed(self, one: Following, build: Build | None, problem: str) -> EngineFailed:
        url = self.controller.job_url(one.pending.job, build.number if build else None)
        lines = tuple(one.last_lines)
        told = "\n".join(["", *lines]) if lines else ""
        return EngineFailed(f"{problem}: {url}{told}", diagnostics=lines, url=url)

    # -- what both need -----------------------------------------------------------------------------

    def _asked(self, ask: Callable[[], Answer]) -> Answer:
        """Return what *ask* gives, again as long as the controller does not answer; see `following.ask_again`."""
        return ask_again(ask, self.timing, self.report, self._check_lease)

    def _push(self, state: JobState) -> None:
        self.home.push(state.to_file(self.home.base))
        self.state = state

    def _check_lease(self) -> None:
        if self.home.lease.is_lost:
            self.home.lease.check()

    def _stop_if_cancelled(self) -> None:
        self._check_lease()
        if self.workspace.cancelled():
            raise Cancelled(
                f"the operation on {self.home.address.step} was cancelled before anything was asked of Jenkins"
            )

    def _note(self, address: str, type_: str, action: str, id_: str, started: float) -> None:
        seconds = round(time.monotonic() - started, 1)
        self.done.append({"address": address, "type": type_, "action": action, "id": id_, "seconds": seconds})

    def _result(self) -> ApplyResult:
        self.home.note_settled()
        added = sum(1 for one in self.done if one["action"] == "create")
        outputs = read_outputs(self.wanted.outputs, self.home.base, self.home.address)
        self.report.log("Nothing to do." if not self.done else f"Done: {len(self.done)} changed on Jenkins.")
        return ApplyResult(
            outputs, added=added, changed=len(self.done) - added, resources=tuple(self.done), versions=self._versions()
        )

    def _versions(self) -> Mapping[str, str]:
        version = self._opened[0].version if self._opened else ""
        return {"jenkins": version} if version else {}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
