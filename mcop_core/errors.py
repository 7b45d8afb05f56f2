"""
The whole error tree.

    McopError
    ├── InvalidInput (ValueError)           what a user wrote is wrong
    │   ├── InvalidDocuments                every fault of a publication or a run's overrides at once
    │   ├── InvalidName                     a name, version or reference is not of its form
    │   ├── InvalidReference                a text's `${...}` cannot be read
    │   ├── ReferenceCycle                  definitions refer to each other in a circle; names the path
    │   └── Unsupported                     a cloud cannot do this; lists what it can
    ├── NotFound (LookupError)
    │   ├── ObjectNotFound                  no such object or version in the catalog
    │   ├── UnknownName                     a registry does not know the name; lists what it knows
    │   ├── StoredObjectMissing             no such key in an object store
    │   ├── SecretNotFound                  no such secret in its store, or no such key in the secret
    │   └── NotInCloud                      a cloud has no such instance, cluster or region
    ├── Conflict (RuntimeError)
    │   ├── VersionConflict                 a published version has other bytes; carries both digests
    │   ├── PreconditionFailed              a conditional write lost
    │   ├── StateLocked                     somebody else holds the state's lock; names the holder
    │   └── StateConflict                   the state moved (serial or lineage) while it was held
    ├── Refused (PermissionError)           MCOP will not do this: revoked version, graph of another plan
    │   ├── Deviates                        a step's plan is not what was approved; carries what is not
    │   └── CredentialsRefused              a cloud does not take the credentials, or they may not do this
    ├── Tampered (ValueError)               bytes do not have the digest they were asked for by
    ├── Unreachable (ConnectionError)       DynamoDB, S3, Airflow, a secret store or a cloud did not answer
    │   └── Throttled                       a cloud asks for patience; carries for how many seconds
    ├── CloudFailed (RuntimeError)          a cloud answered that it did not do what it was asked
    │   ├── NoCapacity                      the zone or region has none of that size left
    │   └── QuotaExceeded                   the account may have no more of it
    ├── EngineFailed (RuntimeError)         the engine ran and failed; carries its diagnostics
    ├── BrokenPackage (RuntimeError)        an installed package registers what cannot be used; names it
    ├── UnknownOutcome (RuntimeError)       what happened in the cloud cannot be told
    ├── Waiting (RuntimeError)              nothing is left to do but to wait; says when to look again
    └── Cancelled (RuntimeError)            a person stopped the operation

Each error is also the builtin it resembles, keeps its facts as attributes, and survives pickling.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Fault:
    """
    One thing wrong with one document.

    Attributes:
        message: What is wrong, a sentence.
        where: The object, `pattern#network@2.0.0`, or the name of the input it came by (`conf`).
        path: Dotted path inside the document, `elements.vpc.inputs.cidr_block`; empty for the whole.
        file: The file it stands in, as the user gave it; empty if it came by no file.
        line: One-based line in *file*; 0 if unknown.
        allowed: What would have been accepted, in order; empty when that is no list.
        suggestion: The nearest right answer, if one is near.
    """

    message: str
    where: str = ""
    path: str = ""
    file: str = ""
    line: int = 0
    allowed: tuple[str, ...] = field(default=())
    suggestion: str | None = None

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.file and self.line else self.file
        parts = [part for part in (place, self.where, self.path) if part]
        text = f"{', '.join(parts)}: {self.message}" if parts else self.message
        if self.allowed:
            text += f" Allowed: {', '.join(self.allowed)}."
        if self.suggestion:
            text += f' Did you mean "{self.suggestion}"?'
        return text


class McopError(Exception):
    """
    Base of every error MCOP raises on purpose.

    Args:
        message: Where, what, what was allowed, the nearest right answer. Never a secret.
        facts: Kept as attributes, so that callers need not read the message.
    """

    def __init__(self, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.message = message
        self.facts = facts
        self.__dict__.update(facts)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self.facts)


def _rebuild(kind: type[McopError], message: str, facts: dict[str, Any]) -> McopError:
    return kind(message, **facts)


class InvalidInput(McopError, ValueError):
    """What a user wrote is wrong."""


class InvalidDocuments(InvalidInput):
    """Every fault found, in the order of the documents."""

    faults: tuple[Fault, ...]

    @classmethod
    def of(cls, faults: Iterable[Fault]) -> InvalidDocuments:
        """Make the error of *faults*; its message is one line per fault."""
        found = tuple(faults)
        return cls("\n".join(str(fault) for fault in found), faults=found)


class InvalidName(InvalidInput):
    """A name, version or reference is not of its form."""


class InvalidReference(InvalidInput):
    """A text's `${...}` cannot be read; carries `text` and the zero-based `position`."""


