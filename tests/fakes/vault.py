"""
A fake of HashiCorp Vault: its HTTP API for reading secrets of the KV engine of version 2, and nothing else.

It is no Vault. Written by the API's documentation (developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2): paths,
status codes and bodies are Vault's, versions, leases, policies and seals are not there.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MOUNT = "kv"
TOKEN = "hvs.fake"


class FakeVault:
    """
    Attributes:
        secrets: Path below the mount -> its fields; None: its last version was deleted.
        fails: How many of the next requests are cut off without an answer.
        status: Answered to everything, if it is not 0.
        token: The one that may read.
        asked: The headers of every request.
    """

    def __init__(self) -> None:
        self.secrets: dict[str, dict[str, object] | None] = {}
        self.fails, self.status, self.token = 0, 0, TOKEN
        self.asked: list[dict[str, str]] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())

    @property
    def environment(self) -> dict[str, str]:
        return {"VAULT_ADDR": f"http://127.0.0.1:{self.server.server_port}", "VAULT_TOKEN": self.token}

    def put(self, path: str, key: str, value: str) -> None:
        self.secrets[path.removeprefix(f"{MOUNT}/")] = {key: value, "user": "app", "port": 5432}

    def answer(self, path: str, token: str) -> tuple[int, dict[str, object]]:
        if self.status:
            return self.status, {"errors": ["Vault is sealed"]}
        if token != self.token:
            return 403, {"errors": ["permission denied"]}
        if path.startswith("/v1/legacy/"):
            return 200, {"data": {"password": "of version 1"}}
        name = path.removeprefix(f"/v1/{MOUNT}/data/")
        if name == path or name not in self.secrets:
            return 404, {"errors": []}
        fields = self.secrets[name]
        metadata = {"version": 2, "destroyed": False, "deletion_time": "" if fields else "2026-01-01T00:00:00Z"}
        return 200 if fields else 404, {"data": {"data": fields, "metadata": metadata}}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        vault = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                vault.asked.append(dict(self.headers))
                if vault.fails:
                    vault.fails -= 1
                    self.close_connection = True
                    return
                status, body = vault.answer(self.path, self.headers.get("X-Vault-Token", ""))
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        return Handler


@contextmanager
def running_vault() -> Iterator[FakeVault]:
    """A fake Vault for as long as the block."""
    vault = FakeVault()
    thread = threading.Thread(target=vault.server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield vault
    finally:
        vault.server.shutdown()
        vault.server.server_close()
        thread.join()
