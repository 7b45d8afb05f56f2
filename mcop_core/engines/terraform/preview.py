"""
What applying a whole manifest would do: one read-only Terraform plan of all its elements (see `merge`).

Nothing is locked and nothing written but a folder that is thrown away. An element that cannot join is planned alone,
if the outputs it takes are known; else it is *deferred*, and the reason said. No value is ever made up.

A broken element costs one plan more than a sound one. Where Terraform fails while it plans, it writes what it planned
all the same: that holds for every element that the failure does not touch, and the broken one is planned alone. Where
the configuration itself is wrong nothing was planned; the others are planned again, the broken one would fail alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from mcop_core.engines.artifact import RenderedArtifact
from mcop_core.engines.backend import render_backend
from mcop_core.engines.base import NOTHING_KNOWN, Component
from mcop_core.engines.changes import ComponentChanges, Mode
from mcop_core.engines.mask import Mask
from mcop_core.engines.sealed import read_secrets, unseal
from mcop_core.engines.state import StateAddress, StateFile, held, write_durably
from mcop_core.engines.terraform import sealed
from mcop_core.engines.terraform.blame import PlanFailed, blame, named
from mcop_core.engines.terraform.command import PLAN_FILE, Process, failure, read_plan
from mcop_core.engines.terraform.credentials import (
    NONE,
    OwnCredentials,
    check_alike,
    credentials_of,
    own_credentials,
    references_to,
)
from mcop_core.engines.terraform.folders import with_own_folders
from mcop_core.engines.terraform.log import EventReader
from mcop_core.engines.terraform.merge import (
    Draft,
    MergedRoot,
    Scope,
    draft,
    merge,
    module_names,
    sensitive_outputs,
)
from mcop_core.engines.terraform.moving import Place, state_of
from mcop_core.engines.terraform.names import module_of
from mcop_core.engines.terraform.plan_json import read_changes, read_component
from mcop_core.engines.terraform.preparation import CLI_CONFIG, Preparation
from mcop_core.engines.terraform.provider_block import ADDRESS_TAG, MANIFEST_TAG, Source, split_source
from mcop_core.engines.terraform.providers import terraform_environment
from mcop_core.engines.terraform.toolchain import Toolchain
from mcop_core.engines.terraform.warm import NO_POOL, WarmProviders
from mcop_core.engines.terraform.work_copy import STATE_FILE
from mcop_core.engines.values import SensitivePointer, references_in
from mcop_core.engines.workspace import Reporter, Workspace
from mcop_core.errors import Cancelled, EngineFailed, InvalidDocuments, InvalidInput, StateConflict
from mcop_core.refs import OutputRef
from mcop_core.secrets.reference import SecretRef

_SHARED = frozenset({ADDRESS_TAG, MANIFEST_TAG})
_PLAN = ("plan", "-input=false", "-lock=false", "-json", f"-out={PLAN_FILE}")

Document = Mapping[str, Any]
"""What `terraform show -json` prints of a plan file, or `plan_file` reads of it."""


def preview(
    components: Sequence[Component],
    workspace: Workspace,
    report: Reporter,
    known: Mapping[OutputRef, Any] = NOTHING_KNOWN,
    *,
    tools: Toolchain,
) -> tuple[ComponentChanges, ...]:
    """
    Return what applying each of *components*, in their order, would do.

    Args:
        components: In an order in which they may be applied. Those of several manifests have ids that tell them apart.
        known: Outputs of others; a sensitive one as its pointer.
        tools: What it is done with on this machine.
        workspace: Its directory gets plans and states in clear, and is to be removed by the caller.

    Raises:
        EngineFailed: Terraform could plan none of them; with its diagnostics.
        Unreachable: A state could not be read.
        Cancelled: A person stopped it.
    """
    check_alike(component.request for component in components)
    entries = [credentials_of(component.request) for component in components]
    secrets = _secrets_of(components, workspace)
    own = own_credentials(entries, secrets)
    planner = _Planner(workspace, report, tools, secrets=secrets, own=own)
    pointers = {ref: value for ref, value in known.items() if SensitivePointer.read(value)}
    values = unseal({str(ref): value for ref, value in pointers.items()}, workspace.open_store)
    given = {**known, **{ref: values[str(ref)] for ref in pointers}}
    return _Preview(list(components), planner, sensitive_outputs(components) | set(pointers), known=given).run()


def preview_destroy(
    step: str,
    artifact: RenderedArtifact,
    workspace: Workspace,
    report: Reporter,
    *,
    tools: Toolchain,
) -> ComponentChanges:
    """
    Return what destroying the component that *artifact* deployed would do; arguments as `preview`.

    Raises:
        EngineFailed: Terraform refuses, for example because of `prevent_destroy`; with its diagnostics.
        Unreachable, Cancelled: As `preview`.
    """
    module = module_of(artifact)
    state = held(workspace.open_store, StateAddress.of(artifact)).state
    if state is None:
        return ComponentChanges(step, Mode.ALONE)
    needed, types = artifact.runtime.get("sealed", {}), artifact.runtime.get("types", {})
    entry = artifact.runtime.get("credentials", {})
    secrets = read_secrets({"": needed, "credentials": entry}, workspace, StateAddress.of(artifact).namespace)
    own = own_credentials([entry], secrets)
    planner = _Planner(workspace, report, tools, ("-destroy",), secrets, own)
    passed_on = frozenset(artifact.runtime.get("environment", ()))
    root = MergedRoot(artifact.files, state.data, {module: step}, {}, {}, {}, needed, types, passed_on)
    _, document = planner.plan(root, step)
    return replace(read_component(document, module, secrets.values()), step=step)


def _secrets_of(components: Sequence[Component], workspace: Workspace) -> Mapping[SecretRef, str]:
    """Return every secret that *components* refer to; all that cannot be read are told at once."""
    by_namespace: dict[str, set[SecretRef]] = {}
    for component in components:
        needed = by_namespace.setdefault(component.request.address[0], set())
        needed.update(references_in(component.request.inputs), references_to([credentials_of(component.request)]))
    asked = (workspace.read_secrets(namespace, refs) for namespace, refs in by_namespace.items() if refs)
    return {ref: value for found in asked for ref, value in found.items()}


@dataclass(slots=True)
class _Preview:
    """One preview; `reasons` says of each element that does not join why, `failure` why a merged plan failed."""

    components: list[Component]
    planner: _Planner
    sensitive: frozenset[OutputRef]
    states: dict[str, StateFile | None] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    known: dict[OutputRef, Any] = field(default_factory=dict)
    found: dict[str, ComponentChanges] = field(default_factory=dict)
    failure: PlanFailed | None = None

    def run(self) -> tuple[ComponentChanges, ...]:
        """Plan all that can join as one, then the others one by one."""
        for component in self.components:
            self._read_state(component)
        self._plan_together(self.components)
        for component in self.components:
            if component.step not in self.found:
                self._plan_alone(component)
        if self.failure and all(changes.mode is Mode.DEFERRED for changes in self.found.values()):
            raise self.failure
        return tuple(self.found[component.step] for component in self.components)

    def _read_state(self, component: Component) -> None:
        try:
            self.states[component.step] = self._state_of(component)
        except (InvalidInput, StateConflict) as error:
            self._defer(component.step, f"its state cannot be read: {error}")

    def _state_of(self, component: Component) -> StateFile | None:
        """Return the state that an apply would begin with; one that it would move first is read where it lies."""
        home = render_backend(component.request.backend, component.request.address).state
        address, open_store = StateAddress(home["store"], home["key"]), self.planner.workspace.open_store
        own = held(open_store, address).state
        places = {}
        for step, artifact in component.moved_from.items():
            place = StateAddress.of(artifact)
            state = held(open_store, place).state
            if state is not None:
                places[step] = Place(place, module_of(artifact), state)
        found = state_of(address, own, component.request.address[4], places.values())
        if found is not own:
            self.moved[component.step] = next(step for step, one in places.items() if not one.state.is_empty)
        return found

    def _defer(self, step: str, reason: str) -> None:
        self.found[step] = ComponentChanges(step, Mode.DEFERRED, reason, moved_from=self.moved.get(step, ""))

    # -- together -----------------------------------------------------------------------------------

    def _plan_together(self, components: Sequence[Component]) -> None:
        """Plan all of *components* that can join; if Terraform blames none for a failure, each manifest's by itself."""
        while drafts := self._joining(components):
            try:
                root = merge(drafts)
                self._take(self.planner.plan(root, "merged"), Mode.MERGED)
                break
            except PlanFailed as error:
                self.failure, joined = error, {one.step for one in drafts}
                if not error.steps and len(_by_manifest(components)) > 1:
                    self._plan_by_manifest(components)
                    break
                self.reasons |= dict.fromkeys(error.steps or joined, str(error))
                if error.steps >= joined or len(joined) == 1:  # alone, each would fail in the same way
                    self._defer_all(joined, str(error))
                elif error.is_exact and error.was_planned:
                    self._take_untouched(root, error)
                elif error.is_exact:  # so would those that are blamed: nothing that can be known was known
                    self._defer_all(error.steps, str(error))
            except StateConflict as error:
                self.reasons[error.facts["step"]] = str(error)

    def _defer_all(self, steps: Iterable[str], reason: str) -> None:
        for step in steps:
            self._defer(step, reason)

    def _take_untouched(self, root: MergedRoot, error: PlanFailed) -> None:
        """
        Take what a plan of *root* that failed says of the elements which the failure does not touch.

        Terraform goes on with whatever does not depend on what failed. Nothing is taken, so that all but the blamed
        are planned again, where the plan cannot be read, where it leaves out what one of the states holds, or where
        an element takes of a touched one what is known without it.
        """
        reasons, could_do_without = self._touched(list(root.modules.values()), error.steps)
        sound = set(root.modules.values()) - reasons.keys()
        if could_do_without or not sound:
            return
        document = self.planner.read_failed(root, "merged", error)
        if document is None or _left_out(document, root, sound):
            return
        self.reasons = reasons | self.reasons
        self._take((root, document), Mode.MERGED, only=sound)

    def _touched(self, steps: Sequence[str], blamed: Iterable[str]) -> tuple[dict[str, str], bool]:
        """Return step -> why it is left out, for *blamed* and what needs them; and whether one could do without."""
        taking = {one.step: one.takes for one in self.components}
        reasons, could_do_without = dict.fromkeys(blamed, ""), False
        for step in steps:
            missing = [ref for ref in taking[step] if str(ref.step) in reasons]
            if missing and step not in reasons:
                could_do_without = could_do_without or all(ref in self.known for ref in missing)
                reasons[step] = _takes_of({str(ref.step) for ref in missing})
        return reasons, could_do_without

    def _plan_by_manifest(self, components: Sequence[Component]) -> None:
        for its in _by_manifest(components):
            self._plan_together(its)

    def _joining(self, components: Sequence[Component]) -> list[Draft]:
        """Return the drafts of all that can be planned as one root, leaving out what depends on one that cannot."""
        joining = [one for one in components if one.step not in self.reasons and one.step not in self.found]
        drafts = self._drafts(joining)
        for one in _odd_versions(drafts):
            self.reasons[one.step] = "it is locked to another provider version than the other components"
        left_out = {one.step for one in drafts if one.step in self.reasons}
        return self._joining(components) if left_out or len(drafts) < len(joining) else drafts

    def _drafts(self, joining: Sequence[Component]) -> list[Draft]:
        scope = Scope(
            module_names(one.step for one in joining),
            self.sensitive,
            self.known,
            _SHARED if len(_by_manifest(joining)) > 1 else frozenset({ADDRESS_TAG}),
        )
        drafts = []
        for component in joining:
            missing = {str(ref.step) for ref in component.takes if not scope.can_give(ref)}
            if missing:
                self.reasons[component.step] = _takes_of(missing)
                continue
            try:
                drafts.append(draft(component, scope, self.states[component.step]))
            except InvalidDocuments as error:
                self.reasons[component.step] = str(error)
        return drafts

    # -- alone --------------------------------------------------------------------------------------

    def _plan_alone(self, component: Component) -> None:
        reason = self.reasons[component.step]
        scope = Scope(module_names([component.step]), self.sensitive, self.known)
        unknown = sorted(str(ref) for ref in component.takes if not scope.can_give(ref))
        if unknown:
            self._defer(component.step, f"{reason}; not known: {', '.join(unknown)}")
            return
        try:
            one = draft(component, scope, self.states[component.step])
            self._take(self.planner.plan(merge([one]), one.name), Mode.ALONE, reason)
        except (EngineFailed, InvalidDocuments, StateConflict) as error:
            self._defer(component.step, reason if str(error) == reason else f"{reason}; alone: {error}")

    # -- what was planned ---------------------------------------------------------------------------

    def _take(
        self,
        planned: tuple[MergedRoot, Document],
        mode: Mode,
        reason: str = "",
        *,
        only: Container[str] | None = None,
    ) -> None:
        """Note what was planned for each element of the root, or for *only* those."""
        root, document = planned[0], with_own_folders(planned[1], planned[0].folders)
        changes = read_changes(document, root.modules, root.outputs, self.planner.secrets.values())
        steps = [step for step in root.modules.values() if only is None or step in only]
        for step in steps:
            resources, outputs = changes.get(step, ((), ()))
            self.found[step] = ComponentChanges(step, mode, reason, resources, outputs, self.moved.get(step, ""))
        values = (document.get("planned_values") or {}).get("outputs") or {}
        for name, (step, output) in root.outputs.items():
            if step in steps and "value" in values.get(name, {}):
                self.known[OutputRef.parse(f"{step}.{output}")] = values[name]["value"]


