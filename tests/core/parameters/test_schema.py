import json
import re

import jsonschema
import pytest

from mcop_core.catalog.models import ValidationRule
from mcop_core.parameters.schema import anchored, json_schema
from mcop_core.parameters.types import parse_type


def rule(**fields):
    return ValidationRule(name="size", version="1.0.0", **fields)


SMALL = rule(type="enum", values=["small", "large"])
SCHEMAS = [
    ("string", None, False, {"type": "string"}),
    ("bool", None, True, {"type": ["boolean", "null"]}),
    ("any", None, True, {}),
    ("any", SMALL, False, {"enum": ["small", "large"]}),
    ("string", SMALL, True, {"type": ["string", "null"], "enum": ["small", "large", None]}),
    ("number", rule(type="enum", values=["1", "2"]), False, {"type": "number", "enum": [1, 2]}),
    ("string", rule(type="string", value="x"), False, {"type": "string", "const": "x"}),
    ("string", rule(type="string", value="x"), True, {"type": ["string", "null"], "enum": ["x", None]}),
    ("list(string)", SMALL, False, {"type": "array", "items": {"type": "string", "enum": ["small", "large"]}}),
    ("map(number)", None, False, {"type": "object", "additionalProperties": {"type": "number"}}),
    ("set(any)", None, False, {"type": "array"}),
    ("map(any)", None, False, {"type": "object"}),
    ("tuple([string])", None, False, {"type": "array", "minItems": 1, "maxItems": 1}),
    ("number", rule(type="regex", pattern="[0-9]"), False, {"type": "number"}),
    (
        "list(string)",
        rule(type="enum", values=[["a"]]),
        False,
        {"type": "array", "items": {"type": "string"}, "enum": [["a"]]},
    ),
    (
        "object({ a = string, b = optional(number) })",
        None,
        False,
        {
            "type": "object",
            "properties": {"a": {"type": ["string", "null"]}, "b": {"type": ["number", "null"]}},
            "required": ["a"],
        },
    ),
]


@pytest.mark.parametrize(("text", "kept", "nullable", "expected"), SCHEMAS)
def test_type_and_rule_become_a_schema(text, kept, nullable, expected):
    """Enum, pattern and const in the parameter's own type."""
    schema = json_schema(parse_type(text), kept, nullable=nullable)

    assert json.loads(json.dumps(schema)) == expected
    jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("value", ["ab", "7", "ab\n", "xab", ""])
def test_an_anchored_pattern_matches_the_whole_value(value):
    """Where a schema's pattern may match anywhere, the anchors make it the rule."""
    expected = re.fullmatch("[a-z]+|[0-9]", value) is not None

    assert bool(re.search(anchored("[a-z]+|[0-9]"), value)) == expected


@pytest.mark.parametrize(
    "pattern", ["(a+)+", "(?:a*b|c)*", "((a+)b){2,}", "(a|aa)+", r"\pL", "(?i)a", "[[:alpha:]]", r"\Aa\z"]
)
def test_a_pattern_that_others_read_differently_is_left_to_the_full_check(pattern):
    """Or that others might not finish."""
    assert anchored(pattern) is None


@pytest.mark.parametrize("pattern", ["[a-z(+*]+", r"(\d{1,3}\.){3}\d{1,3}", r"\(+", "(a|b)c*", "^x$"])
def test_a_plain_pattern_is_offered(pattern):
    """Most rules are checked by the form and the API already."""
    assert anchored(pattern) is not None
