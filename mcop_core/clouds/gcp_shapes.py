"""What Google Cloud says, in the shape of all clouds, and what a worker is in its words; asks nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from mcop_core.clouds.config import CloudConfig
from mcop_core.clouds.gcp_errors import problem_of
from mcop_core.clouds.models import (
    Addon,
    Cluster,
    ClusterRef,
    ClusterState,
    Instance,
    InstanceState,
    NodePool,
    Order,
    Problem,
)
from mcop_core.errors import InvalidInput

_STATES: Mapping[str, InstanceState] = {
    "PENDING": InstanceState.PENDING,
    "PROVISIONING": InstanceState.PENDING,
    "STAGING": InstanceState.PENDING,
    "REPAIRING": InstanceState.PENDING,
    "RUNNING": InstanceState.RUNNING,
    "PENDING_STOP": InstanceState.STOPPING,
    "STOPPING": InstanceState.STOPPING,
    "SUSPENDING": InstanceState.STOPPING,
    "SUSPENDED": InstanceState.STOPPED,
    "TERMINATED": InstanceState.STOPPED,
    "DEPROVISIONING": InstanceState.DELETING,
}
"""Status of an instance -> state. One that is terminated is stopped, and can be started again."""

_OPERATION_STATES: Mapping[str, InstanceState] = {
    "PENDING": InstanceState.PENDING,
    "RUNNING": InstanceState.PENDING,
    "DONE": InstanceState.RUNNING,
}
"""Status of a creation that did not fail -> state of its instance."""

_CLUSTER_STATES: Mapping[str, ClusterState] = {
    "PROVISIONING": ClusterState.CREATING,
    "RUNNING": ClusterState.ACTIVE,
    "RUNNING_WITH_ERROR": ClusterState.DEGRADED,
    "RECONCILING": ClusterState.UPDATING,
    "STOPPING": ClusterState.DELETING,
    "DEGRADED": ClusterState.DEGRADED,
    "ERROR": ClusterState.FAILED,
}
"""Status of a cluster or a node pool -> state."""

_SWITCHED_OFF = ("http_load_balancing", "horizontal_pod_autoscaling", "kubernetes_dashboard", "network_policy_config")
"""Add-ons that are on unless they say `disabled`; all others say `enabled`."""


def last_of(link: str) -> str:
    """Return what a whole address names: `…/zones/us-east1-b` is `us-east1-b`."""
    return link.rpartition("/")[2]


def region_of(location: str) -> str:
    """Return the region of a zone or a region."""
    return location.rpartition("-")[0] if location.count("-") == 2 else location


def zone_names(region: Any) -> tuple[str, ...]:
    """Return the zones of *region*, in order."""
    return tuple(sorted(last_of(link) for link in region.zones))


# -- instances ---------------------------------------------------------------------------------------------


def instance(config: CloudConfig, found: Any) -> Instance:
    """Return *found*; of which image it was made only its disk knows."""
    zone = last_of(found.zone)
    natted = [one.nat_i_p for nic in found.network_interfaces for one in nic.access_configs]
    return Instance(
        cloud=config.name,
        provider=config.provider,
        region=region_of(zone),
        id=f"{zone}/{found.name}",
        name=found.name,
        state=_STATES.get(found.status, InstanceState.UNKNOWN),
        native_state=found.status,
        zone=zone,
        size=last_of(found.machine_type),
        private_addresses=tuple(nic.network_i_p for nic in found.network_interfaces if nic.network_i_p),
        public_addresses=tuple(address for address in natted if address),
        created_at=_utc(found.creation_timestamp),
        tags=dict(found.labels),
        detail=found.status_message,
        raw=type(found).to_dict(found),
    )


def begun(config: CloudConfig, name: str, zone: str, operation: Any, order: Order | None = None) -> Instance:
    """
    Return the instance that *operation* is to create, as far as that tells of it.

    Args:
        order: What was ordered, where that is known.
    """
    problem, code, message = problem_of(operation)
    word = operation.status if isinstance(operation.status, str) else operation.status.name
    state = _OPERATION_STATES.get(word, InstanceState.UNKNOWN) if problem is Problem.NONE else InstanceState.FAILED
    return Instance(
        cloud=config.name,
        provider=config.provider,
        region=region_of(zone),
        id=f"{zone}/{name}",
        name=name,
        state=InstanceState.PENDING if order else state,
        native_state=code or f"creation {word}",
        zone=zone,
        size=order.size if order else "",
        image=order.image if order else "",
        tags=dict(order.tags) if order else {},
        problem=problem,
        detail=message,
        operation=operation.name,
        raw=type(operation).to_dict(operation),
    )


def instance_body(
    order: Order, zone: str, network: str, subnet: str, has_public_address: bool, disk_gb: int
) -> dict[str, Any]:
    """
    Return the request for the instance of *order*: its disk comes and goes with it.

    Raises:
        InvalidInput: The key is none of Google Cloud's.
    """
    boot = {"source_image": order.image, **({"disk_size_gb": disk_gb} if disk_gb else {})}
    nic: dict[str, Any] = {"network": network if "/" in network else f"global/networks/{network}"}
    if subnet:
        nic["subnetwork"] = subnet if "/" in subnet else f"regions/{order.region}/subnetworks/{subnet}"
    if has_public_address:
        nic["access_configs"] = [{"name": "External NAT", "type_": "ONE_TO_ONE_NAT"}]
    body = {
        "name": order.name,
        "machine_type": f"zones/{zone}/machineTypes/{order.size}",
        "disks": [{"boot": True, "auto_delete": True, "initialize_params": boot}],
        "network_interfaces": [nic],
        "labels": dict(order.tags),
    }
    if not order.key:
        return body
    user, colon, key = order.key.partition(":")
    if not user or not colon or " " not in key:
        raise InvalidInput(
            f"{order.key!r} is no key for Google Cloud: write user:ssh-ed25519 AAAA…, as its metadata has"
        )
    return body | {"metadata": {"items": [{"key": "ssh-keys", "value": order.key}]}}


def _utc(text: str) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


# -- clusters ----------------------------------------------------------------------------------------------


def cluster_ref(found: Any) -> ClusterRef:
    """Return by what *found* is found again; a cluster of one zone has that zone."""
    location = found.location
    return ClusterRef(region_of(location), found.name, found.name, location if location.count("-") == 2 else "")


def cluster(config: CloudConfig, found: Any, sizes: Mapping[str, int]) -> Cluster:
    """
    Return *found*.

    Args:
        sizes: Address of an instance group -> how many nodes it has.
    """
    ref = cluster_ref(found)
    return Cluster(
        cloud=config.name,
        provider=config.provider,
        region=ref.region,
        id=ref.id,
        name=found.name,
        state=_CLUSTER_STATES.get(found.status.name, ClusterState.UNKNOWN),
        version=found.current_master_version,
        endpoint=f"https://{found.endpoint}" if found.endpoint else "",
        ca_certificate=found.master_auth.cluster_ca_certificate,
        node_pools=tuple(_pool(one, sizes) for one in found.node_pools),
        addons=tuple(Addon(name) for name in _addons(found.addons_config)),
        created_at=_utc(found.create_time),
        tags=dict(found.resource_labels),
        zone=ref.zone,
        raw=_without_secrets(type(found).to_dict(found)),
    )


def _pool(pool: Any, sizes: Mapping[str, int]) -> NodePool:
    scaling, groups = pool.autoscaling, pool.instance_group_urls
    zones = max(len(groups), 1)
    return NodePool(
        pool.name,
        pool.config.machine_type,
        sum(sizes.get(group, 0) for group in groups),
        _CLUSTER_STATES.get(pool.status.name, ClusterState.UNKNOWN),
        (scaling.total_min_node_count or scaling.min_node_count * zones) if scaling.enabled else None,
        (scaling.total_max_node_count or scaling.max_node_count * zones) if scaling.enabled else None,
        pool.version,
    )


def _addons(addons: Any) -> list[str]:
    """Return the names of the add-ons that are on, in snake case as Google's SDK has them."""
    said = type(addons).to_dict(addons)
    found = {name: one for name, one in said.items() if isinstance(one, dict)}
    return sorted(name for name, one in found.items() if _is_on(name, one))


def _is_on(name: str, said: Mapping[str, Any]) -> bool:
    return not said.get("disabled", False) if name in _SWITCHED_OFF else bool(said.get("enabled", False))


def _without_secrets(raw: dict[str, Any]) -> dict[str, Any]:
    """Leave out the password and the client key that old clusters have."""
    auth = {name: text for name, text in raw.get("master_auth", {}).items() if name == "cluster_ca_certificate"}
    return raw | {"master_auth": auth}
