"""
Machines that executions deployed, by the states of their components, held against what clouds list.

The tag of a resource says whose it is while it is there; only a state says what should be there and is not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock
from typing import Any

from mcop_core.artifacts.store import ObjectStore
from mcop_core.clouds.answers import Answers, Failure
from mcop_core.clouds.config import CloudConfig
from mcop_core.clouds.crowd import each
from mcop_core.clouds.models import Instance
from mcop_core.deployments import Deployments, deployed_manifests
from mcop_core.engines.artifact import load_artifact
from mcop_core.engines.state import StateAddress, where_it_is
from mcop_core.errors import McopError

TYPES: Mapping[str, str] = {
    "aws_instance": "aws",
    "azurerm_linux_virtual_machine": "azure",
    "azurerm_windows_virtual_machine": "azure",
    "digitalocean_droplet": "digitalocean",
    "google_compute_instance": "gcp",
}
"""Terraform type of a machine -> provider whose clouds list it."""
AT_ONCE = 8
"""Components that are read at a time."""

_KEY = re.compile(r'\["(?:[^"\\]|\\.)*"\]')
_TYPE = re.compile(rf"(?:^|\.)({'|'.join(TYPES)})\.")
_ZONE = re.compile(r"/zones/([^/]+)/instances/([^/]+)$")
_ARN_REGION = 3
"""Which part of `arn:aws:ec2:us-east-1:…` it is."""


@dataclass(frozen=True, slots=True)
class Machine:
    """
    One machine that a component has in its state.

    Attributes:
        owner: `namespace/manifest/workflow.pattern.element`.
        address: In its state, `module.this.aws_instance.web[0]`.
        id: As Terraform has it.
        region: In the cloud's own word; empty: the state does not say it.
    """

    owner: str
    address: str
    provider: str
    id: str
    region: str = ""

    @property
    def made_by(self) -> str:
        """Who made it, for people."""
        return f"{self.owner} {self.address}"


# -- what should be there --------------------------------------------------------------------------------------


def deployed_machines(store: ObjectStore, open_store: Callable[[str], ObjectStore]) -> Answers[Machine]:
    """
    Return the machines of everything that is deployed; a component whose state cannot be read is a failure.

    Each component costs an artifact and a state to read, some at a time.

    Args:
        store: The artifact store.
        open_store: How states are reached, by URL; asked once for each.
    """
    deployed = [
        (f"{namespace}/{manifest}/{step}", one.artifact)
        for namespace, manifest in deployed_manifests(store)
        for step, one in Deployments(store, namespace, manifest).all().items()
    ]
    opened = _once(open_store)

    def read(one: tuple[str, str]) -> Answers[Machine]:
        owner, digest = one
        try:
            return Answers(tuple(_machines_of(store, opened, owner, digest)))
        except McopError as error:
            return Answers((), (Failure("", "", owner, error),))

    found: list[Machine] = []
    failures: list[Failure] = []
    for answer in each(deployed, read, at_once=AT_ONCE):
        found += answer.found
        failures += answer.failures
    return Answers(tuple(found), tuple(failures))


def _once(open_store: Callable[[str], ObjectStore]) -> Callable[[str], ObjectStore]:
    """Return what opens each store once, for many threads: most states lie in few of them."""
    known: dict[str, ObjectStore] = {}
    lock = Lock()

    def opened(url: str) -> ObjectStore:
        with lock:
            if url not in known:
                known[url] = open_store(url)
            return known[url]

    return opened


def _machines_of(
    store: ObjectStore, open_store: Callable[[str], ObjectStore], owner: str, digest: str
) -> list[Machine]:
    artifact = load_artifact(store, digest)
    if "state" not in artifact.runtime:
        return []
    _, state = where_it_is(open_store, StateAddress.of(artifact))
    return [
        Machine(owner, address, TYPES[kind], str(attributes["id"]), _region_of(TYPES[kind], attributes))
        for address, attributes in (state.managed() if state else ())
        if (kind := _type_of(address)) and attributes.get("id")
    ]


def _type_of(address: str) -> str:
    """Return the type in an address of a state, as far as it is a machine's; keys of instances may hold anything."""
    found = _TYPE.search(_KEY.sub("", address))
    return found.group(1) if found else ""


def _region_of(provider: str, attributes: Mapping[str, Any]) -> str:
    if provider == "gcp":
        zone, _ = _zone_and_name(str(attributes["id"]))
        return zone.rpartition("-")[0]
    if provider == "aws":
        return "".join(str(attributes.get("arn") or "").split(":")[_ARN_REGION : _ARN_REGION + 1])
    return str(attributes.get("region" if provider == "digitalocean" else "location") or "")


# -- what was looked at ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Seen:
    """
    How far one configured cloud was looked at.

    Attributes:
        regions: That were; empty: all.
        unanswered: Those of them that did not answer; an empty name: none did, or nobody asked.
    """

    provider: str
    regions: frozenset[str] = frozenset()
    unanswered: frozenset[str] = frozenset()

    def covers(self, region: str) -> bool:
        """Whether all of *region* was seen; of an empty one, which stands for a region that nobody knows: all."""
        if not region:
            return not self.regions and not self.unanswered
        return not self.unanswered & {"", region} and (not self.regions or region in self.regions)


