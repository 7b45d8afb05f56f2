"""
What the servers that speak a cloud's REST have in common: routes, pages, operations that take a while, and faults.

A cloud is a subclass with a table of routes. Nothing here waits for a clock: what takes a while takes a number of
looks, so that a test with a clock of its own sees the same as one without.
"""

import base64
import ipaddress
import json
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Server = TypeVar("Server", bound="RestServer")
GARBAGE = b"<html><body><h1>It works!</h1></body></html>"


@dataclass(frozen=True)
class Asked:
    """
    One request.

    Attributes:
        path: Unquoted, without the query.
        headers: Names in lower case.
        body: Of a form its fields, else the JSON value; None if there is none.
    """

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any

    @property
    def line(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Answer:
    """A status, a JSON value (or bytes as they are, or nothing) and headers beside those of every answer."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


class Does(StrEnum):
    """What becomes of a request that a fault meets."""

    REFUSE = "nothing is done, and the fault's answer is given"
    LOSE_ANSWER = "it is carried out, and the connection cut"
    GARBAGE = "nothing is done, and a web page comes back with 200"
    HANG = "nothing is done and nothing is said until the server stops or lets go"


@dataclass
class Fault:
    """
    The requests that it is about, and what becomes of them.

    Attributes:
        line: Regular expression that is looked for in `<method> <path>`.
        skip: How many such requests pass first.
        times: How many it then meets; None: all, until it is taken away.
        answer: What `REFUSE` answers.
        hits: How many it has met.
    """

    does: Does
    line: str = ""
    skip: int = 0
    times: int | None = 1
    answer: Answer = field(default_factory=lambda: Answer(500))
    hits: int = 0

    def meets(self, asked: Asked) -> bool:
        """Whether it is this request's turn; counts it."""
        if not re.search(self.line, asked.line) or (self.times is not None and self.hits >= self.times):
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.hits += 1
        return True


@dataclass
class Operation:
    """
    Something that takes a while.

    Attributes:
        looks: How many looks still find it under way.
        finish: What is done to the cloud once it ends.
        error: How it fails, in the cloud's own shape; None: it succeeds.
        about: What it is about: the facts that the cloud's answer names.
    """

    id: str
    looks: int
    finish: Callable[[], None]
    error: dict[str, Any] | None = None
    about: dict[str, Any] = field(default_factory=dict)
    is_done: bool = False

    def look(self) -> None:
        """Find it under way once more, or at its end."""
        if self.is_done:
            return
        if self.looks > 0:
            self.looks -= 1
            return
        self.is_done = True
        self.finish()


class Routes:
    """Method and path -> function; `{name}` in a path is one segment and becomes an argument."""

    def __init__(self, flags: re.RegexFlag = re.NOFLAG) -> None:
        self._flags = flags
        self._routes: list[tuple[str, re.Pattern[str], Callable[..., Answer]]] = []

    def on(self, method: str, path: str) -> Callable[[Callable[..., Answer]], Callable[..., Answer]]:
        """Answer such requests with the decorated function."""
        pattern = re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(path)), self._flags)

        def add(function: Callable[..., Answer]) -> Callable[..., Answer]:
            self._routes.append((method, pattern, function))
            return function

        return add

    def find(self, asked: Asked) -> tuple[Callable[..., Answer], dict[str, str]] | None:
        for method, pattern, function in self._routes:
            if method == asked.method and (found := pattern.fullmatch(asked.path)):
                return function, found.groupdict()
        return None


