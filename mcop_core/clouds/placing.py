"""Where workers may be created: what a request says, completed by each cloud's configuration, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from mcop_core.clouds.config import check_tags
from mcop_core.clouds.models import Order
from mcop_core.clouds.ours import check_worker_name, own_tags
from mcop_core.clouds.strategy import Capability, CloudStrategy, require
from mcop_core.errors import Fault, InvalidDocuments, InvalidInput, McopError, closest


@dataclass(frozen=True, slots=True)
class Place:
    """
    Where a worker may be created; what is empty is as the cloud is configured.

    Attributes:
        cloud: Name of a configured cloud; empty: the one that is asked.
    """

    cloud: str = ""
    region: str = ""
    zone: str = ""
    size: str = ""
    image: str = ""
    key: str = ""

    @classmethod
    def parse(cls, text: str) -> Place:
        """
        Read `[cloud:][region][/zone]`: `us-east-1/us-east-1b`, `do:fra1`, `do:`.

        Raises:
            InvalidInput: It says nothing, or has more parts.
        """
        cloud, colon, rest = text.partition(":") if ":" in text else ("", "", text)
        region, _, zone = rest.partition("/")
        if not (cloud or region) or (colon and not cloud) or "/" in zone or ":" in rest or (zone and not region):
            raise InvalidInput(f"{text!r} is no place: write region, region/zone, cloud: or cloud:region/zone")
        return cls(cloud, region, zone)


@dataclass(frozen=True, slots=True)
class WorkerRequest:
    """
    Workers that are to be there.

    Attributes:
        names: Each is created once, however often it is asked for.
        places: Where, in order: the next one is tried where one has no capacity or the account no quota.
        tags: Beside those of the configuration.
    """

    names: tuple[str, ...]
    places: tuple[Place, ...] = (Place(),)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Spot:
    """One place, completed."""

    strategy: CloudStrategy
    place: Place
    tags: Mapping[str, str]

    @property
    def is_in(self) -> tuple[str, str]:
        """Cloud and region."""
        return self.strategy.config.name, self.place.region

    def order(self, name: str) -> Order:
        """Return what is ordered for the worker *name*; its token is still empty."""
        place, tags = self.place, {**self.tags, **own_tags(self.strategy.config, name)}
        return Order(name, place.region, place.zone, place.size, place.image, place.key, tags, token="")

    def __str__(self) -> str:
        return "/".join(part for part in (self.strategy.config.name, self.place.region, self.place.zone) if part)


def spots_of(request: WorkerRequest, asked: CloudStrategy, others: Callable[[str], CloudStrategy]) -> tuple[Spot, ...]:
    """
    Return the places of *request*, completed, in order, each once.

    Args:
        others: Name of a configured cloud -> its strategy, for places on another one.

    Raises:
        InvalidDocuments: Every fault of the request: names, tags, a size or image that nobody says.
        Unsupported: A cloud has no workers, or no zones to choose from.
    """
    faults = [*_name_faults(request.names), *_tag_faults(request.tags)]
    if not request.places:
        faults.append(Fault("there is no place to create workers at", "request", "places"))
    found: dict[tuple[str, Place], Spot] = {}
    for place in request.places:
        strategy = others(place.cloud) if place.cloud not in ("", asked.config.name) else asked
        require(strategy, Capability.WORKERS)
        if place.zone:
            require(strategy, Capability.ZONES)
        whole = _completed(place, strategy)
        faults += _place_faults(whole, strategy)
        spot = Spot(strategy, whole, {**strategy.config.tags, **request.tags})
        found.setdefault((strategy.config.name, whole), spot)
    if faults:
        raise InvalidDocuments.of(dict.fromkeys(faults))
    return tuple(found.values())


def _completed(place: Place, strategy: CloudStrategy) -> Place:
    config = strategy.config
    # A configured zone lies in the configured region: another region has other zones.
    is_elsewhere = place.region not in ("", config.region)
    zone = place.zone or ("" if is_elsewhere or Capability.ZONES not in strategy.capabilities else config.zone)
    return Place(
        config.name,
        place.region or config.region,
        zone,
        place.size or config.size,
        place.image or config.image,
        place.key or config.key,
    )


def _name_faults(names: Iterable[str]) -> list[Fault]:
    faults, seen = [], set()
    for name in names:
        try:
            check_worker_name(name)
        except McopError as error:
            faults.append(Fault(error.message, "request", "names"))
        if name in seen:
            faults.append(Fault(f"the worker {name!r} is asked for twice", "request", "names"))
        seen.add(name)
    return faults or ([] if seen else [Fault("no worker is asked for", "request", "names")])


def _tag_faults(tags: Mapping[str, str]) -> list[Fault]:
    try:
        check_tags(tags)
    except ValueError as error:
        return [Fault(str(error), "request", "tags")]
    return []


def _place_faults(place: Place, strategy: CloudStrategy) -> list[Fault]:
    where, known = f"cloud {strategy.config.name}", strategy.config.worker_regions
    outside = [
        Fault(
            f"a worker in {place.region} would not be found again: it is none of the regions of this cloud.",
            where,
            "regions",
            allowed=known,
            suggestion=closest(place.region, known),
        )
    ]
    return (outside if known and place.region not in known else []) + [
        Fault(f"a worker needs {what}: say it in the request or in the cloud's configuration", where, what)
        for what in ("size", "image")
        if not getattr(place, what)
    ]
