"""
The engines that are installed: name -> `Engine`.

An engine registers by an entry point of the group `mcop.engines`; what it names is called with the settings.
Which engine serves a (provider, primitive type) is said by the catalog's adapters.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING

from mcop_core.entry_points import broken, find_registered, make, registered

if TYPE_CHECKING:
    from mcop_core.engines.base import Engine
    from mcop_core.settings import Settings

GROUP = "mcop.engines"
_WHAT = "engine"


def load_engine(name: str, settings: Settings, points: Iterable[EntryPoint] | None = None) -> Engine:
    """
    Return the engine registered as *name*.

    Args:
        points: As in `registered`.

    Raises:
        BrokenPackage: It cannot be imported or made, lacks a method of `Engine`, or calls itself by another name.
        Conflict, UnknownName: As `registered` and `find_registered`.
    """
    point = find_registered(name, registered(GROUP, _WHAT, points), _WHAT)
    engine: Engine = make(point, _WHAT, settings)
    lacking = [method for method in _methods() if not callable(getattr(engine, method, None))]
    if lacking:
        raise broken(point, _WHAT, f"lacks {', '.join(lacking)} of mcop_core.engines.base.Engine")
    if engine.name != name:
        raise broken(point, _WHAT, f"calls itself {engine.name!r}: its artifacts would name another engine")
    return engine


def _methods() -> tuple[str, ...]:
    from mcop_core.engines.base import Engine

    return tuple(name for name, one in vars(Engine).items() if callable(one) and not name.startswith("_"))
