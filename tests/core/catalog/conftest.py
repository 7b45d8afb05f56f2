"""A clock, and two AWS emulators as processes on free ports."""

import itertools
import threading
from datetime import timedelta

import boto3
import pytest
from botocore.config import Config

from mcop_core.catalog.dynamodb import DynamoDBRepository, create_tables
from tests.contracts.catalog_repository import NOON
from tests.emulators import CREDENTIALS, NAMES, running

NUMBERS = itertools.count()


@pytest.fixture
def now():
    """A clock that moves by a second each time it is read."""
    ticks = itertools.count()
    return lambda: NOON + timedelta(seconds=next(ticks))


def open_client(endpoint):
    retries = {"mode": "standard", "total_max_attempts": 4}
    config = Config(connect_timeout=3, read_timeout=30, retries=retries, max_pool_connections=20)
    return boto3.client("dynamodb", endpoint_url=endpoint, config=config, **CREDENTIALS)


@pytest.fixture(scope="session", params=NAMES)
def endpoint(request, tmp_path_factory):
    """Name and address of a running emulator."""
    with running(request.param, tmp_path_factory.mktemp(request.param)) as emulator:
        yield emulator.name, emulator.url


class OneAtATime:
    """
    A client whose requests wait for each other, as DynamoDB's do that touch the same items.

    moto takes back everything that happened meanwhile when it refuses a transaction, so that of two writers
    at once both may win, and lets readers see half of one.
    """

    def __init__(self, client):
        self._client = client
        self._lock = threading.Lock()

    def __getattr__(self, name):
        real = getattr(self._client, name)
        if name in ("exceptions", "get_waiter", "get_paginator"):
            return real

        def request(**arguments):
            with self._lock:
                return real(**arguments)

        return request


@pytest.fixture(scope="session")
def client(endpoint):
    emulator, address = endpoint
    return OneAtATime(open_client(address)) if emulator == "moto_server" else open_client(address)


@pytest.fixture
def tables(client):
    """Names of two new, empty tables."""
    number = next(NUMBERS)
    names = (f"objects-{number}", f"rules-{number}")
    create_tables(client, *names)
    return names


@pytest.fixture
def other_tables(client):
    number = next(NUMBERS)
    names = (f"objects-{number}", f"rules-{number}")
    create_tables(client, *names)
    return names


@pytest.fixture
def open_dynamodb(client, tables, now):
    """Opens the catalog in *tables*, with another client or migrations if wanted."""
    return lambda **options: DynamoDBRepository(*tables, **{"client": client, "now": now, **options})
