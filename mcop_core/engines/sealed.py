"""
Sealed inputs: values with sensitive outputs of other states or secrets in them, resolved by whoever runs the engine.

An artifact says of them where they lie. Their values are to be in no file, log or error of MCOP's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from mcop_core.artifacts.store import ObjectStore
from mcop_core.engines.state import StateAddress, read_outputs
from mcop_core.engines.values import SensitivePointer, read_secret, secrets_in
from mcop_core.engines.workspace import Workspace
from mcop_core.secrets.reference import SecretRef

SEALED_TEXT_KEY = "mcop_sealed_text"

Lookup = Callable[[SensitivePointer | SecretRef], Any]


def read_secrets(sealed: Mapping[str, Any], workspace: Workspace, namespace: str) -> Mapping[SecretRef, str]:
    """Return the value of every reference to a secret in *sealed*; raises as `Workspace.read_secrets`."""
    refs = set(secrets_in(sealed))
    return workspace.read_secrets(namespace, refs) if refs else {}


def unseal(
    sealed: Mapping[str, Any],
    open_store: Callable[[str], ObjectStore],
    secrets: Mapping[SecretRef, str] = MappingProxyType({}),
) -> dict[str, Any]:
    """
    Return the values of *sealed* with every pointer replaced by the output it names, every reference by its secret.

    Each state is read once. An output that is null is in no state, so that a missing one is null.

    Raises:
        StoredObjectMissing: A state that is pointed to does not exist.
    """
    states: dict[str, Mapping[str, Any]] = {}

    def look_up(pointer: SensitivePointer | SecretRef) -> Any:
        if isinstance(pointer, SecretRef):
            return secrets[pointer]
        if pointer.state not in states:
            states[pointer.state] = read_outputs(open_store, StateAddress.parse(pointer.state))
        return states[pointer.state].get(pointer.output)

    return {name: resolve(value, look_up) for name, value in sealed.items()}


def resolve(value: Any, look_up: Lookup) -> Any:
    """Return *value* with its pointers, references and sealed texts replaced. Pure but for *look_up*."""
    pointer = SensitivePointer.read(value) or read_secret(value)
    if pointer is not None:
        return look_up(pointer)
    if isinstance(value, dict):
        if set(value) == {SEALED_TEXT_KEY}:
            return "".join(_part(part, look_up) for part in value[SEALED_TEXT_KEY])
        return {name: resolve(part, look_up) for name, part in value.items()}
    return [resolve(part, look_up) for part in value] if isinstance(value, list) else value


def _part(part: Any, look_up: Lookup) -> str:
    value = resolve(part, look_up)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
