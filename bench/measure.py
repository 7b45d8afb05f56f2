"""Paired timing: the two sides take turns, so that a noisy machine hits both."""

from __future__ import annotations

import os
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Comparison:
    """
    What one measurement found.

    Attributes:
        subject_s, floor_s: Medians, seconds of CPU or wall as the measurement says.
        ratio: Median of the pairs' ratios.
        load: One-minute load average when it ended.
    """

    name: str
    subject_s: float
    floor_s: float
    ratio: float
    pairs: int
    load: float

    def line(self) -> str:
        """Return the result in one line."""
        return (
            f"{self.name}: {self.ratio:.2f}x the floor "
            f"({self.subject_s:.3f} s against {self.floor_s:.3f} s, {self.pairs} pairs, load {self.load:.1f})"
        )


def cpu_s(work: Callable[[], object]) -> float:
    """Return the CPU seconds that *work* takes in this process."""
    start = time.process_time()
    work()
    return time.process_time() - start


@dataclass(frozen=True)
class Cost(Generic[T]):
    """What one piece of work gave, and what it took: CPU of this process and of those that it waited for."""

    result: T
    wall_s: float
    cpu_s: float


def cost(work: Callable[[], T]) -> Cost[T]:
    """Do *work* and return what it gave and took."""
    wall, cpu = time.monotonic(), time.process_time() + _children_cpu_s()
    result = work()
    return Cost(result, time.monotonic() - wall, time.process_time() + _children_cpu_s() - cpu)


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def compare(name: str, pairs: list[tuple[float, float]]) -> Comparison:
    """Return the comparison of (subject, floor) *pairs* in seconds."""
    subject, floor = zip(*pairs, strict=True)
    ratios = [ours / theirs for ours, theirs in pairs]
    return Comparison(
        name,
        statistics.median(subject),
        statistics.median(floor),
        statistics.median(ratios),
        len(pairs),
        os.getloadavg()[0],
    )
