"""AWS emulators as processes on free ports: one way to start and stop them for every suite."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3

NAMES = ("ministack", "moto_server")
MINISTACK = (sys.executable, str(Path(__file__).with_name("refusing_ministack.py")))
"""The command that starts ministack; its port and its folders stand in the environment."""
CREDENTIALS = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
_BIN = Path(sys.executable).parent
_MOTO = {
    "moto_server": (str(_BIN / "moto_server"),),
    "stocked_moto": (sys.executable, str(Path(__file__).with_name("stocked_moto.py"))),
}


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


class Emulator:
    """One emulator that can be stopped and started again on its port; *folder* holds its log."""

    def __init__(self, name: str, folder: Path):
        self.name = name
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What leads an AWS SDK to it."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def start(self) -> "Emulator":
        with (self._folder / f"{self.name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command(),
                env={**os.environ, "GATEWAY_PORT": str(self.port), "BIND_HOST": "127.0.0.1"},
                cwd=self._folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + 60
        while not self._answers():
            assert self._process.poll() is None, f"{self.name} ended; its log is in {self._folder}"
            assert time.monotonic() < deadline, f"{self.name} does not answer on port {self.port}"
            time.sleep(0.05)
        return self

    def _command(self) -> tuple[str, ...]:
        if self.name == "ministack":
            return MINISTACK
        return (*_MOTO[self.name], "-H", "127.0.0.1", "-p", str(self.port))

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()

    def client(self, service: str, **options):
        return boto3.client(service, endpoint_url=self.url, **CREDENTIALS, **options)


@contextmanager
def running(name: str, folder: Path) -> Iterator[Emulator]:
    """An emulator for as long as the block."""
    emulator = Emulator(name, folder)
    try:
        yield emulator.start()
    finally:
        emulator.stop()
