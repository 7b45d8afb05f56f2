"""What may stand in a value beside plain JSON: pointers to what is sensitive, references to secrets and outputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mcop_core.refs import OutputRef
from mcop_core.secrets.reference import SecretRef

SENSITIVE_KEY = "mcop_sensitive"


SECRET_KEY = "mcop_secret"  # noqa: S105 (a map key)


@dataclass(frozen=True, slots=True)
class SensitivePointer:
    """
    Where a sensitive output lies, instead of its value: the state that holds it.

    Attributes:
        state: Store URL and key, `s3://bucket?region=r#namespace/manifest/workflow/pattern/element.tfstate`.
        output: Name of the output in that state.
    """

    state: str
    output: str

    def to_json(self) -> dict[str, Any]:
        """Return the form it has in XCom and in artifacts."""
        return {SENSITIVE_KEY: {"state": self.state, "output": self.output}}

    @classmethod
    def read(cls, value: object) -> SensitivePointer | None:
        """Return the pointer that *value* is, or None."""
        if isinstance(value, dict) and set(value) == {SENSITIVE_KEY}:
            return cls(**value[SENSITIVE_KEY])
        return None


@dataclass(frozen=True, slots=True)
class SealedText:
    """
    Text with parts that rendering must not see, or cannot know: plain strings and the others, in order.

    The runner joins what is sensitive or a secret; an `OutputRef` stands in the request of a `Component` alone.
    """

    parts: tuple[str | SensitivePointer | SecretRef | OutputRef, ...]


def read_secret(value: object) -> SecretRef | None:
    """Return the reference to a secret that *value* is in an artifact, or None."""
    if isinstance(value, Mapping) and set(value) == {SECRET_KEY}:
        return SecretRef.parse(str(value[SECRET_KEY]))
    return None


def secrets_in(value: object) -> Iterator[SecretRef]:
    """Yield every reference to a secret in *value*, part of an artifact's `runtime`."""
    secret = read_secret(value)
    if secret is not None:
        yield secret
    elif isinstance(value, Mapping):
        yield from (secret for part in value.values() for secret in secrets_in(part))
    elif isinstance(value, (list, tuple)):
        yield from (secret for part in value for secret in secrets_in(part))


def outputs_in(value: Any) -> Iterable[OutputRef]:
    """Yield every output that stands in *value*, map keys included."""
    return (part for part in _parts_of(value) if isinstance(part, OutputRef))


def references_in(value: Any) -> Iterable[SecretRef]:
    """Yield every reference to a secret that stands in *value*."""
    return (part for part in _parts_of(value) if isinstance(part, SecretRef))


def _parts_of(value: Any) -> Iterable[Any]:
    """Yield everything in *value* that is no list, map or text of parts, map keys included."""
    if isinstance(value, SealedText):
        yield from value.parts
    elif isinstance(value, Mapping):
        for pair in value.items():
            yield from (part for item in pair for part in _parts_of(item))
    elif isinstance(value, (list, tuple)):
        yield from (part for item in value for part in _parts_of(item))
    else:
        yield value
