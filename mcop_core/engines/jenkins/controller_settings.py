"""An adapter's settings -> where the controller is, as whom it is spoken to, and below which folder its jobs lie."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

from mcop_core.catalog.models import AdapterSettings
from mcop_core.errors import InvalidName, closest
from mcop_core.secrets.reference import FORM, SecretRef

WAIT_IN_SLOT = "wait_in_slot_s"
FIELDS = ("url", "username", "folder", "allow_http", WAIT_IN_SLOT)
LONGEST_WAIT_S = 30 * 86_400
TOKEN = "token"  # noqa: S105 (the name of a credential)
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_HOST = re.compile(r"[A-Za-z0-9.:-]+", re.ASCII)
_FOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*(/[A-Za-z0-9][A-Za-z0-9_.-]*)*", re.ASCII)
_USERNAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@+-]{0,127}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ControllerSettings:
    """
    A controller.

    Attributes:
        url: Without a slash at its end.
        username: Whose API token is used.
        folder: Below which MCOP's folders lie, `a/b`; empty: at the top.
        token: The reference to the API token.
        wait_in_slot_s: How long a build is waited for at a stretch, seconds; None: as long as is usual.
    """

    url: str
    username: str
    folder: str
    token: SecretRef
    wait_in_slot_s: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the form it has in an artifact, without the token; what nobody said is not in it."""
        return {name: value for name, value in asdict(self).items() if name != TOKEN and value is not None}


def check_settings(settings: AdapterSettings, *, may_refer: bool = True) -> list[str]:
    """
    Say what is wrong with *settings*, one sentence each.

    Args:
        may_refer: Whether a folder with a `${…}` in it is not looked at; not where every value is concrete. Address and
            user never refer: whoever gives a run its values would choose to whom the token is sent.
    """
    told = _configuration(settings.configuration, may_refer=may_refer)
    return [*_surplus(settings), *told, *_credentials(settings.credentials)]


def read_settings(settings: AdapterSettings) -> ControllerSettings:
    """Return what *settings* say, against which `check_settings` has nothing and in which every value is concrete."""
    given = settings.configuration
    token = SecretRef.parse(settings.credentials[TOKEN])
    return ControllerSettings(
        given["url"].rstrip("/"), given["username"], given.get("folder") or "", token, given.get(WAIT_IN_SLOT)
    )


def _surplus(settings: AdapterSettings) -> Iterator[str]:
    for name in ("source", "version"):
        if getattr(settings, name):
            yield f"settings.{name} is for Terraform's providers: leave it out"
    for name in ("tool", "tool_version"):
        if getattr(settings, name):
            yield f"settings.{name} is for Terraform and OpenTofu: leave it out"
    for name in sorted(set(settings.configuration) - set(FIELDS)):
        if name in (TOKEN, "password", "api_token"):
            yield f"settings.configuration.{name} would be written to every artifact: write settings.credentials.token"
            continue
        near = closest(name, FIELDS)
        hint = f' Did you mean "{near}"?' if near else ""
        yield f"settings.configuration.{name} is no field. Allowed: {', '.join(FIELDS)}.{hint}"


def _configuration(given: Mapping[str, Any], *, may_refer: bool) -> Iterator[str]:
    for name in ("url", "username"):
        if not given.get(name):
            yield f"settings.configuration.{name} is missing"
    for name, problem in (("url", _url_problem), ("username", _username_problem), ("folder", _folder_problem)):
        value = given.get(name)
        is_open = name == "folder" and may_refer and isinstance(value, str) and "{" in value
        if value and not is_open and (told := problem(value, given)):
            yield f"settings.configuration.{name} is {value!r}: {told}"
    if not isinstance(given.get("allow_http", False), bool):
        yield "settings.configuration.allow_http must be true or false"
    if told := _wait_problem(given.get(WAIT_IN_SLOT)):
        yield f"settings.configuration.{WAIT_IN_SLOT} is {given[WAIT_IN_SLOT]!r}: {told}"


def _url_problem(value: object, given: Mapping[str, Any]) -> str:
    if not isinstance(value, str) or not value.isascii() or any(sign.isspace() for sign in value):
        return "it must be an address as https://ci.example.org"
    try:
        parts = urlsplit(value)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        return "it must be an address as https://ci.example.org"
    if parts.scheme not in ("https", "http") or not _HOST.fullmatch(host or "") or parts.query or parts.fragment:
        return "it must be an address as https://ci.example.org"
    if parts.username is not None or parts.password is not None:
        return "it must hold no user and no password"
    if parts.scheme == "http" and host not in _LOCAL and given.get("allow_http") is not True:
        return "the token would be sent in clear: write https, or allow_http: true"
    return ""


def _wait_problem(value: object) -> str:
    if value is None:
        return ""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if is_number and 0 <= value <= LONGEST_WAIT_S:  # type: ignore[operator]
        return ""
    return f"it must be a number of seconds between 0 and {LONGEST_WAIT_S}, such as 60"


def _username_problem(value: object, given: Mapping[str, Any]) -> str:
    if isinstance(value, str) and _USERNAME.fullmatch(value):
        return ""
    return f"it must match {_USERNAME.pattern}"


def _folder_problem(value: object, given: Mapping[str, Any]) -> str:
    return "" if isinstance(value, str) and _FOLDER.fullmatch(value) else f"it must match {_FOLDER.pattern}"


def _credentials(given: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(set(given) - {TOKEN}):
        yield f"settings.credentials.{name} is no field. Allowed: {TOKEN}."
    if TOKEN not in given:
        yield f"settings.credentials.{TOKEN} is missing: the API token of the user, as {FORM}"
        return
    try:
        SecretRef.parse(given[TOKEN])
    except InvalidName as error:
        yield f"settings.credentials.{TOKEN}: {error.message}"
