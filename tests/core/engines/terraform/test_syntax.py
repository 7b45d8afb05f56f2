"""Terraform's files as blocks."""

import pytest

from mcop_core.engines.terraform.blocks import Expression, is_literal
from mcop_core.engines.terraform.syntax import parse_file
from mcop_core.errors import InvalidDocuments


def test_blocks_nest_and_keep_their_lines():
    """Type, labels, attributes and nested blocks, each where it stands."""
    (block,) = parse_file("a.tf", b'\nresource "a" b {\n  x = 1\n  y {\n    z = 2\n  }\n}\n')
    (nested,) = block.children("y")

    assert (block.type, block.labels, block.name, block.line) == ("resource", ("a", "b"), "b", 2)
    assert (block.attributes["x"].value, block.attributes["x"].line) == (1, 3)
    assert (nested.line, nested.attributes["z"].value) == (4, 2)


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("string", "string"),
        ("var.name", "var.name"),
        ("f(1, 2)", "f(1, 2)"),
        ('"a ${b}"', '"a ${b}"'),
        ("a ? 1 : 2", "a ? 1 : 2"),
    ],
)
def test_an_expression_keeps_its_text(written, text):
    """Nothing is evaluated."""
    (block,) = parse_file("a.tf", f"locals {{\n  x = {written}\n}}\n".encode())

    assert block.attributes["x"].value == Expression(text)
    assert not is_literal([{"k": block.attributes["x"].value}])


def test_json_strings_are_expressions_where_terraform_evaluates_them():
    """A resource's strings are templates; a variable's are not."""
    document = b'{"resource": {"a": {"b": {"x": "${y}"}}}, "variable": {"v": {"default": "${y}"}}}'
    resource, variable = parse_file("a.tf.json", document)

    assert resource.attributes["x"].value == Expression("${y}")
    assert variable.attributes["default"].value == "${y}"


def test_a_fault_is_placed_by_its_block():
    """The line of the block, or another of the same file."""
    (block,) = parse_file("a.tf", b"\nlocals {\n  x = 1\n}\n")

    assert str(block.fault("wrong")) == "a.tf:2: wrong"
    assert str(block.fault("wrong", 3)) == "a.tf:3: wrong"


@pytest.mark.parametrize("data", [b"", b"\n\n", b"# only a comment\n", b"/* x */"])
def test_a_file_may_be_empty(data):
    """No block is no fault."""
    assert parse_file("a.tf", data) == ()


def test_a_syntax_fault_shows_the_line():
    """Its text helps where the line number is off by one."""
    with pytest.raises(InvalidDocuments, match=r"a\.tf:2: the syntax is wrong at 'x = = 1'"):
        parse_file("a.tf", b"locals {\n  x = = 1\n}\n")
