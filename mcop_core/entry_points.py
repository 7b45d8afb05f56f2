"""What installed packages register under a name, as entry points of a group: engines, stores of secrets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points

from mcop_core.errors import Conflict, UnknownName, closest


def registered(group: str, what: str, points: Iterable[EntryPoint] | None = None) -> dict[str, EntryPoint]:
    """
    Return what is registered in *group* by name, sorted; nothing is imported.

    Args:
        what: What such a thing is called, for people.
        points: Entry points to look at; by default those installed.

    Raises:
        Conflict: Two packages register different things under one name.
    """
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=group) if points is None else points:
        other = found.setdefault(point.name, point)
        if other.value != point.value:
            raise Conflict(f"{what} {point.name!r} is registered twice: {other.value} and {point.value}")
    return dict(sorted(found.items()))


def find_registered(name: str, known: Mapping[str, EntryPoint], what: str) -> EntryPoint:
    """
    Return what is registered as *name*.

    Raises:
        UnknownName: Nothing is; carries the registered names as `known` and the nearest as `suggestion`.
    """
    if name in known:
        return known[name]
    near = closest(name, known)
    raise UnknownName(
        f"there is no {what} {name!r}. Registered: {', '.join(known) or 'none'}."
        + (f' Did you mean "{near}"?' if near else ""),
        name=name,
        known=tuple(known),
        suggestion=near,
    )
