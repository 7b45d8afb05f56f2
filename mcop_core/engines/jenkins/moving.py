"""
A component that has another id: its state moves, and the next apply moves the job after it.

The three writes are Terraform's, see `engines.terraform.moving`: cut off between any two of them, the next operation
on either place goes on from there.
"""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

from mcop_core.engines.base import RenderedArtifact, Reporter, Workspace
from mcop_core.engines.jenkins.operate import open_home
from mcop_core.engines.terraform.state import MOVED_FROM, MOVED_TO, StateAddress, StateFile
from mcop_core.errors import StateConflict


def move(
    origin: RenderedArtifact, target: RenderedArtifact, workspace: Workspace, report: Reporter, patience_s: float
) -> None:
    """Make the state of what *origin* deployed the state of what *target* will; see `Engine.move`."""
    aside = replace(workspace, directory=workspace.directory / "origin")
    with (
        open_home("move", target, workspace, report, patience_s) as into,
        open_home("move", origin, aside, report, patience_s) as out,
    ):
        found = out.base
        if found is None or found.is_empty:
            return
        if into.base is not None and not into.base.is_empty:
            raise StateConflict(
                f"one state was to move to {into.address}, and {out.address} and it hold one: nothing was moved. "
                "Make each a component of the manifest, without `moved`, or destroy what is not to stay.",
                step=into.address.key,
            )
        into.write(found.with_note(MOVED_FROM, out.address))
        out.write(_empty(into.address))
        into.write(found)
    report.record("state_moved", origin=str(out.address), state=str(into.address))
    report.log(f"Moved the state {out.address.key} to {into.address.key}.")


def _empty(moved_to: StateAddress) -> StateFile:
    document = {"version": 4, "serial": 1, "lineage": str(uuid4()), "outputs": {}, "resources": []}
    return StateFile.of(document).with_note(MOVED_TO, moved_to)
