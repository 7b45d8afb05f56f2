"""
What is known of one component on Jenkins: a state of Terraform's format 4, whose resources are the job and its build.

So a sensitive output of either engine is read in the same way, and states move, are locked and are named alike. Beside
it stands, as long as nobody knows what came of a build that was asked for, which one that is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from mcop_core.engines.state import StateFile

PENDING = "mcop_pending"
JOB, BUILD = "jenkins_job", "jenkins_build"
JOB_ADDRESS, BUILD_ADDRESS = f"{JOB}.this", f"{BUILD}.this"
_PROVIDER = 'provider["mcop.engines/mcop/jenkins"]'


@dataclass(frozen=True, slots=True)
class LastBuild:
    """
    The build that ended last.

    Attributes:
        digest: Of what it was made from; empty if its outputs are not known.
        result: Jenkins' word: SUCCESS, UNSTABLE, FAILURE, ABORTED, NOT_BUILT.
    """

    number: int
    url: str
    result: str
    digest: str

    def is_good(self, digest: str) -> bool:
        """Whether nothing need be built again to have what *digest* says."""
        return self.result == "SUCCESS" and self.digest == digest


@dataclass(frozen=True, slots=True)
class Pending:
    """
    A build that was asked for, or is about to be.

    Attributes:
        operation: The value of its parameter by which it is found.
        digest: Of what it is made from.
        job: The job that it belongs to.
        owner: Who waits for it, as in `Workspace.owner`; empty if an older version of MCOP noted it.
        since: Since when they do, ISO 8601, UTC; empty likewise.
        done: What their operation had done before, as in `ApplyResult.resources`.
        is_repeated: Whether a request for it may still be on its way beside the one that was answered.
        item: Where it stands in the queue; None if it was not seen there.
        build: Its number; None if it was not seen to run.
        told: How far its console was told them, a position that Jenkins named.
        rest: The begin of a line that had not ended there.
    """

    operation: str
    digest: str
    job: str
    owner: str = ""
    since: str = ""
    done: tuple[Mapping[str, Any], ...] = ()
    is_repeated: bool = False
    item: int | None = None
    build: int | None = None
    told: int = 0
    rest: str = ""

    @property
    def was_seen(self) -> bool:
        """Whether it was in the queue or running when it was looked at last."""
        return self.item is not None or self.build is not None

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Pending:
        """Read what `dataclasses.asdict` gave."""
        return cls(**{**document, "done": tuple(document.get("done", ()))})


@dataclass(frozen=True, slots=True)
class JobState:
    """
    One component.

    Attributes:
        url: Address of the controller.
        job: Path of its job there.
        owner: What the job's description names as its state.
        script: SHA-256 of the Jenkinsfile that it was given, in hex.
        asked: How many builds were asked for.
        outputs: Output -> `{"value", "sensitive"?}`.
    """

    url: str
    job: str
    owner: str
    script: str
    asked: int = 0
    build: LastBuild | None = None
    pending: Pending | None = None
    outputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def read(cls, file: StateFile | None) -> JobState | None:
        """Return what *file* says; None if it holds no job."""
        attributes = {} if file is None else _attributes(file)
        if file is None or JOB not in attributes:
            return None
        job = attributes[JOB]
        build = attributes.get(BUILD)
        pending = file.document.get(PENDING)
        return cls(
            url=job["url"],
            job=job["id"],
            owner=job["owner"],
            script=job["script"],
            asked=job["asked"],
            build=LastBuild(int(build["id"]), build["url"], build["result"], build["digest"]) if build else None,
            pending=Pending.read(pending) if pending else None,
            outputs=dict(file.outputs),
        )

    def to_file(self, base: StateFile | None) -> StateFile:
        """Return the version of the state that follows *base*."""
        resources = [_resource(JOB, id=self.job, url=self.url, owner=self.owner, script=self.script, asked=self.asked)]
        if self.build is not None:
            facts = {"url": self.build.url, "result": self.build.result, "digest": self.build.digest}
            resources.append(_resource(BUILD, id=str(self.build.number), **facts))
        pending = {} if self.pending is None else {PENDING: asdict(self.pending)}
        return StateFile.following(base, resources=resources, outputs=dict(self.outputs), **pending)


def _resource(type_: str, **attributes: Any) -> dict[str, Any]:
    instances = [{"schema_version": 0, "attributes": attributes}]
    return {"mode": "managed", "type": type_, "name": "this", "provider": _PROVIDER, "instances": instances}


def _attributes(file: StateFile) -> dict[str, dict[str, Any]]:
    resources = file.document.get("resources") or []
    return {one["type"]: one["instances"][0]["attributes"] for one in resources if one.get("instances")}
