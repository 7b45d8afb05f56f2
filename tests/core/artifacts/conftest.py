"""Two AWS emulators as processes on free ports, and a fault between a client and one of them."""

import socket
import threading
import time

import boto3
import pytest
from botocore.config import Config

from tests.emulators import CREDENTIALS, NAMES, running


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


class LossyProxy:
    """Forwards TCP to *target*; closes the next connection that carries *method* after its answer came."""

    def __init__(self, target):
        self.target = target
        self.lose_answer_to = b""
        self.method = b""
        self.server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.server.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                near, _ = self.server.accept()
            except OSError:
                return
            threading.Thread(target=self._forward, args=(near,), daemon=True).start()

    def _forward(self, near):
        with near, socket.create_connection(self.target) as far:
            threading.Thread(target=self._copy_requests, args=(near, far), daemon=True).start()
            while data := far.recv(65536):
                if self.lose_answer_to and self.method.startswith(self.lose_answer_to):
                    self.lose_answer_to = b""
                    near.shutdown(socket.SHUT_RDWR)
                    return
                near.sendall(data)

    def _copy_requests(self, near, far):
        try:
            while data := near.recv(65536):
                self.method = data[:8] if data[:4] in (b"PUT ", b"GET ", b"DELE", b"HEAD") else self.method
                far.sendall(data)
        except OSError:
            return

    method = b""

    def close(self):
        self.server.close()


@pytest.fixture
def lossy(endpoint):
    """A proxy to the emulator that can lose one answer."""
    host, port = endpoint.removeprefix("http://").split(":")
    proxy = LossyProxy((host, int(port)))
    yield proxy
    proxy.close()
