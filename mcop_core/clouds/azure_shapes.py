"""What Azure says, in the shape of all clouds, and what a worker is in Azure's words; asks nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from mcop_core.clouds.azure_errors import problem_of
from mcop_core.clouds.config import CloudConfig
from mcop_core.clouds.models import (
    Addon,
    Cluster,
    ClusterState,
    Instance,
    InstanceState,
    NodePool,
    Order,
    Problem,
)
from mcop_core.clouds.ours import WORKER_TAG
from mcop_core.errors import InvalidInput

_STATES: Mapping[str, InstanceState] = {
    "provisioningstate/creating": InstanceState.PENDING,
    "provisioningstate/deleting": InstanceState.DELETING,
    "powerstate/creating": InstanceState.PENDING,
    "powerstate/starting": InstanceState.PENDING,
    "powerstate/running": InstanceState.RUNNING,
    "powerstate/stopping": InstanceState.STOPPING,
    "powerstate/stopped": InstanceState.STOPPED,
    "powerstate/deallocating": InstanceState.STOPPING,
    "powerstate/deallocated": InstanceState.STOPPED,
    "provisioningstate/failed": InstanceState.FAILED,
    "provisioningstate/updating": InstanceState.PENDING,
}
"""
Code of a status, in lower case -> state. The first that a machine has counts, in this order: a machine that runs and
whose last update failed runs.
"""

_CLUSTER_STATES: Mapping[str, ClusterState] = {
    "creating": ClusterState.CREATING,
    "succeeded": ClusterState.ACTIVE,
    "updating": ClusterState.UPDATING,
    "upgrading": ClusterState.UPDATING,
    "scaling": ClusterState.UPDATING,
    "starting": ClusterState.UPDATING,
    "stopping": ClusterState.UPDATING,
    "migrating": ClusterState.UPDATING,
    "deleting": ClusterState.DELETING,
    "failed": ClusterState.FAILED,
    "canceled": ClusterState.FAILED,
}
"""Provisioning state of a cluster or a pool, in lower case -> state."""

_CA = re.compile(r"^\s*certificate-authority-data:\s*(\S+)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Joined:
    """
    What lists of machines do not say.

    Attributes:
        statuses: Id of a machine, in lower case -> its statuses: code, message.
        addresses: Id of a machine, in lower case -> its private addresses.
        public_addresses: Id of a machine, in lower case -> its public ones.
        alone: Network interfaces of workers that no machine has.
    """

    statuses: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    addresses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    public_addresses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    alone: tuple[Any, ...] = ()

    @classmethod
    def of(cls, machines: Iterable[Any], nics: Iterable[Any], public: Mapping[str, str]) -> Joined:
        """
        Join *machines*, each with its instance view, and *nics*.

        Args:
            public: Id of a public address, in lower case -> the address.
        """
        statuses = {one.id.lower(): _statuses(one) for one in machines}
        addresses: dict[str, tuple[str, ...]] = {}
        found: dict[str, tuple[str, ...]] = {}
        alone = []
        for nic in nics:
            if is_left_over(nic):
                alone.append(nic)
            elif nic.properties.virtual_machine:
                machine = nic.properties.virtual_machine.id.lower()
                addresses[machine] = addresses.get(machine, ()) + _addresses(nic)
                given = (public.get(id.lower(), "") for id in public_ids(nic))
                found[machine] = found.get(machine, ()) + tuple(address for address in given if address)
        return cls(statuses, addresses, found, tuple(alone))


def _statuses(machine: Any) -> tuple[tuple[str, str], ...]:
    view = machine.properties.instance_view if machine.properties else None
    return tuple((one.code or "", one.message or "") for one in (view.statuses if view else None) or ())


def _addresses(nic: Any) -> tuple[str, ...]:
    found = (one.properties.private_ip_address for one in nic.properties.ip_configurations or ())
    return tuple(address for address in found if address)


def public_ids(nic: Any) -> list[str]:
    """Return the ids of the public addresses that *nic* has."""
    held = (one.properties.public_ip_address for one in nic.properties.ip_configurations or ())
    return [one.id for one in held if one]


# -- machines ----------------------------------------------------------------------------------------------


def instance(config: CloudConfig, machine: Any, joined: Joined) -> Instance:
    """Return *machine*, with what *joined* has of it."""
    facts, key = machine.properties, machine.id.lower()
    statuses = (*joined.statuses.get(key, ()), (f"ProvisioningState/{_word(facts.provisioning_state)}", ""))
    native, state, detail = _state_of(statuses)
    failure = native.split("/")[2] if state is InstanceState.FAILED and native.count("/") >= 2 else ""
    return Instance(
        cloud=config.name,
        provider=config.provider,
        region=region_of(machine),
        id=machine.id,
        name=machine.name,
        state=state,
        native_state=native,
        zone=(machine.zones or [""])[0],
        size=facts.hardware_profile.vm_size if facts.hardware_profile else "",
        image=_image_of(facts.storage_profile),
        private_addresses=joined.addresses.get(key, ()),
        public_addresses=joined.public_addresses.get(key, ()),
        created_at=_utc(facts.time_created),
        tags=dict(machine.tags or {}),
        problem=problem_of(failure, detail) if state is InstanceState.FAILED else Problem.NONE,
        detail=detail,
        raw=machine.as_dict(),
    )


def _state_of(statuses: Iterable[tuple[str, str]]) -> tuple[str, InstanceState, str]:
    """Return the status that counts, the state that it means and what it says."""
    found = tuple(statuses)
    for word, state in _STATES.items():
        for code, message in found:
            if code.lower() == word or code.lower().startswith(f"{word}/"):
                return code, state, message
    return found[0][0], InstanceState.UNKNOWN, found[0][1]


def is_in_the_making(machine: Any) -> bool:
    """Whether *machine* is being created or deleted, so that its parts may come and go."""
    return _word(machine.properties.provisioning_state) in ("creating", "deleting")


def as_begun(found: Instance) -> Instance:
    """Return *found*, which is there already, as the answer to the request that made it."""
    return replace(found, state=InstanceState.PENDING) if found.state is InstanceState.FAILED else found


def is_left_over(nic: Any) -> bool:
    """Whether *nic* came with a worker and no machine has it."""
    return nic.properties.virtual_machine is None and (nic.tags or {}).get(WORKER_TAG, "") != ""


def left_over(config: CloudConfig, nic: Any) -> Instance:
    """Return what is left of a worker as the worker that it was to be."""
    name = nic.name.removesuffix(nic_name(""))
    return Instance(
        cloud=config.name,
        provider=config.provider,
        region=region_of(nic),
        id=re.sub(r"Microsoft\.Network/networkInterfaces/.*", f"Microsoft.Compute/virtualMachines/{name}", nic.id),
        name=name,
        state=InstanceState.FAILED,
        native_state="left over",
        private_addresses=_addresses(nic),
        tags=dict(nic.tags or {}),
        problem=Problem.OTHER,
        detail=f"only its network interface {nic.name} is there",
        raw=nic.as_dict(),
    )


def region_of(resource: Any) -> str:
    """Return where *resource* lies; old resources have the title of the location in its place."""
    return str(resource.location).replace(" ", "").lower()


def _image_of(profile: Any) -> str:
    image = profile.image_reference if profile else None
    if image is None:
        return ""
    parts = (image.publisher, image.offer, image.sku, image.version)
    return str(image.id) if image.id else ":".join(part or "" for part in parts)


def _word(value: Any) -> str:
    """Return a word of Azure's, which the SDK gives as text or as an enum, in lower case."""
    return str(getattr(value, "value", value)).lower()


