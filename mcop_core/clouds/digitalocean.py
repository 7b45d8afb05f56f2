"""
EDGE pydo: DigitalOcean.

Its lists are of all regions at once, its tags are single words (`key:value`), a creation has no token, and names may be
there twice: a worker is found by its tags.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pydantic import BaseModel, ConfigDict, Field

from mcop_core.clouds.config import CloudConfig, check_options
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
    Quota,
    Region,
)
from mcop_core.clouds.sdk import asking, load
from mcop_core.clouds.strategy import Capability, Page, Tag
from mcop_core.errors import (
    CloudFailed,
    Conflict,
    CredentialsRefused,
    InvalidInput,
    McopError,
    NoCapacity,
    NotInCloud,
    QuotaExceeded,
    Throttled,
    Unreachable,
)

_EXTRA = "digitalocean"

_STATES: Mapping[str, InstanceState] = {
    "new": InstanceState.PENDING,
    "active": InstanceState.RUNNING,
    "off": InstanceState.STOPPED,
    "archive": InstanceState.STOPPED,
}
_CLUSTER_STATES: Mapping[str, ClusterState] = {
    "provisioning": ClusterState.CREATING,
    "running": ClusterState.ACTIVE,
    "upgrading": ClusterState.UPDATING,
    "degraded": ClusterState.DEGRADED,
    "error": ClusterState.FAILED,
    "invalid": ClusterState.FAILED,
    "deleting": ClusterState.DELETING,
    "deleted": ClusterState.DELETING,
}
_NODE_STATES: Mapping[str, ClusterState] = {
    "provisioning": ClusterState.CREATING,
    "running": ClusterState.ACTIVE,
    "draining": ClusterState.UPDATING,
    "deleting": ClusterState.UPDATING,
}
_ADDONS: Mapping[str, str] = {
    "registry_enabled": "container-registry",
    "routing_agent": "routing-agent",
    "amd_gpu_device_plugin": "amd-gpu-device-plugin",
    "amd_gpu_device_metrics_exporter_plugin": "amd-gpu-metrics-exporter",
    "nvidia_gpu_device_plugin": "nvidia-gpu-device-plugin",
    "rdma_shared_dev_plugin": "rdma-shared-device-plugin",
}
"""Field of a cluster -> the add-on that it switches on."""

_STATUSES: Mapping[int, type[McopError]] = {
    400: InvalidInput,
    401: CredentialsRefused,
    403: CredentialsRefused,
    404: NotInCloud,
    409: Conflict,
    412: Conflict,
    422: InvalidInput,
    429: Throttled,
}
_PHRASES: Mapping[str, type[McopError]] = {
    "droplet limit": QuotaExceeded,
    "not available in this region": NoCapacity,
    "region is not available": NoCapacity,
    "pending event": Conflict,
}
"""What is said with 422 and means something else than that the input is wrong; DigitalOcean has no codes for it."""


class DigitalOceanOptions(BaseModel):
    """
    What DigitalOcean alone has.

    Attributes:
        vpc: UUID of the network of workers; empty: the region's own.
        ca_file: Certificates that are trusted instead of the system's, for an address of one's own.
        page_size: Entries of one answer, 1 to 200.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    vpc: str = ""
    ca_file: str = ""
    page_size: int = Field(default=200, ge=1, le=200)


