"""The form of references to secrets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcop_core.errors import InvalidName
from mcop_core.secrets.reference import SecretRef, is_reference

NAMES = st.from_regex(r"[A-Za-z0-9_+=,@:-]{1,8}", fullmatch=True)
REFERENCES = st.builds(
    SecretRef,
    st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True),
    st.lists(NAMES, min_size=1, max_size=4).map("/".join),
    st.one_of(st.just(""), NAMES),
)


@given(REFERENCES)
def test_a_reference_is_read_as_it_was_written(ref):
    """There is one text for each."""
    assert SecretRef.parse(str(ref)) == ref


BAD = {
    "secret://": None,
    "secret://vault": None,
    "secret://Vault/a": "secret://vault/a",
    "secret://vault//a": "secret://vault/a",
    "secret:///vault/a": "secret://vault/a",
    "secret://vault/a/#b": "secret://vault/a#b",
    "secret://vault/a#": "secret://vault/a",
    " secret://vault/a": "secret://vault/a",
    "SECRET://vault/a": "secret://vault/a",
    "secrets://vault/a#b": "secret://vault/a#b",
    "secret:/vault/a": "secret://vault/a",
    "secret://vault/../a": None,
    "secret://vault/a b": None,
    "secret://vault/a#b#c": None,
    "secret://vault/a?x=1": None,
    "secret://vault/%2e": None,
    "secret://vault/ä": None,
    "secret://vault/" + "a" * 600: None,
    "https://vault/a": None,
}


@pytest.mark.parametrize(("text", "near"), BAD.items(), ids=[text[:30] for text in BAD])
def test_what_is_of_another_form_is_refused_with_the_nearest(text, near):
    """The error offers what would have been right, if that can be told."""
    with pytest.raises(InvalidName, match="is no reference to a secret") as caught:
        SecretRef.parse(text)

    assert caught.value.suggestion == near


def test_only_text_that_begins_like_one_wants_to_be_a_reference():
    """Anything else is data."""
    assert [is_reference(value) for value in ("secret://x", "a secret://x", 5, None)] == [True, False, False, False]
