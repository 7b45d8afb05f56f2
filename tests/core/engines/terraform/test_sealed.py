"""How secrets are handed over to Terraform; that they arrive is shown with real Terraform in `test_operate`."""

import pytest

from mcop_core.engines.terraform.sealed import literal, variables
from mcop_core.errors import InvalidInput

LITERALS = {
    "text": ("a", '"a"'),
    "escapes": ('"\\\n\t\r', r'"\"\\\n\t\r"'),
    "an interpolation": ("${x}%{y}", '"$${x}%%{y}"'),
    "control characters": ("\x00\u2028", r'"\U00000000\U00002028"'),
    "null": (None, "null"),
    "truth": (True, "true"),
    "a large number": (12345678901234567890, "12345678901234567890"),
    "a list": ([1, "a"], '[1, "a"]'),
    "a map whose key looks like code": ({"${k}": {}}, '{"$${k}" = {}}'),
}


@pytest.mark.parametrize(("value", "text"), LITERALS.values(), ids=LITERALS)
def test_a_value_is_written_as_a_literal_in_which_nothing_is_evaluated(value, text):
    """Keys and values are text, whatever they look like."""
    assert literal(value) == text


CARRIED = {
    "text of a string": ("string", "a ${b}", "a ${b}"),
    "a number for a string": ("string", 5, "5"),
    "a number": ("number", 1.5, "1.5"),
    "truth": ("bool", True, "true"),
    "text of anything": ("any", "5", '"5"'),
    "a list": ("list(string)", ["a"], '["a"]'),
}


@pytest.mark.parametrize(("type_", "value", "text"), CARRIED.values(), ids=CARRIED)
def test_the_type_of_the_variable_decides_how_terraform_reads_the_text(type_, value, text):
    """Primitive types take text as it is, all others an expression."""
    assert variables({"x": value}, {"x": type_}) == {"TF_VAR_x": text}


REFUSED = {
    "null for a string": ("string", None),
    "a NUL": ("string", "hush\0hush"),
    "half a surrogate pair": ("string", "hush\ud800"),
    "text that Terraform would change": ("any", {"hush": "e\u0301"}),
    "more than an environment holds": ("string", "hush" * 40_000),
}


@pytest.mark.parametrize(("type_", "value"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_carried_is_refused_by_name_and_not_shown(type_, value):
    """The message names the input and keeps the secret."""
    with pytest.raises(InvalidInput, match="input password") as caught:
        variables({"password": value}, {"password": type_})

    assert "hush" not in str(caught.value)
