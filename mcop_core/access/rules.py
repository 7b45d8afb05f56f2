"""
The access rules: who may do what, per namespace, as an administrator writes them in TOML.

    [storefront]
    storefront-operators = ["execute"]
    storefront-approvers = ["approve"]

    ["*"]
    platform-owners = ["execute", "approve", "destroy"]

A table is a namespace, or `*` for all of them and for the DAGs that belong to none; a key is a role of Airflow's.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from mcop_core.errors import Fault, InvalidDocuments, InvalidInput, closest
from mcop_core.refs import NAME_PATTERN

ANY_NAMESPACE = "*"


class Right(StrEnum):
    """What a role may do; each includes that it may view."""

    VIEW = "view"
    EXECUTE = "execute"
    APPROVE = "approve"
    DESTROY = "destroy"


Grants = Mapping[str, frozenset[Right]]
"""Role -> its rights."""


@dataclass(frozen=True, slots=True)
class AccessRules:
    """
    Who may do what.

    Attributes:
        namespaces: Namespace, or `ANY_NAMESPACE` -> role -> its rights there.
    """

    namespaces: Mapping[str, Grants] = field(default_factory=dict)

    def grants(self, namespace: str) -> Grants:
        """Return who may do what in *namespace*; in `ANY_NAMESPACE`: with what belongs to none."""
        here, everywhere = self.namespaces.get(namespace, {}), self.namespaces.get(ANY_NAMESPACE, {})
        nothing: frozenset[Right] = frozenset()
        return {role: here.get(role, nothing) | everywhere.get(role, nothing) for role in {*here, *everywhere}}

    def roles(self) -> Grants:
        """Return what each role may do in one namespace or another."""
        found: dict[str, frozenset[Right]] = {}
        for grants in self.namespaces.values():
            for role, rights in grants.items():
                found[role] = found.get(role, frozenset()) | rights
        return dict(sorted(found.items()))


def load_rules(path: Path) -> AccessRules:
    """
    Read the access rules in the file *path*.

    Raises:
        InvalidInput: It cannot be read, or is no TOML.
        InvalidDocuments: Every fault of what it says.
    """
    try:
        return read_rules(tomllib.loads(path.read_text()), str(path))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidInput(f"the access rules {path} cannot be read: {error}") from error


def read_rules(document: Mapping[str, Any], file: str) -> AccessRules:
    """Check what the access rules in *file* say; raises `InvalidDocuments` with every fault."""
    faults = [fault for namespace, grants in document.items() for fault in _faults(namespace, grants, file)]
    if faults:
        raise InvalidDocuments.of(faults)
    return AccessRules(
        {
            namespace: {role: frozenset({Right.VIEW, *map(Right, rights)}) for role, rights in grants.items()}
            for namespace, grants in document.items()
        }
    )


def _faults(namespace: str, grants: Any, file: str) -> Iterator[Fault]:
    if namespace != ANY_NAMESPACE and not re.fullmatch(NAME_PATTERN, namespace):
        yield Fault(f"{namespace!r} is neither the name of a namespace nor {ANY_NAMESPACE}.", "", namespace, file)
    if not isinstance(grants, Mapping):
        yield Fault("it must be a table, role = [rights].", "", namespace, file)
        return
    for role, rights in grants.items():
        if not isinstance(rights, list) or not rights:
            yield Fault("it must be a list of rights.", "", f"{namespace}.{role}", file, allowed=tuple(Right))
            continue
        for right in rights:
            if right not in list(Right):
                path, near = f"{namespace}.{role}", closest(str(right), Right)
                yield Fault(f"{right!r} is no right.", "", path, file, allowed=tuple(Right), suggestion=near)
