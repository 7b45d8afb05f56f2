import pytest

from mcop_core.parameters.conversion import convert
from mcop_core.parameters.pending import BROKEN, PendingText
from mcop_core.parameters.types import parse_type
from mcop_core.refs import OutputRef

REF = OutputRef.parse("w.p.e.id")
# Measured on Terraform 1.11.4, by a plan of outputs.
CONVERTED = [
    ("string", True, "true"),
    ("string", 1.50, "1.5"),
    ("string", 1e21, "1000000000000000000000"),
    ("number", "5", 5),
    ("number", "1e3", 1000),
    ("number", "0.5", 0.5),
    ("number", "0.12345678901234567890123", "0.12345678901234567890123"),
    ("bool", "true", True),
    ("bool", "0", False),
    ("any", [1, "x", True], [1, "x", True]),
    ("string", None, None),
    ("list(string)", ["a", 1, True, None], ["a", "1", "true", None]),
    ("set(string)", ["b", "a", "b"], ["b", "a", "b"]),
    ("map(number)", {"q": "5", "n": None}, {"q": 5, "n": None}),
    ("object({ a = string, b = optional(number, 5) })", {"a": 1, "more": 3}, {"a": "1", "more": 3}),
    ("tuple([string, number])", [1, "2"], ["1", 2]),
    ("list(object({ a = number }))", [{"a": "1"}], [{"a": 1}]),
    ("list(any)", [1, "a"], [1, "a"]),
    ("number", REF, REF),
    ("list(number)", [REF, "1", BROKEN], [REF, 1, BROKEN]),
    ("string", PendingText(("x", REF)), PendingText(("x", REF))),
]


@pytest.mark.parametrize(("text", "value", "expected"), CONVERTED)
def test_values_convert_as_terraform_converts_them(text, value, expected):
    """What fits by conversion is converted; what is not known yet is left."""
    converted, faults = convert(value, parse_type(text))

    assert faults == []
    assert converted == expected
    assert type(converted) is type(expected)


REFUSED = [
    ("number", "0x10", "", "a number is wanted, this is text"),
    ("number", " 5", "", "a number is wanted"),
    ("number", "1e400", "", "a number is wanted"),
    ("number", True, "", "a number is wanted, this is a bool"),
    ("bool", "True", "", "a bool is wanted"),
    ("bool", 1, "", "a bool is wanted"),
    ("string", {}, "", "a string is wanted, this is a map"),
    ("list(string)", "a", "", "a list(string) is wanted"),
    ("list(string)", ["x", ["a"]], "1", "a string is wanted"),
    ("map(number)", [1], "", "a map(number) is wanted"),
    ("map(number)", {"q": "x"}, "q", "a number is wanted"),
    ("list(any)", [1, {}], "", "no common type: map, scalar"),
    ("object({ name = string })", {"namex": 1}, "", "'name' is missing, 'namex' is no attribute"),
    ("object({ a = object({ b = number }) })", {"a": {"b": "x"}}, "a.b", "a number is wanted"),
    ("object({})", [], "", "an object is wanted"),
    ("tuple([string])", ["a", 1], "", "a tuple of 1 is wanted, this has 2"),
    ("tuple([number])", ["a"], "0", "a number is wanted"),
    ("tuple([number])", "a", "", "a tuple is wanted"),
]


@pytest.mark.parametrize(("text", "value", "path", "words"), REFUSED)
def test_what_terraform_would_refuse_is_a_fault(text, value, path, words):
    """With the path inside the value, and without showing texts, which may be secret."""
    _, faults = convert(value, parse_type(text))

    assert [fault.path for fault in faults] == [path]
    assert words in faults[0].message


def test_every_element_is_told():
    """One fault for each wrong element."""
    _, faults = convert(["a", 1, "b"], parse_type("list(number)"))

    assert [fault.path for fault in faults] == ["0", "2"]