def _takes_of(steps: Iterable[str]) -> str:
    return f"it takes outputs of {', '.join(sorted(steps))}, which is not in the merged plan"


def _left_out(document: Document, root: MergedRoot, steps: Container[str]) -> bool:
    """Whether *document* says nothing of an instance that the joined state of *root* holds of one of *steps*."""
    entries = document.get("resource_changes") or []
    told = {entry[key] for entry in entries for key in ("address", "previous_address") if entry.get(key)}
    held = StateFile.parse(root.state, "the joined state").instances()
    missing = (one for one in held if one.partition(" (deposed")[0] not in told)
    return any(root.modules.get(one.split(".")[1], "") in steps for one in missing)


def _by_manifest(components: Iterable[Component]) -> list[list[Component]]:
    found: dict[tuple[str, ...], list[Component]] = {}
    for one in components:
        found.setdefault(one.request.address[:2], []).append(one)
    return list(found.values())


def _odd_versions(drafts: Iterable[Draft]) -> list[Draft]:
    """Return those that hold a provider in another version than most do."""
    drafts = list(drafts)
    chosen: dict[Source, Counter[str]] = {}
    for one in drafts:
        for source, version in one.providers.values():
            chosen.setdefault(split_source(source), Counter())[version] += 1
    usual = {source: counted.most_common(1)[0][0] for source, counted in chosen.items()}
    return [one for one in drafts if any(usual[split_source(s)] != version for s, version in one.providers.values())]


