"""A parameter's type and rule as JSON schema: what forms offer and what the REST API refuses at once."""

from __future__ import annotations

import re
import warnings
from typing import Any

from mcop_core.catalog.models import ValidationRule
from mcop_core.parameters.conversion import convert
from mcop_core.parameters.types import Type

_SCALARS = {"string": "string", "number": "number", "bool": "boolean"}
_RE2_ONLY = re.compile(r"\\[zQECpPA]|\(\?|\[\[:|\[[^\]]*\[")
_UNBOUNDED = re.compile(r"[*+]|\{\d*,\}")


def json_schema(wanted: Type, rule: ValidationRule | None = None, *, nullable: bool = False) -> dict[str, Any]:
    """
    Return the JSON schema of values of type *wanted* that keep *rule*.

    It may let pass what the full check refuses (a pattern that other engines read differently) and refuses
    values that would only fit by conversion (a number for text). A list needs a type that says so.

    Args:
        nullable: Whether null may be given: "as in the manifest".
    """
    schema = _with_rule(_typed(wanted), wanted, rule) if rule else _typed(wanted)
    return _or_null(schema) if nullable else schema


def _typed(wanted: Type) -> dict[str, Any]:
    if wanted.name in _SCALARS:
        return {"type": _SCALARS[wanted.name]}
    if wanted.name in ("list", "set"):
        inner = _typed(wanted.of) if wanted.of else {}
        return {"type": "array", "items": inner} if inner else {"type": "array"}
    if wanted.name == "map":
        inner = _typed(wanted.of) if wanted.of else {}
        return {"type": "object", "additionalProperties": inner} if inner else {"type": "object"}
    if wanted.name == "tuple":
        return {"type": "array", "minItems": len(wanted.items), "maxItems": len(wanted.items)}
    if wanted.name == "object":
        required = sorted(name for name, attribute in wanted.attributes.items() if not attribute.optional)
        properties = {name: _or_null(_typed(attribute.type)) for name, attribute in sorted(wanted.attributes.items())}
        return {"type": "object", "properties": properties, "required": required}
    return {}


def _with_rule(schema: dict[str, Any], wanted: Type, rule: ValidationRule) -> dict[str, Any]:
    if rule.type == "enum" and any(isinstance(value, list | tuple | dict) for value in rule.values or ()):
        return {**schema, "enum": list(rule.values or ())}
    if wanted.name in ("list", "set"):
        return {**schema, "items": _with_rule(schema.get("items", {}), wanted.of or wanted, rule)}
    if wanted.name == "map":
        inner = _with_rule(schema.get("additionalProperties", {}), wanted.of or wanted, rule)
        return {**schema, "additionalProperties": inner}
    if wanted.name not in _SCALARS and wanted.name != "any":
        return schema
    return {**schema, **_rule_schema(wanted, rule)}


def _rule_schema(wanted: Type, rule: ValidationRule) -> dict[str, Any]:
    if rule.type == "enum":
        return {"enum": [convert(value, wanted)[0] for value in rule.values or ()]}
    if rule.type == "string":
        return {"const": convert(rule.value, wanted)[0]}
    pattern = anchored(rule.pattern or "") if wanted.name in ("string", "any") else None
    return {"pattern": pattern} if pattern else {}


def anchored(pattern: str) -> str | None:
    """
    Return *pattern* for JSON schema, where a match anywhere counts: anchored at both ends.

    None where a backtracking engine would read it differently, or might need more than linear time for it:
    the full check, on RE2, is then the only one.
    """
    if _RE2_ONLY.search(pattern.replace("(?:", "(")) or _nests_repetition(pattern):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            re.compile(pattern)
        except (re.error, FutureWarning, DeprecationWarning):
            return None
    return f"^(?:{pattern})$(?!\\n)"


def _nests_repetition(pattern: str) -> bool:
    """Whether a group that repeats without bound has an unbounded repetition in it, as `(a+)+`."""
    bare = re.sub(r"\\.|\[(?:\\.|[^\]])*\]", "x", pattern)
    while match := re.search(r"\(([^()]*)\)([*+]|\{\d*,\}|)", bare):
        inner = bool(_UNBOUNDED.search(match[1])) or "\0" in match[1]
        if match[2] and (inner or "|" in match[1]):
            return True
        bare = bare[: match.start()] + ("\0" if inner or match[2] else "x") + bare[match.end() :]
    return False


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    if not schema:
        return {}
    loose = dict(schema)
    if "const" in loose:
        loose["enum"] = [loose.pop("const")]
    if "enum" in loose and None not in loose["enum"]:
        loose["enum"] = [*loose["enum"], None]
    if isinstance(loose.get("type"), str):
        loose["type"] = [loose["type"], "null"]
    return loose
