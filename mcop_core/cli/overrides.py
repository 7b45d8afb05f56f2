"""
`--set NAME=VALUE`: what a person types, read by what the parameter is.

A parameter that is text takes the value as it stands: an account number stays text. Every other value is YAML, by the
rules of the catalog's documents: `3` is a number, `[a, b]` a list, and text inside lists and maps is text again where
the parameter says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mcop_core.errors import Fault, InvalidDocuments, InvalidInput, closest

Schema = Mapping[str, Any]
"""JSON schema of a parameter's values, as `parameters.schema` makes it and Airflow shows it."""

_NULL = "null"


def read_overrides(pairs: Iterable[str], schemas: Mapping[str, Schema]) -> dict[str, Any]:
    """
    Read `name=value` pairs.

    Args:
        pairs: As they were typed.
        schemas: Parameter -> its schema. A name that is not there is read as YAML, for others to refuse.

    Raises:
        InvalidInput: No `=`, a name given twice, or a value that is no YAML.
    """
    values: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not (equals and name):
            raise InvalidInput(f"--set {pair!r}: write NAME=VALUE, for example --set 'zones=[a, b]'")
        if name in values:
            raise InvalidInput(f"--set {name}: given twice")
        try:
            values[name] = read_value(text, schemas.get(name, {}))
        except InvalidInput as error:
            raise InvalidInput(f"--set {name}: {error.message}") from error
    return values


def check_names(manifest: str, names: Iterable[str], known: Iterable[str]) -> None:
    """
    Make sure that a run of *manifest* takes every one of *names*: Airflow would keep what it does not know.

    Raises:
        InvalidDocuments: A fault for each that is not *known*, with the nearest.
    """
    allowed = tuple(sorted(known))
    faults = [
        Fault(f"{manifest} has no parameter {name!r}.", "--set", allowed=allowed, suggestion=closest(name, allowed))
        for name in names
        if name not in allowed
    ]
    if faults:
        raise InvalidDocuments.of(faults)


def read_value(text: str, schema: Schema) -> Any:
    """
    Return the value that *text* means to a parameter with *schema*; the word `null` is null where null may stand.

    Raises:
        InvalidInput: *text* is to be YAML, and is none.
    """
    if _is_text(schema):
        return None if text == _NULL and _takes_null(schema) else text
    from mcop_core.catalog.yaml_files.tree import read_trees

    trees = list(read_trees(text))
    if not trees:
        return text
    flaws = [flaw.message for tree in trees for flaw in tree.flaws]
    if flaws or len(trees) > 1:
        raise InvalidInput("; ".join(flaws) or "this is more than one YAML document")
    return _retyped(trees[0].value, schema, "", trees[0].plain)


def _retyped(value: Any, schema: Schema, path: str, plain: Mapping[str, str]) -> Any:
    """Return *value* with the words as they were written (*plain*, by path) wherever the schema wants text."""
    if isinstance(value, list):
        items = _inner(schema, "items")
        return [_retyped(item, items, _join(path, str(number)), plain) for number, item in enumerate(value)]
    if isinstance(value, dict):
        return {key: _retyped(item, _member(schema, key), _join(path, key), plain) for key, item in value.items()}
    if isinstance(value, str) or not _is_text(schema) or (value is None and _takes_null(schema)):
        return value
    return plain.get(path, value)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _parts(schema: Schema) -> Iterator[Schema]:
    """Yield *schema* and every schema that its values must keep besides."""
    yield schema
    for part in schema.get("allOf", ()):
        yield from _parts(part)


def _is_text(schema: Schema) -> bool:
    return any(_says_text(part) for part in _parts(schema))


def _says_text(schema: Schema) -> bool:
    types = schema.get("type")
    if types:
        return {types} == {"string"} if isinstance(types, str) else set(types) - {_NULL} == {"string"}
    choices = [value for value in _choices(schema) if value is not None]
    return "pattern" in schema or (bool(choices) and all(isinstance(value, str) for value in choices))


def _choices(schema: Schema) -> list[Any]:
    return [schema["const"]] if "const" in schema else list(schema.get("enum", ()))


def _takes_null(schema: Schema) -> bool:
    return all(_NULL in part["type"] for part in _parts(schema) if isinstance(part.get("type"), list | str)) and all(
        None in _choices(part) for part in _parts(schema) if _choices(part)
    )


def _inner(schema: Schema, keyword: str) -> Schema:
    found = (part[keyword] for part in _parts(schema) if isinstance(part.get(keyword), Mapping))
    return next(found, {})


def _member(schema: Schema, key: str) -> Schema:
    found = _inner(schema, "properties").get(key)
    return found if isinstance(found, Mapping) else _inner(schema, "additionalProperties")
