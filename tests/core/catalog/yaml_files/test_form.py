"""What a model has against a document, in a person's words."""

import pytest
from pydantic import ValidationError

from mcop_core.catalog.models import object_from_document
from mcop_core.catalog.yaml_files.form import authored_fields, form_faults, publish_time_faults
from mcop_core.refs import Kind
from tests.contracts.catalog_repository import manifest, pattern, primitive, rule


def told(kind, document):
    with pytest.raises(ValidationError) as caught:
        object_from_document(document)
    return form_faults(kind, caught.value, {})


def test_an_unknown_field_is_told_the_fields_of_its_place():
    """Those of the model that stands there, at any depth, with the nearest."""
    document = pattern().document() | {"elements": {"vpc": {"primitive": "vpc", "version": "1.0.0", "inptus": {}}}}
    (fault,) = told(Kind.PATTERN, document)

    assert (fault.path, fault.allowed, fault.suggestion) == (
        "elements.vpc.inptus",
        ("primitive", "interface", "version", "inputs"),
        "inputs",
    )


def test_the_fields_of_a_document_are_those_that_authors_write():
    """What publishing fills in is not suggested."""
    (fault,) = told(Kind.PRIMITIVE, primitive().document() | {"templates": {}})

    assert fault.allowed == tuple(authored_fields(Kind.PRIMITIVE))
    assert "template" not in fault.allowed


@pytest.mark.parametrize(
    ("kind", "document", "path", "message", "suggestion"),
    [
        (Kind.RULE, rule().document() | {"type": "regexp"}, "type", "'regexp' is not allowed", "regex"),
        (Kind.MANIFEST, manifest().document() | {"order": "reference"}, "order", "is not allowed", "references"),
        (Kind.RULE, rule().document() | {"name": "My Rule"}, "name", "it must match", "my-rule"),
        (Kind.RULE, rule().document() | {"name": "Größe"}, "name", "it must match", "gr--e"),
        (Kind.RULE, rule().document() | {"name": "9"}, "name", "it must match", None),
        (Kind.RULE, rule().document() | {"version": "1.0"}, "version", "MAJOR.MINOR.PATCH", None),
        (Kind.RULE, rule().document() | {"version": "1.0.0+b"}, "version", "build metadata", None),
        (Kind.RULE, rule().document() | {"description": None}, "description", "must be text, this is null", None),
        (Kind.RULE, rule().document() | {"values": "a"}, "values", "must be a list, this is text", None),
        (Kind.RULE, rule().document() | {"pattern": "a"}, "", "neither of the other two", None),
    ],
)
def test_a_wrong_value_is_told_what_would_be_right(kind, document, path, message, suggestion):
    """Where, what, and the nearest right answer."""
    (fault,) = told(kind, document)

    assert (fault.path, fault.suggestion) == (path, suggestion)
    assert message in fault.message


def test_what_publishing_fills_in_is_told_once():
    """Whether its form is right or wrong."""
    document = primitive().document() | {"interface": 3, "locks": {}}

    assert told(Kind.PRIMITIVE, document) == []
    assert [fault.path for fault in publish_time_faults(Kind.PRIMITIVE, document)] == ["interface", "locks"]
    assert publish_time_faults(Kind.RULE, document) == []