def what_was_seen(
    configs: Iterable[CloudConfig],
    asked: Collection[str],
    unanswered: Iterable[tuple[str, str]],
    regions: Collection[str] = (),
) -> tuple[Seen, ...]:
    """
    Return how far each of the clouds *configs* was looked at.

    Args:
        configs: All clouds that are configured, those too that nobody asked.
        asked: Names of those that were asked.
        unanswered: Cloud and region that did not answer; an empty region: all of it.
        regions: What was asked for; empty: as each cloud is configured.
    """
    lacking: dict[str, set[str]] = {}
    for cloud, region in unanswered:
        lacking.setdefault(cloud, set()).add(region)
    return tuple(
        Seen(
            one.provider,
            frozenset(regions or one.regions),
            frozenset(lacking.get(one.name, ()) if one.name in asked else {""}),
        )
        for one in configs
    )


# -- both, side by side ----------------------------------------------------------------------------------------


class MachineStanding(StrEnum):
    """How one machine stands between the states and the clouds."""

    MANAGED = "managed"
    """It is a worker of ours, or a component's."""
    UNMANAGED = "unmanaged"
    """It is there, and nobody's here."""
    MISSING = "missing"
    """A state has it, and no cloud where it would be."""
    UNTOLD = "cannot be told"
    """A state has it, and not everything was seen where it would be."""


@dataclass(frozen=True, slots=True)
class Entry:
    """
    One machine of an inventory that was held against the states.

    Attributes:
        cloud, region, name, state: Empty where no cloud lists it.
        made_by: `worker <name>`, or the component and the address in its state; empty: not MCOP.
    """

    standing: MachineStanding
    cloud: str
    region: str
    name: str
    id: str
    state: str
    made_by: str


def entries(
    listed: Sequence[tuple[Instance, str]], machines: Iterable[Machine], seen: Sequence[Seen]
) -> tuple[Entry, ...]:
    """
    Hold what clouds list against what states have: an entry for each machine that is in one of them, or in both.

    Args:
        listed: Instances, and who made each by its tags; empty: nobody here.
        seen: How far each configured cloud was looked at, as `what_was_seen` says it.
    """
    joined = join((one for one, _ in listed), machines, seen)
    there = [_there(one, joined.owners.get((one.cloud, one.region, one.id)) or made_by) for one, made_by in listed]
    lacking = ((MachineStanding.MISSING, joined.missing), (MachineStanding.UNTOLD, joined.untold))
    return (
        *there,
        *(Entry(standing, "", "", "", one.id, "", one.made_by) for standing, found in lacking for one in found),
    )


def _there(one: Instance, made_by: str) -> Entry:
    standing = MachineStanding.MANAGED if made_by else MachineStanding.UNMANAGED
    return Entry(standing, one.cloud, one.region, one.name, one.id, str(one.state), made_by)


@dataclass(frozen=True, slots=True)
class Joined:
    """
    What clouds list and what states say, side by side.

    Attributes:
        owners: (cloud, region, id) of an instance -> who deployed it.
        missing: In a state, and listed by no cloud of its provider, all of which were seen where it would be.
        untold: In a state, while not every cloud of its provider was seen there, or none is configured.
    """

    owners: Mapping[tuple[str, str, str], str]
    missing: tuple[Machine, ...]
    untold: tuple[Machine, ...]


def join(instances: Iterable[Instance], machines: Iterable[Machine], seen: Iterable[Seen]) -> Joined:
    """Hold *instances* against *machines*; *seen* says how far each configured cloud was looked at."""
    # An account that is configured twice is listed twice.
    listed: dict[tuple[str, str], list[Instance]] = {}
    for one in instances:
        listed.setdefault((one.provider, _listed_as(one)), []).append(one)
    by_provider: dict[str, list[Seen]] = {}
    for cloud in seen:
        by_provider.setdefault(cloud.provider, []).append(cloud)
    owners: dict[tuple[str, str, str], str] = {}
    missing, untold = [], []
    for machine in machines:
        there = listed.get((machine.provider, _known_as(machine)))
        of_it = by_provider.get(machine.provider, [])
        if there:
            owners |= {(one.cloud, one.region, one.id): machine.made_by for one in there}
        elif of_it and all(cloud.covers(machine.region) for cloud in of_it):
            missing.append(machine)
        else:
            untold.append(machine)
    return Joined(owners, tuple(missing), tuple(untold))


def _listed_as(instance: Instance) -> str:
    """Return by what an instance is told from all others of its provider; Google Cloud's ids are numbers."""
    if instance.provider == "gcp":
        return f"{instance.zone}/{instance.name}"
    return instance.id.lower()


def _known_as(machine: Machine) -> str:
    """Return the same, of what Terraform has."""
    return "/".join(_zone_and_name(machine.id)) if machine.provider == "gcp" else machine.id.lower()


def _zone_and_name(id: str) -> tuple[str, str]:
    """Return both of `projects/p/zones/z/instances/name`, Google Cloud's id in a state; empty where it is none."""
    found = _ZONE.search(id)
    return (found[1], found[2]) if found else ("", "")
