import pytest

from mcop_core.catalog.models import ValidationRule
from mcop_core.errors import Fault
from mcop_core.parameters.pending import BROKEN, Sealed
from mcop_core.parameters.types import parse_type
from mcop_core.parameters.validator import check_against, check_rule, check_value, placed, show


def rule(**fields):
    return ValidationRule(name="size", version="3.0.0", **fields)


ENUM = rule(type="enum", values=["t3.small", "t3.medium"])
NUMBERS = rule(type="enum", values=[1, 2])
LISTS = rule(type="enum", values=[["a"], ["a", "b"]])
REGEX = rule(type="regex", pattern="[a-z]+|[0-9]{2}")
STRING = rule(type="string", value="yes")
KEPT = [
    (ENUM, "t3.small", "any"),
    (ENUM, ["t3.small", "t3.medium"], "list(string)"),
    (ENUM, [], "list(string)"),
    (ENUM, {"a": "t3.small"}, "map(string)"),
    (NUMBERS, 1, "number"),
    (NUMBERS, 1.0, "number"),
    (NUMBERS, "1", "string"),
    (LISTS, ["a", "b"], "list(string)"),
    (REGEX, "abc", "string"),
    (REGEX, 42, "number"),
    (STRING, "yes", "string"),
    (ENUM, BROKEN, "any"),
    (ENUM, Sealed("s", "o"), "any"),
    (LISTS, ["a", BROKEN], "any"),
]


@pytest.mark.parametrize(("kept", "value", "text"), KEPT)
def test_a_value_that_keeps_its_rule_has_no_fault(kept, value, text):
    """Whole values; elements of lists and maps one by one; what is not known is left for later."""
    assert check_against(value, kept, parse_type(text)) == []


BROKEN_RULES = [
    (ENUM, "t9.huge", "", '"t9.huge" is not allowed (rule size@3.0.0). Allowed: t3.small, t3.medium.'),
    (ENUM, "t3.smaller", "", 'Did you mean "t3.small"?'),
    (ENUM, ["t3.small", "x"], "1", '"x" is not allowed'),
    (ENUM, {"a": "x"}, "a", '"x" is not allowed'),
    (ENUM, None, "", "null is not allowed"),
    (NUMBERS, True, "", "true is not allowed"),
    (NUMBERS, "1", "", '"1" is not allowed'),
    (LISTS, ["b"], "", '["b"] is not allowed'),
    (REGEX, "abc1", "", "does not match [a-z]+|[0-9]{2} as a whole"),
    (REGEX, "abc\n", "", "as a whole"),
    (REGEX, "42 ", "", "as a whole"),
    (REGEX, None, "", "null does not match"),
    (STRING, "Yes", "", "Allowed: yes."),
]


@pytest.mark.parametrize(("broken", "value", "path", "words"), BROKEN_RULES)
def test_a_value_that_breaks_its_rule_is_told_with_what_is_allowed(broken, value, path, words):
    """Where, what, what was allowed, the nearest right answer."""
    (fault,) = check_against(value, broken)

    assert fault.path == path
    assert words in str(fault)


def test_a_sensitive_value_is_never_shown():
    """The fault of a sensitive parameter names the rule alone."""
    (fault,) = check_against("t3.smaller", ENUM, sensitive=True)

    assert "t3.smaller" not in fault.message
    assert fault.suggestion is None


def test_patterns_need_linear_time():
    """A pattern that a backtracking engine would never finish is answered for 64 KiB of text."""
    faults = check_against("a" * 65_536 + "!", rule(type="regex", pattern="^(a+)+$"))

    assert len(faults) == 1


UNUSABLE = {"(?=a)b": "look-around", r"(a)\1": "backreference", "a{1001}": "repetition", "(": "missing", "a**": "bad"}


@pytest.mark.parametrize("pattern", UNUSABLE)
def test_a_pattern_that_re2_cannot_run_is_refused_with_the_reason(pattern):
    """Look-around, backreferences, huge repetitions, and what is no pattern at all."""
    (fault,) = check_rule(rule(type="regex", pattern=pattern))

    assert fault.path == "pattern"
    assert UNUSABLE[pattern] in fault.message


def test_a_pattern_that_is_too_long_is_refused():
    """Also where the model's own limit was passed by."""
    long = ENUM.model_copy(update={"type": "regex", "pattern": "a" * 1025, "values": None})

    assert "at most 1024" in check_rule(long)[0].message


def test_rules_themselves_are_checked():
    """Values that no parameter can have are faults of the rule."""
    assert check_rule(ENUM) == check_rule(REGEX) == check_rule(STRING) == []
    assert [fault.path for fault in check_rule(rule(type="enum", values=["e\u0301"]))] == ["values.0"]
    assert [fault.path for fault in check_rule(rule(type="string", value="\0"))] == ["value"]


def test_one_value_is_answered_in_one_sentence():
    """For the command line: why not, or None."""
    assert check_value(ENUM, "t3.small") is None
    assert "is not allowed" in check_value(ENUM, "x")
    assert "U+0000" in check_value(REGEX, "\0")


def test_values_are_shown_short_and_visible():
    """No control character reaches a terminal, and no page of text."""
    assert show("a\u202eb") == '"a\\u202eb"'
    assert len(show("x" * 500)) == 80


def test_faults_are_placed_in_their_object():
    """A path inside a value is put behind the path of the value."""
    assert placed([Fault("m", path="0")], "rule#a@1.0.0", "values") == [Fault("m", "rule#a@1.0.0", "values.0")]
