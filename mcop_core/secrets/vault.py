"""
EDGE http: the store `vault`, HashiCorp Vault's or OpenBao's KV engine of version 2.

It is found as Vault's own tools find it: VAULT_ADDR, VAULT_TOKEN or the file ~/.vault-token, VAULT_NAMESPACE,
VAULT_CACERT. Where a Vault Agent or Proxy logs in by itself, no token is needed.
"""

from __future__ import annotations

import ssl
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcop_core.errors import InvalidInput, Refused, SecretNotFound, Unreachable
from mcop_core.secrets.reference import SecretRef
from mcop_core.secrets.stores import Environment, key_of

if TYPE_CHECKING:
    import httpx

_TIMEOUT_S = 15.0
_ATTEMPTS = 3


class VaultStore:
    """`secret://vault/<mount>/<path>#<key>`: one key of the current version of a secret."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def get(self, ref: SecretRef) -> str:
        """Return the value of the key, which must be named."""
        mount, slash, path = ref.path.partition("/")
        if not slash:
            raise InvalidInput(f"{ref}: write secret://vault/<mount>/<path>#<key>; {mount} alone is a mount")
        response = self._ask(ref, f"/v1/{mount}/data/{path}")
        if response.status_code == 404:
            raise SecretNotFound(f"{ref}: Vault has no such secret, or its last version was deleted")
        if response.status_code in (401, 403):
            raise Refused(f"{ref}: Vault does not let this token read it: {_said(response)}")
        if response.status_code == 400:
            raise InvalidInput(f"{ref}: Vault cannot read it: {_said(response)}")
        if response.status_code != 200:
            raise Unreachable(f"{ref}: Vault answers {response.status_code}: {_said(response)}", service="vault")
        return key_of(ref, _fields(ref, response))

    def _ask(self, ref: SecretRef, path: str) -> httpx.Response:
        import httpx

        attempts_left = _ATTEMPTS
        while True:
            attempts_left -= 1
            try:
                return self._client.get(path)
            except httpx.TransportError as error:
                if not attempts_left:
                    raise Unreachable(f"{ref}: Vault does not answer: {error}", service="vault") from error

    @cached_property
    def _client(self) -> httpx.Client:
        import httpx

        address = self._environment.get("VAULT_ADDR", "")
        if not address.startswith(("http://", "https://")):
            raise InvalidInput("the store vault needs VAULT_ADDR, for example https://vault.example.org:8200")
        headers = {"X-Vault-Request": "true", "X-Vault-Namespace": self._environment.get("VAULT_NAMESPACE", "")}
        headers["X-Vault-Token"] = self._token()
        return httpx.Client(
            base_url=address,
            headers={name: value for name, value in headers.items() if value},
            timeout=_TIMEOUT_S,
            verify=self._trust(),
        )

    def _token(self) -> str:
        file = Path(self._environment.get("HOME", "/")) / ".vault-token"
        given = self._environment.get("VAULT_TOKEN", "")
        return given or (file.read_text().strip() if file.is_file() else "")

    def _trust(self) -> ssl.SSLContext | bool:
        own = self._environment.get("VAULT_CACERT")
        return ssl.create_default_context(cafile=own) if own else True


def _fields(ref: SecretRef, response: httpx.Response) -> dict[str, Any]:
    try:
        data = response.json()["data"]["data"]
    except (ValueError, KeyError, TypeError):
        data = None
    if not isinstance(data, dict):
        raise InvalidInput(f"{ref}: what answers there is no KV engine of version 2")
    return data


def _said(response: httpx.Response) -> str:
    """Return Vault's own reasons; it names paths and policies in them, never values."""
    try:
        return "; ".join(map(str, response.json().get("errors") or [])) or "it gives no reason"
    except (ValueError, AttributeError):
        return "it gives no reason"
