"""Who refers to whom: what a document names, what a manifest is pinned to, what a dead end says."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from mcop_core.catalog.models import CatalogObject, Manifest, Pattern, Primitive, Workflow
from mcop_core.catalog.repository import CatalogEntry, Pins
from mcop_core.catalog.versions import version_key
from mcop_core.errors import ObjectNotFound, closest
from mcop_core.refs import Kind, ObjectRef

Used = tuple[Kind, str]
"""Kind and name of an object, whatever the version."""


def catalog_order(ref: ObjectRef) -> tuple[str, str, str]:
    """Return the key that sorts addresses by kind, name and version."""
    return ref.kind, ref.name, version_key(ref.version)


def references(entry: CatalogEntry) -> frozenset[Used]:
    """Return what *entry* refers to: what its document names, and for a manifest what its pins name."""
    return frozenset(_named_in(entry.object)) | frozenset(_named_in_pins(entry.pins))


def _named_in(item: CatalogObject) -> Iterator[Used]:
    if isinstance(item, Primitive):
        yield from ((Kind.INTERFACE, name) for name in item.implements)
    elif isinstance(item, Pattern):
        yield from (element.named for element in item.elements.values())
        yield from ((Kind.RULE, door.rule) for door in item.parameters.values() if door.rule)
    elif isinstance(item, Workflow):
        yield from ((Kind.PATTERN, use.pattern) for use in item.patterns.values())
    elif isinstance(item, Manifest):
        yield from ((Kind.WORKFLOW, use.workflow) for use in item.workflows.values())


def _named_in_pins(pins: Pins) -> Iterator[Used]:
    for key, chosen in pins.items():
        kind, _, rest = key.partition("#")
        named = chosen if "/" in rest else rest
        yield Kind(kind), named.partition("@")[0]


def dead_end(
    ref: ObjectRef, *, versions: Collection[str], names: Collection[str], kinds: Collection[Kind] = ()
) -> ObjectNotFound:
    """
    Return the error for a *ref* that leads nowhere.

    Args:
        versions: The versions that `kind#name` has, oldest first.
        names: The names of all objects of this kind.
        kinds: The other kinds that have an object of this name.
    """
    facts = {"ref": ref, "name": ref.name}
    if versions:
        known = ", ".join(versions)
        return ObjectNotFound(
            f"{ref}: there is no such version. Published: {known}.", allowed=tuple(versions), suggestion=None, **facts
        )
    near = f"{min(kinds)}#{ref.name}" if kinds else closest(ref.name, names)
    hint = f' Did you mean "{near}"?' if near else ""
    return ObjectNotFound(f"{ref}: there is no {ref.kind} {ref.name!r}.{hint}", allowed=(), suggestion=near, **facts)
