"""Values as literals, read back by another reader: whatever a value looks like, it is only ever itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcop_core.engines.jenkins.groovy import Kind, brackets, literal, read_tokens
from tests.contracts.engine import VALUES
from tests.fakes.groovy_literals import decode, early

HOSTILE = [
    "'",
    "''' + x + '''",
    '"""${x}"""',
    "\\",
    "\\'",
    "\\\\' + evil() + '",
    "\\u0027 + evil() + \\u0027",
    "\\\\u0027 + evil() + '",
    "\\\\\\u0027; evil(); //",
    "\\uuuu0027; evil()",
    "\\u005cu0027; evil()",
    "$x ${evil()} $/ /$ $$",
    "*/ evil() /*",
    "// \n evil()",
    "a\r\nb\tc",
    "\\n\\r\\165\\x27",
    "{{ x }} {% raw %} {# #}",
    "\u2028\u2029\u0085\ufeff\u00a0\u202e'",
    "\U0001f980 ʼ ＇ ＇",
    "\ue000 0 \ue001",
    "'" * 500,
    "\\" * 501,
]
VALUES_OF_ANY_SHAPE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def readings(text: str) -> list[str]:
    """What Groovy may take *text* for: decoded early in one of two ways, or not."""
    return [text, early(text, counts_backslashes=True), early(text, counts_backslashes=False)]


@pytest.mark.parametrize("value", [*VALUES, *HOSTILE, HOSTILE, {text: text for text in HOSTILE}])
def test_a_literal_is_its_value(value):
    """In every reading that a version of Groovy has."""
    for text in readings(literal(value)):
        assert value == decode(text)


@given(VALUES_OF_ANY_SHAPE)
def test_any_literal_is_its_value(value):
    """Whatever can be thought of; one line, nothing that begins a Unicode escape, no placeholder's sign of ours."""
    text = literal(value)

    assert value == decode(text)
    assert "\\u" not in text
    assert "\n" not in text


@given(st.text(alphabet="\\u0027' ${}/*\"\n(a", max_size=40))
def test_no_text_ends_its_literal(text):
    """The alphabet of those who try."""
    for one in readings(literal(text)):
        assert text == decode(one)


@given(VALUES_OF_ANY_SHAPE)
def test_a_literal_is_read_as_values_alone(value):
    """By our own reader too: no name but true, false and null ever comes out of a value."""
    tokens, flaws = read_tokens(f"x({literal(value)})\n")

    assert [] == [flaw for flaw in flaws if "decode" not in flaw.message]
    assert {"x"} == {t.text for t in tokens if t.kind is Kind.NAME} - {"true", "false", "null"}


def test_what_would_be_an_operator_stands_in_parentheses():
    """`echo [1]` is an index, `echo -1` a difference."""
    assert ["([1])", "([:])", "(-1)", "1", "'a'", "null"] == [literal(value) for value in ([1], {}, -1, 1, "a", None)]


def test_tokens_know_their_places():
    """Comments and strings over several lines included."""
    tokens, flaws = read_tokens('a /* x\n */ b\n"""c\n${d("}")}""" e\n')

    assert [] == flaws
    assert [("a", 1, 1), ("b", 2, 5), ("e", 4, 14)] == [
        (token.text, token.line, token.column) for token in tokens if token.kind is Kind.NAME
    ]


def test_brackets_are_found_in_pairs():
    """By position; those in strings are none."""
    tokens, _ = read_tokens("a(b['}']) { c }")

    assert {1: 6, 3: 5, 7: 9} == brackets(tokens)
