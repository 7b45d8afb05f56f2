"""What differs between two documents."""

import pytest

from mcop_core.catalog.difference import NOTHING, Difference, difference, differences
from tests.contracts.catalog_repository import pattern

CASES = {
    "equal": ({"a": [1, {"b": None}]}, {"a": [1, {"b": None}]}, []),
    "changed": ({"a": {"b": 1}}, {"a": {"b": 2}}, ["~ a.b: 1 -> 2"]),
    "added": ({}, {"a": None}, ["+ a: null"]),
    "removed": ({"a": {"b": 1}}, {}, ['- a: {"b": 1}']),
    "by place": ({"a": [1, 2, 3]}, {"a": [1, 9]}, ["~ a.1: 2 -> 9", "- a.2: 3"]),
    "in order": (list(range(11)), [*range(10), 99], ["~ 10: 10 -> 99"]),
    "another shape": ({"a": [1]}, {"a": {"0": 1}}, ['~ a: [1] -> {"0": 1}']),
    "one is not true": ({"a": 1, "b": 1.0}, {"a": True, "b": 1}, ["~ a: 1 -> true", "~ b: 1.0 -> 1"]),
    "the whole": ("é", "e", ['~ : "é" -> "e"']),
}


@pytest.mark.parametrize(("before", "after", "expected"), CASES.values(), ids=CASES)
def test_a_difference_is_a_line(before, after, expected):
    """Path, then what was and what is, as JSON."""
    assert [str(found) for found in differences(before, after)] == expected


def test_two_versions_are_compared_without_their_version():
    """That the versions differ is known; what else does is the answer."""
    before = pattern(version="1.0.0", description="Old.")
    after = pattern(version="1.1.0", uses="subnets")

    assert difference(before, after) == [
        Difference("description", "Old.", NOTHING),
        Difference("elements.it.primitive", "vpc", "subnets"),
    ]


def test_the_side_that_has_nothing_is_left_out_of_json():
    """`null` is something, nothing is not."""
    assert Difference("a", NOTHING, None).to_json() == {"path": "a", "after": None}
    assert Difference("a", 1, NOTHING).to_json() == {"path": "a", "before": 1}
