"""Values -> JSON that a root of Terraform's or a pipeline's parameters can hold, their sealed parts marked."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from mcop_core.engines.base import RenderRequest
from mcop_core.engines.sealed import SEALED_TEXT_KEY
from mcop_core.engines.values import SECRET_KEY, SENSITIVE_KEY, SealedText, SensitivePointer, read_secret
from mcop_core.errors import Fault
from mcop_core.limits import MAX_DEPTH
from mcop_core.secrets.reference import SecretRef

_MARKS = {SENSITIVE_KEY, SECRET_KEY, SEALED_TEXT_KEY}
MAX_BITS = 512


class Carrier:
    """
    Turns one value into JSON, and finds what JSON and Terraform cannot carry or would change.

    Args:
        reads_marks: Whether maps may mark sealed parts, as they do in a resolved step. In what clouds answer they
            must not: whoever can name an output's value could read any secret.
    """

    def __init__(self, request: RenderRequest, *, reads_marks: bool = True) -> None:
        self._request = request
        self._reads_marks = reads_marks
        self.faults: list[Fault] = []
        self.has_sealed = False

    def carry(self, value: Any, path: str, depth: int = 0) -> Any:
        """Return *value* as JSON; sealed parts in the form that the runner reads."""
        if depth > MAX_DEPTH:
            return self._refuse(path, f"it is nested deeper than {MAX_DEPTH}")
        sealed = self._sealed(value, path)
        if sealed is not None:
            self.has_sealed = True
            return sealed
        if isinstance(value, Mapping):
            if not self._reads_marks and _MARKS & set(value):
                return self._refuse(path, "it holds a map key that is reserved for sensitive values")
            return {self._text(key, path): self.carry(item, f"{path}.{key}", depth + 1) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.carry(item, f"{path}[{position}]", depth + 1) for position, item in enumerate(value)]
        return self._scalar(value, path)

    def _scalar(self, value: Any, path: str) -> Any:
        if isinstance(value, str):
            return self._text(value, path)
        if isinstance(value, float) and not math.isfinite(value):
            return self._refuse(path, f"{value} is no number that JSON has")
        if isinstance(value, int) and value.bit_length() > MAX_BITS:
            return self._refuse(path, f"it has more than the {MAX_BITS} bits that Terraform keeps of a number")
        if value is None or isinstance(value, (bool, int, float)):
            return value
        return self._refuse(path, f"a {type(value).__name__} is no JSON value")

    def _text(self, value: Any, path: str) -> Any:
        if not isinstance(value, str):
            return self._refuse(path, f"the key {value!r} is no text")
        if any("\ud800" <= character <= "\udfff" for character in value):
            return self._refuse(path, "it holds half of a surrogate pair, which no UTF-8 text can")
        return value

    def _sealed(self, value: Any, path: str) -> Any:
        single = self._single(value, path)
        if single is not None:
            return single
        parts = value.parts if isinstance(value, SealedText) else self._marked(_read_sealed_text, value)
        if parts is None:
            return None
        return {SEALED_TEXT_KEY: [self._part(part, path) for part in parts]}

    def _single(self, value: Any, path: str) -> Any:
        """Return the mark of a sensitive output or a secret, None if *value* is neither."""
        secret = value if isinstance(value, SecretRef) else self._marked(read_secret, value)
        if secret is not None:
            return {SECRET_KEY: str(secret)}
        pointer = value if isinstance(value, SensitivePointer) else self._marked(_read_pointer, value)
        return None if pointer is None else self._own(pointer, path).to_json()

    def _marked(self, read: Callable[[Any], Any], value: Any) -> Any:
        return read(value) if self._reads_marks else None

    def _part(self, part: Any, path: str) -> Any:
        if isinstance(part, str):
            return self._text(part, path)
        single = self._single(part, path)
        return self._refuse(path, "its sealed text is damaged") if single is None else single

    def _own(self, pointer: SensitivePointer, path: str) -> SensitivePointer:
        """Refuse what points at another manifest's state: only this manifest's outputs can be referred to."""
        namespace, manifest = self._request.address[:2]
        key = pointer.state.rpartition("#")[2]
        if not key.startswith(f"{namespace}/{manifest}/") or ".." in key.split("/"):
            self._refuse(path, f"it points at the state {key!r}, which is not this manifest's")
        return pointer

    def _refuse(self, path: str, message: str) -> None:
        self.faults.append(Fault(message, self._request.step, path))


def _read_pointer(value: Any) -> SensitivePointer | None:
    try:
        pointer = SensitivePointer.read(value)
    except TypeError:
        return None
    is_whole = pointer is not None and isinstance(pointer.state, str) and isinstance(pointer.output, str)
    return pointer if is_whole else None


def _read_sealed_text(value: Any) -> Any:
    if isinstance(value, Mapping) and set(value) == {SEALED_TEXT_KEY} and isinstance(value[SEALED_TEXT_KEY], list):
        return value[SEALED_TEXT_KEY]
    return None
