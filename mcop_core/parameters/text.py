"""
What a value may consist of: what would be changed after it was validated is refused.

Terraform writes text in Unicode's NFC, so that a text which is not NFC reaches the cloud as another one than
was checked. Its NFC is not Python's: its Unicode may be newer, and it takes the first of two characters that it
joins for the one with the same low 16 bits (U+103B1 and an accent become a Greek alpha). JSON knows no NaN;
providers carry numbers of 64 bits.
Source: design, section 4.
"""

from __future__ import annotations

import math
import re
import unicodedata
from decimal import Decimal
from itertools import pairwise
from typing import Any

from mcop_core.errors import Fault
from mcop_core.limits import MAX_DEPTH
from mcop_core.parameters.pending import RESERVED_KEYS, PendingText, is_pending
from mcop_core.parameters.syntax import join_path

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_BEYOND_16_BITS = re.compile(r"[\U00010000-\U0010ffff]")
_SMALLEST, _LARGEST = -(2**63), 2**64 - 1
_CHANGED = "it would be changed after it was validated"
_END_OF_MARKS = "\U00020000"
"""Behind it Unicode has ideographs, variation selectors and private use, none of which NFC sorts or joins."""


def check_hygiene(value: Any, path: str = "") -> list[Fault]:
    """
    Say what in *value* cannot be carried unchanged.

    Looked at are every text and map key, every number, and the depth (64 levels). What is pending is not
    looked at. Safe for values of any depth.
    """
    faults: list[Fault] = []
    pending: list[tuple[str, Any, int]] = [(path, value, 0)]
    while pending:
        place, item, depth = pending.pop()
        if depth > MAX_DEPTH:
            return [Fault(f"the value is nested deeper than {MAX_DEPTH} levels", path=path)]
        if isinstance(item, dict):
            faults += [fault for key in item for fault in _key_faults(key, place)]
            pending += [(join_path(place, shown_key(key)), child, depth + 1) for key, child in reversed(item.items())]
        elif isinstance(item, list | tuple):
            pending += [(join_path(place, i), child, depth + 1) for i, child in reversed(list(enumerate(item)))]
        elif problem := _problem(item):
            faults.append(Fault(problem, path=place))
    return faults


def shown_key(key: object) -> str:
    """Return a map key as it may stand in a path and on a screen."""
    return key.encode("ascii", "backslashreplace").decode() if isinstance(key, str) else str(key)


def _key_faults(key: object, place: str) -> list[Fault]:
    if isinstance(key, PendingText):
        return []
    problem = text_problem(key) if isinstance(key, str) else f"the map key {key!r} is no text"
    if key in RESERVED_KEYS:
        problem = f"the map key {key!r} is reserved for pointers to sensitive outputs"
    return [Fault(problem, path=join_path(place, shown_key(key)))] if problem else []


def _problem(item: Any) -> str | None:
    if item is None or isinstance(item, bool) or is_pending(item):
        return None
    if isinstance(item, str):
        return text_problem(item)
    if isinstance(item, int):
        return None if _SMALLEST <= item <= _LARGEST else f"the number has more than 64 bits: {_CHANGED}"
    if isinstance(item, float):
        return None if math.isfinite(item) else f"{item} is no number that JSON can carry"
    return f"a {type(item).__name__} is no JSON value"


def text_problem(text: str) -> str | None:
    """Say why *text* cannot be carried unchanged, or None if it can."""
    if match := _SURROGATE.search(text):
        return f"the text has the lone surrogate U+{ord(match[0]):04X} at character {match.start() + 1}"
    if match := _CONTROL.search(text):
        return f"the text has the control character U+{ord(match[0]):04X} at character {match.start() + 1}"
    if not unicodedata.is_normalized("NFC", text):
        return f"the text is not in Unicode's normal form NFC: {_CHANGED}"
    if pair := _unknown_pair(text):
        return f"the NFC of {_shown(pair)} is not known to Unicode {unicodedata.unidata_version}: it may be changed"
    if pair := _mistaken_pair(text):
        return f"Terraform would join {_shown(pair)} by mistake: {_CHANGED}"
    return None


def _shown(pair: tuple[str, str]) -> str:
    return " ".join(f"U+{ord(character):04X}" for character in pair)


def _unknown_pair(text: str) -> tuple[str, str] | None:
    """Return two neighbours in *text* that a newer Unicode may sort or join: unassigned ones, or one and a mark."""
    if text.isascii():
        return None
    return next((pair for pair in pairwise(text) if any(map(_is_unassigned, pair)) and all(map(_may_join, pair))), None)


def _mistaken_pair(text: str) -> tuple[str, str] | None:
    """Return a character beyond 16 bits in *text*, and what after it would join the one with the same low 16 bits."""
    for found in _BEYOND_16_BITS.finditer(text):
        low = chr(ord(found[0]) & 0xFFFF)
        for position in range(found.end(), len(text)):
            if len(unicodedata.normalize("NFC", low + text[position])) == 1:
                return found[0], text[position]
            if not unicodedata.combining(text[position]):
                break
    return None


def _is_unassigned(character: str) -> bool:
    return character < _END_OF_MARKS and unicodedata.category(character) == "Cn"


def _may_join(character: str) -> bool:
    return unicodedata.combining(character) > 0 or _is_unassigned(character)


def number_text(number: float) -> str:
    """Return *number* as Terraform writes it in text: plain decimal digits, `5` for `5.0`."""
    if isinstance(number, int):
        return str(number)
    if number == 0:
        return "0"
    text = format(Decimal(repr(number)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def scalar_text(value: Any) -> str | None:
    """Return a string, number or bool as the text that it becomes inside longer text; None for anything else."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return number_text(value)
    return value if isinstance(value, str) else None
