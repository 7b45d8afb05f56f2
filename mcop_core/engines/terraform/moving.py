"""
A state that moves to another place, because its component has another id.

Three writes, under the leases and locks of both places:

1. A copy in the new place, with a note of where it came from. It counts for nothing while the state is still there.
2. In the old place an empty state of another lineage, with a note of where the state went. With this it has moved.
3. The copy again, without its note.

Cut off between any two of them, nothing is lost and the next operation on either place goes on from there: `state.held`
says what counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from mcop_core.engines.artifact import RenderedArtifact
from mcop_core.engines.state import StateAddress, StateFile
from mcop_core.engines.state_home import take_over
from mcop_core.engines.terraform.join import renamed
from mcop_core.engines.terraform.names import module_of
from mcop_core.engines.terraform.operate import Timing, open_session
from mcop_core.engines.workspace import Reporter, Workspace
from mcop_core.errors import StateConflict, UnknownOutcome

USUAL = Timing()


def move(
    origin: RenderedArtifact,
    target: RenderedArtifact,
    workspace: Workspace,
    report: Reporter,
    timing: Timing = USUAL,
) -> None:
    """
    Make the state of what *origin* deployed the state of what *target* will; nothing if there is none any more.

    What a dead operation left on either is settled first.

    Raises:
        StateConflict: Both places hold a state; nothing was moved.
        StateLocked: Somebody works on one of them.
        UnknownOutcome: A creation was cut off on one of them, and nobody knows what came of it.
        Unreachable: A store did not answer; calling again goes on.
    """
    aside = replace(workspace, directory=workspace.directory / "origin")
    with (
        open_session("move", target, workspace, report, timing) as into,
        open_session("move", origin, aside, report, timing) as out,
    ):
        for session in (into, out):
            session.settle()
            _check_known(session.doubt.addresses)
        places = [] if out.home.base is None else [Place(out.home.address, module_of(origin), out.home.base)]
        found = state_of(into.home.address, into.home.base, module_of(target), places)
        if found is None or found is into.home.base:
            return
        take_over(into.home, out.home, found)


def _check_known(doubtful: tuple[str, ...]) -> None:
    # What was cut off is looked for by a tag that holds the component's id: under another one it would stay unknown.
    if doubtful:
        raise UnknownOutcome(
            f"whether the cloud holds {', '.join(doubtful)} is not known yet. Execute the version in which the "
            "component has its old id, which finds out; then execute this one.",
            resources=doubtful,
        )


@dataclass(frozen=True, slots=True)
class Place:
    """Where a component's state lies that is to move: under *module*, the name that its root gives the module."""

    address: StateAddress
    module: str
    state: StateFile


def state_of(address: StateAddress, own: StateFile | None, module: str, origins: Iterable[Place]) -> StateFile | None:
    """
    Return the state that a component goes on from: *own*, or that of the one origin which holds something. Pure.

    Args:
        address: Of the component.
        own: What lies there.
        module: Name of the module that its root calls.

    Raises:
        StateConflict: More than one place holds something.
    """
    full = [one for one in origins if not one.state.is_empty]
    if not full:
        return own
    has_own = own is not None and not own.is_empty
    if has_own or len(full) > 1:
        places = ", ".join(str(place) for place in [address] * has_own + [one.address for one in full])
        raise StateConflict(
            f"one state was to move to {address}, and more than one place holds one: {places}. Nothing was moved. "
            "Make each a component of the manifest, without `moved`, or destroy what is not to stay.",
            step=address.key,
        )
    return renamed(full[0].state, step=address.key, old=full[0].module, new=module)
