"""Readings are consistent, cheap where they can be, and complete where an index is not."""

import pytest

from mcop_core.refs import Kind
from tests.contracts.catalog_repository import everything, manifest, pattern, primitive, publish, rule
from tests.core.catalog.dynamodb.clients import Client, LaggingClient
from tests.core.catalog.dynamodb.conftest import many

pytestmark = pytest.mark.emulator


def test_the_head_is_read_strongly_consistent(client, open_dynamodb):
    """What was committed is seen by the next reader, on AWS too: every read of a table says so."""
    seen = []

    class Listening(Client):
        def answer(self, name, real, arguments):
            seen.append((name, arguments))
            return real(**arguments)

    catalog = open_dynamodb(client=Listening(client))
    publish(catalog, primitive(), rule(), manifest())
    everything(catalog)
    catalog.users(Kind.PRIMITIVE, "vpc")
    tables = [found for found in seen if found[0] in ("get_item", "query", "scan") and "IndexName" not in found[1]]
    batches = [part for name, found in seen if name == "batch_get_item" for part in found["RequestItems"].values()]

    assert tables and batches
    assert all(arguments["ConsistentRead"] for _, arguments in tables)
    assert all(part["ConsistentRead"] for part in batches)


def test_keys_are_read_without_documents(client, open_dynamodb):
    """The addresses of objects come from the index, which holds no document."""
    publish(open_dynamodb(), *many(5), rule())
    counting = Client(client)

    assert len(open_dynamodb(client=counting).keys()) == 6
    assert counting.requests.count("scan") == 1


def test_keys_are_complete_while_an_index_lags(client, open_dynamodb):
    """An index that has not caught up is noticed by the counts in the head, and the table read instead."""
    publish(open_dynamodb(), *many(3), pattern(), rule())
    catalog = open_dynamodb(client=LaggingClient(client))

    assert open_dynamodb().keys() == catalog.keys()
    assert open_dynamodb().entries(Kind.PRIMITIVE) == catalog.entries(Kind.PRIMITIVE)
