"""
Values as their type wants them: Terraform's own conversions, made before anything runs.

A text that is a number may stand where a number is wanted, a number or bool where text is wanted, and so
on, as deep as the type goes. What Terraform would do without loss is done; what it would refuse is a fault with
the path inside the value. Attributes that an object type does not name, and defaults of `optional`, are
Terraform's to drop and to add. Measured on Terraform 1.11.4.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any

from mcop_core.errors import Fault, closest
from mcop_core.parameters.pending import is_pending
from mcop_core.parameters.syntax import join_path
from mcop_core.parameters.text import scalar_text, shown_key
from mcop_core.parameters.types import Type

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
_BOOLS = {"true": True, "1": True, "false": False, "0": False}
_ARTICLE = {"any": "a value", "object": "an object"}


def convert(value: Any, wanted: Type, path: str = "") -> tuple[Any, list[Fault]]:
    """
    Return *value* converted to the type *wanted*, and what could not be.

    null fits every type; what is pending is left for when it is known. Where there are faults the value
    returned is of no use.
    """
    if value is None or wanted.name == "any" or is_pending(value):
        return value, []
    if wanted.name == "object":
        return _object(value, wanted, path)
    if wanted.name == "tuple":
        return _tuple(value, wanted, path)
    if wanted.of is not None:
        return _map(value, wanted, path) if wanted.name == "map" else _sequence(value, wanted, path)
    return _scalar(value, wanted.name, path)


def _scalar(value: Any, wanted: str, path: str) -> tuple[Any, list[Fault]]:
    convertible = {"string": _to_string, "number": _to_number, "bool": _to_bool}[wanted](value)
    if convertible is None:
        return value, [_mismatch(value, Type(wanted), path)]
    return convertible, []


def _to_string(value: Any) -> str | None:
    return scalar_text(value)


def _to_number(value: Any) -> float | str | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    return _read_number(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else None


def _read_number(text: str) -> float | str | None:
    """Return the number that *text* is; the text itself where a Python number would not be the same."""
    exact = Decimal(text)
    if math.isinf(float(text)):
        return None
    if exact == exact.to_integral_value() and abs(exact) < 2**63:
        return int(exact)
    return float(text) if Decimal(repr(float(text))) == exact else text


def _to_bool(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    return _BOOLS.get(value) if isinstance(value, str) else None


def _sequence(value: Any, wanted: Type, path: str) -> tuple[Any, list[Fault]]:
    if not isinstance(value, list):
        return value, [_mismatch(value, wanted, path)]
    return _gathered([(index, *_child(item, wanted, join_path(path, index))) for index, item in enumerate(value)], path)


def _gathered(children: list[tuple[int, Any, list[Fault]]], path: str) -> tuple[Any, list[Fault]]:
    values = [value for _, value, _ in children]
    faults = [fault for _, _, found in children for fault in found]
    return values, faults or _mixed(values, path)


def _child(item: Any, wanted: Type, path: str) -> tuple[Any, list[Fault]]:
    return convert(item, wanted.of, path) if wanted.of else (item, [])


def _map(value: Any, wanted: Type, path: str) -> tuple[Any, list[Fault]]:
    if not isinstance(value, dict):
        return value, [_mismatch(value, wanted, path)]
    children = {key: _child(item, wanted, join_path(path, shown_key(key))) for key, item in value.items()}
    faults = [fault for _, found in children.values() for fault in found]
    values = {key: item for key, (item, _) in children.items()}
    return values, faults or _mixed(list(values.values()), path)


def _mixed(values: list[Any], path: str) -> list[Fault]:
    """Elements of one collection have one type: texts, numbers and bools become text, lists and maps do not mix."""
    kinds = {_family(value) for value in values if value is not None and not is_pending(value)}
    if len(kinds) <= 1:
        return []
    return [Fault(f"the elements have no common type: {', '.join(sorted(kinds))}", path=path)]


def _family(value: Any) -> str:
    return "list" if isinstance(value, list) else "map" if isinstance(value, dict) else "scalar"


def _object(value: Any, wanted: Type, path: str) -> tuple[Any, list[Fault]]:
    if not isinstance(value, dict):
        return value, [_mismatch(value, wanted, path)]
    faults: list[Fault] = []
    result = dict(value)
    for name, attribute in wanted.attributes.items():
        if name in value:
            result[name], found = convert(value[name], attribute.type, join_path(path, name))
            faults += found
        elif not attribute.optional:
            near = closest(name, [key for key in value if isinstance(key, str) and key not in wanted.attributes])
            faults.append(Fault(f"the attribute {name!r} is missing" + _instead(near), path=path))
    return result, faults


def _instead(near: str | None) -> str:
    return f", {near!r} is no attribute" if near else ""


def _tuple(value: Any, wanted: Type, path: str) -> tuple[Any, list[Fault]]:
    if not isinstance(value, list):
        return value, [_mismatch(value, wanted, path)]
    if len(value) != len(wanted.items):
        return value, [Fault(f"a tuple of {len(wanted.items)} is wanted, this has {len(value)}", path=path)]
    pairs = enumerate(zip(value, wanted.items, strict=True))
    children = [convert(item, kind, join_path(path, index)) for index, (item, kind) in pairs]
    return [item for item, _ in children], [fault for _, found in children for fault in found]


def _mismatch(value: Any, wanted: Type, path: str) -> Fault:
    expected = _ARTICLE.get(wanted.name, f"a {wanted}")
    return Fault(f"{expected} is wanted, this is {describe(value)}", path=path)


def describe(value: Any) -> str:
    """Return what kind of value *value* is, in words: faults never show what may be secret."""
    if isinstance(value, bool):
        return "a bool"
    if isinstance(value, int | float):
        return "a number"
    return "text" if isinstance(value, str) else "a list" if isinstance(value, list) else "a map"
