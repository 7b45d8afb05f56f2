"""
EDGE gRPC: tells Terraform of a provider's types those that its files name (see `schema`), and then gets out of its way.

Terraform's first question of each command is what the provider's types are, on a connection of its own. That one leads
here, as does a link to this socket. Once it is answered the link leads to the provider itself: nothing that is planned
or applied passes through here. Whatever else is asked on the first connection is passed on, message by message.

Source: github.com/hashicorp/go-plugin, docs/internals.md; the other services of a plugin are for its log and its end,
which are not Terraform's to ask for. `GetProviderSchemaOptional` of the plugin protocol lets Terraform ask once.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from mcop_core.engines.terraform.module_files import PACKAGES
from mcop_core.engines.terraform.packages import PackageNote
from mcop_core.engines.terraform.schema import ProviderSchema, words_in

_SERVICES = ("/tfplugin5.Provider/", "/tfplugin6.Provider/")
_SCHEMA = ("/tfplugin5.Provider/GetSchema", "/tfplugin6.Provider/GetProviderSchema")
_OF_ANY_SIZE = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
_CONFIGURATION = (".tf", ".tofu", ".json")
_STATE = (".tfstate",)


@asynccontextmanager
async def schema_proxy(
    provider: str, listen: Path, folder: Path, told: Callable[[], None], note: PackageNote | None = None
) -> AsyncIterator[None]:
    """
    Answer inside the block at the socket *listen* for the provider at the gRPC target *provider*.

    Args:
        folder: Holds what lies where Terraform works.
        told: Called before each answer that says what the types are.
        note: Of what the provider says, if that can be noted.
    """
    async with grpc.aio.insecure_channel(provider, options=_OF_ANY_SIZE) as channel:
        server = grpc.aio.server(options=_OF_ANY_SIZE)
        server.add_generic_rpc_handlers((_Handler(channel, folder, told, note),))
        server.add_insecure_port(f"unix:{listen}")
        await server.start()
        try:
            yield
        finally:
            await server.stop(None)


class _Handler(grpc.GenericRpcHandler):
    """On the wire every call is two streams of messages; most have one in each."""

    def __init__(
        self, channel: grpc.aio.Channel, folder: Path, told: Callable[[], None], note: PackageNote | None
    ) -> None:
        self._channel, self._folder, self._told, self._note = channel, folder, told, note
        self._schema: ProviderSchema | None = None
        self._asking = asyncio.Lock()

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        """Return how a call is served; None: there is no such service."""
        method = handler_call_details.method
        if not method.startswith(_SERVICES):
            return None
        answers = self._shortened if method in _SCHEMA else self._passed_on

        async def serve(asked: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
            try:
                async for answer in answers(method, asked):
                    yield answer
            except grpc.aio.AioRpcError as error:
                await context.abort(error.code(), error.details() or "", tuple(error.trailing_metadata() or ()))

        return grpc.stream_stream_rpc_method_handler(serve)

    async def _passed_on(self, method: str, asked: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        pass_on: Any = self._channel.stream_stream(method)
        call = pass_on(asked)
        try:
            async for answer in call:
                yield answer
        finally:
            call.cancel()  # whoever asked is gone; where the call has ended it means nothing

    async def _shortened(self, method: str, asked: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async with self._asking:
            if self._schema is None and self._note and (noted := self._note.read()):
                self._schema = ProviderSchema.parse(noted)
            if self._schema is None:
                async for answer in self._passed_on(method, asked):
                    self._schema = ProviderSchema.parse(answer)
                    if self._note and self._schema.is_optional:
                        self._note.write(answer)
        if self._schema is not None:
            words = _words_in(self._folder)
            self._told()
            yield self._schema.whole if words is None else self._schema.of(words)


def _words_in(folder: Path) -> frozenset[bytes] | None:
    return words_in(_texts(folder, _CONFIGURATION), _texts(folder, _STATE))


def _texts(folder: Path, endings: tuple[str, ...]) -> Iterator[bytes]:
    for inner, folders, names in os.walk(folder, followlinks=True):
        if Path(inner) == folder / PACKAGES.parent:
            folders[:] = [one for one in folders if one != PACKAGES.name]
        for name in names:
            if name.endswith(endings):
                with suppress(FileNotFoundError):  # a link to what was there when the provider was lent
                    yield Path(inner, name).read_bytes()
