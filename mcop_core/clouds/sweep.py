"""
One question to many clouds at once, region by region: answers as they come, and a failure where none comes.

Every cloud has threads of its own, so that one that hangs takes no other's. What is not answered at the deadline is
told and left behind. Nothing is gathered: whoever does not read on holds the clouds up, and the memory is flat.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from mcop_core.clouds import listing
from mcop_core.clouds.answers import Answers, Failure
from mcop_core.clouds.models import ClusterRef, Instance, Region
from mcop_core.clouds.patience import Deadline, Pace, ask, unreadable
from mcop_core.clouds.strategy import Capability, CloudStrategy, require
from mcop_core.errors import McopError, NotInCloud, Unreachable

Item = TypeVar("Item")
Scope: TypeAlias = "str | None"
DEADLINE_S = 120.0
_WAITING = 1_000
"""Answers that wait to be read."""
_BREATH_S = 0.1


@dataclass(frozen=True, slots=True)
class Answered:
    """One region of one cloud has answered, all of it; *region* is empty where one answer is for all."""

    cloud: str
    region: str
    found: int
    seconds: float


@dataclass(frozen=True)
class Question(Generic[Item]):
    """
    What every cloud is asked.

    Attributes:
        what: For people, and in failures.
        look: (strategy, pace, scope, regions) -> the answers for one scope; regions are those that are looked at.
        scopes: (strategy, regions) -> what is asked one after the other.
    """

    what: str
    capability: Capability
    look: Callable[[CloudStrategy, Pace, Scope, Sequence[str]], Iterable[Item]]
    scopes: Callable[[CloudStrategy, Sequence[str]], Sequence[Scope]] = listing.list_scopes


def _clusters(strategy: CloudStrategy, pace: Pace, scope: Scope, regions: Sequence[str]) -> Iterator[ClusterRef]:
    return listing.clusters(strategy, pace, scope, regions)


def _regions(strategy: CloudStrategy, pace: Pace, scope: Scope, regions: Sequence[str]) -> Iterable[Region]:
    return ask(strategy, pace, "list the regions", strategy.regions)


INSTANCES: Question[Instance] = Question("instances", Capability.LIST_INSTANCES, listing.instances)
CLUSTERS: Question[ClusterRef] = Question("clusters", Capability.CLUSTERS, _clusters)
REGIONS: Question[Region] = Question("regions", Capability.LIST_INSTANCES, _regions, lambda strategy, regions: (None,))


def sweep(
    strategies: Sequence[CloudStrategy],
    question: Question[Item],
    *,
    regions: Iterable[str] = (),
    pace: Pace | None = None,
    deadline_s: float = DEADLINE_S,
) -> Iterator[tuple[CloudStrategy, Item] | Failure | Answered]:
    """
    Yield each answer with its strategy, a `Failure` for what is not answered, and `Answered` for what is.

    Args:
        regions: Those that are looked at; a cloud that has none of them is left out where several are asked.
        deadline_s: How long all of it may take, seconds.
    """
    one = _Sweep(question, tuple(regions), pace or Pace(), is_one_of_many=len(strategies) > 1)
    try:
        yield from one.run(strategies, deadline_s)
    finally:
        one.stop.set()


def gather(
    strategies: Sequence[CloudStrategy],
    question: Question[Item],
    *,
    regions: Iterable[str] = (),
    pace: Pace | None = None,
    deadline_s: float = DEADLINE_S,
    told: Callable[[Answered | Failure], None] = lambda event: None,
) -> Answers[tuple[CloudStrategy, Item]]:
    """Return all of a sweep at once; *told* hears of each region as it answers or fails."""
    found: list[tuple[CloudStrategy, Item]] = []
    failures: list[Failure] = []
    for event in sweep(strategies, question, regions=regions, pace=pace, deadline_s=deadline_s):
        if isinstance(event, tuple):
            found.append(event)
            continue
        told(event)
        if isinstance(event, Failure):
            failures.append(event)
    return Answers(tuple(found), tuple(failures))


@dataclass(frozen=True, slots=True)
class _Planned:
    """What a cloud is asked, now that its regions are known."""

    strategy: CloudStrategy
    scopes: Sequence[Scope]


class _Stopped(Exception):
    """Nobody reads any more."""


class _Sweep(Generic[Item]):
    def __init__(self, question: Question[Item], regions: tuple[str, ...], pace: Pace, *, is_one_of_many: bool) -> None:
        self.stop = threading.Event()
        self._question = question
        self._regions = regions
        self._pace = pace
        self._is_one_of_many = is_one_of_many
        self._out: queue.Queue[tuple[CloudStrategy, Item] | Failure | Answered | _Planned] = queue.Queue(_WAITING)

    def run(
        self, strategies: Sequence[CloudStrategy], deadline_s: float
    ) -> Iterator[tuple[CloudStrategy, Item] | Failure | Answered]:
        deadline = self._pace.until(deadline_s)
        # What is still to come, by cloud: None stands for its regions, which are asked for first.
        waiting: set[tuple[str, str]] = {(one.config.name, "regions") for one in strategies}
        for strategy in strategies:
            self._start(self._plan, strategy)
        while waiting:
            event = self._next(deadline)
            if event is None:
                yield from (self._late(cloud, region, deadline_s) for cloud, region in sorted(waiting))
                return
            if isinstance(event, _Planned):
                cloud = event.strategy.config.name
                waiting |= {(cloud, scope or "") for scope in event.scopes}
                waiting.discard((cloud, "regions"))
                continue
            if not isinstance(event, tuple):
                waiting.discard((event.cloud, "regions" if _is_of_regions(event) else event.region))
            yield event

    def _next(self, deadline: Deadline) -> tuple[CloudStrategy, Item] | Failure | Answered | _Planned | None:
        try:
            return self._out.get(timeout=max(deadline.left_s, 0.001))
        except queue.Empty:
            return None

    def _late(self, cloud: str, region: str, deadline_s: float) -> Failure:
        where = "" if region == "regions" else region
        error = Unreachable(f"no answer within {deadline_s:g} s", service=cloud)
        return Failure(cloud, where, self._question.what, error)

    # -- in threads --------------------------------------------------------------------------------------

    def _start(self, target: Callable[..., None], *given: object) -> None:
        threading.Thread(target=self._until_stopped, args=(target, *given), daemon=True).start()

    def _until_stopped(self, target: Callable[..., None], *given: object) -> None:
        try:
            target(*given)
        except _Stopped:
            return

    def _plan(self, strategy: CloudStrategy) -> None:
        try:
            require(strategy, self._question.capability)
            names = self._names(strategy)
            scopes = self._question.scopes(strategy, names) if names else ()
        except Exception as error:
            self._put(Failure(strategy.config.name, "", _REGIONS_OF + self._question.what, self._told(strategy, error)))
            return
        self._put(_Planned(strategy, scopes))
        jobs: queue.SimpleQueue[Scope] = queue.SimpleQueue()
        for scope in scopes:
            jobs.put(scope)
        for _ in range(min(strategy.config.at_once, len(scopes))):
            self._start(self._work, strategy, names, jobs)

    def _names(self, strategy: CloudStrategy) -> tuple[str, ...]:
        try:
            return listing.region_names(strategy, self._pace, self._regions)
        except NotInCloud:
            if not self._is_one_of_many:
                raise
            known = listing.region_names(strategy, self._pace)
            return tuple(name for name in self._regions if name in known)

    def _work(self, strategy: CloudStrategy, names: Sequence[str], jobs: queue.SimpleQueue[Scope]) -> None:
        while not self.stop.is_set():
            try:
                scope = jobs.get_nowait()
            except queue.Empty:
                return
            self._ask(strategy, names, scope)

    def _ask(self, strategy: CloudStrategy, names: Sequence[str], scope: Scope) -> None:
        started, number = self._pace.clock.monotonic(), 0
        try:
            for item in self._question.look(strategy, self._pace, scope, names):
                self._put((strategy, item))
                number += 1
        except _Stopped:
            raise
        except Exception as error:
            self._put(Failure(strategy.config.name, scope or "", self._question.what, self._told(strategy, error)))
            return
        seconds = self._pace.clock.monotonic() - started
        self._put(Answered(strategy.config.name, scope or "", number, seconds))

    def _told(self, strategy: CloudStrategy, error: Exception) -> McopError:
        return error if isinstance(error, McopError) else unreadable(strategy, self._question.what, error)

    def _put(self, event: tuple[CloudStrategy, Item] | Failure | Answered | _Planned) -> None:
        while not self.stop.is_set():
            try:
                self._out.put(event, timeout=_BREATH_S)
            except queue.Full:
                continue
            return
        raise _Stopped


_REGIONS_OF = "regions for "


def _is_of_regions(event: Failure | Answered) -> bool:
    return isinstance(event, Failure) and event.what.startswith(_REGIONS_OF)
