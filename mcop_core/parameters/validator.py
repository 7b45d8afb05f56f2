"""
Rules: what the values of a parameter may be, and whether a value is that.

A rule holds for the whole value. A rule of texts and numbers reaches into lists and maps: each element must
keep it. An enum that lists lists or maps compares whole values. Patterns run on RE2, in linear time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from typing import Any

import re2

from mcop_core.catalog.models import ValidationRule
from mcop_core.errors import Fault, InvalidInput, closest
from mcop_core.parameters.conversion import convert
from mcop_core.parameters.pending import has_pending, is_pending
from mcop_core.parameters.syntax import join_path
from mcop_core.parameters.text import check_hygiene, scalar_text, shown_key
from mcop_core.parameters.types import ANY, Type

MAX_PATTERN_LENGTH = 1024
_MAX_MEMORY_BYTES = 1 << 20
_SHOWN = 80
_HIDDEN = "the value"
_UNSUPPORTED = {
    "invalid perl operator": "look-around and other backtracking operators need more than linear time",
    "invalid escape sequence": "a backreference or an escape that RE2 does not know",
    "invalid repetition size": "a repetition of more than 1,000",
    "pattern too large": "it needs too much memory",
}


def placed(faults: Iterable[Fault], where: str, path: str = "") -> list[Fault]:
    """Return *faults* with their object and with *path* before their own."""
    return [replace(fault, where=where, path=join_path(path, fault.path)) for fault in faults]


def check_rule(rule: ValidationRule) -> list[Fault]:
    """Say what is wrong with a rule itself: a pattern RE2 cannot run, values that no parameter can have."""
    if rule.type == "enum":
        return check_hygiene(list(rule.values or ()), "values")
    if rule.type == "string":
        return check_hygiene(rule.value, "value")
    try:
        compile_pattern(rule.pattern or "")
    except InvalidInput as error:
        return [Fault(error.message, path="pattern")]
    return []


@lru_cache(maxsize=1024)
def compile_pattern(pattern: str) -> Any:
    """
    Return *pattern* compiled by RE2.

    Raises:
        InvalidInput: It is too long, or needs what RE2 leaves out to stay linear; says what.
    """
    if len(pattern) > MAX_PATTERN_LENGTH:
        raise InvalidInput(f"the pattern has {len(pattern)} characters; at most {MAX_PATTERN_LENGTH} are allowed")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MAX_MEMORY_BYTES
    try:
        return re2.compile(pattern, options)
    except (re2.error, UnicodeEncodeError) as error:
        raise InvalidInput(f"the pattern {pattern!r} cannot be used: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    first = error.args[0] if error.args else ""
    text = first.decode(errors="replace") if isinstance(first, bytes) else str(error)
    known = next((hint for words, hint in _UNSUPPORTED.items() if words in text), "")
    return f"{text} ({known})" if known else text


def check_against(
    value: Any, rule: ValidationRule, wanted: Type = ANY, *, sensitive: bool = False, path: str = ""
) -> list[Fault]:
    """
    Say where *value* breaks *rule*; what is pending in it is left for later.

    Args:
        value: Converted to *wanted* already.
        wanted: Type of the parameter; the values of an enum are converted to it before they are compared.
        sensitive: Whether faults must not show the value.
    """
    if is_pending(value) or (_is_whole(rule) and has_pending(value)):
        return []
    if isinstance(value, list | dict) and not _is_whole(rule):
        element = wanted.of or ANY
        return [
            fault
            for name, item in _elements(value)
            for fault in check_against(item, rule, element, sensitive=sensitive, path=join_path(path, name))
        ]
    return [] if _keeps(value, rule, wanted) else [_broken(value, rule, sensitive, path)]


def check_value(rule: ValidationRule, value: Any) -> str | None:
    """Say why *value* breaks *rule*, in one sentence, or None if it keeps it."""
    faults = check_hygiene(value) or check_against(value, rule)
    return str(faults[0]) if faults else None


def _is_whole(rule: ValidationRule) -> bool:
    return rule.type == "enum" and any(isinstance(value, list | dict | tuple) for value in rule.values or ())


def _elements(value: list[Any] | dict[str, Any]) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [(shown_key(key), item) for key, item in value.items()]
    return [(str(index), item) for index, item in enumerate(value)]


def _keeps(value: Any, rule: ValidationRule, wanted: Type) -> bool:
    if rule.type == "enum":
        return _identity(value) in {_identity(_as(option, wanted)) for option in rule.values or ()}
    text = scalar_text(value)
    if text is None:
        return False
    if rule.type == "string":
        return text == rule.value
    return compile_pattern(rule.pattern or "").fullmatch(text) is not None


def _as(option: Any, wanted: Type) -> Any:
    option = list(option) if isinstance(option, tuple) else option
    converted, faults = convert(option, wanted)
    return option if faults else converted


def _identity(value: Any) -> str:
    """Return what tells values apart as JSON does: `1` is not `true` nor "1", but is `1.0`."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, sort_keys=True)


def _broken(value: Any, rule: ValidationRule, sensitive: bool, path: str) -> Fault:
    shown = _HIDDEN if sensitive else show(value)
    if rule.type == "regex":
        return Fault(f"{shown} does not match {rule.pattern} as a whole (rule {_name(rule)}).", path=path)
    options = (rule.value,) if rule.type == "string" else rule.values or ()
    allowed = tuple(option if isinstance(option, str) else show(option) for option in options)
    near = None if sensitive else closest(scalar_text(value) or "", allowed)
    return Fault(f"{shown} is not allowed (rule {_name(rule)}).", path=path, allowed=allowed, suggestion=near)


def _name(rule: ValidationRule) -> str:
    return f"{rule.name}@{rule.version}"


def show(value: Any) -> str:
    """Return *value* as JSON of at most 80 characters, every character visible."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    text = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
