"""
A cloud in a dict: the reference behaviour that strategies are held to, for tests and rehearsals.

It can be as inconvenient as real ones: slow to start and to delete, late to show what it made, small pages, without
tokens, listing everything at once, and failing as it is told to.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count

from mcop_core.clouds.config import CloudConfig
from mcop_core.clouds.models import (
    Cluster,
    ClusterLogin,
    ClusterRef,
    Instance,
    InstanceRef,
    InstanceState,
    Order,
    Problem,
    Quota,
    Region,
)
from mcop_core.clouds.patience import Clock, SystemClock
from mcop_core.clouds.strategy import Capability, Item, Page, Tag
from mcop_core.errors import Conflict, InvalidInput, McopError, NoCapacity, NotInCloud, QuotaExceeded

SIZES = ("small", "large")
IMAGES = ("linux",)


@dataclass
class Trouble:
    """
    What goes wrong.

    Attributes:
        operation: Name of the strategy's call.
        make: Gives what is raised.
        times: How many calls it meets; None: all.
        when_done: Whether the cloud does it first, so that only its answer is lost.
        region: The one that it is about; empty: all.
    """

    operation: str
    make: Callable[[], Exception]
    times: int | None = 1
    when_done: bool = False
    region: str = ""


@dataclass
class _Machine:
    instance: Instance
    token: str
    made_s: float
    deleted_s: float | None = None


@dataclass
class MemoryCloud:
    """
    The cloud itself; its attributes may be changed at any time.

    Attributes:
        page_size: Instances, and clusters, of one page.
        starts_s, stops_s: How long an instance takes to run, and to be gone.
        shows_after_s: How long what was created is not shown.
        capacity: (region, zone) -> how many more instances there is room for; what is not in it has room.
        quota: Instances that the account may have in a region.
        fails_to_start: Problem of the instances that are accepted and never run.
        troubles: What goes wrong, the first that meets a call counts.
        requests: The calls that were made: operation, region.
    """

    region_names: tuple[str, ...] = ("north", "south")
    clock: Clock = field(default_factory=SystemClock)
    page_size: int = 3
    starts_s: float = 5.0
    stops_s: float = 5.0
    shows_after_s: float = 0.0
    latency_s: float = 0.0
    capacity: dict[tuple[str, str], int] = field(default_factory=dict)
    quota: int = 10_000
    fails_to_start: Problem = Problem.NONE
    troubles: list[Trouble] = field(default_factory=list)
    clusters: list[Cluster] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    machines: dict[str, _Machine] = field(default_factory=dict)
    numbers: count[int] = field(default_factory=lambda: count(1))
    lock: threading.RLock = field(default_factory=threading.RLock)

    def put(self, name: str, region: str, tags: Mapping[str, str] | None = None, *, cloud: str = "memory") -> str:
        """Put an instance into the cloud that runs, behind every strategy's back; return its id."""
        with self.lock:
            instance = self._new(name, region, "", SIZES[0], IMAGES[0], tags or {}, cloud)
            self.machines[instance.id] = _Machine(instance, "", self.clock.monotonic() - self.starts_s)
            return instance.id

    def running(self) -> list[Instance]:
        """Return what there is and is not being deleted."""
        with self.lock:
            return [self._shown(one) for one in self.machines.values() if one.deleted_s is None]

    def _new(
        self, name: str, region: str, zone: str, size: str, image: str, tags: Mapping[str, str], cloud: str
    ) -> Instance:
        number = next(self.numbers)
        return Instance(
            cloud=cloud,
            provider="memory",
            region=region,
            id=f"i-{number:06}",
            name=name,
            state=InstanceState.PENDING,
            native_state="pending",
            zone=zone,
            size=size,
            image=image,
            private_addresses=(f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",),
            created_at=datetime.fromtimestamp(number, UTC),
            tags=dict(tags),
            raw={"number": number},
        )

    def _shown(self, machine: _Machine) -> Instance:
        now = self.clock.monotonic()
        if machine.deleted_s is not None:
            state = InstanceState.DELETING if now - machine.deleted_s < self.stops_s else InstanceState.DELETED
        elif machine.instance.problem is not Problem.NONE:
            state = InstanceState.FAILED
        else:
            state = InstanceState.PENDING if now - machine.made_s < self.starts_s else InstanceState.RUNNING
        return replace(machine.instance, state=state, native_state=str(state))

    def _is_shown(self, machine: _Machine) -> bool:
        return self.clock.monotonic() - machine.made_s >= self.shows_after_s


class MemoryStrategy:
    """
    The strategy for a `MemoryCloud`.

    Args:
        credentials: Not needed.
        cloud: By default one of its own.
    """

    def __init__(
        self,
        config: CloudConfig,
        credentials: Mapping[str, str] | None = None,
        *,
        cloud: MemoryCloud | None = None,
        without: Iterable[Capability] = (),
    ) -> None:
        self.config = config
        self.cloud = cloud or MemoryCloud()
        self.capabilities = frozenset(Capability) - frozenset(without)

    def regions(self) -> tuple[Region, ...]:
        """Return the regions."""
        return self._do("regions", "", lambda: tuple(Region(name) for name in self.cloud.region_names))

    def instance_page(self, region: str | None, cursor: str | None, only: Tag | None) -> Page[Instance]:
        """Return one page, of the machines in the order of their creation."""

        def page() -> Page[Instance]:
            found = [
                self.cloud._shown(one)
                for one in self.cloud.machines.values()
                if region in (None, one.instance.region) and self.cloud._is_shown(one)
            ]
            return _page([one for one in found if only is None or one.tags.get(only.key) == only.value], cursor, self)

        return self._do("instance_page", region or "", page)

    def get_instance(self, ref: InstanceRef) -> Instance:
        """Return one instance."""
        return self._do("get_instance", ref.region, lambda: self.cloud._shown(self._machine(ref)))

    def create_instance(self, order: Order) -> Instance:
        """Create one instance, or return the one that the token has made."""

        def create() -> Instance:
            if Capability.CREATE_TOKENS in self.capabilities:
                for machine in self.cloud.machines.values():
                    if machine.token == order.token:
                        return self.cloud._shown(machine)
            self._check(order)
            made = self.cloud._new(
                order.name, order.region, order.zone, order.size, order.image, order.tags, self.config.name
            )
            made = replace(made, problem=self.cloud.fails_to_start, detail=f"no start: {self.cloud.fails_to_start}")
            machine = _Machine(made, order.token, self.cloud.clock.monotonic())
            self.cloud.machines[made.id] = machine
            return replace(made, state=InstanceState.PENDING)

        return self._do("create_instance", order.region, create)

    def delete_instance(self, ref: InstanceRef) -> None:
        """Delete one instance; one that is still starting is refused for now, as some clouds do."""

        def delete() -> None:
            machine = self._machine(ref)
            state = self.cloud._shown(machine).state
            if state is InstanceState.PENDING:
                raise Conflict(f"{ref.id} is still starting")
            if machine.deleted_s is None:
                machine.deleted_s = self.cloud.clock.monotonic()

        self._do("delete_instance", ref.region, delete)

    def cluster_page(self, region: str | None, cursor: str | None) -> Page[ClusterRef]:
        """Return one page of clusters."""

        def page() -> Page[ClusterRef]:
            return _page([one.ref for one in self.cloud.clusters if region in (None, one.region)], cursor, self)

        return self._do("cluster_page", region or "", page)

    def get_cluster(self, ref: ClusterRef) -> Cluster:
        """Return one cluster."""

        def look() -> Cluster:
            for one in self.cloud.clusters:
                if (one.region, one.id) == (ref.region, ref.id):
                    return replace(one, cloud=self.config.name)
            raise NotInCloud(f"cloud {self.config.name} has no cluster {ref.name} in {ref.region}")

        return self._do("get_cluster", ref.region, look)

    def cluster_login(self, cluster: Cluster) -> ClusterLogin:
        """Return a login that asks nobody."""
        return ClusterLogin("mcop-memory-login", ("token", cluster.name), "this cloud is no real one")

    def check(self, region: str) -> tuple[Quota, ...]:
        """Return how many instances there may be."""

        def look() -> tuple[Quota, ...]:
            self._check_region(region)
            return (Quota("instances", self._used(region), self.cloud.quota),)

        return self._do("check", region, look)

    # -- how it goes wrong -------------------------------------------------------------------------------

    def _do(self, operation: str, region: str, act: Callable[[], Item]) -> Item:
        if self.cloud.latency_s:
            self.cloud.clock.wait(self.cloud.latency_s)
        with self.cloud.lock:
            self.cloud.requests.append((operation, region))
            trouble = self._trouble(operation, region)
            if trouble and not trouble.when_done:
                raise trouble.make()
            answer = act()
            if trouble:
                raise trouble.make()
            return answer

    def _trouble(self, operation: str, region: str) -> Trouble | None:
        for one in self.cloud.troubles:
            if one.operation == operation and one.region in ("", region) and one.times != 0:
                if one.times is not None:
                    one.times -= 1
                return one
        return None

    def _check(self, order: Order) -> None:
        self._check_region(order.region)
        for what, value, known in (("size", order.size, SIZES), ("image", order.image, IMAGES)):
            if value not in known:
                raise InvalidInput(
                    f"cloud {self.config.name} has no {what} {value!r}. Allowed: {', '.join(known)}.", known=known
                )
        if self._used(order.region) >= self.cloud.quota:
            raise QuotaExceeded(f"{order.region}: the account may have {self.cloud.quota} instances", code="Quota")
        room = self.cloud.capacity.get((order.region, order.zone))
        if room == 0:
            raise NoCapacity(f"{order.region}/{order.zone} has no {order.size} left", code="NoCapacity")
        if room is not None:
            self.cloud.capacity[(order.region, order.zone)] = room - 1

    def _check_region(self, region: str) -> None:
        if region not in self.cloud.region_names:
            raise NotInCloud(f"cloud {self.config.name} has no region {region!r}")

    def _used(self, region: str) -> int:
        return sum(one.region == region for one in self.cloud.running())

    def _machine(self, ref: InstanceRef) -> _Machine:
        machine = self.cloud.machines.get(ref.id)
        if machine is None or machine.instance.region != ref.region or not self.cloud._is_shown(machine):
            raise NotInCloud(f"cloud {self.config.name} has no instance {ref.id} in {ref.region}")
        return machine


def _page(items: list[Item], cursor: str | None, strategy: MemoryStrategy) -> Page[Item]:
    start = int(cursor or 0)
    end = start + strategy.cloud.page_size
    return Page(tuple(items[start:end]), str(end) if end < len(items) else None)


def raising(error: McopError) -> Callable[[], Exception]:
    """Return what makes a new error like *error* each time."""
    return lambda: type(error)(error.message, **error.facts)
