"""`secret://<store>/<path>#<key>`: the address of a secret, which may stand wherever its value must not."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mcop_core.errors import InvalidName, Refused

SECRET_PREFIX = "secret://"  # noqa: S105 (the form of a reference to a secret)
FORM = "secret://<store>/<path>#<key>"

_STORE = re.compile(r"[a-z][a-z0-9-]{0,62}", re.ASCII)
_PATH = re.compile(r"[A-Za-z0-9_.+=,@:-]+(/[A-Za-z0-9_.+=,@:-]+)*", re.ASCII)
_KEY = re.compile(r"[A-Za-z0-9_.+=,@:/-]+", re.ASCII)
_LONGEST = 512


@dataclass(frozen=True, slots=True, order=True)
class SecretRef:
    """
    The address of one secret.

    Attributes:
        store: Registered name of the store.
        path: The secret in the store, in the store's own words, without slashes at its ends.
        key: Which part of the secret; empty: all of it.
    """

    store: str
    path: str
    key: str = ""

    @classmethod
    def parse(cls, text: str) -> SecretRef:
        """
        Read `secret://<store>/<path>#<key>`; `#<key>` may be left out.

        Raises:
            InvalidName: *text* is not of that form; says which part, and what it may be.
        """
        store, _, rest = text.removeprefix(SECRET_PREFIX).partition("/")
        path, hash_, key = rest.partition("#")
        problem = _problem(text, store, path, key, has_key=bool(hash_))
        if problem:
            near = _nearest(text)
            hint = f' Did you mean "{near}"?' if near else ""
            raise InvalidName(f"{text[:_LONGEST]!r} is no reference to a secret: {problem}.{hint}", suggestion=near)
        return cls(store, path, key)

    def __str__(self) -> str:
        return f"{SECRET_PREFIX}{self.store}/{self.path}" + (f"#{self.key}" if self.key else "")


OWNED = "mcop."
"""What the id of a connection of Airflow's begins with that belongs to one namespace: `mcop.<namespace>.<name>`."""


def owner_of(ref: SecretRef) -> str:
    """Return the namespace that alone may read what *ref* names; empty if it belongs to none."""
    # Airflow finds a connection in its environment whatever letters its id is written in.
    path = ref.path.lower()
    return path.removeprefix(OWNED).partition(".")[0] if ref.store == "airflow" and path.startswith(OWNED) else ""


def check_owner(ref: SecretRef, namespace: str) -> None:
    """
    Refuse what belongs to another namespace than that of who asks.

    Raises:
        Refused: It does.
    """
    owner = owner_of(ref)
    if owner not in ("", namespace):
        raise Refused(
            f"{ref}: the connection belongs to the namespace {owner}, and this manifest is of {namespace or 'none'}"
        )


def is_reference(value: object) -> bool:
    """Whether *value* is text that wants to be a reference; what follows may still be of another form."""
    return isinstance(value, str) and value.startswith(SECRET_PREFIX)


def _problem(text: str, store: str, path: str, key: str, *, has_key: bool) -> str:
    if not text.startswith(SECRET_PREFIX):
        return f"it must be {FORM}"
    if len(text) > _LONGEST:
        return f"it has more than {_LONGEST} characters"
    if not _STORE.fullmatch(store):
        return f"the store {store!r} must match {_STORE.pattern}"
    if not _PATH.fullmatch(path) or {".", ".."} & set(path.split("/")):
        return f"the path {path!r} must be names of A-Z a-z 0-9 _ . + = , @ : - with single slashes between them"
    if has_key and not _KEY.fullmatch(key):
        return f"the key {key!r} must be of A-Z a-z 0-9 _ . + = , @ : / -"
    return ""


def _nearest(text: str) -> str | None:
    """Return what *text* may have meant: its scheme and store in small letters, no surplus slashes, no empty key."""
    scheme, colon, rest = text.strip().partition(":")
    store, _, path = rest.strip("/").partition("/")
    path = re.sub(r"/{2,}", "/", path.strip("/").replace("/#", "#")).strip("/").removesuffix("#")
    wanted = f"{SECRET_PREFIX}{store.lower()}/{path}"
    if not colon or scheme.lower() not in {"secret", "secrets"} or wanted == text:
        return None
    try:
        return str(SecretRef.parse(wanted))
    except InvalidName:
        return None
