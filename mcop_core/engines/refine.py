"""
Does a component's own plan do nothing but what its approved preview said? Pure.

A plan *refines* what was approved if each of its changes is an approved one: the same action on the same address,
each value that was known the same, each that was open filled in. It may do less: what an earlier attempt of the same
execution has done is not done again, and of a creation that was cut off only the rest. Reading data is never held
against it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from mcop_core.catalog.canonical import canonical_json
from mcop_core.engines.changes import Action, AttributeChange, ComponentChanges, Mode, ResourceChange
from mcop_core.errors import Deviates

_INDEX = re.compile(r"\[\d+\]")
_NAMED = 3


def deviation(planned: ComponentChanges, approved: Sequence[ComponentChanges]) -> ComponentChanges | None:
    """
    Return those changes of *planned* that nobody approved, each with the reason why it is none; None if all were.

    Args:
        approved: The component in the approved preview, and deviations from it that were approved since. One that
            was deferred there stands for whatever the component does.
    """
    if any(one.mode is Mode.DEFERRED for one in approved):
        return None
    by_address: dict[str, list[_Approved]] = {}
    for one in approved:
        for change in one.resources:
            by_address.setdefault(change.address, []).append(_Approved(change))
    strange = [
        replace(change, reason=why)
        for change in planned.resources
        if (why := _why_not(_whole(change, planned), by_address.get(change.address, [])))
    ]
    return replace(planned, resources=tuple(strange), outputs=()) if strange else None


def hold_to(approved: Sequence[ComponentChanges], planned: ComponentChanges) -> None:
    """
    Let *planned* pass if it does nothing but what was *approved*; see `deviation`.

    Raises:
        Deviates: It does; carries those changes.
    """
    strange = deviation(planned, approved)
    if strange is None:
        return
    told = "; ".join(f"{change.address}: {change.reason}" for change in strange.resources)
    raise Deviates(
        f"the plan is not what was approved: {told}. Nothing was done.", changes=json.loads(strange.to_json())
    )


def _whole(change: ResourceChange, planned: ComponentChanges) -> ResourceChange:
    """Return what finishes a creation that was cut off as that creation; every other change as it is."""
    if change.action is not Action.UPDATE or change.address not in planned.adopted:
        return change
    # What goes away came from the cloud's own defaults: the creation leaves it unset, too.
    left = [one for one in change.attributes if one.after is not None or one.is_unknown or one.is_sensitive]
    return replace(change, action=Action.CREATE, attributes=tuple(replace(one, before=None) for one in left))


def _why_not(change: ResourceChange, approved: Sequence[_Approved]) -> str:
    """Say why *change* is none of those *approved* for its address; empty if it is one."""
    if change.action is Action.READ:
        return ""
    reasons = [one.why_not(change) for one in approved]
    return "" if "" in reasons else next(reversed(reasons), "nothing was approved for it")


@dataclass(slots=True)
class _Approved:
    """One approved change, and its attributes by path."""

    change: ResourceChange
    attributes: Mapping[str, AttributeChange] = field(init=False)
    unordered: Mapping[str, Sequence[AttributeChange]] = field(init=False)

    def __post_init__(self) -> None:
        self.attributes = {one.path: one for one in self.change.attributes}
        self.unordered = _unordered(self.change.attributes)

    def why_not(self, planned: ResourceChange) -> str:
        if planned.action not in self._actions():
            return f"{self.change.action} was approved"
        if planned.moved_from != self.change.moved_from:
            return f"a move from {self.change.moved_from or 'nowhere'} was approved"
        strange = [one.path for one in planned.attributes if not self._allows(one)]
        more = f" and {len(strange) - _NAMED} more" if len(strange) > _NAMED else ""
        return f"other values were approved for {', '.join(strange[:_NAMED])}{more}" if strange else ""

    def _actions(self) -> set[Action]:
        """A replacement that only an open value forced may turn out to be none."""
        forcing = [one for one in self.change.attributes if one.forces_replacement]
        may_update = self.change.action is Action.REPLACE and any(one.is_unknown for one in forcing)
        return {self.change.action, Action.UPDATE} if may_update else {self.change.action}

    def _allows(self, planned: AttributeChange) -> bool:
        exact = self.attributes.get(planned.path)
        if exact and _refines(planned, exact):
            return True
        if any(one.is_unknown and _is_below(planned.path, one.path) for one in self.change.attributes):
            return True
        return any(_refines(planned, one) for one in self.unordered.get(_INDEX.sub("[]", planned.path), ()))


def _unordered(attributes: Iterable[AttributeChange]) -> dict[str, list[AttributeChange]]:
    """
    Return the changes inside lists that hold an open value, by path without positions.

    The plan's JSON shows a set as a list, in an order that changes when a value in it becomes known.
    """
    attributes = list(attributes)
    lists = {_list_of(one.path) for one in attributes if one.is_unknown and _INDEX.search(one.path)}
    found: dict[str, list[AttributeChange]] = {}
    for one in attributes:
        if _INDEX.search(one.path) and _list_of(one.path) in lists:
            found.setdefault(_INDEX.sub("[]", one.path), []).append(one)
    return found


def _list_of(path: str) -> str:
    return _INDEX.split(path, maxsplit=1)[0]


def _is_below(path: str, above: str) -> bool:
    return path.startswith((f"{above}.", f"{above}["))


def _refines(planned: AttributeChange, approved: AttributeChange) -> bool:
    """Whether *planned* is *approved* with open values filled in; of a sensitive value nobody was shown more."""
    if approved.is_sensitive:
        return planned.is_sensitive
    if planned.is_sensitive:
        return approved.is_unknown
    if not _is_same(planned.before, approved.before):
        return False
    return approved.is_unknown or (not planned.is_unknown and _is_same(planned.after, approved.after))


def _is_same(one: object, other: object) -> bool:
    return canonical_json(one) == canonical_json(other)