class DigitalOceanStrategy:
    """
    One team of DigitalOcean.

    Args:
        credentials: `password`, or `token`: a personal access token. There is no other way in.
    """

    capabilities = frozenset(
        {Capability.LIST_INSTANCES, Capability.WORKERS, Capability.CLUSTERS, Capability.QUOTAS},
    )

    def __init__(self, config: CloudConfig, credentials: Mapping[str, str]) -> None:
        self.config = config
        self._options: DigitalOceanOptions = check_options(DigitalOceanOptions, config)
        self._token = credentials.get("password") or credentials.get("token") or ""
        self._made: Any = None
        self._lock = threading.Lock()

    # -- instances ---------------------------------------------------------------------------------------

    def regions(self) -> tuple[Region, ...]:
        """Return all regions; DigitalOcean has fewer than fit on a page."""
        with self._asking("regions"):
            answer = self._client().regions.list(per_page=200)
            return tuple(Region(one["slug"], one["name"], bool(one["available"])) for one in answer["regions"])

    def instance_page(self, region: str | None, cursor: str | None, only: Tag | None) -> Page[Instance]:
        """Return one page of droplets of all regions."""
        asked = {"tag_name": _word(only.key, only.value)} if only else {}
        with self._asking("instances"):
            answer = self._client().droplets.list(
                per_page=self._options.page_size, page=int(cursor or 1), type="droplets", **asked
            )
            return Page(tuple(self._instance(one) for one in answer["droplets"]), _next(answer))

    def get_instance(self, ref: InstanceRef) -> Instance:
        """Return one droplet."""
        with self._asking(f"instance {ref.id} in {ref.region}"):
            answer = self._client().droplets.get(int(ref.id))
            self._check_found(answer, "droplet", f"instance {ref.id} in {ref.region}")
            return self._instance(answer["droplet"])

    def create_instance(self, order: Order) -> Instance:
        """Create one droplet."""
        body: dict[str, Any] = {
            "name": order.name,
            "region": order.region,
            "size": order.size,
            "image": int(order.image) if order.image.isdigit() else order.image,
            "tags": [_word(key, value) for key, value in order.tags.items()],
        }
        if order.key:
            body["ssh_keys"] = [int(order.key) if order.key.isdigit() else order.key]
        if self._options.vpc:
            body["vpc_uuid"] = self._options.vpc
        with self._asking(f"worker {order.name} in {order.region}"):
            return self._instance(self._client().droplets.create(body=body)["droplet"])

    def delete_instance(self, ref: InstanceRef) -> None:
        """Destroy one droplet with its disk."""
        with self._asking(f"instance {ref.id} in {ref.region}"):
            answer = self._client().droplets.destroy(int(ref.id))
            if answer:
                self._check_found(answer, "", f"instance {ref.id} in {ref.region}")

    def _instance(self, raw: Mapping[str, Any]) -> Instance:
        networks, image = raw["networks"]["v4"], raw["image"]
        return Instance(
            cloud=self.config.name,
            provider=self.config.provider,
            region=raw["region"]["slug"],
            id=str(raw["id"]),
            name=raw["name"],
            state=_STATES.get(raw["status"], InstanceState.UNKNOWN),
            native_state=raw["status"],
            size=raw["size_slug"],
            image=str(image.get("slug") or image.get("id", "")),
            private_addresses=tuple(one["ip_address"] for one in networks if one["type"] == "private"),
            public_addresses=tuple(one["ip_address"] for one in networks if one["type"] == "public"),
            created_at=_time(raw["created_at"]),
            tags=_tags(raw["tags"]),
            raw=raw,
        )

    # -- clusters ----------------------------------------------------------------------------------------

    def cluster_page(self, region: str | None, cursor: str | None) -> Page[ClusterRef]:
        """Return one page of clusters of all regions."""
        with self._asking("clusters"):
            answer = self._client().kubernetes.list_clusters(per_page=self._options.page_size, page=int(cursor or 1))
            found = (ClusterRef(one["region"], one["name"], one["id"]) for one in answer["kubernetes_clusters"])
            return Page(tuple(found), _next(answer))

    def get_cluster(self, ref: ClusterRef) -> Cluster:
        """
        Return one cluster.

        Its CA comes with credentials alone: those are asked for with a minute to live, and not kept.
        """
        what = f"cluster {ref.name} in {ref.region}"
        with self._asking(what):
            client = self._client()
            answer = client.kubernetes.get_cluster(ref.id)
            self._check_found(answer, "kubernetes_cluster", what)
            raw = answer["kubernetes_cluster"]
            held = client.kubernetes.get_credentials(ref.id, expiry_seconds=60) if raw.get("endpoint") else {}
            return self._cluster(raw, held.get("certificate_authority_data", ""))

    def _cluster(self, raw: Mapping[str, Any], ca_certificate: str) -> Cluster:
        return Cluster(
            cloud=self.config.name,
            provider=self.config.provider,
            region=raw["region"],
            id=raw["id"],
            name=raw["name"],
            state=_CLUSTER_STATES.get(raw["status"]["state"], ClusterState.UNKNOWN),
            version=raw["version"],
            endpoint=raw.get("endpoint") or "",
            ca_certificate=ca_certificate,
            node_pools=tuple(_pool(one) for one in raw["node_pools"]),
            addons=tuple(Addon(name) for field, name in _ADDONS.items() if _is_on(raw.get(field))),
            created_at=_time(raw["created_at"]),
            tags=_tags(raw.get("tags") or ()),
            raw=raw,
        )

    def cluster_login(self, cluster: Cluster) -> ClusterLogin:
        """Return how doctl gives a token."""
        return ClusterLogin(
            "doctl",
            ("kubernetes", "cluster", "kubeconfig", "exec-credential", "--version=v1beta1", cluster.id),
            "doctl is needed, and `doctl auth init`: https://docs.digitalocean.com/reference/doctl",
        )

    def check(self, region: str) -> tuple[Quota, ...]:
        """Ask for the account and the number of its droplets; both are of all regions."""
        with self._asking("account"):
            client = self._client()
            limit = client.account.get()["account"]["droplet_limit"]
            used = client.droplets.list(per_page=1)["meta"]["total"]
            return (Quota("droplets of all regions", used, limit),)

    # -- how it is asked ---------------------------------------------------------------------------------

    def _client(self) -> Any:
        with self._lock:
            if self._made is None:
                if not self._token:
                    raise CredentialsRefused(
                        f"cloud {self.config.name}: DigitalOcean needs a token: name credentials that hold password "
                        "or token"
                    )
                self._made = load("pydo", extra=_EXTRA).Client(
                    self._token,
                    endpoint=self.config.endpoint or "https://api.digitalocean.com",
                    connection_verify=self._options.ca_file or True,
                    connection_timeout=min(self.config.timeout_s, 10.0),
                    read_timeout=self.config.timeout_s,
                    retry_total=0,
                )
            return self._made

    def _check_found(self, answer: Mapping[str, Any], field: str, what: str) -> None:
        """Raise what the body says where pydo gives a 404 as if it were an answer."""
        if answer.get("id") == "not_found" and field not in answer:
            raise NotInCloud(f"cloud {self.config.name} has no {what}")

    def _asking(self, what: str) -> AbstractContextManager[None]:
        return asking(self.config, what, _told)


