"""What installed packages register under a name, as entry points of a group: engines, stores of secrets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from mcop_core.errors import BrokenPackage, Conflict, McopError, UnknownName, closest


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
            raise Conflict(f"{what} {point.name!r} is registered twice: {described(other)} and {described(point)}")
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


def make(point: EntryPoint, what: str, *given: Any) -> Any:
    """
    Return what *point* names, called with *given*.

    Args:
        what: What such a thing is called, for people.

    Raises:
        BrokenPackage: It cannot be imported or called; names the package and the cause.
        McopError: What it raised of MCOP's own errors, as it is.
    """
    try:
        return point.load()(*given)
    except McopError:
        raise
    except Exception as error:
        cause = f"{type(error).__name__}: {error}"
        raise broken(point, what, f"cannot be used: {cause}. Repair or remove the package") from error


def broken(point: EntryPoint, what: str, problem: str) -> BrokenPackage:
    """Return the error that says what is wrong with what *point* names."""
    package = point.dist.name if point.dist else ""
    return BrokenPackage(f"{what} {point.name!r}, {described(point)}, {problem}", package=package)


def described(point: EntryPoint) -> str:
    """Return what *point* names, and of which package it is."""
    return f"{point.value} of {point.dist.name} {point.dist.version}" if point.dist else point.value
