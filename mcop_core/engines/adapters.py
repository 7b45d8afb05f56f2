"""
The engines that are installed: name -> `Engine`.

An engine registers by an entry point of the group `mcop.engines`; what it names is called with the settings.
Which engine serves a (provider, primitive type) is said by the catalog's adapters.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

from mcop_core.errors import Conflict, UnknownName, closest

if TYPE_CHECKING:
    from mcop_core.engines.base import Engine
    from mcop_core.settings import Settings

GROUP = "mcop.engines"


def registered_engines(points: Iterable[EntryPoint] | None = None) -> dict[str, EntryPoint]:
    """
    Return the registered engines by name, sorted; nothing is imported.

    Args:
        points: Entry points to look at; by default those installed.

    Raises:
        Conflict: Two packages register different engines under one name.
    """
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=GROUP) if points is None else points:
        other = found.setdefault(point.name, point)
        if other.value != point.value:
            raise Conflict(f"engine {point.name!r} is registered twice: {other.value} and {point.value}")
    return dict(sorted(found.items()))


def load_engine(name: str, settings: Settings, points: Iterable[EntryPoint] | None = None) -> Engine:
    """
    Return the engine registered as *name*.

    Args:
        points: As in `registered_engines`.

    Raises:
        UnknownName: There is none; carries the registered ones as `known` and the nearest as `suggestion`.
    """
    known = registered_engines(points)
    if name not in known:
        near = closest(name, known)
        raise UnknownName(
            f"there is no engine {name!r}. Registered: {', '.join(known) or 'none'}."
            + (f' Did you mean "{near}"?' if near else ""),
            name=name,
            known=tuple(known),
            suggestion=near,
        )
    engine: Engine = known[name].load()(settings)
    return engine
