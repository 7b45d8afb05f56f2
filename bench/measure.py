"""Paired timing: the two sides take turns, so that a noisy machine hits both; and figures held to targets."""

from __future__ import annotations

import os
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

TIMES = "x the floor"


@dataclass(frozen=True)
class Figure:
    """
    One measured figure and what it may be at most.

    Attributes:
        value, at_most: In *unit*, which stands behind the number.
        told: What it was made of: medians, pairs, load.
    """

    name: str
    value: float
    at_most: float
    unit: str
    told: str = ""

    @property
    def is_met(self) -> bool:
        """Whether the target is met; what is no number meets none."""
        return self.value <= self.at_most

    def line(self) -> str:
        """Return the figure, its target and where it comes from in one line."""
        word = "met   " if self.is_met else "MISSED"
        told = f" ({self.told})" if self.told else ""
        return f"{word} {self.name}: {_number(self.value)}{self.unit}, at most {_number(self.at_most)}{told}"


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.2f}" if value < 10 else f"{value:.0f}"


Told = Iterator[Figure | str]
"""What a measurement yields: figures, and in plain text what it is doing or what has no target."""


@dataclass(frozen=True)
class Comparison:
    """
    What one measurement found.

    Attributes:
        subject, floor: Medians, in *unit*: seconds of CPU or wall as the measurement says, or megabytes.
        ratio: Median of the pairs' ratios.
        load: One-minute load average when it ended.
    """

    name: str
    subject: float
    floor: float
    ratio: float
    pairs: int
    load: float
    unit: str = "s"

    def held_to(self, at_most: float, against: str = TIMES) -> Figure:
        """Return the ratio as a figure that is to be *at_most*."""
        told = (
            f"{self.subject:.3f} {self.unit} against {self.floor:.3f} {self.unit}, "
            f"{self.pairs} pair{'s' if self.pairs > 1 else ''}, load {self.load:.1f}"
        )
        return Figure(self.name, self.ratio, at_most, against, told)


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
    wall, cpu = time.monotonic(), time.process_time() + children_cpu_s()
    result = work()
    return Cost(result, time.monotonic() - wall, time.process_time() + children_cpu_s() - cpu)


def children_cpu_s() -> float:
    """Return the CPU seconds of the processes that this one started and waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def compare(name: str, pairs: list[tuple[float, float]], unit: str = "s") -> Comparison:
    """Return the comparison of (subject, floor) *pairs* in *unit*."""
    subject, floor = zip(*pairs, strict=True)
    ratios = [ours / theirs for ours, theirs in pairs]
    return Comparison(
        name,
        statistics.median(subject),
        statistics.median(floor),
        statistics.median(ratios),
        len(pairs),
        os.getloadavg()[0],
        unit,
    )
