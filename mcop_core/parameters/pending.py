"""
Values that are not known yet, or never known here: what stands in a resolved value beside JSON.

An `OutputRef` is an output that only run time knows. A `Sealed` output and what a `SecretRef` names are known to
the runner alone. A `PendingText` is text with one of these in it. `BROKEN` stands where a fault has been reported
already, so that one mistake is told once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mcop_core.refs import OutputRef
from mcop_core.secrets.reference import SecretRef, is_reference

SENSITIVE_KEY = "mcop_sensitive"
SEALED_TEXT_KEY = "mcop_sealed_text"
SECRET_KEY = "mcop_secret"  # noqa: S105 (a map key)
RESERVED_KEYS = frozenset({SENSITIVE_KEY, SEALED_TEXT_KEY, SECRET_KEY})
"""Map keys that mark pointers to sensitive outputs and secrets; no value that a person wrote may carry them."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A pointer to a sensitive output: the state that holds it, and its name there."""

    state: str
    output: str

    @classmethod
    def read(cls, value: Any) -> Sealed | None:
        """Return the pointer whose JSON form *value* is, or None."""
        if not isinstance(value, dict) or set(value) != {SENSITIVE_KEY}:
            return None
        inner = value[SENSITIVE_KEY]
        if not isinstance(inner, dict) or set(inner) != {"state", "output"}:
            return None
        return cls(str(inner["state"]), str(inner["output"]))

    def to_json(self) -> dict[str, Any]:
        """Return its form in XCom and in artifacts."""
        return {SENSITIVE_KEY: {"state": self.state, "output": self.output}}


@dataclass(frozen=True, slots=True)
class PendingText:
    """Text with parts that are not known here, in order."""

    parts: tuple[str | OutputRef | Sealed | SecretRef, ...]


class Broken:
    """The kind of `BROKEN`."""

    def __repr__(self) -> str:
        return "BROKEN"


BROKEN = Broken()


def is_pending(value: Any) -> bool:
    """Whether *value* itself (not something in it) is no JSON value."""
    return isinstance(value, OutputRef | Sealed | SecretRef | PendingText | Broken)


def open_outputs(value: Any) -> list[OutputRef]:
    """Return every output that *value* still waits for, keys of maps included, in document order."""
    if isinstance(value, OutputRef):
        return [value]
    if isinstance(value, PendingText):
        return [part for part in value.parts if isinstance(part, OutputRef)]
    if isinstance(value, dict):
        return [ref for pair in value.items() for item in pair for ref in open_outputs(item)]
    if isinstance(value, list):
        return [ref for item in value for ref in open_outputs(item)]
    return []


def has_pending(value: Any) -> bool:
    """Whether something in *value* is not known here."""
    if isinstance(value, dict):
        return any(has_pending(item) for pair in value.items() for item in pair)
    if isinstance(value, list):
        return any(has_pending(item) for item in value)
    return is_pending(value)


def has_sealed(value: Any) -> bool:
    """Whether a sensitive output or a reference to a secret stands somewhere in *value*."""
    if isinstance(value, PendingText):
        return any(isinstance(part, Sealed | SecretRef) for part in value.parts)
    if isinstance(value, dict):
        return any(has_sealed(item) for pair in value.items() for item in pair)
    if isinstance(value, list):
        return any(has_sealed(item) for item in value)
    return isinstance(value, Sealed | SecretRef)


def with_secrets(value: Any) -> Any:
    """
    Return *value*, plain data that a person gave, with every text that is a reference to a secret as `SecretRef`.

    Raises:
        InvalidName: A text wants to be a reference and is of another form.
    """
    if isinstance(value, dict):
        return {key: with_secrets(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [with_secrets(item) for item in value]
    return SecretRef.parse(value) if is_reference(value) else value


def to_json(value: Any) -> Any:
    """Return *value*, in which only sensitive outputs and secrets are pending, as JSON: pointers and sealed text."""
    if isinstance(value, Sealed):
        return value.to_json()
    if isinstance(value, SecretRef):
        return {SECRET_KEY: str(value)}
    if isinstance(value, PendingText):
        return {SEALED_TEXT_KEY: [to_json(part) for part in value.parts]}
    if isinstance(value, dict):
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [to_json(item) for item in value]
    return value


def to_template(value: Any) -> Any:
    """Return *value* for people: an output that is not known yet as `${address}`, a sensitive one as (sensitive)."""
    if isinstance(value, OutputRef):
        return f"${{{value}}}"
    if isinstance(value, SecretRef):
        return str(value)
    if isinstance(value, Sealed | Broken):
        return "(sensitive)" if isinstance(value, Sealed) else "(invalid)"
    if isinstance(value, PendingText):
        return "".join(part if isinstance(part, str) else str(to_template(part)) for part in value.parts)
    if isinstance(value, dict):
        return {to_template(key): to_template(item) for key, item in value.items()}
    if isinstance(value, list):
        return [to_template(item) for item in value]
    return value
