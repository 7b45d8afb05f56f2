"""
EDGE boto3: Amazon Web Services.

EC2 for instances, EKS for clusters, asked region by region. A creation has its idempotency token (`ClientToken`), tags
are given with it, and what is terminated is still listed for about an hour.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import UTC
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from mcop_core.clouds.aws_session import meaning_of, open_session
from mcop_core.clouds.config import CloudConfig, Texts, check_options
from mcop_core.clouds.models import (
    Addon,
    Cluster,
    ClusterLogin,
    ClusterRef,
    ClusterState,
    Instance,
    InstanceRef,
    InstanceState,
    NodePool,
    Order,
    Problem,
    Quota,
    Region,
)
from mcop_core.clouds.sdk import asking
from mcop_core.clouds.strategy import Capability, Page, Tag
from mcop_core.errors import NotInCloud

_STATES: Mapping[str, InstanceState] = {
    "pending": InstanceState.PENDING,
    "running": InstanceState.RUNNING,
    "stopping": InstanceState.STOPPING,
    "stopped": InstanceState.STOPPED,
    "shutting-down": InstanceState.DELETING,
    "terminated": InstanceState.DELETED,
}
_CLUSTER_STATES: Mapping[str, ClusterState] = {
    "CREATING": ClusterState.CREATING,
    "PENDING": ClusterState.CREATING,
    "ACTIVE": ClusterState.ACTIVE,
    "UPDATING": ClusterState.UPDATING,
    "DELETING": ClusterState.DELETING,
    "DEGRADED": ClusterState.DEGRADED,
    "FAILED": ClusterState.FAILED,
    "CREATE_FAILED": ClusterState.FAILED,
    "UPDATE_FAILED": ClusterState.DEGRADED,
    "DELETE_FAILED": ClusterState.FAILED,
}

_OPEN = ("opt-in-not-required", "opted-in")

_WHY: Mapping[str, Problem] = {
    "Server.InsufficientInstanceCapacity": Problem.CAPACITY,
    "Client.VolumeLimitExceeded": Problem.QUOTA,
    "Client.InstanceInitiatedShutdown": Problem.NONE,
    "Client.UserInitiatedShutdown": Problem.NONE,
    "Client.UserInitiatedHibernate": Problem.NONE,
    "Server.ScheduledStop": Problem.NONE,
    "Server.SpotInstanceShutdown": Problem.NONE,
    "Server.SpotInstanceTermination": Problem.NONE,
}
"""`StateReason` -> why it is terminated; another reason of `Server.` or `Client.` is a failure, too."""


class AwsOptions(BaseModel):
    """
    What AWS alone has.

    Attributes:
        subnets: Zone -> subnet for workers in it; the key `*` for every other one.
        security_groups: Ids, of every worker.
        instance_profile: Name of the workers' profile.
        cli_profile: Profile of the AWS CLI, in kubeconfig entries.
        page_size: Instances of one answer, 5 to 1000.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    subnets: dict[str, str] = Field(default_factory=dict)
    security_groups: Texts = ()
    instance_profile: str = ""
    cli_profile: str = ""
    page_size: int = Field(default=1000, ge=5, le=1000)


