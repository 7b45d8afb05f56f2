"""
What an inventory costs against what the slowest region alone needs: clouds whose answers take their time.

Four clouds with ten regions each hold 10,000 instances, in pages; one region is slower than all others. The floor is
that region, listed alone, measured in the same run.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime

from mcop_core.clouds.config import CloudConfig
from mcop_core.clouds.memory import MemoryCloud, MemoryStrategy
from mcop_core.clouds.models import Instance, InstanceState
from mcop_core.clouds.strategy import Page, Tag
from mcop_core.clouds.sweep import INSTANCES, Answered, sweep

CLOUDS, REGIONS, PAGE = 4, 10, 50
FAST_S, SLOW_S = 0.1, 0.4
"""Of one page."""
MOST_WALL, MOST_REQUESTS, MOST_MEMORY = 1.3, 1.0, 1.5
"""Times the floor; peak memory with ten times the instances against that with them."""


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


def run() -> Iterator[str]:
    """Yield one line for each measurement; raises AssertionError where one is over its limit."""
    number = 10_000 // (CLOUDS * REGIONS)
    floor = slowest_region_s(number)
    strategies = clouds(number)
    found, wall = count(strategies)
    requests, least = sum(one.asked for one in strategies), CLOUDS * REGIONS * -(-number // PAGE)
    yield f"inventory {found} instances, {CLOUDS} clouds, {CLOUDS * REGIONS} regions: {wall:.2f} s"
    yield f"inventory floor, the slowest region alone: {floor:.2f} s, ratio {wall / floor:.2f} (at most {MOST_WALL})"
    yield f"inventory requests {requests}, pages {least}, ratio {requests / least:.2f} (at most {MOST_REQUESTS})"
    small, large = peak_bytes(number), peak_bytes(10 * number)
    yield f"inventory memory {small / 1e6:.1f} MB, with ten times the instances {large / 1e6:.1f} MB"
    assert found == 10_000
    assert wall <= MOST_WALL * floor, f"{wall:.2f} s against {floor:.2f} s"
    assert requests <= MOST_REQUESTS * least, f"{requests} requests for {least} pages"
    assert large <= MOST_MEMORY * small, f"{large} bytes against {small}"
