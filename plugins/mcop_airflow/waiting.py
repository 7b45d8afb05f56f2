"""Waiting for a cloud without a worker: the trigger that looks at workers until they have settled."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from mcop_core.bootstrap import open_fleet
from mcop_core.errors import McopError
from mcop_core.settings import Settings

_MOVING = ("pending", "deleting", "stopping")
"""States in which a worker does not stay."""


class WorkersTrigger(BaseTrigger):
    """
    Waits until none of some workers is starting or being deleted any more.

    What came of them is for the task to say, which asks again: a trigger that fails to look, or whose time is over,
    ends as one that has seen what it waits for.

    Args:
        cloud: Name of the configured cloud.
        names: Of the workers; empty: all of ours.
        until: Seconds since the epoch at which it stops to wait.
        pause_s: Between two looks, seconds.
    """

    def __init__(self, *, cloud: str, names: Sequence[str], until: float, pause_s: float = 10.0) -> None:
        super().__init__()
        self.cloud, self.names, self.until, self.pause_s = cloud, list(names), until, pause_s

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return by what Airflow makes it again."""
        given = {"cloud": self.cloud, "names": self.names, "until": self.until, "pause_s": self.pause_s}
        return f"{type(self).__module__}.{type(self).__qualname__}", given

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look, pause, and so on; end with one event."""
        while time.time() < self.until:
            try:
                moving = await asyncio.to_thread(self._moving)
            except McopError as error:
                self.log.warning("cloud %s cannot be looked at, the task will say: %s", self.cloud, error)
                break
            if not moving:
                break
            self.log.info("cloud %s: waiting for %s", self.cloud, ", ".join(moving))
            await asyncio.sleep(self.pause_s)
        yield TriggerEvent({"cloud": self.cloud})

    def _moving(self) -> list[str]:
        """Return the names of those that are still on their way."""
        from mcop_core.clouds.context import CloudContext
        from mcop_core.clouds.ours import worker_name

        fleet = open_fleet(Settings.from_environment(os.environ), os.environ)
        there = CloudContext(fleet.open(self.cloud)).list_workers().found
        return sorted(
            worker_name(one)
            for one in there
            if one.state in _MOVING and (not self.names or worker_name(one) in self.names)
        )
