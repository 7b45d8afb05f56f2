"""The clouds' own SDKs: optional, imported where they are used, and named with their extra where they are missing."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from mcop_core.errors import InvalidInput


def load(module: str, *, extra: str) -> Any:
    """
    Return the module *module* of a cloud's SDK.

    Raises:
        InvalidInput: It is not installed; names the extra of MCOP that brings it.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not (module == error.name or module.startswith(f"{error.name}.")):
            raise
        raise InvalidInput(
            f"the package {module.partition('.')[0]!r} is not installed here ({module}): install mcop[{extra}]",
            extra=extra,
        ) from error
