import json

import pytest

from mcop_core.parameters.pending import BROKEN
from mcop_core.parameters.text import check_hygiene, number_text, scalar_text

REFUSED = {
    "not NFC": ("e\u0301", "", "NFC"),
    "Greek question mark": ("a\u037e", "", "NFC"),
    "Kelvin sign": ({"\u212a": 1}, "\\u212a", "NFC"),
    "a mark that newer Unicode sorts": ("x\u0301\U00010efd", "", "U+0301 U+10EFD is not known to Unicode"),
    "two such marks": (["\U0001e4ec\U0001e4ee"], "0", "is not known"),
    "what Terraform takes for A": ("\U00010041\u0301", "", "join U+10041 U+0301 by mistake"),
    "behind another mark": ("\U001003b1\u0316\u0301", "", "join U+1003B1 U+0301 by mistake"),
    "NUL": (["a\0"], "0", "U+0000"),
    "escape": ("\x1b[31m", "", "U+001B"),
    "C1": ("a\x85b", "", "U+0085"),
    "lone surrogate": ({"a": {"b": "\ud800"}}, "a.b", "U+D800"),
    "surrogate in a key": ({"\udfff": 1}, "\\udfff", "U+DFFF"),
    "NaN": (float("nan"), "", "nan"),
    "infinity": ([1, float("-inf")], "1", "-inf"),
    "big": (2**64, "", "64 bits"),
    "small": (-(2**63) - 1, "", "64 bits"),
    "key of a number": ({1: 2}, "1", "no text"),
    "an object": ({"a": {1}}, "a", "set"),
    "pointer": ({"mcop_sealed_text": []}, "mcop_sealed_text", "reserved"),
    "deep": (json.loads("[" * 66 + "]" * 66), "", "deeper than 64"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_be_changed_is_refused(name):
    """Each such value is one fault, with its path."""
    value, path, words = REFUSED[name]

    (fault,) = check_hygiene(value)

    assert fault.path == path
    assert words in fault.message


def test_what_stays_as_it_is_passes():
    """Texts with line ends, any script, emoji, numbers of 64 bits, null."""
    value = {
        "a": "x\n\t\r",
        "ключ": [
            "世界 🚀",
            "é",
            "\U0001fae8\ufe0f",
            "x\u0301\u0301",
            "\U0001e922\U0001e944",
            -(2**63),
            2**64 - 1,
            1.5,
            True,
            None,
            BROKEN,
        ],
    }

    assert check_hygiene(value) == []
    assert check_hygiene(json.loads("[" * 64 + "]" * 64)) == []


NUMBERS = {
    1: "1",
    1.5: "1.5",
    5.0: "5",
    1e21: "1" + "0" * 21,
    1e-7: "0.0000001",
    -0.0: "0",
    -2.50: "-2.5",
    100.0: "100",
}


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_become_the_text_that_terraform_writes(number):
    """Plain decimal digits; measured on Terraform 1.11.4."""
    assert number_text(number) == NUMBERS[number]


def test_only_scalars_become_text():
    """Null, lists and maps have no text."""
    assert [scalar_text(value) for value in ("a", True, 3, None, [], {})] == ["a", "true", "3", None, None, None]
