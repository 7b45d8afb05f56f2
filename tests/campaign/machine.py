"""One machine of a campaign: the emulated cloud, the relay before it, and the processes that can be killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import boto3
import httpx

from tests.emulators import CREDENTIALS, MINISTACK, free_port


class Cloud:
    """
    ministack with its world on disk, and a relay that everybody speaks through.

    The emulator writes its world down when it is asked to stop, and only then: it is stopped, never killed, since a
    cloud that forgets what it was told is no fault of MCOP's. Answers under way are lost with the relay.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port, self._inner = free_port(), free_port()
        self._emulator: subprocess.Popen[bytes] | None = None
        self._relay: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What leads every AWS SDK through the relay."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self._port}",
            "AWS_ACCESS_KEY_ID": CREDENTIALS["aws_access_key_id"],
            "AWS_SECRET_ACCESS_KEY": CREDENTIALS["aws_secret_access_key"],
            "AWS_REGION": CREDENTIALS["region_name"],
            "AWS_DEFAULT_REGION": CREDENTIALS["region_name"],
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, service: str):
        """A client that speaks to the emulator itself."""
        return boto3.client(service, endpoint_url=f"http://127.0.0.1:{self._inner}", **CREDENTIALS)

    def start(self) -> None:
        """Start what does not run; return when both answer."""
        if self._emulator is None:
            self._start_emulator()
        if self._relay is None or self._relay.poll() is not None:
            relay = Path(__file__).with_name("relay.py")
            self._relay = self._run([sys.executable, str(relay), str(self._port), str(self._inner)], {})
        self._wait_for(self._inner)
        self._wait_for(self._port)

    def _start_emulator(self) -> None:
        own = {
            "GATEWAY_PORT": str(self._inner),
            "BIND_HOST": "127.0.0.1",
            "PERSIST_STATE": "1",
            "STATE_DIR": str(self._folder / "cloud"),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(self._folder / "objects"),
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "LOG_LEVEL": "WARNING",
        }
        self._emulator = self._run(MINISTACK, own)

    def _run(self, command: Sequence[str], own: dict[str, str]) -> subprocess.Popen[bytes]:
        with (self._folder / "cloud.log").open("ab") as log:
            return subprocess.Popen(
                command, env={**os.environ, **own}, stdout=log, stderr=log, cwd=self._folder, start_new_session=True
            )

    def _wait_for(self, port: int, timeout_s: float = 60) -> None:
        ends = time.monotonic() + timeout_s
        while not _is_ready(port):
            if time.monotonic() > ends:
                raise TimeoutError(f"the cloud does not answer on port {port}; its log is in {self._folder}")
            time.sleep(0.1)

    def kill_relay(self) -> None:
        """Lose every request and answer under way."""
        if self._relay is not None:
            self._relay.kill()
            self._relay.wait()

    def stop_emulator(self) -> None:
        """Stop the cloud; it writes its world down."""
        if self._emulator is not None:
            self._emulator.terminate()
            self._emulator.wait(60)
            self._emulator = None

    def stop(self) -> None:
        self.kill_relay()
        self.stop_emulator()


def _is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/_ministack/ready", timeout=5, trust_env=False).is_success
    except httpx.TransportError:
        return False


# -- processes -------------------------------------------------------------------------------------------


def processes(matches: Callable[[list[str]], bool]) -> list[int]:
    """Return the processes whose command line *matches*, zombies left out."""
    pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return [pid for pid in pids if matches(command_line(pid))]


def command_line(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    except OSError:
        return []


def children(pid: int) -> list[int]:
    """Return the processes that *pid* started, from whichever of its threads, and that live."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(child) for thread in threads for child in (thread / "children").read_text().split()]
    except OSError:
        return []


def providers(terraform: int) -> list[int]:
    """Return the providers of a Terraform: those that it started, and the warm ones that it was lent."""
    try:
        entries = Path(f"/proc/{terraform}/environ").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        entries = []
    lent = "".join(entry.partition("=")[2] for entry in entries if entry.startswith("TF_REATTACH_PROVIDERS="))
    return [*children(terraform), *(one["Pid"] for one in json.loads(lent or "{}").values())]


def parent(pid: int) -> int:
    """Return the process that started *pid*; 0 if it is gone."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def grown(pids: Iterable[int]) -> list[int]:
    """Return those of *pids* that none of them started: what starts a child looks for a moment like two of itself."""
    found = list(pids)
    return [pid for pid in found if parent(pid) not in found]


def kill_all(pids: Iterable[int]) -> int:
    """kill -9 each; return how many there were to kill."""
    count = 0
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
            count += 1
        except ProcessLookupError:
            continue
    return count
