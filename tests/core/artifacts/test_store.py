"""Keys and prefixes of every store."""

import pytest

from mcop_core.artifacts.store import check_key, check_prefix
from mcop_core.errors import InvalidInput, InvalidName
from tests.contracts.object_store import KEYS, NO_KEYS


@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_returned(key):
    """A key passes unchanged, and every beginning of it is a prefix."""
    assert check_key(key) == key
    for prefix in (key[:length] for length in range(len(key))):
        assert check_prefix(prefix) == prefix


@pytest.mark.parametrize("text", NO_KEYS)
def test_what_is_no_key_is_named(text):
    """The error carries the whole text and shows its start."""
    with pytest.raises(InvalidName) as caught:
        check_key(text)

    assert caught.value.name == text
    assert isinstance(caught.value, InvalidInput)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("prefix", ["/", "a//", "../", "a/../b", "a\\", "\0", "é"])
def test_a_prefix_that_no_key_has_is_refused(prefix):
    """A listing cannot start outside of the store."""
    with pytest.raises(InvalidName):
        check_prefix(prefix)
