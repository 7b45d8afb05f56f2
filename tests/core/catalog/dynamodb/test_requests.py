"""What DynamoDB answers, or does not, is told in MCOP's words."""

import boto3
import pytest
from botocore.config import Config

from mcop_core.catalog.dynamodb import DynamoDBRepository
from mcop_core.catalog.repository import Change
from mcop_core.errors import Unreachable
from tests.contracts.catalog_repository import publish, rule
from tests.core.catalog.dynamodb.clients import ThrottledClient
from tests.core.catalog.dynamodb.conftest import many
from tests.emulators import free_port


@pytest.mark.emulator
def test_throttled_batches_are_read_to_the_end(client, open_dynamodb):
    """What DynamoDB leaves unprocessed is asked again."""
    objects = many(12)
    publish(open_dynamodb(), *objects)
    found = open_dynamodb(client=ThrottledClient(client)).get_many(item.ref for item in objects)

    assert {item.ref for item in objects} == set(found)


def test_a_table_that_is_not_there_is_told():
    """No answer at all, and a wrong table, are `Unreachable`; the latter with what to do."""
    config = Config(connect_timeout=1, read_timeout=1, retries={"total_max_attempts": 1})
    client = boto3.client(
        "dynamodb",
        endpoint_url=f"http://127.0.0.1:{free_port()}",
        region_name="us-east-1",
        config=config,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    catalog = DynamoDBRepository("objects", "rules", client=client)
    for ask in (catalog.head, catalog.entries, catalog.keys, lambda: catalog.commit(Change(0, "x", put=[rule()]))):
        with pytest.raises(Unreachable) as caught:
            ask()
        assert caught.value.service == "DynamoDB"


@pytest.mark.emulator
def test_missing_tables_are_told(client):
    """The error names what to do."""
    with pytest.raises(Unreachable, match="Create the catalog's tables first"):
        DynamoDBRepository("no-objects", "no-rules", client=client).head()
