"""
A component that has another id: its state moves, and the next apply moves the job after it.

The three writes are Terraform's, see `engines.terraform.moving`: cut off between any two of them, the next operation
on either place goes on from there.
"""

from __future__ import annotations

from dataclasses import replace

from mcop_core.engines.base import RenderedArtifact, Reporter, Workspace
from mcop_core.engines.jenkins.operate import open_home
from mcop_core.engines.state_home import take_over
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
        take_over(into, out, found)
