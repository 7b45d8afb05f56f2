"""Two AWS emulators as processes on free ports, and a fault between a client and one of them."""

import time

import boto3
import pytest
from botocore.config import Config

from tests.emulators import CREDENTIALS, NAMES, running
from tests.fault_proxy import proxied


@pytest.fixture(scope="session", params=NAMES)
def endpoint(request, tmp_path_factory):
    """The address of a running emulator."""
    with running(request.param, tmp_path_factory.mktemp(request.param)) as emulator:
        yield emulator.url


def make_client(endpoint, **config):
    return boto3.session.Session().client(
        "s3",
        endpoint_url=endpoint,
        **CREDENTIALS,
        config=Config(s3={"addressing_style": "path"}, max_pool_connections=32, **config),
    )


@pytest.fixture(scope="session")
def client(endpoint):
    """A client of the emulator."""
    return make_client(endpoint)


@pytest.fixture
def bucket(client, request):
    """An empty bucket of the test's own."""
    name = f"bucket-{time.monotonic_ns()}"
    client.create_bucket(Bucket=name)
    return name


@pytest.fixture
def proxy(endpoint):
    """A proxy to the emulator that can lose answers."""
    with proxied(int(endpoint.rpartition(":")[2])) as started:
        yield started
