"""What clouds have, as JSON values and as rows: the same fields everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from mcop_core.clouds.config import CloudConfig
from mcop_core.clouds.models import Cluster, Instance, InstanceState, Problem, Region
from mcop_core.clouds.ours import is_ours, protection_of, worker_name
from mcop_core.clouds.strategy import CloudStrategy

INSTANCE_COLUMNS = ("cloud", "region", "zone", "name", "id", "state", "size", "address", "created", "made by")
CLUSTER_COLUMNS = ("cloud", "region", "name", "state", "version", "nodes", "add-ons", "endpoint")
REGION_COLUMNS = ("cloud", "region", "title", "available")
WORKER_COLUMNS = ("cloud", "region", "zone", "worker", "id", "state", "size", "address", "created", "protected by")

ADDRESS_TAG = "mcop:address"
"""The tag of what an execution deployed: its component's address; see `engines/terraform/provider_block.py`."""


def document(value: Any, *, raw: bool = False) -> Any:
    """
    Return *value* as JSON values: a dataclass by its fields, times as ISO 8601.

    Args:
        raw: Whether the clouds' own answers stand in it, under `raw`.
    """
    if is_dataclass(value) and not isinstance(value, type):
        kept = (field.name for field in fields(value) if raw or field.name != "raw")
        return {name: document(getattr(value, name), raw=raw) for name in kept}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): document(one, raw=raw) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [document(one, raw=raw) for one in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def instance_of(told: Mapping[str, Any]) -> Instance:
    """Return the instance that `document` gave as *told*, without the cloud's own answer."""
    kept = {one.name: told[one.name] for one in fields(Instance) if one.name in told}
    created = told.get("created_at")
    return Instance(
        **{
            **kept,
            "state": InstanceState(told["state"]),
            "problem": Problem(told.get("problem", Problem.NONE)),
            "private_addresses": tuple(told.get("private_addresses", ())),
            "public_addresses": tuple(told.get("public_addresses", ())),
            "created_at": datetime.fromisoformat(created) if created else None,
        }
    )


def made_by(instance: Instance, config: CloudConfig) -> str:
    """Return who made *instance*: `worker <name>`, the address of a component; empty: not MCOP."""
    if is_ours(instance, config):
        return f"worker {worker_name(instance)}"
    return instance.tags.get(ADDRESS_TAG, "")


def instance_row(strategy: CloudStrategy, one: Instance) -> tuple[object, ...]:
    """Return *one* under `INSTANCE_COLUMNS`."""
    place = (one.cloud, one.region, one.zone, one.name, one.id)
    return (*place, one.state, one.size, _address(one), _minute(one.created_at), made_by(one, strategy.config))


def worker_row(strategy: CloudStrategy, one: Instance) -> tuple[object, ...]:
    """Return *one* under `WORKER_COLUMNS`."""
    place = (one.cloud, one.region, one.zone, worker_name(one), one.id)
    protected = protection_of(one, strategy.config)
    return (*place, one.state, one.size, _address(one), _minute(one.created_at), protected)


def cluster_row(one: Cluster) -> tuple[object, ...]:
    """Return *one* under `CLUSTER_COLUMNS`."""
    pools = ", ".join(f"{pool.name} {pool.nodes}x{pool.size}" for pool in one.node_pools)
    addons = ", ".join(addon.name for addon in one.addons)
    return one.cloud, one.region, one.name, one.state, one.version, pools, addons, one.endpoint


def region_row(strategy: CloudStrategy, one: Region) -> tuple[object, ...]:
    """Return *one* under `REGION_COLUMNS`."""
    return strategy.config.name, one.name, one.title, "yes" if one.is_available else "no"


def _address(one: Instance) -> str:
    return next(iter((*one.public_addresses, *one.private_addresses)), "")


def _minute(at: datetime | None) -> str:
    return at.strftime("%Y-%m-%d %H:%M") if at else ""