class RestServer:
    """
    Listens on a free port of this machine until it is closed.

    Attributes:
        faults: The first that meets a request decides; others do not count it.
        asked: `<method> <path>` of every request, in order.
        page_size: How many entries a page has at most.
        create_looks, delete_looks: How many looks find a creation or deletion under way.
        unseen_looks: How many times what was just created is not found yet.
    """

    routes = Routes()

    def __init__(self, folder: Path | None = None) -> None:
        """With *folder* it speaks TLS, and leaves its certificate there."""
        self.faults: list[Fault] = []
        self.asked: list[str] = []
        self.page_size = 50
        self.create_looks = self.delete_looks = 1
        self.unseen_looks = 0
        self.operations: dict[str, Operation] = {}
        self.lock = threading.RLock()
        self.let_go = threading.Event()
        self.server = _Listener(self)
        self.certificate = _speak_tls(self.server, folder) if folder else None

    @property
    def url(self) -> str:
        return f"{'https' if self.certificate else 'http'}://127.0.0.1:{self.server.server_address[1]}"

    # -- what tests do to it -------------------------------------------------------------------------------

    def add(self, does: Does, line: str = "", **rule: Any) -> Fault:
        """Have a fault from now on; see `Fault` for its fields."""
        fault = Fault(does, line, **rule)
        with self.lock:
            self.faults.append(fault)
        return fault

    def refuse(self, line: str, answer: Answer, **rule: Any) -> Fault:
        return self.add(Does.REFUSE, line, answer=answer, **rule)

    def count(self, line: str) -> int:
        """How many requests were asked of which *line*, a regular expression, is part."""
        with self.lock:
            return sum(bool(re.search(line, asked)) for asked in self.asked)

    def close(self) -> None:
        self.let_go.set()
        self.server.shutdown()
        self.server.server_close()

    # -- what a cloud says ---------------------------------------------------------------------------------

    def refuses(self, asked: Asked) -> Answer | None:
        """Return the refusal of a request that is not let in; None if it is."""
        raise NotImplementedError

    def unknown(self, asked: Asked) -> Answer:
        """Return what is said to a request that no route is for."""
        raise NotImplementedError

    def answer(self, asked: Asked) -> Answer:
        """Carry out *asked*."""
        if refusal := self.refuses(asked):
            return refusal
        found = self.routes.find(asked)
        if found is None:
            return self.unknown(asked)
        function, names = found
        with self.lock:
            return function(self, asked, **names)

    def begin(self, operation: Operation) -> Operation:
        self.operations[operation.id] = operation
        return operation

    def fault_for(self, asked: Asked) -> Fault | None:
        with self.lock:
            self.asked.append(asked.line)
            return next((fault for fault in self.faults if fault.meets(asked)), None)


@contextmanager
def running(server: Server) -> Iterator[Server]:
    """Have *server* answer for as long as the block."""
    thread = threading.Thread(target=server.server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join()


# -- pages -------------------------------------------------------------------------------------------------


def page_of(entries: Sequence[Any], token: str | None, size: int) -> tuple[Sequence[Any], str | None]:
    """
    Return the page of *entries* that *token* names, and the token of the next; None after the last.

    Raises:
        ValueError: *token* is none of this function's.
    """
    begin = int(base64.urlsafe_b64decode(token).decode().removeprefix("after:")) if token else 0
    end = begin + size
    return entries[begin:end], base64.urlsafe_b64encode(f"after:{end}".encode()).decode() if end < len(
        entries
    ) else None


# -- HTTP --------------------------------------------------------------------------------------------------


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, cloud: RestServer) -> None:
        self.cloud = cloud
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up, or trusts nobody, is none of the server's troubles."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Listener

    def setup(self) -> None:
        # The handshake is made here and not where connections are accepted: a client that is slow at it holds up no
        # other one.
        if isinstance(self.request, ssl.SSLSocket):
            self.request.do_handshake()
        super().setup()

    def _handle(self) -> None:
        asked = self._read()
        cloud = self.server.cloud
        fault = cloud.fault_for(asked)
        match fault.does if fault else None:
            case Does.REFUSE:
                self._say(fault.answer)
            case Does.GARBAGE:
                self._say(Answer(200, GARBAGE, {"Content-Type": "text/html"}))
            case Does.HANG:
                cloud.let_go.wait()
                self._hang_up()
            case Does.LOSE_ANSWER:
                cloud.answer(asked)
                self._hang_up()
            case _:
                self._say(cloud.answer(asked))

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_PATCH = _handle  # noqa: N815

    def _read(self) -> Asked:
        target = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        data = self.rfile.read(int(headers.get("content-length") or 0))
        return Asked(
            self.command,
            unquote(target.path),
            dict(parse_qsl(target.query, keep_blank_values=True)),
            headers,
            _value(data, headers.get("content-type", "")),
        )

    def _say(self, answer: Answer) -> None:
        is_raw = isinstance(answer.body, bytes)
        data = b"" if answer.body is None else answer.body if is_raw else json.dumps(answer.body).encode()
        self.send_response(answer.status)
        headers = {"Content-Type": "application/json; charset=utf-8", **answer.headers}
        for name, value in headers.items():
            self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD" and answer.status != 204:
            self.wfile.write(data)

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def _value(data: bytes, kind: str) -> Any:
    if not data:
        return None
    if kind.startswith("application/x-www-form-urlencoded"):
        return dict(parse_qsl(data.decode()))
    return json.loads(data)


# -- TLS ---------------------------------------------------------------------------------------------------


def _speak_tls(server: ThreadingHTTPServer, folder: Path) -> Path:
    """Have *server* speak TLS with a certificate of its own; return the certificate's file, PEM."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    _write_certificate(certificate, key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    return certificate


def _write_certificate(certificate: Path, key: Path) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(private, hashes.SHA256())
    )
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