def _utc(moment: datetime | None) -> datetime | None:
    return moment.astimezone(UTC) if moment else None


# -- a worker in Azure's words -----------------------------------------------------------------------------


def nic_name(machine: str) -> str:
    """Return what the network interface of the worker *machine* is called."""
    return f"{machine}-nic"


def machine_id(subscription: str, group: str, name: str) -> str:
    """Return the id of a machine."""
    return _id(subscription, group, f"Microsoft.Compute/virtualMachines/{name}")


def subnet_id(subscription: str, group: str, subnet: str) -> str:
    """Return the id of *subnet*, `network/subnet`."""
    network, _, name = subnet.partition("/")
    return _id(subscription, group, f"Microsoft.Network/virtualNetworks/{network}/subnets/{name}")


def _id(subscription: str, group: str, rest: str) -> str:
    return f"/subscriptions/{subscription}/resourceGroups/{group}/providers/{rest}"


def image_reference(image: str) -> dict[str, str]:
    """
    Return *image*, `publisher:offer:sku:version` or the id of an image of one's own, as Azure writes it.

    Raises:
        InvalidInput: It is neither.
    """
    parts = image.split(":")
    if image.startswith("/"):
        return {"id": image}
    if len(parts) != 4 or not all(parts):
        near = "Canonical:ubuntu-24_04-lts:server:latest"
        raise InvalidInput(f"{image!r} is no image of Azure: write publisher:offer:sku:version, as {near}, or an id")
    return dict(zip(("publisher", "offer", "sku", "version"), parts, strict=True))


