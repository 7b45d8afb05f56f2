"""A fixed set of published objects, as checks and the compiler see it: no I/O, no change."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TypeVar

from mcop_core.catalog.models import Adapter, CatalogObject, Primitive, PrimitiveInterface, ValidationRule
from mcop_core.catalog.repository import Pins
from mcop_core.catalog.versions import LATEST, best_version, satisfies, version_key
from mcop_core.errors import ObjectNotFound, closest
from mcop_core.refs import Kind, ObjectRef

Found = TypeVar("Found", bound=CatalogObject)


def pin_key(kind: Kind, name: str, requirement: str) -> str:
    """Return the key of a pin, `pattern#network@~> 2.0`."""
    return f"{kind}#{name}@{requirement}"


def adapter_pin_key(provider: str, primitive_type: str) -> str:
    """Return the key under which the adapter of (provider, primitive type) is pinned."""
    return f"adapter#{provider}/{primitive_type}"


def implementation_pin_key(interface: str, requirement: str, provider: str, primitive_type: str) -> str:
    """Return the key under which the primitive is pinned that serves an interface for (provider, primitive type)."""
    return f"primitive#{interface}@{requirement}/{provider}/{primitive_type}"


def rule_pin_key(name: str) -> str:
    """Return the key under which the rule of the parameter *name* is pinned."""
    return f"rule#{name}"


class CatalogView:
    """
    Objects by name and requirement.

    Args:
        objects: Every version that may be found.
        pins: What earlier compilation chose; a pin that is there wins over every newer version.
        hidden: Versions that a requirement does not choose any more (revoked ones); pins still reach them.
    """

    def __init__(
        self, objects: Iterable[CatalogObject], *, pins: Pins | None = None, hidden: Collection[ObjectRef] = ()
    ) -> None:
        self._objects: dict[tuple[Kind, str], dict[str, CatalogObject]] = {}
        for item in objects:
            self._objects.setdefault((item.ref.kind, item.name), {})[item.version] = item
        self._pins: Mapping[str, str] = pins or {}
        self._hidden = frozenset(hidden)

    @property
    def is_pinned(self) -> bool:
        """Whether an earlier compilation's choices hold."""
        return bool(self._pins)

    def names(self, kind: Kind) -> list[str]:
        """Return the names of all objects of *kind*, sorted."""
        return sorted(name for found, name in self._objects if found is kind)

    def versions(self, kind: Kind, name: str) -> list[str]:
        """Return the versions of one object, oldest first."""
        return sorted(self._objects.get((kind, name), {}), key=version_key)

    def get(self, ref: ObjectRef) -> CatalogObject | None:
        """Return one version, or None."""
        return self._objects.get((ref.kind, ref.name), {}).get(ref.version)

    def find(self, kind: Kind, name: str, requirement: str, model: type[Found]) -> Found:
        """
        Return the version that the pins, or else *requirement*, choose.

        Raises:
            ObjectNotFound: No such name (carries the nearest as `suggestion`) or no such version (carries the
                known ones as `allowed`).
        """
        pinned = self._pins.get(pin_key(kind, name, requirement))
        return self._choose(kind, name, pinned or requirement, model, hidden=frozenset() if pinned else self._hidden)

    def _choose(
        self, kind: Kind, name: str, requirement: str, model: type[Found], *, hidden: frozenset[ObjectRef]
    ) -> Found:
        versions = self._objects.get((kind, name))
        if not versions:
            near = closest(name, self.names(kind))
            raise ObjectNotFound(f"there is no {kind} {name!r}", name=name, allowed=(), suggestion=near)
        allowed = (version for version in versions if ObjectRef(kind, name, version) not in hidden)
        chosen = best_version(allowed, requirement)
        if chosen is None:
            known = tuple(self.versions(kind, name))
            raise ObjectNotFound(
                f"there is no version {requirement!r} of {kind} {name!r}", name=name, allowed=known, suggestion=None
            )
        found = versions[chosen]
        if not isinstance(found, model):
            raise TypeError(f"{found.ref} is no {model.__name__}")
        return found

    def rule(self, name: str) -> ValidationRule | None:
        """
        Return the rule for the parameter *name*, or None.

        Without pins it is the latest version. With pins it is the pinned one alone: a rule published after a
        manifest was compiled holds for it once it is pinned again.

        Raises:
            ObjectNotFound: The pinned version is not there.
        """
        if self._pins:
            pinned = self._pins.get(rule_pin_key(name))
            return self._choose(Kind.RULE, name, pinned, ValidationRule, hidden=frozenset()) if pinned else None
        try:
            return self.find(Kind.RULE, name, LATEST, ValidationRule)
        except ObjectNotFound:
            return None

    def adapter(self, provider: str, primitive_type: str) -> Adapter:
        """
        Return the adapter that serves (provider, primitive type): the pinned one, or the latest of the first by name.

        Raises:
            ObjectNotFound: There is none; carries the pairs that are served as `allowed`.
        """
        pinned = self._pins.get(adapter_pin_key(provider, primitive_type))
        if pinned:
            name, _, version = pinned.partition("@")
            return self._choose(Kind.ADAPTER, name, version, Adapter, hidden=frozenset())
        served = {(item.provider, item.primitive_type): item.name for item in reversed(self.adapters())}
        name = served.get((provider, primitive_type), "")
        if not name:
            raise ObjectNotFound(
                f"no adapter serves provider {provider!r} with primitive type {primitive_type!r}",
                name=provider,
                allowed=tuple(sorted("/".join(pair) for pair in served)),
                suggestion=closest(f"{provider}/{primitive_type}", ["/".join(pair) for pair in served]),
            )
        return self.find(Kind.ADAPTER, name, LATEST, Adapter)

    def implementation(
        self, interface: PrimitiveInterface, requirement: str, provider: str, primitive_type: str
    ) -> Primitive:
        """
        Return the primitive that serves *interface*, found by *requirement*: the pinned one, or the one there is.

        Raises:
            ObjectNotFound: There is none, or there are several; carries as `allowed` the providers that have one.
        """
        pinned = self._pins.get(implementation_pin_key(interface.name, requirement, provider, primitive_type))
        if pinned:
            name, _, version = pinned.partition("@")
            return self._choose(Kind.PRIMITIVE, name, version, Primitive, hidden=frozenset())
        served = [item for item in self._implementations(interface) if item.primitive_type == primitive_type]
        found = [item for item in served if item.provider == provider]
        if len(found) == 1:
            return found[0]
        clouds = tuple(sorted({item.provider for item in served}))
        rivals = ", ".join(item.name for item in found)
        raise ObjectNotFound(
            f"several primitives implement {interface.ref} for {provider}: {rivals}; name one of them as the primitive"
            if found
            else f"no primitive implements {interface.ref} for provider {provider!r} with type {primitive_type!r}",
            name=provider,
            allowed=() if found else clouds,
            suggestion=None if found else closest(provider, clouds),
        )

    def _implementations(self, interface: PrimitiveInterface) -> list[Primitive]:
        """Return of each primitive the latest version that implements *interface*."""
        found: list[Primitive] = []
        for name in self.names(Kind.PRIMITIVE):
            serving = {
                version: item
                for version, item in self._objects[Kind.PRIMITIVE, name].items()
                if isinstance(item, Primitive) and item.ref not in self._hidden and _serves(item, interface)
            }
            latest = best_version(serving, LATEST)
            found += [serving[latest]] if latest else []
        return found

    def adapters(self) -> list[Adapter]:
        """Return the latest version of each adapter that may be used, by name."""
        found: list[Adapter] = []
        for name in self.names(Kind.ADAPTER):
            try:
                found.append(self.find(Kind.ADAPTER, name, LATEST, Adapter))
            except ObjectNotFound:
                continue  # every version is revoked or a pre-release
        return found


def _serves(primitive: Primitive, interface: PrimitiveInterface) -> bool:
    requirement = primitive.implements.get(interface.name)
    return requirement is not None and satisfies(interface.version, requirement)
