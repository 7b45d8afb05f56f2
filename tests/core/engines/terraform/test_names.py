import pytest

from mcop_core.engines.terraform.names import IDENTIFIER, RESERVED_INPUTS, SOURCE


@pytest.mark.parametrize(
    ("text", "is_name"), [("vpc_id", True), ("_a-1", True), ("1a", False), ("a b", False), ("é", False)]
)
def test_an_identifier_is_what_terraform_takes(text, is_name):
    """ASCII letters, digits, `_` and `-`, the first no digit; the text as a whole."""
    assert is_name == bool(IDENTIFIER.fullmatch(text))


@pytest.mark.parametrize(
    ("text", "is_source"),
    [
        ("aws", True),
        ("hashicorp/aws", True),
        ("registry.terraform.io/hashicorp/aws", True),
        ("a/b/c/d", False),
        ("a//b", False),
    ],
)
def test_a_source_is_a_registry_address(text, is_source):
    """One to three parts, none of them empty."""
    assert is_source == bool(SOURCE.fullmatch(text))


def test_what_a_module_call_means_itself_is_no_input():
    """Terraform refuses a variable of such a name."""
    assert {"source", "count", "for_each", "depends_on"} < RESERVED_INPUTS
