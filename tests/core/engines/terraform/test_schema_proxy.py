"""
What tells Terraform of a provider's types: gRPC of two real servers.

The provider here is one of the tests: it answers as one on the wire. `test_warm_clouds` has the real one.
"""

import asyncio
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest

from mcop_core.engines.terraform.module_files import PACKAGES
from mcop_core.engines.terraform.packages import PackageNote
from mcop_core.engines.terraform.schema_proxy import schema_proxy
from tests.core.engines.terraform.test_schema import (
    ANSWER,
    CALLER,
    GENERAL,
    OPTIONAL,
    PROVIDER,
    QUEUE,
    TOPIC,
    TOPIC_READ,
    fields_of,
)

GET_SCHEMA = "/tfplugin5.Provider/GetSchema"
GET_PROVIDER_SCHEMA = "/tfplugin6.Provider/GetProviderSchema"
APPLY = "/tfplugin5.Provider/ApplyResourceChange"
ANY_SIZE = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
SOON_S = 20.0
ANSWER_OF_OPTIONAL = PROVIDER + TOPIC + QUEUE + OPTIONAL


class Provider(grpc.GenericRpcHandler):
    """Answers in the way that the last part of a method's name says; `asked` holds every name."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answer = ANSWER
        self.together = threading.Barrier(40)
        self.was_cancelled = threading.Event()

    def service(self, handler_call_details):
        method = handler_call_details.method
        self.asked.append(method)
        known = {
            "GetSchema": self.schema,
            "GetProviderSchema": self.schema,
            "Fails": self.fail,
            "Waits": self.wait,
            "Together": self.meet,
        }
        if method.endswith("/Streams"):
            return grpc.stream_stream_rpc_method_handler(self.stream)
        return grpc.unary_unary_rpc_method_handler(known.get(method.rpartition("/")[2], lambda asked, _: asked[::-1]))

    def schema(self, asked, context):
        return self.answer

    def fail(self, asked, context):
        context.set_trailing_metadata((("x-reason", "because"),))
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not so: ü")

    def wait(self, asked, context):
        context.add_callback(self.was_cancelled.set)
        self.was_cancelled.wait(SOON_S)
        return b""

    def meet(self, asked, context):
        self.together.wait(SOON_S)
        return asked

    def stream(self, asked, context):
        for one in asked:
            yield one
            yield one.upper()


@contextmanager
def serving(provider: Provider, folder: Path) -> Iterator[grpc.Server]:
    server = grpc.server(ThreadPoolExecutor(64), options=ANY_SIZE)
    server.add_generic_rpc_handlers((provider,))
    server.add_insecure_port(f"unix:{folder}/provider")
    server.start()
    yield server
    server.stop(None).wait()


@contextmanager
def proxying(
    folder: Path, work: Path, told: Callable[[], None] = lambda: None, note: PackageNote | None = None
) -> Iterator[grpc.Channel]:
    """Run a schema proxy in a thread of its own, and be the Terraform that asks it."""
    ready, loop = threading.Event(), asyncio.new_event_loop()
    over = asyncio.Event()

    async def proxied() -> None:
        async with schema_proxy(f"unix:{folder}/provider", folder / "schema", work, told, note):
            ready.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(proxied(),))
    thread.start()
    assert ready.wait(SOON_S)
    with grpc.insecure_channel(f"unix:{folder}/schema", options=ANY_SIZE) as channel:
        yield channel
    loop.call_soon_threadsafe(over.set)
    thread.join()
    loop.close()


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/tmp") as name:  # a socket's path must be short
        yield Path(name)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Where Terraform works."""
    (tmp_path / "main.tf").write_text('resource "aws_sns_topic" "this" {}\n')
    return tmp_path


@pytest.fixture
def provider(folder: Path) -> Iterator[Provider]:
    provider = Provider()
    with serving(provider, folder):
        yield provider


@pytest.fixture
def terraform(provider: Provider, folder: Path, work: Path) -> Iterator[grpc.Channel]:
    """A client of the proxy."""
    with proxying(folder, work) as channel:
        yield channel


def ask(terraform: grpc.Channel, method: str, message: bytes = b"") -> bytes:
    return terraform.unary_unary(method)(message, timeout=SOON_S)


@pytest.mark.parametrize("method", [GET_SCHEMA, GET_PROVIDER_SCHEMA])
def test_a_root_is_told_of_the_types_that_it_names(terraform, method):
    assert [*GENERAL, TOPIC, TOPIC_READ] == fields_of(ask(terraform, method))


def test_the_provider_is_asked_once_and_every_command_is_told_what_it_names_by_then(terraform, provider, work):
    first = fields_of(ask(terraform, GET_SCHEMA))
    (work / "import.tf").write_text("import {\n  to = aws_sqs_queue.x\n}\n")
    second = fields_of(ask(terraform, GET_SCHEMA))

    assert (QUEUE in first, QUEUE in second) == (False, True)
    assert [GET_SCHEMA] == provider.asked


def test_it_is_said_that_terraform_knows_the_types_before_it_does(provider, folder, work):
    """So that its next connection leads elsewhere."""
    said = []
    with proxying(folder, work, lambda: said.append(len(provider.asked))) as terraform:
        ask(terraform, APPLY)
        ask(terraform, GET_SCHEMA)
        ask(terraform, GET_SCHEMA)

    assert [2, 2] == said


def test_a_provider_that_need_not_be_asked_is_asked_once_for_all_its_processes(provider, folder, work):
    note, provider.answer = PackageNote(folder / "types"), ANSWER_OF_OPTIONAL
    for _ in range(3):
        with proxying(folder, work, note=note) as terraform:
            told = ask(terraform, GET_SCHEMA)
            assert (True, False) == (TOPIC in told, QUEUE in told)

    assert [GET_SCHEMA] == provider.asked


