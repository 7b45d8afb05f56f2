"""
EDGE process: one provider process that is kept running, and lent to one Terraform at a time.

    python -m mcop_core.engines.terraform.keeper FOLDER NAME BINARY   environment, a JSON object, on its input

It listens at `FOLDER/NAME.sock` and says `ready` once the provider can be asked. A client that connects is told in one
line of JSON how to reach the provider (`TF_REATTACH_PROVIDERS` takes it so), or `{}` if it is lent already. The
connection is the loan: whoever holds it, Terraform among them, holds the provider. What ends a loan well is the line
`done`; if the connection ends in any other way, the provider ends at once, as it would with a Terraform of its own.
The keeper ends with its provider, after *idle_s* without a loan, and after `_LOANS` of them.

Source: github.com/hashicorp/go-plugin, docs/internals.md, for the handshake.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

READY = b"ready\n"
DONE = b"done\n"
END = b"end\n"
IDLE_S = 300.0

_HANDSHAKE = {
    "TF_PLUGIN_MAGIC_COOKIE": "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2",
    "PLUGIN_PROTOCOL_VERSIONS": "5,6",
}
_START_S = 30.0
_LOOK_S = 0.5
_LOANS = 200
"""After so many a provider has grown by half, and makes room for a new one."""
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG, linux/prctl.h


def main(arguments: Sequence[str] | None = None) -> int:
    """Keep a provider until nobody wants it any more."""
    parser = argparse.ArgumentParser(prog="mcop-keeper", description="Keep a provider process for many Terraforms.")
    parser.add_argument("folder", type=Path, help="the pool's; nobody else may read it")
    parser.add_argument("name", help="of this keeper in the pool")
    parser.add_argument("binary", help="the provider's")
    parser.add_argument("--idle-s", type=float, default=IDLE_S)
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    paths = KeeperPaths(options.folder, options.name)
    try:
        paths.folder.mkdir(mode=0o700)
        provider = Provider.start(options.binary, json.load(sys.stdin), paths.folder)
        with provider, socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(paths.socket))
            listener.listen()
            os.write(sys.stdout.fileno(), READY)
            Keeper(listener, provider, options.idle_s).run()
    finally:
        paths.clear()
    return 0


@dataclass(frozen=True, slots=True)
class KeeperPaths:
    """Where a keeper has its socket, and the folder in which its provider works."""

    pool: Path
    name: str

    @property
    def socket(self) -> Path:
        """Where clients connect."""
        return self.pool / f"{self.name}.sock"

    @property
    def folder(self) -> Path:
        """Where the provider works; holds links to what lies where Terraform works."""
        return self.pool / self.name

    def clear(self) -> None:
        """Remove both."""
        self.socket.unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider's process, and how Terraform reaches it; leaving its block ends it."""

    process: subprocess.Popen[bytes]
    protocol: int
    network: str
    address: str
    folder: Path

    @classmethod
    def start(cls, binary: str, environment: Mapping[str, str], folder: Path) -> Provider:
        """
        Start *binary* as Terraform does, in *folder*.

        Raises:
            SystemExit: It is no provider, or does not answer.
        """
        # The pid is the keeper's only child, and the keeper has one thread: safe between fork and exec.
        process = subprocess.Popen(
            [binary],
            cwd=folder,
            env={**environment, **_HANDSHAKE, "TMPDIR": str(folder.parent)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            umask=0o077,
            preexec_fn=_die_with_parent,
        )
        try:
            _, protocol, network, address, transport = _first_line(process).split("|")[:5]
            if transport != "grpc":
                raise ValueError(transport)
            return cls(process, int(protocol), network, address, folder)
        except ValueError as error:
            process.kill()
            raise SystemExit(f"{binary} cannot be kept: it does not answer as a provider") from error

    def __enter__(self) -> Provider:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        if self.network == "unix":
            Path(self.address).unlink(missing_ok=True)

    @property
    def is_running(self) -> bool:
        """Whether it has not ended by itself."""
        return self.process.poll() is None

    def reattach(self) -> dict[str, Any]:
        """Return what `TF_REATTACH_PROVIDERS` says of it; `Test` keeps Terraform from ending it."""
        return {
            "Protocol": "grpc",
            "ProtocolVersion": self.protocol,
            "Pid": self.process.pid,
            "Test": True,
            "Addr": {"Network": self.network, "String": self.address},
        }


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)


def _first_line(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None  # noqa: S101 (piped above)
    said, deadline = b"", time.monotonic() + _START_S
    while not said.endswith(b"\n") and (left := deadline - time.monotonic()) > 0:
        if select.select([process.stdout], [], [], left)[0]:
            part = os.read(process.stdout.fileno(), 4096)
            if not part:
                break
            said += part
    return said.decode(errors="replace").strip()


@dataclass(slots=True)
class Keeper:
    """Lends a provider until there is a reason to end."""

    listener: socket.socket
    provider: Provider
    idle_s: float
    loan: socket.socket | None = None
    loans: int = 0
    idle_since: float = field(default_factory=time.monotonic)

    def run(self) -> None:
        """Return when the provider is to end."""
        while self.provider.is_running and not self._is_forgotten():
            waited_for = [self.listener, *([self.loan] if self.loan else [])]
            ready = select.select(waited_for, [], [], _LOOK_S)[0]
            if self.loan in ready and not self._is_given_back():
                return
            if self.listener in ready:
                self._answer()

    def _is_forgotten(self) -> bool:
        patience_s = self.idle_s if self.loans else max(self.idle_s, _START_S)  # who started it comes first
        return self.loan is None and time.monotonic() - self.idle_since > patience_s

    def _answer(self) -> None:
        client, _ = self.listener.accept()
        is_free = self.loan is None
        told = {"provider": self.provider.reattach(), "folder": str(self.provider.folder), "loans": self.loans}
        with suppress(OSError):  # the client may be gone; if it has the loan, that ends it
            client.sendall(json.dumps(told if is_free else {}).encode() + b"\n")
        if is_free:
            self.loan = client
        else:
            client.close()

    def _is_given_back(self) -> bool:
        """End the loan, and return whether there may be another."""
        assert self.loan is not None  # noqa: S101 (something was heard of it)
        try:
            said = self.loan.recv(len(DONE))
        except OSError:
            said = b""
        self.loan.close()
        self.loan, self.loans, self.idle_since = None, self.loans + 1, time.monotonic()
        for link in self.provider.folder.iterdir():
            link.unlink()
        return said == DONE and self.loans < _LOANS


if __name__ == "__main__":
    sys.exit(main())
