"""A clock, and two AWS emulators as processes on free ports."""

import itertools
import os
import socket
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

from mcop_core.catalog.dynamodb import DynamoDBRepository, create_tables
from tests.contracts.catalog_repository import NOON

BIN = Path(sys.executable).parent
NUMBERS = itertools.count()


@pytest.fixture
def now():
    """A clock that moves by a second each time it is read."""
    ticks = itertools.count()
    return lambda: NOON + timedelta(seconds=next(ticks))


def free_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


def await_port(port, process):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, "the emulator ended"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f"no emulator on port {port}")


def open_client(endpoint):
    retries = {"mode": "standard", "total_max_attempts": 4}
    config = Config(connect_timeout=3, read_timeout=30, retries=retries, max_pool_connections=20)
    credentials = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return boto3.client("dynamodb", endpoint_url=endpoint, region_name="us-east-1", config=config, **credentials)


@pytest.fixture(scope="session", params=["ministack", "moto_server"])
def endpoint(request, tmp_path_factory):
    """Name and address of a running emulator."""
    port = free_port()
    folder = tmp_path_factory.mktemp(request.param)
    environment = {**os.environ, "GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1"}
    arguments = [] if request.param == "ministack" else ["-H", "127.0.0.1", "-p", str(port)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [BIN / request.param, *arguments],
            env=environment,
            cwd=folder,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        await_port(port, process)
        yield request.param, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


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