def test_where_the_note_is_damaged_the_provider_is_asked(provider, folder, work):
    note, provider.answer = PackageNote(folder / "types"), ANSWER_OF_OPTIONAL
    note.write(provider.answer)
    note.path.write_bytes(note.path.read_bytes()[:-1])
    with proxying(folder, work, note=note) as terraform:
        assert TOPIC in ask(terraform, GET_SCHEMA)

    assert [GET_SCHEMA] == provider.asked
    assert provider.answer == note.read()


def test_a_provider_that_must_be_asked_is_asked_by_each_process(provider, folder, work):
    note = PackageNote(folder / "types")
    for _ in range(2):
        with proxying(folder, work, note=note) as terraform:
            assert [*GENERAL, TOPIC, TOPIC_READ] == fields_of(ask(terraform, GET_SCHEMA))

    assert [GET_SCHEMA] * 2 == provider.asked
    assert note.read() is None


@pytest.mark.parametrize(
    ("path", "text", "told"),
    [
        ("module/deep/main.tf", 'data "aws_caller_identity" "x" {}', CALLER),
        ("module/main.tf.json", '{"resource": {"aws_sqs_queue": {}}}', QUEUE),
        ("module/main.tofu", 'resource "aws_sqs_queue" "x" {}', QUEUE),
        (".terraform/modules/one/main.tf", 'resource "aws_sqs_queue" "x" {}', QUEUE),
        ("terraform.tfstate", '{"resources": [{"type": "aws_sqs_queue"}]}', QUEUE),
    ],
)
def test_every_file_that_can_name_a_type_is_read(terraform, work, path, text, told):
    place = work / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)

    assert told in fields_of(ask(terraform, GET_SCHEMA))


def test_links_are_followed_but_into_packages_and_to_what_is_gone(terraform, work, tmp_path_factory):
    """The folder of a provider holds links to what lies where Terraform works."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "module").mkdir()
    (elsewhere / "module" / "main.tf").write_text('resource "aws_sqs_queue" "x" {}')
    (elsewhere / PACKAGES).mkdir(parents=True)
    (elsewhere / PACKAGES / "example.tf").write_text('data "aws_caller_identity" "x" {}')
    for name in ("module", ".terraform"):
        (work / name).symlink_to(elsewhere / name)
    (work / "terraform.tfstate").symlink_to(elsewhere / "gone.tfstate")

    told = fields_of(ask(terraform, GET_SCHEMA))

    assert (QUEUE in told, CALLER in told) == (True, False)


def test_where_a_name_may_be_written_in_another_way_everything_is_told(terraform, work):
    (work / "main.tf").write_text('resource "aws_\\u0073ns_topic" "this" {}\n')

    assert [*GENERAL, TOPIC, TOPIC_READ, QUEUE, CALLER] == fields_of(ask(terraform, GET_SCHEMA))


@pytest.mark.parametrize("size", [0, 1, 10_000_000])
def test_whatever_else_is_asked_is_passed_on_as_it_is(terraform, provider, size):
    message = os.urandom(size)

    assert message[::-1] == ask(terraform, APPLY, message)
    assert [APPLY] == provider.asked


def test_a_refusal_is_the_providers_own(terraform):
    with pytest.raises(grpc.RpcError) as refused:
        ask(terraform, "/tfplugin6.Provider/Fails")

    assert (grpc.StatusCode.FAILED_PRECONDITION, "not so: ü") == (refused.value.code(), refused.value.details())
    assert ("x-reason", "because") in [tuple(one) for one in refused.value.trailing_metadata()]


def test_streams_of_messages_pass_in_both_directions(terraform):
    answers = terraform.stream_stream("/tfplugin6.Provider/Streams")(iter([b"a", b"b"]), timeout=SOON_S)

    assert [b"a", b"A", b"b", b"B"] == list(answers)


def test_who_stops_waiting_stops_the_provider_too(terraform, provider):
    with pytest.raises(grpc.RpcError):
        terraform.unary_unary("/tfplugin5.Provider/Waits")(b"", timeout=0.5)

    assert provider.was_cancelled.wait(SOON_S)


def test_many_calls_are_under_way_at_once(terraform):
    """Terraform works on ten resources at a time, and says `Stop` beside them."""
    calls = [terraform.unary_unary("/tfplugin5.Provider/Together").future(b"x", timeout=SOON_S) for _ in range(40)]

    assert [b"x"] * 40 == [call.result() for call in calls]


@pytest.mark.parametrize("method", ["/plugin.GRPCController/Shutdown", "/plugin.GRPCStdio/StreamStdio"])
def test_nothing_but_the_providers_own_service_is_passed_on(terraform, provider, method):
    """Terraform does not end a provider that it has not started."""
    with pytest.raises(grpc.RpcError) as refused:
        ask(terraform, method)

    assert grpc.StatusCode.UNIMPLEMENTED == refused.value.code()
    assert [] == provider.asked


def test_of_a_provider_that_is_gone_terraform_hears_what_it_would_hear_itself(folder, work):
    """By this status Terraform knows that its plugin has died."""
    with serving(Provider(), folder) as server, proxying(folder, work) as terraform:
        call = terraform.unary_unary("/tfplugin5.Provider/Waits").future(b"", timeout=SOON_S)
        assert b"x" == ask(terraform, APPLY, b"x")
        server.stop(0).wait()
        with pytest.raises(grpc.RpcError) as refused:
            call.result()

    assert refused.value.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
