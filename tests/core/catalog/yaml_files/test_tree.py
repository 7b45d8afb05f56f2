"""YAML text becomes JSON values that know their lines."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcop_core.catalog.yaml_files.tree import read_trees
from mcop_core.limits import MAX_DEPTH

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs", "Cc"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc<._", min_size=1), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_json_is_read_as_it_is(value):
    """Every JSON document is a YAML document with the same value, of the same types."""
    (tree,) = read_trees(json.dumps(value, ensure_ascii=False))

    assert tree.flaws == []
    assert json.dumps(tree.value) == json.dumps(value)


def test_every_key_and_entry_knows_its_line():
    """By dotted path; the document's own line is that of its first content."""
    (tree,) = read_trees("# comment\na:\n  b: 1\n  c:\n    - x\n    - d: 2\n", first_line=10)

    assert (tree.line, tree.lines) == (
        11,
        {"": 11, "a": 11, "a.b": 12, "a.c": 13, "a.c.0": 14, "a.c.1": 15, "a.c.1.d": 15},
    )


@pytest.mark.parametrize("text", ["", "# comment", "---", "---\n---\n...\n"])
def test_an_empty_document_is_left_out(text):
    """Comments and separators say nothing."""
    assert list(read_trees(text)) == []


@pytest.mark.parametrize(("text", "value"), [("null", None), ("~", None), ("''", ""), ("1.0", 1.0), ("-0", 0)])
def test_a_lone_scalar_is_a_document(text, value):
    """Even null, once it is written."""
    (tree,) = read_trees(text)

    assert (tree.value, type(tree.value)) == (value, type(value))


def test_nesting_ends_somewhere():
    """As deep as the limit is read, one deeper is not."""
    deep = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    (fine,), (refused,) = read_trees(deep), read_trees(f"[{deep}]")

    assert fine.flaws == []
    assert [flaw.message for flaw in refused.flaws] == ["it is nested deeper than 64 levels"]


def test_a_number_without_an_end_is_no_infinity():
    """What overflows is refused, what underflows is zero as in JSON."""
    (large,), (small,) = read_trees("1e400"), read_trees("1e-400")

    assert (large.value, len(large.flaws)) == (None, 1)
    assert math.isclose(small.value, 0.0)


def test_what_was_written_is_remembered():
    """So that a person can be told to put quotes around 1.10, not around 1.1."""
    (tree,) = read_trees("version: 1.10\nname: text\nflag: true\n")

    assert tree.plain == {"version": "1.10", "flag": "true"}
