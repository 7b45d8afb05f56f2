"""What is wanted and what there is -> what will be done: the same for a preview and for an apply. Pure."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mcop_core.catalog.canonical import canonical_json
from mcop_core.engines.artifact import RenderedArtifact
from mcop_core.engines.changes import (
    Action,
    AttributeChange,
    ComponentChanges,
    Drift,
    Mode,
    OutputChange,
    ResourceChange,
)
from mcop_core.engines.jenkins.config_xml import JobConfig
from mcop_core.engines.jenkins.job_state import BUILD, BUILD_ADDRESS, JOB, JOB_ADDRESS, JobState
from mcop_core.engines.jenkins.structure import JENKINSFILE
from mcop_core.errors import Refused


@dataclass(frozen=True, slots=True)
class Wanted:
    """
    What an artifact asks for.

    Attributes:
        url: Address of the controller.
        job: Path of the job.
        builds: Whether the job is to be built.
        outputs: Output -> `{"sensitive", "type", "from"}`.
    """

    url: str
    job: str
    config: JobConfig
    builds: bool
    outputs: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(cls, artifact: RenderedArtifact) -> Wanted:
        """Read an artifact of this engine's."""
        runtime = artifact.runtime
        config = JobConfig(artifact.files[JENKINSFILE].decode(), runtime["state"]["key"])
        return cls(runtime["controller"]["url"], runtime["job"], config, runtime["build"], runtime["outputs"])

    @property
    def digest(self) -> str:
        """SHA-256 of what a build is made from, in hex: a build with the same need not be repeated."""
        return hashlib.sha256(canonical_json({"script": self.config.script, "outputs": self.outputs})).hexdigest()


@dataclass(frozen=True, slots=True)
class Found:
    """
    A job on the controller.

    Attributes:
        job: Where it lies: where it is wanted, or where the state says.
        config: How it is configured; None: it is nowhere.
    """

    job: str
    config: JobConfig | None


def script_digest(script: str) -> str:
    """Return the SHA-256 of a Jenkinsfile, in hex."""
    return hashlib.sha256(script.encode()).hexdigest()


def check_home(wanted: Wanted, state: JobState | None) -> None:
    """
    Refuse to leave a job behind on a controller that the adapter does not name any more.

    Raises:
        Refused: The state's job is on another controller.
    """
    if state is not None and state.url != wanted.url:
        raise Refused(
            f"the job {state.job} was made on {state.url}, and the adapter names {wanted.url}. Destroy the component "
            "with the version of the adapter that it was deployed with, and execute this one then"
        )


def check_owner(wanted: Wanted, state: JobState | None, found: Found) -> None:
    """
    Refuse to take over a job that is somebody else's.

    Raises:
        Refused: The job was not made for this component.
    """
    owners = {wanted.config.owner, *([state.owner] if state else [])}
    if found.config is not None and found.config.owner not in owners:
        whose = f"belongs to {found.config.owner}" if found.config.owner else "was not made by MCOP"
        raise Refused(f"the job {found.job} on {wanted.url} {whose}: rename it, or give the adapter another folder")


def find_job(read: Callable[[str], str | None], wanted: Wanted, state: JobState | None) -> Found:
    """
    Return the job: where it is wanted, else where the state says, else where a move that was cut off has left it.

    Args:
        read: Path of a job -> its configuration, None if there is none.
    """
    for job in dict.fromkeys([wanted.job, *([state.job] if state else [])]):
        text = read(job)
        if text is not None:
            return Found(job, JobConfig.read(text, job))
    return _between(read, wanted, state) or Found(wanted.job, None)


def _between(read: Callable[[str], str | None], wanted: Wanted, state: JobState | None) -> Found | None:
    """Return the job under its old name in the folder where it is wanted, if it is ours."""
    if state is None or state.job == wanted.job:
        return None
    job = f"{wanted.job.rpartition('/')[0]}/{state.job.rpartition('/')[2]}"
    text = read(job)
    config = None if text is None else JobConfig.read(text, job)
    return Found(job, config) if config is not None and config.owner == state.owner else None


def is_job_right(wanted: Wanted, found: Found) -> bool:
    """Whether nothing is to be done to the job."""
    return found.job == wanted.job and found.config == wanted.config


def needs_build(wanted: Wanted, state: JobState | None) -> bool:
    """Whether a build is to run."""
    last = state.build if state else None
    return wanted.builds and not (last is not None and last.is_good(wanted.digest))


def changes(step: str, wanted: Wanted, state: JobState | None, found: Found) -> ComponentChanges:
    """Return what an apply will do."""
    resources = [*_job_change(wanted, state, found), *_build_change(wanted, state)]
    return ComponentChanges(step, Mode.ALONE, resources=tuple(resources), outputs=_outputs(wanted, state))


