"""
The engines that are installed: name -> `Engine`.

An engine registers by an entry point of the group `mcop.engines`; what it names is called with the settings.
Which engine serves a (provider, primitive type) is said by the catalog's adapters.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING

from mcop_core.entry_points import find_registered, registered

if TYPE_CHECKING:
    from mcop_core.engines.base import Engine
    from mcop_core.settings import Settings

GROUP = "mcop.engines"
_WHAT = "engine"


def load_engine(name: str, settings: Settings, points: Iterable[EntryPoint] | None = None) -> Engine:
    """
    Return the engine registered as *name*; raises as `find_registered`.

    Args:
        points: As in `registered`.
    """
    engine: Engine = find_registered(name, registered(GROUP, _WHAT, points), _WHAT).load()(settings)
    return engine
