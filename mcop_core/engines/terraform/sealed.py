"""
Sealed inputs: values with sensitive outputs of other states or secrets in them, resolved in the runner alone.

They reach Terraform as `TF_VAR_…` in its environment and are written to no file. A variable of a primitive
type takes its text as it is; every other type is read by Terraform as an HCL expression, so that the value
is written as a literal in which nothing can be evaluated.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from mcop_core.artifacts.store import ObjectStore
from mcop_core.engines.base import SensitivePointer, Workspace, read_secret, secrets_in
from mcop_core.engines.state import StateAddress, read_outputs
from mcop_core.errors import InvalidInput
from mcop_core.secrets.reference import SecretRef

SEALED_TEXT_KEY = "mcop_sealed_text"
_PRIMITIVE = {"string", "number", "bool"}
_LONGEST_BYTES = 128 * 1024 - 1
"""The longest environment variable that Linux hands over, name and `=` included."""

Lookup = Callable[[SensitivePointer | SecretRef], Any]


def read_secrets(sealed: Mapping[str, Any], workspace: Workspace, namespace: str) -> Mapping[SecretRef, str]:
    """Return the value of every reference to a secret in *sealed*; raises as `Workspace.read_secrets`."""
    refs = set(secrets_in(sealed))
    return workspace.read_secrets(namespace, refs) if refs else {}


def unseal(
    sealed: Mapping[str, Any],
    open_store: Callable[[str], ObjectStore],
    secrets: Mapping[SecretRef, str] = MappingProxyType({}),
) -> dict[str, Any]:
    """
    Return the values of *sealed* with every pointer replaced by the output it names, every reference by its secret.

    Each state is read once. An output that is null is in no state, so that a missing one is null.

    Raises:
        StoredObjectMissing: A state that is pointed to does not exist.
    """
    states: dict[str, Mapping[str, Any]] = {}

    def look_up(pointer: SensitivePointer | SecretRef) -> Any:
        if isinstance(pointer, SecretRef):
            return secrets[pointer]
        if pointer.state not in states:
            states[pointer.state] = read_outputs(open_store, StateAddress.parse(pointer.state))
        return states[pointer.state].get(pointer.output)

    return {name: resolve(value, look_up) for name, value in sealed.items()}


def resolve(value: Any, look_up: Lookup) -> Any:
    """Return *value* with its pointers, references and sealed texts replaced. Pure but for *look_up*."""
    pointer = SensitivePointer.read(value) or read_secret(value)
    if pointer is not None:
        return look_up(pointer)
    if isinstance(value, dict):
        if set(value) == {SEALED_TEXT_KEY}:
            return "".join(_part(part, look_up) for part in value[SEALED_TEXT_KEY])
        return {name: resolve(part, look_up) for name, part in value.items()}
    return [resolve(part, look_up) for part in value] if isinstance(value, list) else value


def _part(part: Any, look_up: Lookup) -> str:
    value = resolve(part, look_up)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def variables(values: Mapping[str, Any], types: Mapping[str, str]) -> dict[str, str]:
    """
    Return the environment variables that carry *values*: `TF_VAR_<input>`.

    Args:
        types: Input -> its Terraform type constraint, which decides how Terraform reads the text.

    Raises:
        InvalidInput: A value cannot be carried: null for a primitive type, a NUL, more than 128 KiB, text that
            Terraform would change. Names the input, never the value.
    """
    return {f"TF_VAR_{name}": _variable(name, value, types.get(name, "any").strip()) for name, value in values.items()}


def _variable(name: str, value: Any, type_: str) -> str:
    _check_text(name, value)
    text = _plain(name, value) if type_ in _PRIMITIVE else literal(_structured(name, value, type_))
    if "\0" in text or len(f"TF_VAR_{name}={text}".encode()) > _LONGEST_BYTES:
        raise InvalidInput(f"sealed input {name} cannot be handed over: it holds a NUL or more than 128 KiB")
    return text


def _structured(name: str, value: Any, type_: str) -> Any:
    """A secret is text; where a list, map or object is wanted it must be that as JSON."""
    if type_ == "any" or not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise InvalidInput(f"sealed input {name} must be JSON, since its type is {type_}") from None


def _plain(name: str, value: Any) -> str:
    if value is None:
        raise InvalidInput(f"sealed input {name} is null: the output it comes from has no value")
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _check_text(name: str, value: Any) -> None:
    for text in _texts(value):
        try:
            text.encode()
        except UnicodeEncodeError:
            raise InvalidInput(f"sealed input {name} holds half a surrogate pair") from None
        if not unicodedata.is_normalized("NFC", text):
            raise InvalidInput(f"sealed input {name} is not in Unicode normal form C: Terraform would change it")


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for key, part in value.items() for text in (key, *_texts(part))]
    if isinstance(value, list):
        return [text for part in value for text in _texts(part)]
    return [value] if isinstance(value, str) else []


def literal(value: Any) -> str:
    """Return *value*, of any JSON shape, as an HCL expression that is only ever itself."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_quoted(key)} = {literal(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(literal(part) for part in value) + "]"
    return _quoted(value) if isinstance(value, str) else json.dumps(value, allow_nan=False)


_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _quoted(text: str) -> str:
    escaped = "".join(_ESCAPES.get(sign) or (sign if sign.isprintable() else f"\\U{ord(sign):08x}") for sign in text)
    return '"' + escaped.replace("${", "$${").replace("%{", "%%{") + '"'