def unknown_changes(step: str, job: str, state: JobState | None, outputs: Mapping[str, bool]) -> ComponentChanges:
    """
    Return what an apply will do with values that only a run will know.

    Args:
        job: Path of the job.
        outputs: Output -> whether it is sensitive.
    """
    before = state.script if state else None
    action = Action.UPDATE if state else Action.CREATE
    again = Action.UPDATE if state and state.build else Action.CREATE
    script = (AttributeChange("jenkinsfile", is_unknown=True), AttributeChange("sha256", before, is_unknown=True))
    path = () if state and state.job == job else (AttributeChange("path", state.job if state else None, job),)
    built = AttributeChange("digest", state.build.digest if state and state.build else None, is_unknown=True)
    resources = (
        ResourceChange(JOB_ADDRESS, JOB, action, attributes=(*path, *script)),
        ResourceChange(BUILD_ADDRESS, BUILD, again, attributes=(built,)),
    )
    told = tuple(_output(name, state, is_sensitive=is_sensitive) for name, is_sensitive in sorted(outputs.items()))
    return ComponentChanges(step, Mode.ALONE, resources=resources, outputs=told)


def destruction(step: str, state: JobState | None) -> ComponentChanges:
    """Return what a destroy will do."""
    if state is None:
        return ComponentChanges(step, Mode.ALONE)
    reason = f"the job {state.job} and its builds are deleted; what they did stays"
    return ComponentChanges(step, Mode.ALONE, resources=(ResourceChange(JOB_ADDRESS, JOB, Action.DESTROY, reason),))


# -- the job -------------------------------------------------------------------------------------------


def _job_change(wanted: Wanted, state: JobState | None, found: Found) -> Iterator[ResourceChange]:
    if found.config is None:
        drift = Drift.DELETED if state and state.script else None
        yield ResourceChange(JOB_ADDRESS, JOB, Action.CREATE, drift=drift, attributes=_created(wanted))
    elif not is_job_right(wanted, found):
        attributes = tuple(_differences(wanted, found.job, found.config))
        yield ResourceChange(JOB_ADDRESS, JOB, Action.UPDATE, drift=_drift(state, found.config), attributes=attributes)


def _created(wanted: Wanted) -> tuple[AttributeChange, ...]:
    return (
        AttributeChange("path", after=wanted.job),
        AttributeChange("jenkinsfile", after=wanted.config.script),
        AttributeChange("sha256", after=script_digest(wanted.config.script)),
    )


def _drift(state: JobState | None, config: JobConfig) -> Drift | None:
    if state is None or not state.script:
        return None
    is_as_left = script_digest(config.script) == state.script and config == JobConfig(config.script, config.owner)
    return None if is_as_left else Drift.CHANGED


_SHOWN = {"owner": "state", "is_sandboxed": "sandbox", "has_operation": "parameter", "is_disabled": "disabled"}


def _differences(wanted: Wanted, job: str, config: JobConfig) -> Iterator[AttributeChange]:
    if job != wanted.job:
        yield AttributeChange("path", job, wanted.job)
    for name, shown in _SHOWN.items():
        before, after = getattr(config, name), getattr(wanted.config, name)
        if before != after:
            yield AttributeChange(shown, before, after)
    if config.script != wanted.config.script:
        yield from _lines(config.script, wanted.config.script)
        yield AttributeChange("sha256", script_digest(config.script), script_digest(wanted.config.script))


def _lines(before: str, after: str) -> Iterator[AttributeChange]:
    """Yield the lines that differ, by their number in *after*, or in *before* where they are left out."""
    old, new = before.split("\n"), after.split("\n")
    for word, start, end, into, until in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if word == "equal":
            continue
        for offset in range(max(end - start, until - into)):
            left = old[start + offset] if start + offset < end else None
            right = new[into + offset] if into + offset < until else None
            path = (
                f"jenkinsfile[{into + offset + 1}]" if right is not None else f"jenkinsfile.was[{start + offset + 1}]"
            )
            yield AttributeChange(path, left, right)


# -- the build -----------------------------------------------------------------------------------------


def _build_change(wanted: Wanted, state: JobState | None) -> Iterator[ResourceChange]:
    if not needs_build(wanted, state):
        return
    last = state.build if state else None
    reason = "" if last is None or last.result == "SUCCESS" else f"build {last.number} ended with {last.result}"
    action = Action.CREATE if last is None else Action.UPDATE
    digest = AttributeChange("digest", last.digest if last else None, wanted.digest)
    yield ResourceChange(BUILD_ADDRESS, BUILD, action, reason, attributes=(digest,))


def _outputs(wanted: Wanted, state: JobState | None) -> tuple[OutputChange, ...]:
    if not needs_build(wanted, state):
        return ()
    named = wanted.outputs.items()
    return tuple(_output(name, state, is_sensitive=facts["sensitive"]) for name, facts in sorted(named))


def _output(name: str, state: JobState | None, *, is_sensitive: bool) -> OutputChange:
    held = state.outputs.get(name, {}) if state else {}
    before = None if is_sensitive else held.get("value")
    return OutputChange(name, before, is_unknown=True, is_sensitive=is_sensitive)