def machine_body(
    order: Order, image: Mapping[str, str], subnet: str, admin: str, public_key: str, network_api: str
) -> dict[str, Any]:
    """Return the request for the machine of *order*: its network interface and its disk come and go with it."""
    address = {"name": "ip", "properties": {"primary": True, "subnet": {"id": subnet}}}
    nic = {"primary": True, "deleteOption": "Delete", "ipConfigurations": [address]}
    ssh = {"publicKeys": [{"path": f"/home/{admin}/.ssh/authorized_keys", "keyData": public_key}]}
    login = {"disablePasswordAuthentication": True, "ssh": ssh}
    disk = {"name": f"{order.name}-os", "createOption": "FromImage", "deleteOption": "Delete"}
    interface = {"name": nic_name(order.name), "tags": dict(order.tags), "properties": nic}
    body: dict[str, Any] = {
        "location": order.region,
        "tags": dict(order.tags),
        "properties": {
            "hardwareProfile": {"vmSize": order.size},
            "storageProfile": {"imageReference": dict(image), "osDisk": disk},
            "osProfile": {"computerName": order.name, "adminUsername": admin, "linuxConfiguration": login},
            "networkProfile": {"networkApiVersion": network_api, "networkInterfaceConfigurations": [interface]},
        },
    }
    return body | ({"zones": [order.zone]} if order.zone else {})


# -- clusters ----------------------------------------------------------------------------------------------


def cluster(config: CloudConfig, described: Any, ca: str) -> Cluster:
    """Return *described*, with its CA as a kubeconfig has it."""
    facts = described.properties
    host = facts.fqdn or facts.private_fqdn or ""
    return Cluster(
        cloud=config.name,
        provider=config.provider,
        region=region_of(described),
        id=described.id,
        name=described.name,
        state=_cluster_state(facts),
        version=facts.current_kubernetes_version or facts.kubernetes_version or "",
        endpoint=f"https://{host}:443" if host else "",
        ca_certificate=ca,
        node_pools=tuple(_pool(one) for one in facts.agent_pool_profiles or ()),
        addons=tuple(Addon(name) for name, one in sorted((facts.addon_profiles or {}).items()) if one.enabled),
        created_at=_utc(described.system_data.created_at if described.system_data else None),
        tags=dict(described.tags or {}),
        raw=described.as_dict(),
    )


def _pool(pool: Any) -> NodePool:
    scales = bool(pool.enable_auto_scaling)
    return NodePool(
        pool.name,
        pool.vm_size or "",
        pool.count or 0,
        _cluster_state(pool),
        pool.min_count if scales else None,
        pool.max_count if scales else None,
        pool.current_orchestrator_version or pool.orchestrator_version or "",
    )


def _cluster_state(facts: Any) -> ClusterState:
    state = _CLUSTER_STATES.get(_word(facts.provisioning_state), ClusterState.UNKNOWN)
    is_stopped = facts.power_state is not None and _word(facts.power_state.code) == "stopped"
    return ClusterState.DEGRADED if is_stopped and state is ClusterState.ACTIVE else state


def ca_in(kubeconfig: str) -> str:
    """Return the CA that *kubeconfig* names, base64 of the PEM; empty if it names none."""
    found = _CA.search(kubeconfig)
    return found[1] if found else ""
