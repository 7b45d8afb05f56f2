"""Catalogs whose transactions are small, so that few objects are a large change."""

import pytest

from mcop_core.catalog.dynamodb import DynamoDBRepository, create_tables
from tests.contracts.catalog_repository import primitive
from tests.core.catalog.conftest import NUMBERS

LARGE = 12
"""Objects of a change that takes several transactions of `ITEMS`."""

ITEMS = 7


def many(count=LARGE, **fields):
    return [primitive(f"p{number}", **fields) for number in range(count)]


@pytest.fixture
def new_catalog(client, now):
    """Opens a catalog in new tables: names, and what opens it with a client."""

    def make():
        number = next(NUMBERS)
        names = (f"objects-{number}", f"rules-{number}")
        create_tables(client, *names)
        return names, lambda other=client: DynamoDBRepository(*names, client=other, now=now, max_items=ITEMS)

    return make


@pytest.fixture
def other_catalog(client, other_tables, now):
    return DynamoDBRepository(*other_tables, client=client, now=now)
