"""
Preview, apply, destroy and settle: what looks at the store, and what writes to it.

The state notes a file as ours before it is written, and with its digest afterwards. Cut off anywhere, whoever comes
next knows which files may be there, and writing one again harms nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from mcop_core.artifacts.store import ObjectStore
from mcop_core.engines.alone import preview_alone
from mcop_core.engines.artifact import RenderedArtifact
from mcop_core.engines.base import ApplyResult, Component, Gate, RenderRequest
from mcop_core.engines.changes import Action, ComponentChanges, ResourceChange
from mcop_core.engines.inputs import is_open
from mcop_core.engines.outputs import read_outputs
from mcop_core.engines.state import StateAddress, StateFile, get_or_none, held, patiently, put_if
from mcop_core.engines.state_home import StateHome, open_home
from mcop_core.engines.workspace import Reporter, Workspace
from mcop_core.errors import Cancelled, McopError, PreconditionFailed, StateConflict
from mcop_core.refs import OutputRef
from mcop_engine_files import planning
from mcop_engine_files.planning import Noted, Wanted, noted_files, sha256, to_state
from mcop_engine_files.rendering import ENGINE, render, wanted_of

APPLIED = "mcop_files_applied"
"""Note in the state: digest of the artifact that was applied to its end."""

OpenStore = Callable[[str], ObjectStore]


def preview(
    components: Sequence[Component], workspace: Workspace, known: Mapping[OutputRef, Any]
) -> tuple[ComponentChanges, ...]:
    """Return what applying each of *components* would do; see `Engine.preview`."""

    def tell(step: str, request: RenderRequest, base: StateFile | None) -> ComponentChanges:
        waiting = frozenset(name for name, value in request.inputs.items() if is_open(value))
        artifact = render(replace(request, inputs={**request.inputs, **dict.fromkeys(waiting)}))
        wanted = wanted_of(artifact, workspace, is_open=waiting)
        return _plan(step, wanted, base, workspace.open_store)[0]

    return preview_alone(ENGINE, components, workspace, known, tell)


def preview_destroy(step: str, artifact: RenderedArtifact, workspace: Workspace) -> ComponentChanges:
    """Return what destroying what *artifact* deployed would do; see `Engine.preview_destroy`."""
    base = held(workspace.open_store, StateAddress.of(artifact)).state
    return planning.destruction(step, noted_files(base))


def apply(
    artifact: RenderedArtifact, workspace: Workspace, report: Reporter, gate: Gate | None, patience_s: float
) -> ApplyResult:
    """Make the store what *artifact* says; see `Engine.apply`."""
    with open_home("apply", artifact, workspace, report, patience_s) as home:
        wanted = wanted_of(artifact, workspace)
        planned, etags = _plan(home.address.step, wanted, home.base, workspace.open_store)
        _pass(gate, planned, workspace)
        work = Work(home, workspace, report, noted_files(home.base), etags)
        if planned.resources:
            work.claim(wanted)
            with work.noting():
                work.carry_out(planned.resources, wanted)
        outputs, applied = planning.noted_outputs(wanted), {APPLIED: artifact.digest}
        newer = to_state(home.base, planning.written_files(wanted), outputs=outputs, **applied)
        if home.base is None or newer.content() != home.base.content():
            home.push(newer)
        home.note_settled()
        return work.result(read_outputs(artifact.runtime["outputs"], home.base, home.address))


def destroy(
    artifact: RenderedArtifact, workspace: Workspace, report: Reporter, gate: Gate | None, patience_s: float
) -> ApplyResult:
    """Remove every file that the state of *artifact* notes; see `Engine.destroy`."""
    with open_home("destroy", artifact, workspace, report, patience_s) as home:
        noted = noted_files(home.base)
        planned = planning.destruction(home.address.step, noted)
        _pass(gate, planned, workspace)
        work = Work(home, workspace, report, noted, {})
        if noted:
            with work.noting():
                work.carry_out(planned.resources, Wanted({}, {}))
            home.write(StateFile.following(home.base, resources=[], outputs={}))
        home.note_settled()
        return work.result({})


def settle(
    operation: str, artifact: RenderedArtifact, workspace: Workspace, report: Reporter, patience_s: float
) -> ApplyResult | None:
    """Say whether a dead *operation* came to its end; nothing of it works any more. See `Engine.settle`."""
    with open_home("settle", artifact, workspace, report, patience_s) as home:
        base = home.base
        if base is None:
            return None
        if operation == "destroy":
            return ApplyResult({}) if base.is_empty else None
        if operation != "apply" or base.document.get(APPLIED) != artifact.digest:
            return None
        return ApplyResult(read_outputs(artifact.runtime["outputs"], base, home.address))


def _plan(
    step: str, wanted: Wanted, base: StateFile | None, open_store: OpenStore
) -> tuple[ComponentChanges, dict[str, str | None]]:
    """Return what an apply will do, and the etag of what lies at each place now."""
    noted = noted_files(base)
    found: dict[str, bytes | None] = {}
    etags: dict[str, str | None] = {}
    for place in wanted.files:
        url, _, key = place.rpartition("#")
        found[place], etags[place] = get_or_none(open_store(url), key) or (None, None)
    planning.check_owner(wanted, noted, found)
    return planning.changes(step, wanted, noted, found, base), etags


def _pass(gate: Gate | None, planned: ComponentChanges, workspace: Workspace) -> None:
    if workspace.cancelled():
        raise Cancelled(f"the operation on {planned.step} was cancelled before anything was done")
    if gate is not None:
        gate(planned)


@dataclass(slots=True)
class Work:
    """
    One operation under its lease.

    Attributes:
        noted: What the state says of our files, kept true while they change.
        etags: Place -> etag of what lay there when it was planned.
    """

    home: StateHome
    workspace: Workspace
    report: Reporter
    noted: dict[str, Noted]
    etags: Mapping[str, str | None]
    done: list[dict[str, Any]] = field(default_factory=list)

    def claim(self, wanted: Wanted) -> None:
        """Note every file that is wanted as ours, before the first is written."""
        for place, file in wanted.files.items():
            self.noted.setdefault(place, Noted("", file.is_sensitive))
        self._note()

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Write the state down where the block fails: what was done stays known."""
        try:
            yield
        except McopError:
            self._note()
            raise

    def carry_out(self, resources: Sequence[ResourceChange], wanted: Wanted) -> None:
        """Write and remove files one by one; asked to stop, none is begun any more."""
        for change in resources:
            if self.home.lease.is_lost:
                self.home.lease.check()
            if self.workspace.cancelled():
                raise Cancelled(f"{self.home.address.step} was cancelled after {len(self.done)} of {len(resources)}")
            started, place = time.monotonic(), planning.place_of(change)
            self.report.log(f"{change.action} {place}")
            self.report.record("resource_started", address=change.address, type=change.type, id=place)
            if change.action is Action.DESTROY:
                self._remove(place)
            else:
                self._write(place, wanted)
            self.report.record("resource_finished", address=change.address, id=place)
            facts = {"address": change.address, "type": change.type, "id": place}
            seconds = round(time.monotonic() - started, 1)
            self.done.append({**facts, "action": _WORDS[change.action], "seconds": seconds})

    def result(self, outputs: Mapping[str, Any]) -> ApplyResult:
        """Return what was done."""
        self.report.log(f"Done: {len(self.done)} files." if self.done else "Nothing to do.")
        added, changed, destroyed = (
            sum(1 for one in self.done if one["action"] == word) for word in ("create", "update", "delete")
        )
        return ApplyResult(outputs, added, changed, destroyed, tuple(self.done))

    def _write(self, place: str, wanted: Wanted) -> None:
        (url, _, key), file = place.rpartition("#"), wanted.files[place]
        store, data = self.workspace.open_store(url), file.data or b""
        try:
            self._patiently(lambda: put_if(store, key, data, self.etags[place]))
        except PreconditionFailed as error:
            stored = get_or_none(store, key)
            if stored is None or stored[0] != data:  # else it is our own write, whose answer was lost
                raise StateConflict(f"{place} was changed by somebody else meanwhile: run the step again") from error
        self.noted[place] = Noted(sha256(data), file.is_sensitive)

    def _remove(self, place: str) -> None:
        url, _, key = place.rpartition("#")
        store = self.workspace.open_store(url)
        self._patiently(lambda: store.delete(key))
        del self.noted[place]

    def _patiently(self, act: Callable[[], str | None]) -> None:
        warn = lambda line: self.report.log(line, level="warning")  # noqa: E731
        patiently(act, patience_s=self.home.patience_s, tell=warn)

    def _note(self) -> None:
        outputs = dict(self.home.base.outputs) if self.home.base else {}
        self.home.push(to_state(self.home.base, self.noted, outputs=outputs))


_WORDS = {Action.CREATE: "create", Action.UPDATE: "update", Action.DESTROY: "delete"}
