"""How many requests a manifest's plan takes, counted where they leave for DynamoDB and for the store."""

import math

import pytest

from mcop_core.artifacts.local import LocalStore
from mcop_core.catalog.dynamodb.requests import BATCH_READ_ITEMS
from mcop_core.compiler.compiler import compile_manifest
from mcop_core.compiler.published import compile_entry, plan_of_active
from mcop_core.compiler.snapshot import build_snapshot, pinned_refs, save_snapshot
from tests.contracts.catalog_repository import publish
from tests.core.catalog.dynamodb.clients import Client
from tests.core.compiler.objects import manifest_of, objects, view_of

pytestmark = pytest.mark.emulator

SIZES = (20, 200)


def wide(elements):
    """A manifest of so many elements, each a primitive of its own."""
    primitives = [{"kind": "primitive", "name": f"p{number}"} for number in range(elements)]
    names = {f"e{number}": {"primitive": f"p{number}", "version": "~> 1.0"} for number in range(elements)}
    of = f"wide{elements}"
    patterns = {"all": {"pattern": of, "version": "1.0.0"}}
    return objects(
        [
            *primitives,
            {"kind": "pattern", "name": of, "elements": names},
            {"kind": "workflow", "name": of, "patterns": patterns, "backend": {"type": "local"}},
            {
                "kind": "manifest",
                "name": of,
                "namespace": "t",
                "workflows": {"main": {"workflow": of, "version": "1.0.0"}},
            },
        ]
    )


class Reads(LocalStore):
    """A store that counts what is read of it."""

    read = 0

    def get(self, key):
        self.read += 1
        return super().get(key)


def compiled(found):
    return compile_manifest(manifest_of(found), view_of(found))


@pytest.fixture(params=SIZES)
def published(request, open_dynamodb, tmp_path):
    """A catalog with a manifest of so many elements, the store with its snapshot, its plan."""
    found, store = wide(request.param), Reads(tmp_path / "store")
    plan, catalog, ref = compiled(found), open_dynamodb(), manifest_of(found).ref
    publish(catalog, *found, pins={ref: plan.pins}, activate={ref.name: ref.version})
    snapshot = save_snapshot(store, *build_snapshot(catalog.entries(), catalog.active()))
    publish(catalog, *objects([{"kind": "primitive", "name": "later"}])[:1], snapshot=snapshot)
    return ref, store, plan


def test_an_active_manifest_is_one_request_of_dynamodb_and_two_of_the_store(client, open_dynamodb, published, tmp_path):
    """Whatever its size; once it is kept by its digest, the one request alone."""
    ref, store, plan = published
    for read in (2, 0):
        counting, store.read = Client(client), 0

        assert plan_of_active(open_dynamodb(client=counting), store, ref.name, cache_dir=tmp_path / "kept") == plan
        assert (counting.requests, store.read) == (["get_item"], read)


def test_another_version_is_read_in_batches(client, open_dynamodb, published):
    """The head before and after, and a hundred of the versions that it is pinned to in each request between."""
    ref, _, plan = published
    entry, counting = open_dynamodb().get(ref), Client(client)
    batches = math.ceil(len(pinned_refs(plan.pins)) / BATCH_READ_ITEMS)

    assert compile_entry(open_dynamodb(client=counting), entry) == plan
    assert counting.requests == ["get_item", *["batch_get_item"] * batches, "get_item"]
