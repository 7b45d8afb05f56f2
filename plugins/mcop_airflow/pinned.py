"""What became of the published versions that a plan stands on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mcop_core.catalog.repository import CatalogEntry, Standing
from mcop_core.refs import ObjectRef


@dataclass(frozen=True, slots=True)
class Standings:
    """
    What became of pinned versions: one sentence each.

    Attributes:
        revoked: New runs are refused.
        warnings: Deprecated versions, and such as are not in the catalog any more.
    """

    revoked: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def standings(refs: Iterable[ObjectRef], entries: Mapping[ObjectRef, CatalogEntry]) -> Standings:
    """Judge *refs* by what the catalog holds now; *entries* is what it returned for them."""
    revoked, warnings = [], []
    for ref in refs:
        entry = entries.get(ref)
        if entry is None:
            warnings.append(f"{ref} is not in the catalog any more; this run goes on with its pinned copy")
        elif entry.standing is Standing.REVOKED:
            revoked.append(f"{ref} is revoked: {entry.reason or 'no reason given'}")
        elif entry.standing is Standing.DEPRECATED:
            warnings.append(f"{ref} is deprecated: {entry.reason or 'no reason given'}")
    return Standings(tuple(revoked), tuple(warnings))
