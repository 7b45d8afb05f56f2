"""
Where secrets lie: `SecretStore`, one small protocol, and the stores that are installed.

A store registers by an entry point of the group `mcop.secret_stores`; what it names is called with an environment,
and nothing is asked before a secret is. The suite `tests/contracts/secret_store.py` is the specification.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from functools import cache
from importlib.metadata import EntryPoint
from typing import Any, Protocol

from mcop_core.entry_points import find_registered, make, registered
from mcop_core.errors import InvalidInput, NotFound, Refused, SecretNotFound, closest
from mcop_core.secrets.reference import SecretRef, check_owner, owner_of

GROUP = "mcop.secret_stores"
_WHAT = "secret store"

Environment = Mapping[str, str]
"""Where a store finds its address and its credentials."""

Secrets = Callable[[str, Iterable[SecretRef]], dict[SecretRef, str]]
"""(namespace of who asks, references) -> values; raises as `SecretReader.read`."""


class SecretStore(Protocol):
    """One place where secrets lie."""

    def get(self, ref: SecretRef) -> str:
        """
        Return the text of one secret, or of one key of it.

        Raises:
            SecretNotFound: There is no such secret, or no such key in it; names the keys that there are.
            Refused: The credentials may not read it.
            Unreachable: The store did not answer.
            InvalidInput: The store is not set up.
        """


class SecretReader:
    """
    Reads secrets from the installed stores, for those who may.

    Args:
        environment: What stores are opened with.
        scopes: Namespace -> patterns (`secret://vault/shop/*`) of the references that its manifests may hold, and
            under `*` those that all may; empty: everything that the credentials may read.
        known: Values that were read before, by reference as text.
        points: As in `entry_points.registered`.
    """

    def __init__(
        self,
        environment: Environment,
        scopes: Mapping[str, Iterable[str]] | None = None,
        known: Mapping[str, str] | None = None,
        points: Iterable[EntryPoint] | None = None,
    ) -> None:
        self._environment = environment
        self._scopes = {namespace: tuple(patterns) for namespace, patterns in (scopes or {}).items()}
        self._known = dict(known or {})
        self._points = registered(GROUP, _WHAT, points)
        self._store = cache(self._open)

    def read(self, namespace: str, refs: Iterable[SecretRef]) -> dict[SecretRef, str]:
        """
        Return the value of each of *refs*, which a manifest of *namespace* holds.

        Raises:
            Unreachable: A store did not answer: it may do so later.
            NotFound, Refused, InvalidInput: What cannot be read, every reference with its reason. Never a value.
        """
        found: dict[SecretRef, str] = {}
        faults: dict[SecretRef, NotFound | Refused | InvalidInput] = {}
        for ref in sorted(set(refs)):
            try:
                self._check_scope(namespace, ref)
                found[ref] = self._read(ref)
            except (NotFound, Refused, InvalidInput) as error:
                faults[ref] = error
        if faults:
            first = next(iter(faults.values()))
            raise type(first)("; ".join(_named(ref, error) for ref, error in faults.items())) from first
        return found

    def _read(self, ref: SecretRef) -> str:
        if str(ref) not in self._known:
            self._known[str(ref)] = self._store(ref.store).get(ref)
        return self._known[str(ref)]

    def _open(self, name: str) -> SecretStore:
        store: SecretStore = make(find_registered(name, self._points, _WHAT), _WHAT, self._environment)
        return store

    def _check_scope(self, namespace: str, ref: SecretRef) -> None:
        check_owner(ref, namespace)
        if owner_of(ref) == namespace:
            return
        allowed = (*self._scopes.get(namespace, ()), *self._scopes.get("*", ()))
        if self._scopes and not any(fnmatchcase(str(ref), pattern) for pattern in allowed):
            raise Refused(
                f"{ref}: manifests of the namespace {namespace} may not read it (MCOP_SECRETS_SCOPES). "
                f"Allowed: {', '.join(allowed) or 'nothing'}."
            )


def _named(ref: SecretRef, error: NotFound | Refused | InvalidInput) -> str:
    return error.message if str(ref) in error.message else f"{ref}: {error.message}"


def read_scopes(text: str) -> dict[str, tuple[str, ...]]:
    """
    Read MCOP_SECRETS_SCOPES: `{"<namespace or *>": ["secret://vault/shop/*"]}`, or nothing.

    Raises:
        InvalidInput: It is of another form.
    """
    try:
        found = json.loads(text or "{}")
    except ValueError as error:
        raise InvalidInput(f"MCOP_SECRETS_SCOPES is no JSON: {error}") from error
    if not isinstance(found, dict) or not all(_are_texts(patterns) for patterns in found.values()):
        raise InvalidInput('MCOP_SECRETS_SCOPES must be {"<namespace or *>": ["secret://<store>/<path>*"]}')
    return {namespace: tuple(patterns) for namespace, patterns in found.items()}


def _are_texts(patterns: Any) -> bool:
    return isinstance(patterns, list) and all(isinstance(pattern, str) for pattern in patterns)


# -- what stores share -----------------------------------------------------------------------------------


def key_of_json(ref: SecretRef, text: str) -> str:
    """
    Return what *ref* means of a secret's *text*: all of it, or the value of one key of the JSON object that it is.

    Raises:
        SecretNotFound: It is no JSON object, or has no such key.
    """
    if not ref.key:
        return text
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise SecretNotFound(f"{ref}: the secret is no JSON object, so that it has no keys: leave #{ref.key} out")
    return key_of(ref, document)


def key_of(ref: SecretRef, fields: Mapping[str, Any]) -> str:
    """
    Return the field that *ref* names, or all of them as a JSON object; what is no text as JSON writes it.

    Raises:
        SecretNotFound: There is none of that name; names those that there are.
    """
    if not ref.key:
        return json.dumps(dict(fields), ensure_ascii=False)
    if ref.key in fields:
        value = fields[ref.key]
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    near = closest(ref.key, fields)
    what = f"it has no key {ref.key!r}"
    raise SecretNotFound(
        f"{ref}: {what}. Keys: {', '.join(sorted(fields)) or 'none'}." + (f' Did you mean "#{near}"?' if near else ""),
        reference=str(ref),
    )