# -- Terraform -----------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Planner:
    """Plans one root after another."""

    workspace: Workspace
    report: Reporter
    tools: Toolchain
    mode: tuple[str, ...] = ()
    secrets: Mapping[SecretRef, str] = field(default_factory=dict)
    own: OwnCredentials = NONE

    def plan(self, root: MergedRoot, name: str) -> tuple[MergedRoot, Document]:
        """
        Return *root* and what Terraform plans for it, in the folder *name*.

        Raises:
            PlanFailed: Terraform refuses; says which elements it blames.
            Cancelled: A person stopped it.
        """
        steps = list(root.modules.values())
        what = steps[0] if len(steps) == 1 else f"{len(steps)} components as one"
        self.report.record("planning", what=what)
        directory = self.workspace.directory / name
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        preparation = self._preparation(root, directory)
        preparation.make_ready()
        try:
            return root, self._planned(root, directory, self.tools.warm)
        except EngineFailed as error:
            if not preparation.make_ready_again(error):
                raise
        return root, self._planned(root, directory, self.tools.warm)

    def _preparation(self, root: MergedRoot, directory: Path) -> Preparation:
        install = partial(self._run, root=root, directory=directory)
        return Preparation(root.files, directory, self.tools, run=install)

    def _planned(self, root: MergedRoot, directory: Path, pool: WarmProviders) -> Document:
        (directory / PLAN_FILE).unlink(missing_ok=True)
        write_durably(directory / STATE_FILE, root.state)
        values = unseal(root.sealed, self.workspace.open_store, self.secrets)
        mask = Mask([*values.values(), *self.secrets.values(), *self.own.texts])
        reader, raw = EventReader(mask), []
        environment = self._environment(root, directory)
        with pool.lent(root.files, directory, environment, self.report) as loan:
            given = {**environment, **sealed.variables(values, root.types), **loan.begin_command()}
            process = self._start((*_PLAN, *self.mode), directory, given, loan.descriptors)
            for line in process.lines(self.workspace.cancelled):
                reader.read(line)
                raw.append(line)
            self._stop_if_cancelled()
            if process.exit_code == 0:
                environment |= loan.begin_command()
                return read_plan(self.tools.binary, PLAN_FILE, reader.versions, cwd=directory, environment=environment)
            loan.leave(is_sound=process.exit_code == 1 and not reader.provider_died)
        if reader.provider_died and pool.lends:
            return self._planned(root, directory, NO_POOL)
        error = failure(self.tools.binary, "plan", process.exit_code, reader.diagnostics, mask(process.stderr))
        raise PlanFailed(error.message, **error.facts, **blame(raw, root), versions=reader.versions)

    def read_failed(self, root: MergedRoot, name: str, error: PlanFailed) -> Document | None:
        """Return what the plan of *root* says that ended with *error* in the folder *name*; None if that is nothing."""
        directory = self.workspace.directory / name
        if not (directory / PLAN_FILE).exists():
            return None
        with suppress(EngineFailed):
            environment = self._environment(root, directory)
            return read_plan(self.tools.binary, PLAN_FILE, error.versions, cwd=directory, environment=environment)
        return None

    def _run(self, arguments: tuple[str, ...], *, root: MergedRoot, directory: Path) -> None:
        process = self._start(arguments, directory, self._environment(root, directory))
        for line in process.lines(self.workspace.cancelled):
            self.report.log(line)
        self._stop_if_cancelled()
        if process.exit_code != 0:
            error = failure(self.tools.binary, arguments[0], process.exit_code, (), process.stderr)
            steps = named(process.stderr, root)
            raise PlanFailed(error.message, **error.facts, steps=steps, is_exact=False, was_planned=False, versions={})

    def _stop_if_cancelled(self) -> None:
        if self.workspace.cancelled():
            raise Cancelled("the preview was interrupted; nothing was changed")

    def _start(
        self,
        arguments: tuple[str, ...],
        directory: Path,
        environment: Mapping[str, str],
        descriptors: Sequence[int] = (),
    ) -> Process:
        return Process.start(
            self.tools.binary,
            arguments,
            directory=directory,
            environment=environment,
            name="preview",
            descriptors=descriptors,
        )

    def _environment(self, root: MergedRoot, directory: Path) -> dict[str, str]:
        base, config = self.own.without_the_workers(self.workspace.environment), directory / CLI_CONFIG
        return self.own.over(terraform_environment(base, cli_config_file=config, own=root.environment))
