"""
A reverse proxy before an AWS emulator that has chosen requests go wrong: the fault injector of every suite.

Rules name a service (as the signature does: `s3`, `ec2`, `dynamodb`), an operation (`CreateVpc`, `PutItem`; S3 and
other REST services have the HTTP method instead) and a path, and what becomes of such a request.
"""

import http.client
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

_SERVICE = re.compile(r"Credential=[^/]*/[^/]*/[^/]*/([^/]*)/aws4_request")
_KEY = re.compile(r"Credential=([^/]*)/")
_OF_ONE_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "content-length"}


class Does(StrEnum):
    """What becomes of a request."""

    DROP_REQUEST = "drop the request"
    DROP_ANSWER = "drop the answer"
    DELAY = "delay"
    FAIL = "fail"
    THROTTLE = "throttle"
    EXPIRE = "expire"
    REFUSE = "refuse with the rule's code"
    GARBLE = "answer a web page"


@dataclass
class Fault:
    """
    A rule: the requests it is about, and what becomes of them.

    Attributes:
        does: `DROP_ANSWER`: the emulator did it, and nobody hears of it. `FAIL`: a 5xx that nothing was done for.
        service: Empty: every one.
        operation, path: Regular expressions; the operation's whole name, anywhere in the path.
        skip: How many such requests pass first.
        times: How many it then meets; None: all, until it is cleared.
        delay_s: How long `DELAY` holds a request back, seconds.
        code: What `REFUSE` says, with 400.
        hits: How many it has met.
    """

    does: Does
    service: str = ""
    operation: str = ""
    path: str = ""
    skip: int = 0
    times: int | None = 1
    delay_s: float = 0.0
    code: str = ""
    hits: int = 0

    def meets(self, request: "Request") -> bool:
        """Whether it is this request's turn; counts it."""
        is_meant = (
            self.service in ("", request.service)
            and bool(re.fullmatch(self.operation or ".*", request.operation))
            and bool(re.search(self.path, request.path))
        )
        if not is_meant or (self.times is not None and self.hits >= self.times):
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.hits += 1
        return True


