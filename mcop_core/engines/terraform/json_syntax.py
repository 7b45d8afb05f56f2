"""
Terraform's JSON syntax (`.tf.json`) as blocks; nothing is evaluated.

Source: developer.hashicorp.com/terraform/language/syntax/json.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from mcop_core.engines.terraform.blocks import Attribute, Block, Expression, Value
from mcop_core.errors import Fault, InvalidDocuments

_LABELS = {
    **dict.fromkeys(("variable", "output", "provider", "module", "check"), 1),
    **dict.fromkeys(("resource", "data", "ephemeral", "action"), 2),
}
_NESTED = {
    "terraform": {"required_providers": 0, "backend": 1, "cloud": 0},
    "resource": {"provisioner": 1},
    "removed": {"provisioner": 1},
    "check": {"data": 2},
}
_LITERAL_ONLY = frozenset({"variable", "output", "terraform", "required_providers", "module"})
"""Blocks of which MCOP reads only what Terraform takes literally, never as a template."""


def parse_json(text: str, file: str) -> tuple[Block, ...]:
    """
    Return the blocks of a text.

    Raises:
        InvalidDocuments: It is no JSON, or a block is no object; file and line.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in pairs:
            if name in found and name != "//":
                line = _line_of(text, name, last=True)
                raise InvalidDocuments.of([Fault(f"{name!r} is set twice", file=file, line=line)])
            found[name] = value
        return found

    try:
        document = json.loads(text, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        raise InvalidDocuments.of([Fault(f"it is no JSON: {error.msg}", file=file, line=error.lineno)]) from error
    parts = document if isinstance(document, list) else [document]
    if not all(isinstance(part, dict) for part in parts):
        raise InvalidDocuments.of([Fault("its top level must be an object", file=file, line=1)])
    return tuple(
        block
        for part in parts
        for type_, value in part.items()
        if type_ != "//"
        for block in _json_blocks(type_, (), value, _LABELS.get(type_, 0), text, file)
    )


def _json_blocks(type_: str, labels: tuple[str, ...], value: Any, depth: int, text: str, file: str) -> Iterator[Block]:
    for item in value if isinstance(value, list) else [value]:
        if not isinstance(item, dict):
            line = _line_of(text, labels[-1] if labels else type_)
            raise InvalidDocuments.of([Fault(f"{type_} must be an object", file=file, line=line)])
        if depth:
            for label, inner in item.items():
                if label != "//":
                    yield from _json_blocks(type_, (*labels, label), inner, depth - 1, text, file)
        else:
            yield _json_body(type_, labels, item, text, file)


def _json_body(type_: str, labels: tuple[str, ...], item: dict[str, Any], text: str, file: str) -> Block:
    nested = _NESTED.get(type_, {})
    blocks = tuple(
        block
        for name, depth in nested.items()
        if name in item
        for block in _json_blocks(name, (), item[name], depth, text, file)
    )
    attributes = {
        name: Attribute(_line_of(text, name), lambda value=value: _json_value(value, type_))  # type: ignore[misc]
        for name, value in item.items()
        if name not in nested and name != "//"
    }
    return Block(type_, labels, file, _line_of(text, labels[-1] if labels else type_), attributes, blocks)


def _json_value(value: Any, type_: str) -> Value:
    if type_ in _LITERAL_ONLY or not isinstance(value, str):
        return value  # type: ignore[no-any-return]
    return Expression(value)


def _line_of(text: str, name: str, *, last: bool = False) -> int:
    """Return where *name* first (or last) stands as a JSON text; positions are not kept by the parser."""
    quoted = json.dumps(name)
    position = text.rfind(quoted) if last else text.find(quoted)
    return text.count("\n", 0, max(position, 0)) + 1
