"""The pools that the setting `MCOP_POOLS` asks for."""

from __future__ import annotations

import os

from mcop_core.pools import Bound, read_bounds
from mcop_core.settings import Settings

DESCRIPTION = "Operations of MCOP at once, by MCOP_POOLS; made when the scheduler starts."


def bounds() -> tuple[Bound, ...]:
    """Return what this process is told to bound."""
    return read_bounds(Settings.from_environment(os.environ).pools)


def make_pools() -> None:
    """
    Make the pools in Airflow's database, or give them the number of slots that is said now.

    Raises:
        InvalidInput: The setting cannot be read: tasks would wait for pools that nobody made.
    """
    from airflow.models.pool import Pool

    for bound in bounds():
        Pool.create_or_update_pool(bound.name, bound.slots, DESCRIPTION, include_deferred=False)