@dataclass(frozen=True)
class Request:
    """One request; the names of its headers in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def service(self) -> str:
        signed = _SERVICE.search(self.headers.get("authorization", ""))
        return signed.group(1) if signed else ""

    @property
    def key(self) -> str:
        signed = _KEY.search(self.headers.get("authorization", ""))
        return signed.group(1) if signed else ""

    @property
    def operation(self) -> str:
        target = self.headers.get("x-amz-target", "").rpartition(".")[2]
        action = parse_qs(self.body.decode("latin-1")).get("Action", [""])[0] if self.is_form else ""
        return target or action or self.method

    @property
    def is_form(self) -> bool:
        """Whether the operation stands in the body, as it does for EC2, IAM and STS."""
        return self.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")

    @property
    def is_json(self) -> bool:
        return "x-amz-target" in self.headers


class FaultProxy:
    """
    Listens on a free port of this machine, and passes on to *target*, another one, what no fault meets.

    Attributes:
        faults: The rules, of which the first that meets a request decides; others do not count it.
        seen: `<service> <operation>` of every request, in order.
        keys: Id of the access key that signed each of them, in order; empty if none did.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.faults: list[Fault] = []
        self.seen: list[str] = []
        self.keys: list[str] = []
        self._lock = threading.Lock()
        self._server = _Server(self)
        self.port: int = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def add(self, does: Does, **rule: object) -> Fault:
        """Have a rule from now on; see `Fault` for its fields."""
        fault = Fault(does, **rule)
        with self._lock:
            self.faults.append(fault)
        return fault

    def clear(self) -> None:
        """Have no faults any more."""
        with self._lock:
            self.faults.clear()

    def fault_for(self, request: Request) -> Fault | None:
        """Return the rule that meets *request*, None if none does; counts both."""
        with self._lock:
            self.seen.append(f"{request.service} {request.operation}")
            self.keys.append(request.key)
            return next((fault for fault in self.faults if fault.meets(request)), None)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def proxied(target: int) -> Iterator[FaultProxy]:
    """A proxy to the port *target* for as long as the block."""
    proxy = FaultProxy(target)
    try:
        yield proxy
    finally:
        proxy.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, proxy: FaultProxy) -> None:
        self.proxy = proxy
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is none of the proxy's troubles."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _handle(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, self._body())
        fault = self.server.proxy.fault_for(request)
        does = fault.does if fault else None
        if does is Does.DROP_REQUEST:
            return self._hang_up()
        if does in _REFUSALS:
            return self._answer(*refusal(does, request, fault.code))
        if does is Does.GARBLE:
            return self._answer(200, [("Content-Type", "text/html")], b"<html><body><h1>It works!</h1></body></html>")
        if fault and does is Does.DELAY:
            time.sleep(fault.delay_s)
        answer = self._pass_on(request)
        if answer is None or does is Does.DROP_ANSWER:
            return self._hang_up()
        return self._answer(*answer)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_PATCH = do_OPTIONS = _handle  # noqa: N815

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return b"".join(iter(self._chunk, b""))
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _chunk(self) -> bytes:
        data = self.rfile.read(int(self.rfile.readline().partition(b";")[0], 16))
        self.rfile.readline()
        return data

    def _pass_on(self, request: Request) -> tuple[int, list[tuple[str, str]], bytes] | None:
        """Return status, headers and body that the emulator gives; None if it is not there."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.proxy.target, timeout=120)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _OF_ONE_CONNECTION}
        if request.body or self.command in ("POST", "PUT"):
            headers["Content-Length"] = str(len(request.body))
        try:
            connection.request(self.command, self.path, request.body or None, headers)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in _OF_ONE_CONNECTION or (self.command == "HEAD" and name.lower() == "content-length"):
                self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


# -- errors as AWS writes them ---------------------------------------------------------------------------

_REFUSALS = {Does.FAIL, Does.THROTTLE, Does.EXPIRE, Does.REFUSE}
_CODES = {
    "json": {
        Does.FAIL: (500, "InternalServerError"),
        Does.THROTTLE: (400, "ThrottlingException"),
        Does.EXPIRE: (400, "ExpiredTokenException"),
    },
    "ec2": {
        Does.FAIL: (503, "Unavailable"),
        Does.THROTTLE: (503, "RequestLimitExceeded"),
        Does.EXPIRE: (400, "RequestExpired"),
    },
    "form": {
        Does.FAIL: (500, "InternalFailure"),
        Does.THROTTLE: (400, "Throttling"),
        Does.EXPIRE: (403, "ExpiredToken"),
    },
    "rest": {
        Does.FAIL: (500, "InternalError"),
        Does.THROTTLE: (503, "SlowDown"),
        Does.EXPIRE: (400, "ExpiredToken"),
    },
}
_SHAPES = {
    "json": '{{"__type":"com.amazonaws#{code}","message":"{code} by the fault proxy"}}',
    "ec2": "<Response><Errors><Error><Code>{code}</Code><Message>{code} by the fault proxy</Message></Error></Errors>"
    "<RequestID>fault</RequestID></Response>",
    "form": "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{code} by the fault proxy</Message>"
    "</Error><RequestId>fault</RequestId></ErrorResponse>",
    "rest": "<Error><Code>{code}</Code><Message>{code} by the fault proxy</Message></Error>",
}


def refusal(does: Does, request: Request, code: str = "") -> tuple[int, list[tuple[str, str]], bytes]:
    """Return the error that the service of *request* would answer with, in its protocol's shape; *code* of `REFUSE`."""
    protocol = "ec2" if request.service == "ec2" else "form" if request.is_form else "rest"
    protocol = "json" if request.is_json else protocol
    status, code = (400, code) if does is Does.REFUSE else _CODES[protocol][does]
    kind = "application/x-amz-json-1.0" if protocol == "json" else "text/xml"
    return status, [("Content-Type", kind)], _SHAPES[protocol].format(code=code).encode()
