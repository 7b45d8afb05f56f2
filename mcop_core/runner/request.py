"""What an operation is: the request that starts a runner, and the result it leaves."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Operation(StrEnum):
    """What a runner does with an artifact."""

    APPLY = "apply"
    DESTROY = "destroy"


class Outcome(StrEnum):
    """How an operation ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"
    CUT_OFF = "cut off"
    """Its processes died; what it had made is in the state, and it is not carried on."""
    WAITING = "waiting"
    """Nothing is left to do but to wait: asked for again, `look_again_s` seconds later (a fact), it goes on."""


@dataclass(frozen=True, slots=True)
class Approval:
    """
    What a person approved.

    Attributes:
        preview: Digest of the preview.
        deviations: JSON of the `ComponentChanges` that were approved since, in order.
    """

    preview: str
    deviations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunRequest:
    """
    One operation on one artifact.

    Attributes:
        operation: What to do.
        artifact: Digest of the rendered artifact.
        run_key: Who asks, `<dag id>/<run id>/<task id>/<step>`, and maybe how often the run was cleared: a retry has
            the same one and re-attaches.
        owner: The same for people, shown in locks.
        store: URL of the artifact store.
        step: The component, `workflow.pattern.element`.
        execution: What policies are told of the execution, see `policies.models.Document`; JSON.
        approval: What was approved; None if nobody was asked.
        moved_from: Digests of the artifacts that the component was last applied with under ids that it had before:
            what they deployed is taken over first.
    """

    operation: Operation
    artifact: str
    run_key: str
    owner: str
    store: str
    step: str = ""
    execution: Mapping[str, Any] = field(default_factory=dict)
    approval: Approval | None = None
    moved_from: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Name of the operation's folder: 32 hex digits of the digest of everything above."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:32]

    @property
    def place(self) -> tuple[str, str]:
        """The execution, `<dag id>/<run id>`, and the task that ask, by `run_key`."""
        asking = re.sub(rf"/{re.escape(self.step)}(/\d+)?$", "", self.run_key) if self.step else self.run_key
        execution, _, task = asking.rpartition("/")
        return execution, task

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> RunRequest:
        """Read what `dataclasses.asdict` gave."""
        given = document["approval"]
        approval = Approval(given["preview"], tuple(given["deviations"])) if given else None
        operation, moved_from = Operation(document["operation"]), tuple(document.get("moved_from", ()))
        return cls(**{**document, "operation": operation, "approval": approval, "moved_from": moved_from})


@dataclass(frozen=True, slots=True)
class RunResult:
    """
    How it ended: the runner's last word.

    Attributes:
        outputs: As in `ApplyResult`.
        versions: Name -> version of the programs that did it, `mcop` among them; empty unless it succeeded.
        error: The error's message; empty on success.
        error_type: The error's class name in `mcop_core.errors`.
        facts: The error's facts that are JSON.
    """

    outcome: Outcome
    outputs: Mapping[str, Any] = field(default_factory=dict)
    added: int = 0
    changed: int = 0
    destroyed: int = 0
    resources: tuple[Mapping[str, Any], ...] = ()
    error: str = ""
    error_type: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
