import pytest

from mcop_core.errors import InvalidInput
from mcop_core.parameters.types import ANY, Attribute, Type, parse_type

STRING, NUMBER = Type("string"), Type("number")
TYPES = {
    "string": STRING,
    " any ": ANY,
    '"string"': STRING,
    "list": Type("list", of=ANY),
    "map(string)": Type("map", of=STRING),
    "set(list(number))": Type("set", of=Type("list", of=NUMBER)),
    "tuple([string, number])": Type("tuple", items=(STRING, NUMBER)),
    "tuple([])": Type("tuple"),
    "object({})": Type("object"),
    "object({ a = string, b = optional(number, 5), c = optional(any) })": Type(
        "object",
        attributes={
            "a": Attribute(STRING),
            "b": Attribute(NUMBER, optional=True, default=True),
            "c": Attribute(ANY, optional=True),
        },
    ),
    'object({"quoted-name": string})': Type("object", attributes={"quoted-name": Attribute(STRING)}),
}


@pytest.mark.parametrize("text", TYPES)
def test_a_type_is_read(text):
    """Each form of Terraform's type constraints."""
    assert parse_type(text) == TYPES[text]


MODULE = """object({
    # who may read
    readers = optional(list(object({
      arn        = string // of the principal
      conditions = optional(map(list(string)), { "aws:SourceIp" = ["10.0.0.0/8", ")"] })
    })), [])
    /* over
       lines */
    rule = map(object({ days = number
      filter = optional(object({ prefix = optional(string, "logs/}") }), null), }))
    on = optional(bool, true && !false),
  })
"""


def test_types_of_real_modules_are_read():
    """Over many lines, with all kinds of comment, trailing commas, and defaults with brackets in their texts."""
    parsed = parse_type(MODULE)

    assert list(parsed.attributes) == ["readers", "rule", "on"]
    conditions = parsed.attributes["readers"].type.of.attributes["conditions"]
    assert conditions == Attribute(Type("map", of=Type("list", of=STRING)), optional=True, default=True)
    assert parsed.attributes["rule"].type.of.attributes["filter"].optional


WRONG = {
    "stringg": 'did you mean "string"',
    "list(string": "')' is expected",
    "list(string))": "stands after its end",
    "object(string)": "'{' is expected",
    "object({ a string })": "'=' is expected",
    "object({ 1 = string })": "no attribute name",
    "tuple([string number])": "comma is missing",
    "optional(string)": "is no type",
    "object({ a = optional(string, [ })": "ends too early",
    "": "ends too early",
    "list(" * 70 + "any" + ")" * 70: "nested deeper",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_type_is_an_error(text):
    """The error says what was expected."""
    with pytest.raises(InvalidInput) as caught:
        parse_type(text)

    assert WRONG[text] in caught.value.message
