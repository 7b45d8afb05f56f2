"""What nobody knows after an operation was cut off: which creations happened. It is noted, looked for and taken in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from mcop_core.engines.artifact import RenderedArtifact
from mcop_core.engines.state_home import StateHome
from mcop_core.engines.terraform.adopt import (
    Adoption,
    PlanImports,
    adopt,
    doubles,
    is_child,
    type_of,
)
from mcop_core.engines.terraform.credentials import NONE, OwnCredentials
from mcop_core.engines.terraform.log import EventReader
from mcop_core.engines.terraform.search import KINDS, Search, open_search
from mcop_core.engines.workspace import Reporter
from mcop_core.errors import UnknownOutcome, Unreachable


@dataclass(slots=True)
class Doubt:
    """
    The creations of one component that are in doubt, and how that ends.

    Attributes:
        own: The credentials that its manifest names: with them the cloud is asked.
        addresses: Whose creation had begun and whose outcome nobody knows.
        refused: Children whose creation failed: they may be there already.
        adopted: What was taken into the state, in all.
        has_adopted: Whether anything was since this was set to False.
    """

    artifact: RenderedArtifact
    home: StateHome
    report: Reporter
    own: OwnCredentials = NONE
    addresses: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    adopted: set[str] = field(default_factory=set)
    has_adopted: bool = False

    def note(self, addresses: tuple[str, ...]) -> None:
        """Note which creations are in doubt, where whoever comes next finds it."""
        self.addresses = addresses
        if addresses:
            self.home.note_doubt(addresses)

    def note_after(self, reader: EventReader, exit_code: int | None) -> None:
        """Note what an apply left in doubt: what was cut off, and what failed or was lost and can be looked for."""
        recorded = self.home.base.instances() if self.home.base else {}
        failed = reader.failed(recorded)
        lost = reader.unheard(recorded) if exit_code and exit_code > 0 else ()
        can_be_found = self.findable((*failed, *lost))
        self.note(tuple(dict.fromkeys([*reader.doubtful(recorded), *can_be_found])))
        # noted nowhere: whoever comes next is refused again
        self.refused = tuple(one for one in failed if is_child(type_of(one)) and one not in self.addresses)

    def findable(self, addresses: tuple[str, ...]) -> tuple[str, ...]:
        """Return those of *addresses* that can be looked for: then nobody need wonder whether they were created."""
        return tuple(one for one in addresses if type_of(one) in KINDS) if addresses and self._search() else ()

    def resolve(self, plan: PlanImports) -> None:
        """
        Find out what became of the creations in doubt, and put what exists into the state.

        Args:
            plan: Returns the plan that imports an id to each address.

        Raises:
            UnknownOutcome: Of one it cannot be told, or it was created twice.
            EngineFailed: There is no plan.
        """
        looked_for = (*self.addresses, *self.refused)
        if not looked_for:
            return
        self.report.log(f"Looking in the cloud for what was cut off: {', '.join(looked_for)}.")
        found = self._look(plan)
        if found.state is not None and found.adopted:
            self.home.push(found.state)
        self._tell(found)
        self.has_adopted = bool(found.adopted)
        self.adopted |= found.adopted.keys()
        self.addresses = self.refused = ()
        self.home.delete_inflight()
        if found.unknown or found.strays:
            raise _unknown(found)

    def _look(self, plan: PlanImports) -> Adoption:
        search = self._search()
        look = partial(adopt, self.addresses, self.home.base, search=search, plan=plan, refused=self.refused)
        return look() if search is None else look(half_made=search.half_made)

    def _tell(self, found: Adoption) -> None:
        self.report.record(
            "adopted", **{name: getattr(found, name) for name in ("adopted", "absent", "unknown", "strays")}
        )
        for address, one in found.adopted.items():
            self.report.log(f"= {address} was created before: taken into the state [{one}]")
        for address in found.absent:
            self.report.log(f"{address} was not created")

    def look_for_doubles(self, done: Iterable[Mapping[str, Any]]) -> None:
        """
        Make sure that nothing is in the cloud twice.

        Args:
            done: What the operation did, as `ApplyResult.resources`.

        Raises:
            UnknownOutcome: Something is.
        """
        search = self._search()
        if search is None or self.home.base is None:
            return
        gone = {str(one["id"]) for one in done if one["action"] == "delete"}
        try:
            found = doubles(self.home.base, search, gone=gone)
        except Unreachable as error:
            self.report.log(f"{error}. So nobody looked whether something was created twice.", level="warning")
            return
        if found:
            self.report.record("doubles", resources=list(found))
            raise _doubled(found)

    def _search(self) -> Search | None:
        return open_search(self.artifact, self.own)


def _unknown(found: Adoption) -> UnknownOutcome:
    """Return the error that names creations which were cut off, and resources that no address was found for."""
    parts = []
    if found.unknown:
        parts.append(
            f"Terraform was cut off while it created {', '.join(found.unknown)}: the cloud may hold them, the state "
            "does not."
        )
    if found.strays:
        parts.append(
            f"The cloud holds what carries this component's tag and no state knows: {', '.join(found.strays)}."
        )
    parts.append("Look for them in the cloud; import them or remove them; then run the step again.")
    return UnknownOutcome(" ".join(parts), resources=(*found.unknown, *found.strays))


def _doubled(found: tuple[str, ...]) -> UnknownOutcome:
    """Return the error that names what is in the cloud once more than the state knows."""
    return UnknownOutcome(
        "The apply is complete and its state written. But the cloud also holds what carries this component's tag and "
        f"no state knows: {', '.join(found)}. An answer of the cloud's may have been lost, so that the request was "
        "repeated. Remove them, or take the tag off what is not MCOP's; then run the step again.",
        resources=found,
    )
