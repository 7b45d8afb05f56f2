"""What every `ObjectStore` does: inherit `ObjectStoreContract` and give the fixture `store`, an empty store."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from mcop_core.errors import InvalidName, PreconditionFailed, StoredObjectMissing

WRITERS = 8

KEYS = [
    "a",
    "templates/terraform/aws/vpc/1.2.0/main.tf",
    "..a/b..",
    "a-b_c=d+e@f,g:h;i!",
    "q?x=1#frag%2F&y",
    ".terraform.lock.hcl",
]
NO_KEYS = [
    "",
    "/a",
    "a/",
    "a//b",
    "../a",
    "a/../b",
    "a/.",
    "./a",
    "a\\b",
    "a\0b",
    "a b",
    "a\nb",
    "é",
    "a\x7f",
    "x" * 2000,
]


def race(writers):
    """Run all *writers* at once; what each returned, None for a lost condition."""
    barrier = Barrier(len(writers))

    def attempt(write):
        barrier.wait()
        try:
            return write()
        except PreconditionFailed:
            return None

    with ThreadPoolExecutor(len(writers)) as pool:
        return list(pool.map(attempt, writers))


class ObjectStoreContract:
    """The specification of `mcop_core.artifacts.store.ObjectStore`."""

    @pytest.mark.parametrize("key", KEYS)
    def test_what_is_put_is_got(self, store, key):
        """The same bytes lie under a key as were put there, and it is listed as written."""
        etag = store.put(key, b"\x00\xff{}")

        assert (b"\x00\xff{}", etag) == (store.get(key).data, store.get(key).etag)
        assert [key] == list(store.keys(""))

    @pytest.mark.parametrize("key", NO_KEYS)
    def test_a_text_that_is_no_key_is_refused(self, store, key):
        """Every method refuses what could leave the store or look like another key."""
        for call in (store.get, store.delete, lambda text: store.put(text, b"")):
            with pytest.raises(InvalidName):
                call(key)

    def test_no_bytes_are_bytes_too(self, store):
        """An empty object is there."""
        store.put("empty", b"")

        assert store.get("empty").data == b""

    def test_what_is_missing_is_named(self, store):
        """Getting a key that is not there raises an error that carries it."""
        with pytest.raises(StoredObjectMissing) as caught:
            store.get("a/b")

        assert caught.value.key == "a/b"

    def test_put_replaces(self, store):
        """Without a condition the last writer wins, and the etag changes with the bytes."""
        first, second = store.put("a", b"1"), store.put("a", b"2")

        assert first != second
        assert store.get("a").data == b"2"

    def test_if_absent_never_replaces(self, store):
        """A conditional write over something writes nothing."""
        store.put("a", b"1", if_absent=True)
        with pytest.raises(PreconditionFailed) as caught:
            store.put("a", b"2", if_absent=True)

        assert caught.value.key == "a"
        assert store.get("a").data == b"1"

    def test_if_match_replaces_only_what_was_seen(self, store):
        """The etag of an older object is refused, that of the present one is not."""
        seen = store.put("a", b"1")
        present = store.put("a", b"2", if_match=seen)
        with pytest.raises(PreconditionFailed):
            store.put("a", b"3", if_match=seen)

        assert (b"2", present) == (store.get("a").data, store.get("a").etag)

    def test_if_match_creates_nothing(self, store):
        """There is nothing to be replaced where nothing lies."""
        with pytest.raises(PreconditionFailed):
            store.put("a", b"1", if_match=store.put("b", b"1"))

        assert list(store.keys("")) == ["b"]

    def test_delete_removes(self, store):
        """A deleted key is gone, and deleting it again is no error."""
        store.put("a", b"1")
        store.delete("a")
        store.delete("a")
        store.delete("never/there", if_match='"x"')

        assert list(store.keys("")) == []

    def test_a_deleted_key_is_free(self, store):
        """What was deleted can be created."""
        store.put("a/b", b"1", if_absent=True)
        store.delete("a/b")
        store.put("a/b", b"2", if_absent=True)

        assert store.get("a/b").data == b"2"

    def test_delete_if_match_removes_only_what_was_seen(self, store):
        """A lock that somebody else took meanwhile is left alone."""
        seen = store.put("a", b"1")
        present = store.put("a", b"2")
        with pytest.raises(PreconditionFailed):
            store.delete("a", if_match=seen)
        still_there = store.get("a").data
        store.delete("a", if_match=present)

        assert (still_there, list(store.keys(""))) == (b"2", [])

    def test_keys_are_sorted_and_filtered(self, store):
        """A prefix is text, not a folder; order is that of the characters, whatever the writing order."""
        for key in ("b", "a/c", "a-x/y", "ab", "a/b/c", "Z"):
            store.put(key, b"")

        assert list(store.keys("")) == ["Z", "a-x/y", "a/b/c", "a/c", "ab", "b"]
        assert list(store.keys("a/")) == ["a/b/c", "a/c"]
        assert list(store.keys("a")) == ["a-x/y", "a/b/c", "a/c", "ab"]
        assert list(store.keys("nothing/")) == []

    @pytest.mark.parametrize("prefix", ["../", "/", "a/../", "a\\"])
    def test_a_prefix_of_no_key_is_refused(self, store, prefix):
        """Listing cannot leave the store either."""
        with pytest.raises(InvalidName):
            list(store.keys(prefix))

    def test_listing_pages_to_the_end(self, store):
        """More keys than one page of any store are all listed, once, in order."""
        keys = [f"many/{number:05d}" for number in range(1_050)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda key: store.put(key, b""), keys))

        assert keys == list(store.keys("many/"))

    def test_one_creator_wins(self, store):
        """Of many that create one key at once exactly one does, and its bytes lie there."""
        for round_ in range(5):
            key = f"race/{round_}"
            results = race([lambda n=n, key=key: store.put(key, b"%d" % n, if_absent=True) for n in range(WRITERS)])
            winner = [number for number, etag in enumerate(results) if etag]

            assert len(winner) == 1
            assert b"%d" % winner[0] == store.get(key).data

    def test_one_replacer_wins(self, store):
        """Of many that replace what they all saw exactly one does."""
        for round_ in range(5):
            seen = store.put("a", b"round %d" % round_)
            results = race([lambda n=n, seen=seen: store.put("a", b"%d" % n, if_match=seen) for n in range(WRITERS)])
            winner = [number for number, etag in enumerate(results) if etag]

            assert len(winner) == 1
            assert b"%d" % winner[0] == store.get("a").data

    def test_no_increment_is_lost(self, store):
        """Read, add one, write if unchanged: repeated until it works, every writer counts."""
        store.put("count", b"0")

        def increment():
            while True:
                seen = store.get("count")
                try:
                    return store.put("count", b"%d" % (int(seen.data) + 1), if_match=seen.etag)
                except PreconditionFailed:
                    continue

        race([increment] * WRITERS)

        assert store.get("count").data == b"%d" % WRITERS
