"""What is typed of buckets, and which is the artifact store's."""

import pytest

from mcop_core.embedded.foundation import artifact_bucket, read_bucket
from mcop_core.errors import InvalidInput
from mcop_core.settings import Settings


@pytest.mark.parametrize(("text", "expected"), [("a-b", ("a-b", "here")), ("a-b=eu-west-1", ("a-b", "eu-west-1"))])
def test_a_bucket_is_where_it_says_or_here(text, expected):
    """A region is given by an equals sign."""
    assert read_bucket(text, "here") == expected


@pytest.mark.parametrize("text", ["", "=eu-west-1", "a="])
def test_half_a_bucket_is_refused(text):
    """With what is right."""
    with pytest.raises(InvalidInput, match="names no bucket: write NAME or NAME=REGION"):
        read_bucket(text, "here")


@pytest.mark.parametrize(
    ("store", "expected"), [("s3://b/prefix?encrypt=true", {"b": "here"}), ("s3://b", {"b": "here"}), ("file:///s", {})]
)
def test_the_artifact_stores_bucket_is_known_by_its_address(store, expected):
    """A folder has none."""
    assert artifact_bucket(Settings(artifact_store=store), "here") == expected
