"""Types of outputs that are not known yet, and of what wants them."""

import pytest

from mcop_core.parameters.conversion import convert
from mcop_core.parameters.fitting import may_become, misfits
from mcop_core.parameters.types import ANY, parse_type
from mcop_core.refs import OutputRef

FITS = [
    ("any", "list(string)"),
    ("map(string)", "any"),
    ("number", "string"),
    ("string", "number"),
    ("string", "bool"),
    ("list(number)", "set(string)"),
    ("tuple([string, number])", "list(string)"),
    ("list(any)", "tuple([string, number])"),
    ("map(number)", "object({ a = string })"),
    ("object({ a = number })", "map(string)"),
    ("object({ a = string, b = bool })", "object({ a = string, c = optional(number) })"),
]
MISFITS = [
    ("number", "bool"),
    ("list(string)", "string"),
    ("string", "list(string)"),
    ("map(string)", "list(string)"),
    ("list(string)", "map(string)"),
    ("list(map(string))", "list(string)"),
    ("tuple([string])", "tuple([string, string])"),
    ("tuple([list(string)])", "list(string)"),
    ("object({ a = string })", "object({ a = string, b = string })"),
    ("object({ a = list(string) })", "map(string)"),
    ("map(list(string))", "object({ a = string })"),
]


@pytest.mark.parametrize(("found", "wanted"), FITS)
def test_some_value_of_the_type_can_be_converted(found, wanted):
    assert may_become(parse_type(found), parse_type(wanted))


@pytest.mark.parametrize(("found", "wanted"), MISFITS)
def test_no_value_of_the_type_can_be_converted(found, wanted):
    assert not may_become(parse_type(found), parse_type(wanted))


@pytest.mark.parametrize(
    ("value", "found", "wanted"),
    [
        (["a", 1], "tuple([string, number])", "list(string)"),
        ({"a": 1}, "object({ a = number })", "map(string)"),
        ([["a"]], "list(list(string))", "list(string)"),
        ({"a": "x"}, "map(string)", "list(string)"),
        (1, "number", "bool"),
        ("1", "string", "number"),
    ],
)
def test_types_and_values_agree(value, found, wanted):
    """What is said of a type is what `convert` does with a value of it."""
    assert may_become(parse_type(found), parse_type(wanted)) == (not convert(value, parse_type(wanted))[1])


@pytest.mark.parametrize(
    ("value", "wanted", "says"),
    [
        ("{ref}", "list(string)", []),
        ("{ref}", "string", ["a string is wanted, and ${net.main.vpc.zones} is a list(string)"]),
        (["a", "{ref}"], "list(string)", ["1: a string"]),
        ({"a.b": "{ref}"}, "map(bool)", ["a.b: a bool"]),
        ({"a": ["{ref}"], "b": "{ref}"}, "object({ a = list(number), b = list(any) })", ["a.0: a number"]),
        ({"more": "{ref}"}, "object({})", []),
        (["{ref}", "{ref}"], "tuple([any, number])", ["1: a number"]),
    ],
)
def test_an_output_is_told_with_its_place(value, wanted, says):
    """Wherever in a value it stands; what nobody knows the type of is left for when it is known."""
    ref = OutputRef.parse("net.main.vpc.zones")

    def placed(item):
        if isinstance(item, dict):
            return {key: placed(one) for key, one in item.items()}
        return [placed(one) for one in item] if isinstance(item, list) else ref if item == "{ref}" else item

    found = misfits(placed(value), parse_type(wanted), lambda _: parse_type("list(string)"))

    assert [words for words, fault in zip(says, found, strict=True) if words not in str(fault)] == []
    assert misfits(placed(value), parse_type(wanted), lambda _: ANY) == []