class ReferenceCycle(InvalidInput):
    """Definitions refer to each other in a circle; `path` names every stop, first one repeated last."""

    path: tuple[str, ...]


class Unsupported(InvalidInput):
    """A cloud cannot do this; carries `capability`, and `known`: what it can."""


class NotFound(McopError, LookupError):
    """Something that was asked for by name is not there."""


class ObjectNotFound(NotFound):
    """No such object or version in the catalog."""


class UnknownName(NotFound):
    """A registry does not know the name; `known` lists what it knows."""


class StoredObjectMissing(NotFound):
    """No such key in an object store; carries `key`."""


class SecretNotFound(NotFound):
    """No such secret in its store, or no such key in it; names the reference, never a value."""


class NotInCloud(NotFound):
    """A cloud has no such instance, cluster or region, or does not show it yet."""


class Conflict(McopError, RuntimeError):
    """Two writers met."""


class VersionConflict(Conflict):
    """A published version has other bytes; carries `ref`, `published` and `offered` digests."""


class PreconditionFailed(Conflict):
    """A conditional write lost; carries `key`."""


class StateLocked(Conflict):
    """Somebody else holds the state's lock; carries `holder`, Terraform's LockInfo as a mapping."""


class StateConflict(Conflict):
    """The state moved (serial or lineage) while it was held."""


class Refused(McopError, PermissionError):
    """MCOP will not do this: a revoked version, the graph of another plan, a second run on one state."""


class Deviates(Refused):
    """A step's own plan is not what was approved; carries `changes`, the JSON of those that were not."""


class CredentialsRefused(Refused):
    """A cloud does not take the credentials, or they may not do what was asked; never carries them."""


class Tampered(McopError, ValueError):
    """Bytes do not have the digest they were asked for by."""


class Unreachable(McopError, ConnectionError):
    """DynamoDB, S3, Airflow, a secret store or a cloud did not answer; carries `service`."""


class Throttled(Unreachable):
    """A cloud did nothing and asks for patience; carries `retry_after_s`, 0 where it does not say how long."""

    retry_after_s: float


class CloudFailed(McopError, RuntimeError):
    """A cloud answered that it did not do what it was asked, or what cannot be read; carries `code`, its own word."""


class NoCapacity(CloudFailed):
    """The zone or region has none of that size left: another place may have."""


class QuotaExceeded(CloudFailed):
    """The account may have no more of it there, until its quota is raised or something is deleted."""


class EngineFailed(McopError, RuntimeError):
    """The engine ran and failed; carries `diagnostics`, the engine's own words, and maybe a `hint`."""


class BrokenPackage(McopError, RuntimeError):
    """An installed package registers what cannot be used, as an engine or a secret store; carries `package`."""


class UnknownOutcome(McopError, RuntimeError):
    """What happened in the cloud cannot be told; carries `resources`, the addresses in question."""


class Waiting(McopError, RuntimeError):
    """
    Nothing is left to do but to wait for something outside; the same operation, called again, goes on from there.

    Carries `look_again_s`, after how many seconds it is worth while to call it again.
    """

    look_again_s: float


class Cancelled(McopError, RuntimeError):
    """A person stopped the operation."""


def closest(name: str, options: Iterable[str]) -> str | None:
    """Return the option most like *name*, or None when none is near."""
    import difflib  # a millisecond of every task, and of use where something is wrong

    matches = difflib.get_close_matches(name, list(options), n=1, cutoff=0.6)
    return matches[0] if matches else None
