"""Version order, requirements, and what `latest` means."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from semantic_version import Version

from mcop_core.catalog.versions import (
    best_version,
    check_requirement,
    check_version,
    is_exact,
    parse_version,
    satisfies,
    version_key,
)

ORDERED = [
    "0.0.0-0",
    "0.0.1",
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-alpha-1",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
    "1.0.1",
    "1.9.0",
    "1.10.0",
    "2.0.0-rc1",
    "2.0.0",
    "10.0.0",
]

NUMBERS = st.integers(0, 20) | st.integers(0, 10**10 - 1)
PARTS = st.from_regex(r"\A(0|[1-9][0-9]{0,20}|[0-9A-Za-z-]{0,4}[A-Za-z-][0-9A-Za-z-]{0,4})\Z")
VERSIONS = st.builds(
    lambda numbers, parts: ".".join(map(str, numbers)) + ("-" + ".".join(parts) if parts else ""),
    st.tuples(NUMBERS, NUMBERS, NUMBERS),
    st.lists(PARTS, max_size=3),
)


def test_text_order_of_keys_is_version_order():
    """The examples of semver.org, and those that text order gets wrong."""
    shuffled = random.Random(1).sample(ORDERED, len(ORDERED))

    assert sorted(shuffled, key=version_key) == ORDERED


@given(VERSIONS, VERSIONS)
def test_any_two_keys_order_as_their_versions(one, other):
    """For whatever two versions there are."""
    assert (version_key(one) < version_key(other)) == (Version(one) < Version(other))
    assert (version_key(one) == version_key(other)) == (one == other)


@given(VERSIONS)
def test_a_key_is_visible_ascii_that_starts_with_a_digit(version):
    """So that it fits between the other sort keys of its partition."""
    key = version_key(version)

    assert key.isascii() and key.isprintable() and "0" <= key < ":"


@pytest.mark.parametrize(
    "text",
    [
        *("", "1", "1.2", "1.2.3.4", "v1.2.3", "01.2.3", "1.2.3-", "1.2.3-01", "1.2.3+build", "latest", "1.2.x"),
        *(" 1.2.3", "1.2.3\n", "1.2.3-a\n", "１.2.3", "10000000000.0.0", "1.2.3-" + "a" * 200),
    ],
)
def test_what_is_no_version_is_refused(text):
    """Three numbers, maybe a pre-release; nothing around, no build metadata, nothing endless."""
    with pytest.raises(ValueError, match="is no version"):
        check_version(text)


@pytest.mark.parametrize(
    ("requirement", "allowed"),
    [
        ("1.10.0", ["1.10.0"]),
        ("= 1.10.0", ["1.10.0"]),
        ("~> 1.2", ["1.2.0", "1.2.5", "1.10.0"]),
        ("~> 1.2.0", ["1.2.0", "1.2.5"]),
        (">= 1.2.5, < 2.0", ["1.2.5", "1.10.0"]),
        ("> 1.2.0, != 1.10.0, <= 2.0.0", ["1.2.5", "2.0.0"]),
        (">= 2", ["2.0.0", "10.0.0"]),
        ("latest", ["1.2.0", "1.2.5", "1.10.0", "2.0.0", "10.0.0"]),
        ("3.0.0-rc1", ["3.0.0-rc1"]),
        ("= 3.0.0-rc1", ["3.0.0-rc1"]),
        (">= 3.0.0-rc1", ["10.0.0"]),
        ("~> 4.0", []),
    ],
)
def test_a_requirement_allows(requirement, allowed):
    """Terraform's meaning; a pre-release is allowed only by its own name."""
    published = ["1.2.0", "1.2.5", "1.10.0", "2.0.0", "3.0.0-rc1", "10.0.0"]

    assert [version for version in published if satisfies(version, check_requirement(requirement))] == allowed
    assert best_version(published, requirement) == (allowed[-1] if allowed else None)


@pytest.mark.parametrize(
    "text", ["", "~>", "~> 1.x", "1.0.0,", "latest, 1.0.0", ">> 1", "^1.2", "1.0.0 - 2.0.0", "newest"]
)
def test_what_is_no_requirement_is_refused(text):
    """The message says how they are written."""
    with pytest.raises(ValueError, match=r"write 1\.2\.0, ~> 1\.2"):
        check_requirement(text)


def test_the_best_version_is_the_highest_not_the_last():
    """By version order, not by text or by place."""
    assert best_version(["1.10.0", "1.9.0"], "~> 1.0") == "1.10.0"
    assert best_version([], "latest") is None


def test_an_exact_requirement_names_one_version():
    """Ranges and `latest` do not."""
    assert [is_exact(text) for text in ("1.2.0", "1.2.0-rc1", "~> 1.2.0", "latest", "1.2")] == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_a_version_is_parsed_once():
    """The same object comes back: parsing is what sorting thousands of versions would cost."""
    assert parse_version("1.2.3") is parse_version("1.2.3")
