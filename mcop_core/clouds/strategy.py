"""
`CloudStrategy`: the few questions that a cloud is asked, one call of its API each.

A strategy waits for nothing, repeats nothing and decides nothing. Waiting, idempotency, tags, protection, fallbacks,
partial failure and verification are written once, in `workers`, `inventory` and `health`, over these calls.
The suite `tests/contracts/cloud_strategy.py` is the specification.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

from mcop_core.clouds.config import CloudConfig
from mcop_core.clouds.models import Cluster, ClusterLogin, ClusterRef, Instance, InstanceRef, Order, Quota, Region
from mcop_core.errors import Unsupported

Item = TypeVar("Item")


class Capability(StrEnum):
    """What a cloud may be asked; what is not among a strategy's is never asked of it."""

    LIST_INSTANCES = "list instances"
    WORKERS = "create and delete workers"
    CREATE_TOKENS = "create nothing twice under one token or name"
    """The same `Order` again gives the same instance, so that an answer that was lost is asked for again."""
    REGIONAL_LISTS = "list one region at a time"
    """Else one list has the instances (or clusters) of all regions, and is asked for once."""
    ZONES = "choose a zone"
    CLUSTERS = "list clusters"
    QUOTAS = "tell quotas"


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Some of what a cloud lists, in its order; *cursor* leads to what follows, None: this was the last page."""

    items: tuple[Item, ...]
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag that is looked for."""

    key: str
    value: str


class CloudStrategy(Protocol):
    """
    One configured cloud.

    Every call may raise: `Throttled` (nothing was done; with `retry_after_s` if the cloud says it), `Unreachable` (no
    answer, or a failure of the cloud's own, 5xx), `CredentialsRefused`, and `CloudFailed` with the cloud's code. What
    else a call raises, `KeyError` of an answer without a field say, counts as an answer that cannot be read.

    A region of None means all of them; only a strategy without `REGIONAL_LISTS` is given it.
    """

    config: CloudConfig
    """How it is configured."""
    capabilities: frozenset[Capability]

    def regions(self) -> tuple[Region, ...]:
        """Return all regions of the account, those that are not available too."""

    def instance_page(self, region: str | None, cursor: str | None, only: Tag | None) -> Page[Instance]:
        """
        Return one page of instances, in every state that the cloud lists, half-built ones too.

        Args:
            cursor: Of the page before; None: the first one.
            only: Where the cloud can look for a tag it gives those alone; where it cannot it gives all.
        """

    def get_instance(self, ref: InstanceRef) -> Instance:
        """
        Return one instance as it is now, with its `problem` if its creation failed after it was accepted: FAILED, or
        DELETED where nothing of it is left.

        Raises:
            NotInCloud: There is none, or the cloud does not show it yet.
        """

    def create_instance(self, order: Order) -> Instance:
        """
        Ask for one instance, with all its tags from the first moment, and return what the cloud said at once.

        Raises:
            NoCapacity, QuotaExceeded: The cloud has none of it there, or the account may have no more.
            InvalidInput: The cloud does not know the size, image or key, or takes no such name.
        """

    def delete_instance(self, ref: InstanceRef) -> None:
        """
        Ask for the deletion of one instance and of all that was created with it.

        Raises:
            NotInCloud: There is none.
            Conflict: Not now: the cloud is still busy with it, and will take it later.
        """

    def cluster_page(self, region: str | None, cursor: str | None) -> Page[ClusterRef]:
        """Return one page of Kubernetes clusters."""

    def get_cluster(self, ref: ClusterRef) -> Cluster:
        """
        Return one cluster with its node pools and add-ons, all of them.

        Raises:
            NotInCloud: There is none.
        """

    def cluster_login(self, cluster: Cluster) -> ClusterLogin:
        """Return how `kubectl` gets a token for *cluster*; asks nothing, and holds no secret."""

    def check(self, region: str) -> tuple[Quota, ...]:
        """Ask one cheap thing of *region* that needs credentials; return the quotas that it told, or none."""


def require(strategy: CloudStrategy, capability: Capability) -> None:
    """
    Make sure that *strategy* has *capability*, before anything is asked.

    Raises:
        Unsupported: It has not; names what it can.
    """
    if capability not in strategy.capabilities:
        known = sorted(strategy.capabilities)
        raise Unsupported(
            f"cloud {strategy.config.name} ({strategy.config.provider}) cannot {capability}. It can: {listed(known)}.",
            capability=capability,
            known=tuple(known),
        )


def listed(words: Iterable[str]) -> str:
    """Return *words* as a list for people, `nothing` if there are none."""
    return ", ".join(words) or "nothing"
