"""What a value of `--set` means, by the parameter's schema."""

import pytest

from mcop_core.cli.overrides import read_overrides, read_value
from mcop_core.errors import InvalidInput

TEXT, NUMBER = {"type": "string"}, {"type": "number"}
TEXT_OR_NULL = {"type": ["string", "null"]}
TEXTS = {"type": "array", "items": TEXT}
TAGS = {"type": "object", "additionalProperties": TEXT}
SUBNET = {"type": "object", "properties": {"name": TEXT_OR_NULL, "size": NUMBER}, "required": ["name"]}

CASES = {
    "an account number is text where text is wanted": ("123456789012", TEXT, "123456789012"),
    "so are zeros in front": ("007", TEXT, "007"),
    "and words that YAML knows": ("true", TEXT, "true"),
    "and what looks like a list": ("[a, b]", TEXT, "[a, b]"),
    "and what is no YAML": ("{{", TEXT, "{{"),
    "quotes are part of the text": ('"a"', TEXT, '"a"'),
    "nothing is empty text": ("", TEXT, ""),
    "null is text where nothing else may stand": ("null", TEXT, "null"),
    "null is null where it may stand": ("null", TEXT_OR_NULL, None),
    "a number that may be null is text": ("12", TEXT_OR_NULL, "12"),
    "choices of text are text": ("1", {"enum": ["1", "2"]}, "1"),
    "choices of numbers are numbers": ("1", {"type": "number", "enum": [1, 2]}, 1),
    "mixed choices are what they look like": ("1", {"enum": ["a", 1]}, 1),
    "one fixed text is text": ("1", {"const": "1"}, "1"),
    "a pattern is of text": ("12", {"pattern": "^[0-9]+$"}, "12"),
    "what must keep two schemas is text if one says so": ("12", {"allOf": [{}, TEXT]}, "12"),
    "a number is a number": ("14", NUMBER, 14),
    "a fraction too": ("0.5", NUMBER, 0.5),
    "a bool is a bool": ("true", {"type": "boolean"}, True),
    "an account number without a schema is a number": ("123456789012", {}, 123456789012),
    "a list is a list": ("[a, 1]", {}, ["a", 1]),
    "its numbers are text where it is of text": ("[123456789012, 0123, null]", TEXTS, ["123456789012", "0123", "null"]),
    "a map's values too": ("{account: 123456789012, on: yes}", TAGS, {"account": "123456789012", "on": "yes"}),
    "an object has a schema for each": ("{name: 7, size: 7}", SUBNET, {"name": "7", "size": 7}),
    "null stays null in it": ("{name: null, size: 7}", SUBNET, {"name": None, "size": 7}),
    "a list of lists": ("[[1], [2]]", {"type": "array", "items": TEXTS}, [["1"], ["2"]]),
    "quoted text stays text": ('["1", 1]', {}, ["1", 1]),
    "words are as in the catalog's documents": ("[yes, 010, 2024-01-01]", {}, ["yes", "010", "2024-01-01"]),
    "a comment is no value": ("#fff", {}, "#fff"),
    "nothing without a schema is empty text": ("", {}, ""),
}


@pytest.mark.parametrize(("text", "schema", "expected"), CASES.values(), ids=CASES)
def test_a_value_is_read_by_its_schema(text, schema, expected):
    """Text is taken as it stands, all else is YAML."""
    found = read_value(text, schema)

    assert (expected, type(expected)) == (found, type(found))


@pytest.mark.parametrize(
    ("pairs", "told"),
    [
        (["zones"], "write NAME=VALUE"),
        (["=1"], "write NAME=VALUE"),
        (["a=1", "a=2"], "--set a: given twice"),
        (["a=[1"], "--set a: this is not YAML"),
        (["a=[.nan]"], "--set a: .nan is no number"),
        (["a=&x [1]"], "anchors"),
        (["a=1\n---\n2"], "more than one YAML document"),
    ],
)
def test_what_cannot_be_read_is_told(pairs, told):
    """The message names the parameter."""
    with pytest.raises(InvalidInput, match=told.replace("[", r"\[")):
        read_overrides(pairs, {})


def test_each_value_is_read_by_its_own_schema():
    """A name without a schema is read as YAML; an equals sign may stand in a value."""
    found = read_overrides(["account=12", "size=12", "query=a=b", "other=12"], {"account": TEXT, "size": NUMBER})

    assert found == {"account": "12", "size": 12, "query": "a=b", "other": 12}
