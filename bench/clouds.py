"""
What an inventory costs against what the slowest region alone needs: clouds whose answers take their time.

Four clouds with ten regions each hold 10,000 instances, in pages; one region is slower than all others. The floor is
that region, listed alone, measured in the same run.
"""

from __future__ import annotations

import time
import tracemalloc
from datetime import UTC, datetime

from bench.measure import TIMES, Figure, Told
from mcop_core.clouds.config import CloudConfig
from mcop_core.clouds.memory import MemoryCloud, MemoryStrategy
from mcop_core.clouds.models import Instance, InstanceState
from mcop_core.clouds.strategy import Page, Tag
from mcop_core.clouds.sweep import INSTANCES, Answered, sweep

CLOUDS, REGIONS, PAGE = 4, 10, 50
FAST_S, SLOW_S = 0.1, 0.4
"""Of one page."""


class SlowStrategy(MemoryStrategy):
    """A cloud that makes its instances up while it is asked, so that none of them is held."""

    def __init__(self, name: str, number: int) -> None:
        names = tuple(f"r{region}" for region in range(REGIONS))
        config = CloudConfig(name=name, provider="memory", region="r0", at_once=REGIONS)
        super().__init__(config, cloud=MemoryCloud(region_names=names))
        self.number, self.asked = number, 0

    def instance_page(self, region: str | None, cursor: str | None, only: Tag | None) -> Page[Instance]:
        """Return a page of made up instances, after a while."""
        time.sleep(SLOW_S if (self.config.name, region) == ("c0", "r0") else FAST_S)
        self.asked += 1
        begin = int(cursor or 0)
        end = min(begin + PAGE, self.number)
        items = tuple(self._made(str(region), one) for one in range(begin, end))
        return Page(items, str(end) if end < self.number else None)

    def _made(self, region: str, one: int) -> Instance:
        name = f"{region}-{one}"
        state, at = InstanceState.RUNNING, datetime(2026, 1, 1, tzinfo=UTC)
        return Instance(self.config.name, "memory", region, name, name, state, created_at=at, raw={"name": name})


def clouds(number: int) -> list[SlowStrategy]:
    """Return the clouds with *number* instances in each region."""
    return [SlowStrategy(f"c{one}", number) for one in range(CLOUDS)]


def count(strategies: list[SlowStrategy], regions: tuple[str, ...] = ()) -> tuple[int, float]:
    """Return how many instances a sweep gives, and its seconds; none of them is kept."""
    started = time.perf_counter()
    found = sum(isinstance(event, tuple) for event in sweep(strategies, INSTANCES, regions=regions))
    return found, time.perf_counter() - started


def slowest_region_s(number: int) -> float:
    """Return how long the slowest region says that it took, listed alone."""
    events = sweep(clouds(number)[:1], INSTANCES, regions=["r0"])
    return next(event.seconds for event in events if isinstance(event, Answered))


def peak_bytes(number: int) -> int:
    """Return the most memory that a sweep over *number* instances a region holds."""
    tracemalloc.start()
    try:
        count(clouds(number))
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def run() -> Told:
    """Yield the figures of this measurement."""
    number = 10_000 // (CLOUDS * REGIONS)
    floor_s = slowest_region_s(number)
    strategies = clouds(number)
    found, wall_s = count(strategies)
    requests, least = sum(one.asked for one in strategies), CLOUDS * REGIONS * -(-number // PAGE)
    small, large = peak_bytes(number), peak_bytes(10 * number)
    yield f"inventory of {found:,} instances, {CLOUDS} clouds, {CLOUDS * REGIONS} regions"
    told = f"{wall_s:.2f} s against {floor_s:.2f} s of the slowest region alone"
    yield Figure("inventory, wall", wall_s / floor_s, 1.3, TIMES, told)
    yield Figure("inventory, requests", requests / least, 1.0, "x the pages", f"{requests} requests")
    yield Figure("inventory, instances not found", 10_000 - found, 0, "")
    told = f"{large / 1e6:.1f} MB against {small / 1e6:.1f} MB at the peak"
    yield Figure("inventory, memory with ten times the instances", large / small, 1.5, "x", told)
