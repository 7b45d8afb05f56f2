"""
References -> values: one template at a time, and a whole scope of templates that refer to each other.

A scope is a set of named templates. They are evaluated in the order of their references, each name once,
so that a chain of any length costs no recursion and a circle is found and named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mcop_core.errors import Fault, InvalidName, InvalidReference, closest
from mcop_core.limits import MAX_RESOLVED
from mcop_core.parameters.ordering import find_cycles, order_by_references
from mcop_core.parameters.pending import BROKEN, PendingText, Sealed, is_pending
from mcop_core.parameters.syntax import Reference, join_path, parse, readable_references
from mcop_core.parameters.text import check_hygiene, scalar_text, shown_key
from mcop_core.refs import OutputRef
from mcop_core.secrets.reference import SecretRef, is_reference

_PART_SIZE = 64
"""What an entry of a list or map, or a number, counts as, in characters: about what it takes in memory and time."""

Locate = Callable[[Reference], "OutputRef | Fault"]
"""Where a dotted reference points: what it is called depends on the place it stands in."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """
    What a template sees.

    Attributes:
        names: Parameter -> resolved value.
        locate: Dotted reference -> the output, or the fault that there is none.
        outputs: Outputs that are known: JSON, or `Sealed`.
        scope: What the names are, for messages: `pattern network`, `manifest configuration`.
        open_world: Whether names that are not there may exist elsewhere, where an object is checked on its own.
    """

    names: Mapping[str, Any]
    locate: Locate
    outputs: Mapping[OutputRef, Any] = field(default_factory=dict)
    scope: str = "this scope"
    open_world: bool = False


@dataclass(frozen=True, slots=True)
class Resolved:
    """A value with every known reference replaced; paths of the faults are inside the value."""

    value: Any
    faults: tuple[Fault, ...] = ()


def resolve(template: Any, around: Surroundings) -> Resolved:
    """
    Replace every reference in *template* by its value.

    A text that is exactly one reference becomes the value, type and all. Inside longer text and in map keys
    strings stand as they are, numbers and bools as JSON writes them, and anything else is a fault. Outputs
    that are not known stay: as `OutputRef`, or in a `PendingText`.

    Args:
        template: Any JSON shape, at most 64 levels deep.
        around: The names it may use.
    """
    faults = check_hygiene(template) or _too_much(template, around)
    if faults:
        return Resolved(BROKEN, tuple(faults))
    value = _value(template, "", around, faults)
    if not faults:
        faults += check_hygiene(value)
    return Resolved(BROKEN if faults else value, tuple(faults))


def _too_much(template: Any, around: Surroundings) -> list[Fault]:
    """Refuse, before anything is replaced, what references would blow up: values that double each other do so."""
    times = Counter(readable_references(template))
    found = sum(count * _size(_part(reference, "", around, [])) for reference, count in times.items())
    if found <= MAX_RESOLVED:
        return []
    return [Fault(f"its references would make it too large, {found}: allowed are {MAX_RESOLVED}")]


def _size(value: Any) -> int:
    """Return how large *value* is: its characters, and as much for each part as it costs; of any depth."""
    size, left = 0, [value]
    while left:
        item = left.pop()
        size += _PART_SIZE + (len(item) if isinstance(item, str) else 0)
        if isinstance(item, dict):
            left += [*item, *item.values()]
        elif isinstance(item, list | tuple):
            left += item
        elif isinstance(item, PendingText):
            left += item.parts
    return size


def _value(template: Any, path: str, around: Surroundings, faults: list[Fault]) -> Any:
    if isinstance(template, str):
        return _text(template, path, around, faults)
    if isinstance(template, dict):
        return _map(template, path, around, faults)
    if isinstance(template, list | tuple):
        return [_value(item, join_path(path, index), around, faults) for index, item in enumerate(template)]
    return template


def _map(template: dict[str, Any], path: str, around: Surroundings, faults: list[Fault]) -> dict[Any, Any]:
    result: dict[Any, Any] = {}
    for written, item in template.items():
        place = join_path(path, shown_key(written))
        key = _key(written, place, around, faults)
        if key in result:
            faults.append(Fault(f"two keys of this map become the same text {key!r}", path=place))
        result[key] = _value(item, place, around, faults)
    return result


def _key(written: str, place: str, around: Surroundings, faults: list[Fault]) -> Any:
    parts = _parts(written, place, faults)
    key = _joined([_part(part, place, around, faults) for part in parts], parts, place, faults)
    if isinstance(key, PendingText) and any(isinstance(part, Sealed | SecretRef) for part in key.parts):
        faults.append(Fault("a sensitive output or a secret cannot be a map key", path=place))
    if is_reference(key):
        faults.append(Fault("a reference to a secret cannot be a map key", path=place))
    return written if key is BROKEN else key


def _text(text: str, path: str, around: Surroundings, faults: list[Fault]) -> Any:
    parts = _parts(text, path, faults)
    values = [_part(part, path, around, faults) for part in parts]
    if len(parts) == 1 and isinstance(parts[0], Reference):
        return values[0]
    joined = _joined(values, parts, path, faults)
    return _secret(joined, path, faults) if parts and is_reference(parts[0]) else joined


def _secret(joined: Any, path: str, faults: list[Fault]) -> Any:
    """Return what a written reference to a secret names; its parts may be parameters, and nothing that others say."""
    if isinstance(joined, PendingText):
        faults.append(Fault("an output or a secret cannot be a part of a reference to a secret", path=path))
        return BROKEN
    try:
        return joined if joined is BROKEN else SecretRef.parse(joined)
    except InvalidName as error:
        faults.append(Fault(error.message, path=path))
        return BROKEN


def _parts(text: str, path: str, faults: list[Fault]) -> tuple[str | Reference, ...]:
    try:
        return parse(text)
    except InvalidReference as error:
        faults.append(Fault(error.message, path=path))
        return ()


def _part(part: str | Reference, path: str, around: Surroundings, faults: list[Fault]) -> Any:
    if isinstance(part, str):
        return part
    return _output(part, path, around, faults) if part.is_output else _name(part, path, around, faults)


def _name(reference: Reference, path: str, around: Surroundings, faults: list[Fault]) -> Any:
    name = reference.parts[0]
    if name in around.names:
        return around.names[name]
    if not around.open_world:
        known = tuple(sorted(around.names))
        message = f"there is no parameter {name!r} in {around.scope}."
        faults.append(Fault(message, path=path, allowed=known, suggestion=closest(name, known)))
    return BROKEN


def _output(reference: Reference, path: str, around: Surroundings, faults: list[Fault]) -> Any:
    found = around.locate(reference)
    if isinstance(found, Fault):
        if found.message:
            faults.append(Fault(found.message, path=path, allowed=found.allowed, suggestion=found.suggestion))
        return BROKEN
    return around.outputs.get(found, found)


def _joined(values: list[Any], parts: tuple[str | Reference, ...], path: str, faults: list[Fault]) -> Any:
    """Make text of *values*; what is pending in it makes it a `PendingText`."""
    pieces: list[Any] = []
    for value, part in zip(values, parts, strict=True):
        if value is BROKEN:
            return BROKEN
        if isinstance(value, PendingText):
            pieces += value.parts
        elif is_pending(value):
            pieces.append(value)
        elif (text := scalar_text(value)) is not None:
            pieces.append(text)
        else:
            faults.append(Fault(_no_text(part, value), path=path))
            return BROKEN
    merged = _merged(pieces)
    if all(isinstance(piece, str) for piece in merged):
        return "".join(merged)
    return PendingText(tuple(merged))


def _merged(pieces: list[Any]) -> list[Any]:
    merged: list[Any] = []
    for piece in pieces:
        if merged and isinstance(piece, str) and isinstance(merged[-1], str):
            merged[-1] += piece
        else:
            merged.append(piece)
    return merged


def _no_text(part: object, value: Any) -> str:
    kind = "null" if value is None else "a list" if isinstance(value, list) else "a map"
    return f"${{{part}}} is {kind}, which cannot stand inside longer text or as a map key; it can be a whole value"


# -- scopes ---------------------------------------------------------------------------------------------

Finish = Callable[[str, Any], Resolved]
"""Name, evaluated value -> the value as its type wants it, with the faults of type and rule."""


@dataclass(frozen=True, slots=True)
class ResolvedScope:
    """
    Every name of a scope with its value, and the faults of each name.

    Attributes:
        values: Name -> value; `BROKEN` where there are faults.
        faults: Name -> its faults, paths inside the name's value; names without faults are not there.
    """

    values: Mapping[str, Any]
    faults: Mapping[str, tuple[Fault, ...]]


def resolve_scope(
    templates: Mapping[str, Any],
    around: Callable[[str, Mapping[str, Any]], Surroundings],
    finish: Finish,
    *,
    inner: Callable[[str], bool] = lambda name: True,
    known: Mapping[str, Resolved] | None = None,
) -> ResolvedScope:
    """
    Evaluate templates that may refer to each other.

    Args:
        templates: Name -> template.
        around: Name, values so far -> what this name's template sees.
        finish: Applied to each value before others see it.
        inner: Whether a name's template sees this scope; other templates see an outer one, so that their
            plain references make no edge here.
        known: Names that have a value already; they win over a template of the same name.
    """
    given = known or {}
    edges = {
        name: sorted({str(ref) for ref in readable_references(template) if not ref.is_output and str(ref) in templates})
        if inner(name)
        else []
        for name, template in templates.items()
        if name not in given
    }
    order = order_by_references(edges)
    values: dict[str, Any] = dict.fromkeys(edges.keys() - set(order), BROKEN)
    faults: dict[str, tuple[Fault, ...]] = {cycle[0]: (_cycle_fault(cycle),) for cycle in find_cycles(edges)}
    for name in [*given, *order]:
        resolved = given[name] if name in given else resolve(templates[name], around(name, values))
        if not resolved.faults:
            resolved = finish(name, resolved.value)
        values[name] = BROKEN if resolved.faults else resolved.value
        if resolved.faults:
            faults[name] = resolved.faults
    return ResolvedScope(values, faults)


def _cycle_fault(cycle: tuple[str, ...]) -> Fault:
    if len(cycle) == 1:
        return Fault(f"the parameter {cycle[0]} refers to itself")
    return Fault(f"parameters refer to each other in a circle: {' -> '.join([*cycle, cycle[0]])}")
