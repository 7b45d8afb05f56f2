"""
Sealed inputs on their way to Terraform, once the runner has resolved them; see `engines.sealed`.

They reach Terraform as `TF_VAR_…` in its environment and are written to no file. A variable of a primitive
type takes its text as it is; every other type is read by Terraform as an HCL expression, so that the value
is written as a literal in which nothing can be evaluated.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from typing import Any

from mcop_core.errors import InvalidInput

_PRIMITIVE = {"string", "number", "bool"}
_LONGEST_BYTES = 128 * 1024 - 1
"""The longest environment variable that Linux hands over, name and `=` included."""


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
