"""Whether an output that is not known yet can become what is wanted where it is used, by its type alone. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from mcop_core.errors import Fault
from mcop_core.parameters.syntax import join_path
from mcop_core.parameters.text import shown_key
from mcop_core.parameters.types import ANY, SCALARS, Type
from mcop_core.refs import OutputRef


def misfits(value: Any, wanted: Type, type_of: Callable[[OutputRef], Type], path: str = "") -> list[Fault]:
    """
    Return which outputs in *value*, not known yet, cannot become what *wanted* has in their place.

    Args:
        type_of: Output -> type of its values; `ANY` where nothing says it.
    """
    if isinstance(value, OutputRef):
        found = type_of(value)
        fault = Fault(f"a {wanted} is wanted, and ${{{value}}} is a {found}", path=path)
        return [] if may_become(found, wanted) else [fault]
    return [
        fault for key, item, kind in _members(value, wanted) for fault in misfits(item, kind, type_of, _at(path, key))
    ]


def _members(value: Any, wanted: Type) -> Iterator[tuple[Any, Any, Type]]:
    """Yield (place, member, type that is wanted there) of a list or map."""
    if isinstance(value, list):
        kinds = wanted.items or (wanted.of or ANY,) * len(value)
        yield from zip(range(len(value)), value, kinds, strict=False)
    elif isinstance(value, dict):
        kinds_of = {name: one.type for name, one in wanted.attributes.items()}
        yield from ((key, item, kinds_of.get(key, wanted.of or ANY)) for key, item in value.items())


def _at(path: str, key: Any) -> str:
    return join_path(path, key if isinstance(key, int) else shown_key(key))


def may_become(found: Type, wanted: Type) -> bool:
    """Whether some value of the type *found* can be converted to *wanted*."""
    if ANY in (found, wanted):
        return True
    if wanted.name in SCALARS:
        return found.name in SCALARS and {found.name, wanted.name} != {"number", "bool"}
    if wanted.name in ("map", "object"):
        return found.name in ("map", "object") and _members_fit(found, wanted)
    return found.name in ("list", "set", "tuple") and _elements_fit(found, wanted)


def _members_fit(found: Type, wanted: Type) -> bool:
    if found.name == "map":
        kinds = [wanted.of] if wanted.of else [one.type for one in wanted.attributes.values()]
        return all(may_become(found.of or ANY, kind) for kind in kinds)
    if wanted.name == "map":
        return all(may_become(one.type, wanted.of or ANY) for one in found.attributes.values())
    return all(
        may_become(found.attributes[name].type, one.type) if name in found.attributes else one.optional
        for name, one in wanted.attributes.items()
    )


def _elements_fit(found: Type, wanted: Type) -> bool:
    if found.name == "tuple" == wanted.name and len(found.items) != len(wanted.items):
        return False
    own = found.items or (found.of or ANY,) * len(wanted.items or (ANY,))
    kinds = wanted.items or (wanted.of or ANY,) * len(own)
    return len(own) == len(kinds) and all(map(may_become, own, kinds))
