"""JSON Schemas of the documents, generated from the models, for editors that complete and check YAML."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from mcop_core.catalog.models import MODELS, SET_AT_PUBLISH
from mcop_core.refs import Kind

Schema = dict[str, Any]
_DEFINITION = "#/$defs/"


def json_schema(kind: Kind) -> Schema:
    """
    Return the JSON Schema (2020-12) of a document of *kind*, as its author writes it.

    What publishing fills in is not offered. The schema has no `$id` and refers to nothing outside itself, so
    it may lie anywhere: `# yaml-language-server: $schema=pattern.schema.json`.
    """
    schema = MODELS[kind].model_json_schema()
    hidden = SET_AT_PUBLISH.get(kind, frozenset())
    schema["properties"] = {name: part for name, part in schema["properties"].items() if name not in hidden}
    schema["required"] = ["kind", *schema["required"]]
    used = _reachable(schema)
    definitions = {name: part for name, part in schema.pop("$defs", {}).items() if name in used}
    closed: Schema = _closed({**schema, **({"$defs": definitions} if definitions else {})})
    return closed


def _reachable(schema: Schema) -> set[str]:
    """Return the names of the definitions that the schema's own part refers to, directly or by another."""
    definitions = schema.get("$defs", {})
    found: set[str] = set()
    open_names = list(_references({name: part for name, part in schema.items() if name != "$defs"}))
    while open_names:
        name = open_names.pop()
        if name not in found:
            found.add(name)
            open_names += _references(definitions[name])
    return found


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, Mapping):
        if str(part.get("$ref", "")).startswith(_DEFINITION):
            yield part["$ref"].removeprefix(_DEFINITION)
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            yield from _references(inner)


def _closed(part: Any) -> Any:
    """Return *part* with every map of named entries closed to keys that are no names."""
    if isinstance(part, list):
        return [_closed(inner) for inner in part]
    if not isinstance(part, Mapping):
        return part
    result = {key: _closed(value) for key, value in part.items()}
    if isinstance(result.get("patternProperties"), Mapping):
        result.setdefault("additionalProperties", False)
    return result


def schema_text(kind: Kind) -> str:
    """Return the schema as the text of a file."""
    return json.dumps(json_schema(kind), indent=2, ensure_ascii=False) + "\n"