def _told(error: Exception, what: str) -> McopError | None:
    """Return what *error* means; None if it is none that DigitalOcean or the way to it makes."""
    raised = load("azure.core.exceptions", extra=_EXTRA)
    if isinstance(error, raised.HttpResponseError) and error.response is not None:
        return _of_answer(error.status_code, _body(error.response), error.response.headers, what)
    if isinstance(error, raised.ServiceRequestError | raised.ServiceResponseError):
        return Unreachable(f"{what}: no answer: {error}", service="digitalocean")
    return None


def _of_answer(status: int, body: Mapping[str, Any], headers: Mapping[str, str], what: str) -> McopError:
    word, text = str(body.get("id", "")), str(body.get("message", ""))
    message = f"{what}: {text or 'no message'} ({status} {word})".replace(" )", ")")
    if status >= 500:
        return Unreachable(message, service="digitalocean")
    kind = _STATUSES.get(status, CloudFailed)
    if kind is Throttled:
        wait = str(headers.get("retry-after", ""))
        return Throttled(message, service="digitalocean", retry_after_s=float(wait) if wait.isdigit() else 0.0)
    for phrase, meant in _PHRASES.items():
        if status in (403, 422) and phrase in text.lower():
            kind = meant
    return kind(message, code=word)


def _body(response: Any) -> Mapping[str, Any]:
    try:
        found = response.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _next(answer: Mapping[str, Any]) -> str | None:
    """Return the number of the page that the link to the next one names."""
    link = ((answer.get("links") or {}).get("pages") or {}).get("next")
    return parse_qs(urlsplit(link).query)["page"][0] if link else None


def _word(key: str, value: str) -> str:
    return f"{key}:{value}" if value else key


def _tags(words: Any) -> dict[str, str]:
    return {key: value for key, _, value in (word.partition(":") for word in words)}


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _is_on(field: Any) -> bool:
    return bool(field.get("enabled")) if isinstance(field, dict) else bool(field)


def _pool(raw: Mapping[str, Any]) -> NodePool:
    states = {_NODE_STATES.get(node["status"]["state"], ClusterState.UNKNOWN) for node in raw.get("nodes") or ()}
    scales = bool(raw.get("auto_scale"))
    return NodePool(
        name=raw["name"],
        size=raw["size"],
        nodes=raw["count"],
        state=next(iter(states)) if len(states) == 1 else ClusterState.UPDATING if states else ClusterState.UNKNOWN,
        minimum=raw.get("min_nodes") if scales else None,
        maximum=raw.get("max_nodes") if scales else None,
    )