class AwsStrategy:
    """
    One account of AWS.

    Args:
        credentials: `login` and `password` (access key and secret), `aws_session_token`, `role_arn` of a role to take
            with them; empty: as boto3 finds them.
    """

    capabilities = frozenset(
        {
            Capability.LIST_INSTANCES,
            Capability.WORKERS,
            Capability.CREATE_TOKENS,
            Capability.REGIONAL_LISTS,
            Capability.ZONES,
            Capability.CLUSTERS,
        }
    )

    def __init__(self, config: CloudConfig, credentials: Mapping[str, str]) -> None:
        self.config = config
        self._options: AwsOptions = check_options(AwsOptions, config)
        self._credentials = credentials
        self._clients: dict[tuple[str, str], Any] = {}
        self._session: Any = None
        self._lock = threading.Lock()

    # -- instances ---------------------------------------------------------------------------------------

    def regions(self) -> tuple[Region, ...]:
        """Return all regions; one that the account has not opted into is not available."""
        with self._asking("regions"):
            answer = self._client("ec2", self.config.region).describe_regions(AllRegions=True)
            return tuple(
                Region(one["RegionName"], is_available=one.get("OptInStatus", _OPEN[0]) in _OPEN)
                for one in answer["Regions"]
            )

    def instance_page(self, region: str | None, cursor: str | None, only: Tag | None) -> Page[Instance]:
        """Return one page of DescribeInstances."""
        asked: dict[str, Any] = {"MaxResults": self._options.page_size}
        if cursor:
            asked["NextToken"] = cursor
        if only:
            asked["Filters"] = [{"Name": f"tag:{only.key}", "Values": [only.value]}]
        place = str(region)
        with self._asking(f"instances of {place}"):
            answer = self._client("ec2", place).describe_instances(**asked)
            found = (one for group in answer["Reservations"] for one in group["Instances"])
            return Page(tuple(self._instance(place, one) for one in found), answer.get("NextToken") or None)

    def get_instance(self, ref: InstanceRef) -> Instance:
        """Return one instance; one that AWS took back at its start is DELETED with a problem."""
        with self._asking(f"instance {ref.id} in {ref.region}"):
            answer = self._client("ec2", ref.region).describe_instances(InstanceIds=[ref.id])
            found = [one for group in answer["Reservations"] for one in group["Instances"]]
            if not found:
                raise NotInCloud(f"cloud {self.config.name} has no instance {ref.id} in {ref.region}")
            return self._instance(ref.region, found[0])

    def create_instance(self, order: Order) -> Instance:
        """Run one instance."""
        with self._asking(f"worker {order.name} in {order.region}"):
            answer = self._client("ec2", order.region).run_instances(**self._asked(order))
            return self._instance(order.region, answer["Instances"][0])

    def delete_instance(self, ref: InstanceRef) -> None:
        """Terminate one instance; its volumes and interfaces were made to go with it."""
        with self._asking(f"instance {ref.id} in {ref.region}"):
            self._client("ec2", ref.region).terminate_instances(InstanceIds=[ref.id])

    def _asked(self, order: Order) -> dict[str, Any]:
        tags = [{"Key": key, "Value": value} for key, value in {"Name": order.name, **order.tags}.items()]
        asked: dict[str, Any] = {
            "ImageId": order.image,
            "InstanceType": order.size,
            "MinCount": 1,
            "MaxCount": 1,
            "ClientToken": order.token,
            "TagSpecifications": [{"ResourceType": kind, "Tags": tags} for kind in ("instance", "volume")],
        }
        subnet = self._options.subnets.get(order.zone) or self._options.subnets.get("*")
        further = {
            "KeyName": order.key,
            "Placement": {"AvailabilityZone": order.zone} if order.zone else None,
            "SubnetId": subnet,
            "SecurityGroupIds": list(self._options.security_groups),
            "IamInstanceProfile": {"Name": self._options.instance_profile} if self._options.instance_profile else None,
        }
        return asked | {name: value for name, value in further.items() if value}

    def _instance(self, region: str, raw: Mapping[str, Any]) -> Instance:
        tags = {one["Key"]: one["Value"] for one in raw.get("Tags", ())}
        word, reason = raw["State"]["Name"], raw.get("StateReason") or {}
        state = _STATES.get(word, InstanceState.UNKNOWN)
        return Instance(
            cloud=self.config.name,
            provider=self.config.provider,
            region=region,
            id=raw["InstanceId"],
            name=tags.pop("Name", ""),
            state=state,
            native_state=word,
            zone=raw.get("Placement", {}).get("AvailabilityZone", ""),
            size=raw.get("InstanceType", ""),
            image=raw.get("ImageId", ""),
            private_addresses=tuple(filter(None, (raw.get("PrivateIpAddress"),))),
            public_addresses=tuple(filter(None, (raw.get("PublicIpAddress"),))),
            created_at=raw["LaunchTime"].astimezone(UTC) if "LaunchTime" in raw else None,
            tags=tags,
            problem=_why(reason.get("Code", "")) if state is InstanceState.DELETED else Problem.NONE,
            detail=reason.get("Message", ""),
            raw=raw,
        )

    # -- clusters ----------------------------------------------------------------------------------------

    def cluster_page(self, region: str | None, cursor: str | None) -> Page[ClusterRef]:
        """Return one page of ListClusters: EKS knows clusters by name."""
        place = str(region)
        with self._asking(f"clusters of {place}"):
            answer = self._client("eks", place).list_clusters(
                maxResults=100, **({"nextToken": cursor} if cursor else {})
            )
            return Page(
                tuple(ClusterRef(place, name, name) for name in answer["clusters"]), answer.get("nextToken") or None
            )

    def get_cluster(self, ref: ClusterRef) -> Cluster:
        """Return one cluster, its node groups and its add-ons; each of them is a question of its own."""
        with self._asking(f"cluster {ref.name} in {ref.region}"):
            eks = self._client("eks", ref.region)
            raw = eks.describe_cluster(name=ref.name)["cluster"]
            pools = [
                eks.describe_nodegroup(clusterName=ref.name, nodegroupName=name)["nodegroup"]
                for name in self._named(eks, "list_nodegroups", "nodegroups", ref.name)
            ]
            addons = [
                eks.describe_addon(clusterName=ref.name, addonName=name)["addon"]
                for name in self._named(eks, "list_addons", "addons", ref.name)
            ]
            return self._cluster(ref.region, raw, pools, addons)

    def _named(self, eks: Any, operation: str, field: str, cluster: str) -> Iterator[str]:
        for page in eks.get_paginator(operation).paginate(clusterName=cluster):
            yield from page[field]

    def _cluster(
        self, region: str, raw: Mapping[str, Any], pools: list[dict[str, Any]], addons: list[dict[str, Any]]
    ) -> Cluster:
        return Cluster(
            cloud=self.config.name,
            provider=self.config.provider,
            region=region,
            id=raw["name"],
            name=raw["name"],
            state=_cluster_state(raw["status"]),
            version=raw.get("version", ""),
            endpoint=raw.get("endpoint") or "",
            ca_certificate=(raw.get("certificateAuthority") or {}).get("data", ""),
            node_pools=tuple(_pool(one) for one in pools),
            addons=tuple(
                Addon(one["addonName"], one.get("addonVersion", ""), _cluster_state(one["status"])) for one in addons
            ),
            created_at=raw["createdAt"].astimezone(UTC) if "createdAt" in raw else None,
            tags=dict(raw.get("tags") or {}),
            raw={**raw, "nodegroups": pools, "addons": addons},
        )

    def cluster_login(self, cluster: Cluster) -> ClusterLogin:
        """Return how the AWS CLI gives a token."""
        profile = self._options.cli_profile
        return ClusterLogin(
            "aws",
            ("--region", cluster.region, "eks", "get-token", "--cluster-name", cluster.name, "--output", "json"),
            "the AWS CLI is needed: https://docs.aws.amazon.com/cli",
            {"AWS_PROFILE": profile} if profile else {},
        )

    def check(self, region: str) -> tuple[Quota, ...]:
        """Ask for the zones of *region*; EC2 tells no quotas beside them."""
        with self._asking(f"zones of {region}"):
            self._client("ec2", region).describe_availability_zones()
        return ()

    # -- how it is asked ---------------------------------------------------------------------------------

    def _client(self, service: str, region: str) -> Any:
        """Return the client for *service*; clients may be used by many threads, and are made by one at a time."""
        with self._lock:
            if (service, region) not in self._clients:
                from botocore.config import Config

                settings = Config(
                    connect_timeout=min(self.config.timeout_s, 10.0),
                    read_timeout=self.config.timeout_s,
                    retries={"total_max_attempts": 1},
                    max_pool_connections=max(self.config.at_once, 10),
                )
                self._session = self._session or open_session(self._credentials, self.config.region)
                self._clients[service, region] = self._session.client(
                    service, region_name=region, endpoint_url=self.config.endpoint or None, config=settings
                )
            return self._clients[service, region]

    def _asking(self, what: str) -> AbstractContextManager[None]:
        return asking(self.config, what, meaning_of)


def _why(code: str) -> Problem:
    known = _WHY.get(code)
    if known is not None:
        return known
    return Problem.OTHER if code.startswith(("Server.", "Client.")) else Problem.NONE


def _cluster_state(word: str) -> ClusterState:
    return _CLUSTER_STATES.get(word, ClusterState.UNKNOWN)


def _pool(raw: Mapping[str, Any]) -> NodePool:
    scaling = raw.get("scalingConfig") or {}
    return NodePool(
        name=raw["nodegroupName"],
        size=", ".join(raw.get("instanceTypes") or ()),
        nodes=scaling.get("desiredSize", 0),
        state=_cluster_state(raw["status"]),
        minimum=scaling.get("minSize"),
        maximum=scaling.get("maxSize"),
        version=raw.get("version", ""),
    )
