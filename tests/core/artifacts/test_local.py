"""The folder store."""

import stat

import pytest

from mcop_core.artifacts.local import LocalStore
from mcop_core.errors import InvalidInput, InvalidName, Unreachable
from tests.contracts.object_store import ObjectStoreContract


@pytest.fixture
def store(tmp_path):
    return LocalStore.open(f"file://{tmp_path}/store")


class TestContract(ObjectStoreContract):
    pass


def test_a_key_is_a_path(store, tmp_path):
    """A person finds the bytes where the key says, readable by their owner alone."""
    store.put("a/b.json", b"{}")
    path = tmp_path / "store/a/b.json"

    assert path.read_bytes() == b"{}"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_it_opens_again_by_its_url(store):
    """The URL leads another process to the same bytes."""
    store.put("a", b"1")

    assert LocalStore.open(store.url).get("a").data == b"1"


def test_nothing_is_left_of_a_refused_write(store, tmp_path):
    """The file of a write that lost its condition is gone."""
    store.put("a", b"1")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(RuntimeError):
        store.put("a", b"2", if_absent=True)

    assert before == sorted(tmp_path.rglob("*"))


@pytest.mark.parametrize(("first", "second"), [("a", "a/b"), ("a/b", "a"), ("a", "a/b/c")])
def test_a_key_below_a_key_is_refused(store, first, second):
    """A file is no folder; the error names the key."""
    store.put(first, b"1")
    with pytest.raises(InvalidName) as caught:
        store.put(second, b"2")

    assert second == caught.value.name
    assert store.get(first).data == b"1"


@pytest.mark.parametrize("url", ["file://host/a", "file:///a?x=1", "/a", "s3://a", "file:///a/../b", "file:///a#b"])
def test_another_url_is_refused(url):
    """Only an absolute folder is a store."""
    with pytest.raises(InvalidInput, match="file:///folder"):
        LocalStore.open(url)


def test_a_folder_that_cannot_be_is_unreachable(tmp_path):
    """Errors of the disk are the store's not answering."""
    (tmp_path / "file").write_text("")
    with pytest.raises(Unreachable) as caught:
        LocalStore(tmp_path / "file" / "store")

    assert str(tmp_path) in caught.value.service
