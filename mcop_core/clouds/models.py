"""What clouds have, in one shape for all of them: regions, instances, clusters; times are aware UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias


class InstanceState(StrEnum):
    """What an instance is doing; each strategy has one table from its cloud's words to these."""

    PENDING = "pending"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    DELETING = "deleting"
    DELETED = "deleted"
    """Gone, although the cloud still lists it."""
    FAILED = "failed"
    """It never came to run; `Instance.problem` says why."""
    UNKNOWN = "unknown"
    """The cloud's word is in no table: `Instance.native_state` has it."""


class Problem(StrEnum):
    """Why an instance failed, as far as it matters for where to try next."""

    NONE = "none"
    CAPACITY = "capacity"
    QUOTA = "quota"
    OTHER = "other"


class ClusterState(StrEnum):
    """What a cluster, a node pool or an add-on is doing."""

    CREATING = "creating"
    ACTIVE = "active"
    UPDATING = "updating"
    DELETING = "deleting"
    DEGRADED = "degraded"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, order=True)
class Region:
    """One region of a cloud; one that is not available takes no new instances."""

    name: str
    title: str = ""
    is_available: bool = True


@dataclass(frozen=True, slots=True, order=True)
class InstanceRef:
    """
    By what a strategy finds one instance again.

    Attributes:
        id: The cloud's own.
        zone: Where the cloud's id is unique within a zone only; else empty or informative.
        operation: What the cloud called the creation, while that is not over and the instance may not exist yet.
    """

    region: str
    id: str
    zone: str = ""
    operation: str = ""


@dataclass(frozen=True, slots=True)
class Instance:
    """
    One virtual machine, whatever its cloud calls it.

    Attributes:
        cloud: Name of the configured cloud.
        native_state: The cloud's own word for the state.
        size, image: In the cloud's own words.
        tags: Key -> value; a tag without a value has an empty one.
        problem: Why it is FAILED, or DELETED without ever having run.
        detail: What the cloud says of its state, a sentence; empty if nothing.
        raw: The cloud's answer as it came.
    """

    cloud: str
    provider: str
    region: str
    id: str
    name: str
    state: InstanceState
    native_state: str = ""
    zone: str = ""
    size: str = ""
    image: str = ""
    private_addresses: tuple[str, ...] = ()
    public_addresses: tuple[str, ...] = ()
    created_at: datetime | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    problem: Problem = Problem.NONE
    detail: str = ""
    operation: str = ""
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def ref(self) -> InstanceRef:
        """By what it is found again."""
        return InstanceRef(self.region, self.id, self.zone, self.operation)

    @property
    def is_gone(self) -> bool:
        """Whether it is there no more."""
        return self.state is InstanceState.DELETED


Worker: TypeAlias = Instance
"""An instance that MCOP made: one that carries the tags of `mcop_core.clouds.ours`."""


@dataclass(frozen=True, slots=True)
class Order:
    """
    One instance that is to be created.

    Attributes:
        zone: Empty: the cloud chooses.
        key: SSH key by the cloud's own name or id; empty: none.
        tags: All tags that it gets, at the moment of its creation.
        token: The same for the same creation: a cloud that can makes nothing twice under one.
    """

    name: str
    region: str
    zone: str
    size: str
    image: str
    key: str
    tags: Mapping[str, str]
    token: str


@dataclass(frozen=True, slots=True, order=True)
class ClusterRef:
    """By what a strategy finds one Kubernetes cluster; *id* is the name where the cloud has no other."""

    region: str
    name: str
    id: str
    zone: str = ""


@dataclass(frozen=True, slots=True)
class NodePool:
    """Nodes of one kind; *minimum* and *maximum* are None where the cloud does not scale it."""

    name: str
    size: str
    nodes: int
    state: ClusterState
    minimum: int | None = None
    maximum: int | None = None
    version: str = ""


@dataclass(frozen=True, slots=True)
class Addon:
    """What the cloud itself runs in a cluster."""

    name: str
    version: str = ""
    state: ClusterState = ClusterState.ACTIVE


@dataclass(frozen=True, slots=True)
class Cluster:
    """
    One Kubernetes cluster.

    Attributes:
        endpoint: URL of its API, `https://…`; empty while there is none.
        ca_certificate: Base64 of the PEM, as a kubeconfig has it; empty while there is none.
        version: Kubernetes' own, as `1.31` or `1.31.4-do.0`.
    """

    cloud: str
    provider: str
    region: str
    id: str
    name: str
    state: ClusterState
    version: str = ""
    endpoint: str = ""
    ca_certificate: str = ""
    node_pools: tuple[NodePool, ...] = ()
    addons: tuple[Addon, ...] = ()
    created_at: datetime | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    zone: str = ""
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def ref(self) -> ClusterRef:
        """By what it is found again."""
        return ClusterRef(self.region, self.name, self.id, self.zone)


@dataclass(frozen=True, slots=True)
class ClusterLogin:
    """
    How `kubectl` gets a token for a cluster: an exec credential plugin, which speaks to the cloud when it is needed.

    Attributes:
        command: The program; *arguments* and *environment* hold no secret.
        hint: How to get the program, for people.
        is_told_the_cluster: Whether `kubectl` tells the program which cluster it is for.
    """

    command: str
    arguments: tuple[str, ...]
    hint: str
    environment: Mapping[str, str] = field(default_factory=dict)
    api_version: str = "client.authentication.k8s.io/v1beta1"
    is_told_the_cluster: bool = False


@dataclass(frozen=True, slots=True)
class Quota:
    """How many of *what* an account has in a region, and may have."""

    what: str
    used: int
    limit: int

    @property
    def headroom(self) -> int:
        """How many more there may be."""
        return max(self.limit - self.used, 0)
