"""Editors are told what authors may write, and nothing else."""

import json

import jsonschema
import pytest

from mcop_core.catalog.models import SET_AT_PUBLISH
from mcop_core.catalog.schemas import json_schema, schema_text
from mcop_core.refs import Kind
from tests.contracts.catalog_repository import adapter, manifest, pattern, primitive, rule, workflow

VALID = [primitive(), adapter(), pattern(parameters={"a": {"default": None}}), workflow(), manifest(), rule()]


def check(kind, document):
    jsonschema.Draft202012Validator(json_schema(kind)).validate(document)


@pytest.mark.parametrize("kind", Kind)
def test_a_schema_is_valid_and_stands_alone(kind):
    """It is JSON Schema, has no address, and every reference leads inside it to a definition that is there."""
    schema = json_schema(kind)
    jsonschema.Draft202012Validator.check_schema(schema)
    text = schema_text(kind)

    assert {"$schema", "$id"}.isdisjoint(schema)
    assert "://" not in text
    assert {f"#/$defs/{name}" for name in schema.get("$defs", {})} == _references(json.loads(text))


def _references(part):
    if isinstance(part, dict):
        own = {part["$ref"]} if "$ref" in part else set()
        return own.union(*map(_references, part.values()))
    return set().union(*map(_references, part)) if isinstance(part, list) else set()


@pytest.mark.parametrize("item", VALID, ids=lambda item: item.kind)
def test_every_kind_of_document_fits_its_schema(item):
    """And no other kind's."""
    check(item.ref.kind, item.document())
    for other in set(Kind) - {item.ref.kind}:
        with pytest.raises(jsonschema.ValidationError):
            check(other, item.document())


@pytest.mark.parametrize("kind", SET_AT_PUBLISH)
def test_what_publishing_fills_in_is_not_offered(kind):
    """An author who writes it is told so by the editor already."""
    schema = json_schema(kind)
    document = next(item for item in VALID if item.ref.kind is kind).document()

    assert SET_AT_PUBLISH[kind].isdisjoint(schema["properties"])
    for field in SET_AT_PUBLISH[kind]:
        with pytest.raises(jsonschema.ValidationError):
            check(kind, {**document, field: {}})


@pytest.mark.parametrize(
    ("document", "field", "value"),
    [
        (pattern(), "name", "Network"),
        (pattern(), "version", 1.1),
        (pattern(), "version", "1.10"),
        (pattern(), "elements", {}),
        (pattern(), "elements", {"Not A Name": {"primitive": "vpc", "version": "1.0.0"}}),
        (pattern(), "element", {}),
        (workflow(), "order", "random"),
        (rule(), "type", "enumm"),
        (rule(), "values", []),
    ],
)
def test_a_wrong_document_does_not_fit(document, field, value):
    """Names' and versions' patterns, closed fields, words and least counts are in the schema."""
    with pytest.raises(jsonschema.ValidationError):
        check(document.ref.kind, {**document.document(), field: value})


@pytest.mark.parametrize("field", ["kind", "name", "version"])
def test_an_address_is_required(field):
    """Kind, name and version are in every document."""
    document = rule().document()
    del document[field]
    with pytest.raises(jsonschema.ValidationError, match=f"'{field}' is a required property"):
        check(Kind.RULE, document)
