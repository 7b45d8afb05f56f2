"""
Machines that executions deployed, by the states of their components, held against what clouds list.

The tag of a resource says whose it is while it is there; only a state says what should be there and is not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from mcop_core.artifacts.store import ObjectStore
from mcop_core.clouds.answers import Answers, Failure
from mcop_core.clouds.models import Instance
from mcop_core.deployments import Deployments, deployed_manifests
from mcop_core.engines.base import load_artifact
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


_KEY = re.compile(r'\["(?:[^"\\]|\\.)*"\]')
_TYPE = re.compile(rf"(?:^|\.)({'|'.join(TYPES)})\.")


@dataclass(frozen=True, slots=True)
class Machine:
    """
    One machine that a component has in its state.

    Attributes:
        owner: `namespace/manifest/workflow.pattern.element`.
        address: In its state, `module.this.aws_instance.web[0]`.
        id: As Terraform has it.
    """

    owner: str
    address: str
    provider: str
    id: str


def deployed_machines(store: ObjectStore, open_store: Callable[[str], ObjectStore]) -> Answers[Machine]:
    """
    Return the machines of everything that is deployed; a component whose state cannot be read is a failure.

    Args:
        store: The artifact store.
        open_store: How states are reached, by URL.
    """
    found: list[Machine] = []
    failures: list[Failure] = []
    for namespace, manifest in deployed_manifests(store):
        for step, one in Deployments(store, namespace, manifest).all().items():
            owner = f"{namespace}/{manifest}/{step}"
            try:
                found += _machines_of(store, open_store, owner, one.artifact)
            except McopError as error:
                failures.append(Failure("", "", owner, error))
    return Answers(tuple(found), tuple(failures))


def _machines_of(
    store: ObjectStore, open_store: Callable[[str], ObjectStore], owner: str, digest: str
) -> list[Machine]:
    artifact = load_artifact(store, digest)
    if "state" not in artifact.runtime:
        return []
    _, state = where_it_is(open_store, StateAddress.of(artifact))
    held = state.instances() if state else {}
    return [
        Machine(owner, address, TYPES[kind], id_)
        for address, id_ in held.items()
        if (kind := _type_of(address)) and id_
    ]


def _type_of(address: str) -> str:
    """Return the type in an address of a state, as far as it is a machine's; keys of instances may hold anything."""
    found = _TYPE.search(_KEY.sub("", address))
    return found.group(1) if found else ""


@dataclass(frozen=True, slots=True)
class Joined:
    """
    What clouds list and what states say, side by side.

    Attributes:
        owners: (cloud, region, id) of an instance -> who deployed it.
        missing: In a state, and listed by no cloud of its provider, all of which answered.
        untold: In a state, while not every cloud of its provider answered, or none is configured.
    """

    owners: Mapping[tuple[str, str, str], str]
    missing: tuple[Machine, ...]
    untold: tuple[Machine, ...]


def join(instances: Iterable[Instance], machines: Iterable[Machine], whole: Collection[str]) -> Joined:
    """
    Hold *instances* against *machines*.

    Args:
        whole: Providers all of whose clouds and regions were asked and have answered.
    """
    listed = {(one.provider, _listed_as(one)): one for one in instances}
    owners: dict[tuple[str, str, str], str] = {}
    missing, untold = [], []
    for machine in machines:
        there = listed.get((machine.provider, _known_as(machine)))
        if there is not None:
            owners[there.cloud, there.region, there.id] = f"{machine.owner} {machine.address}"
        elif machine.provider in whole:
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
    """Return the same, of what Terraform has: `projects/p/zones/z/instances/name` for Google Cloud."""
    if machine.provider == "gcp":
        zone, _, name = machine.id.partition("/zones/")[2].partition("/instances/")
        return f"{zone}/{name}"
    return machine.id.lower()
