"""The clouds' own SDKs: optional, imported where they are used; what they raise is put into MCOP's words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from mcop_core.clouds.config import CloudConfig
from mcop_core.errors import InvalidInput, McopError


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


@contextmanager
def asking(
    config: CloudConfig,
    what: str,
    meaning: Callable[[Exception, str], McopError | None],
    raised: type[Exception] | tuple[type[Exception], ...] = Exception,
) -> Iterator[None]:
    """
    Raise in MCOP's words what an SDK raises within the block; MCOP's own errors pass.

    Args:
        what: What the cloud of *config* is asked, for people: `regions`.
        meaning: (error, the cloud and what it was asked) -> MCOP's error; None: it is none of the SDK's.
        raised: What the SDK raises, where that is known.
    """
    try:
        yield
    except McopError:
        raise
    except raised as error:
        told = meaning(error, f"cloud {config.name}: {what}")
        if told is None:
            raise
        raise told from error
