"""
EDGE process: one provider process that is kept running, and lent to one Terraform at a time.

    python -m mcop_core.engines.terraform.keeper FOLDER NAME PROGRAM   its input is a socket

From its input it takes the provider's environment, a line of JSON; who sends it is the first client. The others connect
to `FOLDER/NAME.sock`. A client is told in one line of JSON how to reach the provider (`TF_REATTACH_PROVIDERS` takes it
so), by way of its `schema_proxy`, or `{}` if it is lent already. The connection is the loan: whoever holds it,
Terraform among them, holds the provider. What ends a loan well is the line `done`; if the connection ends in any other
way, the provider ends at once, as it would with a Terraform of its own. The keeper ends with its provider, after
*idle_s* without a loan, and after `_LOANS` of them.

Source: github.com/hashicorp/go-plugin, docs/internals.md, for the handshake.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import json
import os
import select
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

from mcop_core.engines.terraform.loan import DONE, IDLE_S, KeeperPaths
from mcop_core.engines.terraform.packages import PackageNote
from mcop_core.engines.terraform.schema_proxy import schema_proxy

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
    parser.add_argument("program", help="the provider's")
    parser.add_argument("--types", type=Path, help="where it is noted what the provider says of its types")
    parser.add_argument("--idle-s", type=float, default=IDLE_S)
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    paths = KeeperPaths(options.folder, options.name)
    try:
        paths.folder.mkdir(mode=0o700)
        with Provider.start(options.program, json.loads(sys.stdin.buffer.readline()), paths.folder) as provider:
            keeper = Keeper(provider, paths, options.idle_s, options.types and PackageNote(options.types))
            asyncio.run(keeper.run(socket.socket(fileno=sys.stdin.fileno())))
    finally:
        paths.clear()
    return 0


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider's process, and how Terraform reaches it; leaving its block ends it."""

    process: subprocess.Popen[bytes]
    protocol: int
    network: str
    address: str

    @classmethod
    def start(cls, binary: str, environment: Mapping[str, str], folder: Path) -> Provider:
        """
        Start *binary* as Terraform does, in *folder*.

        Raises:
            SystemExit: It is no provider, or does not answer.
        """
        # The keeper has one thread yet, which lives as long as it does: safe between fork and exec.
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
            return cls(process, int(protocol), network, address)
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

    @property
    def target(self) -> str:
        """Where gRPC reaches it."""
        return f"unix:{self.address}" if self.network == "unix" else self.address


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
    """Lends a provider until there is a reason to end; at first it is lent to who started it."""

    provider: Provider
    paths: KeeperPaths
    idle_s: float
    types: PackageNote | None = None
    is_lent: bool = True
    loans: int = 0
    idle_since: float = field(default_factory=time.monotonic)
    ending: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, first: socket.socket) -> None:
        """Return when the provider is to end; it is lent to *first* before anybody else is heard."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.ending.set)
        async with (
            schema_proxy(self.provider.target, self.paths.schema, self.paths.folder, self._lead_past, self.types),
            await asyncio.start_unix_server(self._serve, sock=_listen(self.paths.socket)),
        ):
            loan = asyncio.create_task(self._lend(*await asyncio.open_connection(sock=first)))
            while self.provider.is_running and not self.ending.is_set() and not self._is_forgotten():
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.ending.wait(), _LOOK_S)
            self.provider.process.kill()  # before anything takes time: who had it may have been killed
            self.ending.set()
            loan.cancel()

    def _is_forgotten(self) -> bool:
        return not self.is_lent and time.monotonic() - self.idle_since > self.idle_s

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one client; if nobody has the provider, it is theirs until they are gone."""
        if self.is_lent or self.ending.is_set():
            writer.write(b"{}\n")
            writer.close()
        else:
            await self._lend(reader, writer)

    async def _lend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Lend the provider, and end with it unless there may be another loan."""
        self.is_lent, said = True, b""
        try:
            told = {"provider": self.reattach(), "loans": self.loans}
            writer.write(json.dumps(told).encode() + b"\n")
            with suppress(OSError):  # the client may be gone: that ends the loan
                said = await reader.read(len(DONE))
        finally:
            writer.close()
            self.is_lent, self.loans, self.idle_since = False, self.loans + 1, time.monotonic()
            for link in self.paths.folder.iterdir():
                link.unlink()
            if said != DONE or self.loans >= _LOANS or not self.idle_s:
                self.ending.set()

    def _lead_past(self) -> None:
        """Lead Terraform to the provider itself, where that has a path."""
        if self.provider.network == "unix":
            self.paths.lead_to(Path(self.provider.address))

    def reattach(self) -> dict[str, Any]:
        """Return what `TF_REATTACH_PROVIDERS` says of it; `Test` keeps Terraform from ending it."""
        return {
            "Protocol": "grpc",
            "ProtocolVersion": self.provider.protocol,
            "Pid": self.provider.process.pid,
            "Test": True,
            "Addr": {"Network": "unix", "String": str(self.paths.way)},
        }


def _listen(path: Path) -> socket.socket:
    """Listen at *path*, which appears once a client can connect: one that refuses is taken for what a dead one left."""
    new, listening = path.with_suffix(".new"), socket.socket(socket.AF_UNIX)
    listening.bind(str(new))
    listening.listen()
    new.rename(path)
    return listening


if __name__ == "__main__":
    sys.exit(main())
