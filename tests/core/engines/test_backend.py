"""Workflow backends: what stands in `backend.tf.json`, and what cannot."""

import pytest

from mcop_core.engines.backend import check_backend, render_backend, state_key
from mcop_core.errors import InvalidDocuments, UnknownName

ADDRESS = ("shop", "shop-prod", "base", "net", "vpc")
KEY = "shop/shop-prod/base/net/vpc.tfstate"
S3 = {"type": "s3", "bucket": "acme-state", "region": "us-east-1", "use_lockfile": True}


def test_the_key_is_the_address():
    """No two elements share a state."""
    assert state_key(ADDRESS) == KEY


def test_s3_with_a_lock_file():
    """Terraform's own block and MCOP's way to the state name the same object."""
    rendered = render_backend({**S3, "acl": "private", "skip_region_validation": True}, ADDRESS)

    assert rendered.block == {
        "s3": {
            "bucket": "acme-state",
            "region": "us-east-1",
            "use_lockfile": True,
            "acl": "private",
            "skip_region_validation": True,
            "key": KEY,
        }
    }
    assert rendered.state == {
        "store": "s3://acme-state?region=us-east-1&acl=private",
        "key": KEY,
        "lock": "lockfile",
    }


def test_s3_with_a_lock_table():
    """The table is the lock when there is no lock file; the key that encrypts goes with every write."""
    backend = {**S3, "use_lockfile": False, "dynamodb_table": "locks", "encrypt": True, "kms_key_id": "alias/state"}

    assert render_backend(backend, ADDRESS).state == {
        "store": "s3://acme-state?region=us-east-1&encrypt=true&kms_key_id=alias/state",
        "key": KEY,
        "lock": "dynamodb",
        "dynamodb_table": "locks",
    }


def test_local():
    """A folder holds the states of all elements, each at its own key."""
    rendered = render_backend({"type": "local", "path": "/srv/states"}, ADDRESS)

    assert rendered.block == {"local": {"path": f"/srv/states/{KEY}"}}
    assert rendered.state == {"store": "file:///srv/states", "key": KEY, "lock": "lockfile"}


WRONG = {
    "no lock": ({**S3, "use_lockfile": False}, "it has no lock"),
    "no lock said": ({"type": "s3", "bucket": "acme-state", "region": "us-east-1"}, "it has no lock"),
    "no region": ({"type": "s3", "bucket": "acme-state", "use_lockfile": True}, "region is missing"),
    "no bucket": ({"type": "s3", "region": "us-east-1", "use_lockfile": True}, "bucket is missing"),
    "a key": ({**S3, "key": "mine.tfstate"}, "the key is computed"),
    "credentials": ({**S3, "secret_key": "x"}, "credentials come from the worker"),
    "endpoints": ({**S3, "endpoints": {"s3": "http://x"}}, "endpoints come from the worker"),
    "a typing error": ({**S3, "buckett": "x"}, 'Did you mean "bucket"'),
    "an evaluated bucket": ({**S3, "bucket": "$(x)"}, "it must match"),
    "a bucket with a path": ({**S3, "bucket": "a/b"}, "it must match"),
    "a region with a quote": ({**S3, "region": 'us"'}, "it must match"),
    "a line": ({**S3, "region": "us\n"}, "it must match"),
    "a number": ({**S3, "region": 1}, "it must match"),
    "a text for a switch": ({**S3, "encrypt": "yes"}, "write true or false"),
    "a table with a path": ({**S3, "dynamodb_table": "a/b/c"}, "it must match"),
    "a relative path": ({"type": "local", "path": "states"}, "absolute folder"),
    "a path that leaves": ({"type": "local", "path": "/srv/../etc"}, "absolute folder"),
    "no path": ({"type": "local"}, "path is missing"),
    "a local key": ({"type": "local", "path": "/srv", "workspace_dir": "x"}, "one place"),
    "another type": ({"type": "gcs", "bucket": "x"}, "Allowed: local, s3"),
    "no type": ({}, "Allowed: local, s3"),
}


@pytest.mark.parametrize(("backend", "says"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said(backend, says):
    """Publishing says it in a sentence, rendering refuses it."""
    assert any(says in sentence for sentence in check_backend(backend))
    with pytest.raises((InvalidDocuments, UnknownName), match=says.replace("(", r"\(")):
        render_backend(backend, ADDRESS)


def test_everything_wrong_is_said_at_once():
    """One look finds all of it."""
    assert len(check_backend({"type": "s3", "region": "?", "key": "x"})) == 4


@pytest.mark.parametrize("value", ["${state_bucket}", "{state_bucket}", "acme-${region}"])
def test_a_reference_is_checked_when_it_is_concrete(value):
    """Publishing leaves it alone; rendering refuses one that is left."""
    assert check_backend({**S3, "bucket": value}) == []
    with pytest.raises(InvalidDocuments, match="bucket still holds a reference"):
        render_backend({**S3, "bucket": value}, ADDRESS)


def test_a_fault_names_the_element():
    """Where and which field can be read off the fault."""
    with pytest.raises(InvalidDocuments) as caught:
        render_backend({**S3, "key": "x"}, ADDRESS)

    assert [(fault.where, fault.path) for fault in caught.value.faults] == [("base.net.vpc", "backend")]
