"""
Google Cloud: instances and Kubernetes clusters of one project, over REST. EDGE: Google's SDK.

An instance is its name in its zone, which is what makes a second request for it harmless. A creation that fails later
leaves no instance; its operation says why.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict

from mcop_core.clouds import gcp_shapes as shapes
from mcop_core.clouds import sdk
from mcop_core.clouds.config import CloudConfig, check_options
from mcop_core.clouds.gcp_errors import failure_of, translated
from mcop_core.clouds.models import (
    Cluster,
    ClusterLogin,
    ClusterRef,
    Instance,
    InstanceRef,
    InstanceState,
    Order,
    Quota,
    Region,
)
from mcop_core.clouds.strategy import Capability, Page, Tag
from mcop_core.errors import CloudFailed, Conflict, Fault, InvalidDocuments, InvalidInput, NotInCloud, Unreachable

T = TypeVar("T")

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_PER_PAGE = 500
"""As many as Compute Engine gives at once."""


class GcpOptions(BaseModel):
    """
    What only Google Cloud has.

    Attributes:
        project: Empty: as the credentials say.
        network, subnet: Of workers, by name or partial address; without a subnet the network chooses it.
        public_address: Whether workers get a public address.
        disk_gb: Of the boot disk, GB; 0: as large as the image.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    project: str = ""
    network: str = "default"
    subnet: str = ""
    public_address: bool = False
    disk_gb: int = 0


class GcpStrategy:
    """
    One project.

    Args:
        credentials: `keyfile_dict`, the JSON of a service account's key, and `project`; or that JSON alone. Without a
            key the SDK looks for the worker's own identity.

    Raises:
        InvalidDocuments: The options or the credentials cannot be used.
    """

    capabilities = frozenset(Capability) - {Capability.REGIONAL_LISTS}

    def __init__(self, config: CloudConfig, credentials: Mapping[str, str]) -> None:
        self.config = config
        self._options: GcpOptions = check_options(GcpOptions, config)
        self._keyfile = self._read_keyfile(credentials)
        named = self._options.project or credentials.get("project", "")
        self._project = named or str(self._keyfile.get("project_id", ""))
        if not self._project:
            said = "nothing names the project: write options.project"
            raise InvalidDocuments.of([Fault(said, f"cloud {config.name}")])
        self._zones: dict[str, tuple[str, ...]] = {}

    def _read_keyfile(self, credentials: Mapping[str, str]) -> Mapping[str, Any]:
        """Return the key that *credentials* hold or are; empty if they have none."""
        if credentials.get("type") == "service_account":
            return credentials
        if not credentials.get("keyfile_dict"):
            return {}
        try:
            held = json.loads(credentials["keyfile_dict"])
        except ValueError:
            held = None
        needed = ("client_email", "private_key", "token_uri")
        missing = [name for name in needed if not held.get(name)] if isinstance(held, dict) else list(needed)
        if missing or not isinstance(held, dict):
            said = f"keyfile_dict is no key of a service account: it has no {', '.join(missing)}"
            raise InvalidDocuments.of([Fault(said, f"cloud {self.config.name}, credentials")])
        return held

    # -- regions -------------------------------------------------------------------------------------------

    def regions(self) -> tuple[Region, ...]:
        """Return the regions of the project."""

        def ask() -> tuple[Region, ...]:
            listed = list(self._sdk.regions.list(request={"project": self._project}, **self._manners))
            self._zones.update({one.name: shapes.zone_names(one) for one in listed})
            return tuple(Region(one.name, one.description, one.status == "UP") for one in listed)

        return self._ask("list the regions", ask)

    def check(self, region: str) -> tuple[Quota, ...]:
        """Return what the project may have in *region*, as far as instances count."""
        described = self._region(region)
        wanted = {"CPUS": "cpus", "INSTANCES": "instances", "IN_USE_ADDRESSES": "addresses in use"}
        told = [one for one in described.quotas if one.metric in wanted]
        return tuple(Quota(wanted[one.metric], int(one.usage), int(one.limit)) for one in told)

    def _region(self, name: str) -> Any:
        request = {"project": self._project, "region": name}
        return self._ask(f"look at the region {name}", lambda: self._sdk.regions.get(request=request, **self._manners))

    # -- instances -----------------------------------------------------------------------------------------

    def instance_page(self, region: str | None, cursor: str | None, only: Tag | None) -> Page[Instance]:
        """Return one page of the project's instances, of all zones; Compute Engine itself looks for *only*."""
        request: dict[str, Any] = {"project": self._project, "max_results": _PER_PAGE, "page_token": cursor or ""}
        if only:
            request["filter"] = f'labels.{only.key}="{only.value}"'

        def ask() -> Page[Instance]:
            page = next(self._sdk.instances.aggregated_list(request=request, **self._manners).pages)
            found = (one for scope in page.items.values() for one in scope.instances)
            return Page(tuple(shapes.instance(self.config, one) for one in found), page.next_page_token or None)

        return self._ask("list the instances", ask)

    def get_instance(self, ref: InstanceRef) -> Instance:
        """Return one instance; where it is not there, what the operation that was to create it says."""
        place = self._place_of(ref.id)
        try:
            found = self._ask(f"look at {ref.id}", lambda: self._sdk.instances.get(request=place, **self._manners))
        except NotInCloud:
            if not ref.operation:
                raise
            return self._not_there(ref, place)
        return shapes.instance(self.config, found)

    def _not_there(self, ref: InstanceRef, place: Mapping[str, str]) -> Instance:
        """Return what became of a creation; raises NotInCloud: it succeeded, and is not shown yet or gone again."""
        request = {"project": place["project"], "zone": place["zone"], "operation": ref.operation}
        operation = self._ask(
            f"look at the creation of {ref.id}", lambda: self._sdk.operations.get(request=request, **self._manners)
        )
        begun = shapes.begun(self.config, place["instance"], place["zone"], operation)
        if begun.state is InstanceState.RUNNING:
            raise NotInCloud(f"cloud {self.config.name} does not show the instance {ref.id}")
        return begun

    def create_instance(self, order: Order) -> Instance:
        """Create one instance with its disk; one that is there already is given back."""
        zone = order.zone or self._zone_for(order)
        body = shapes.instance_body(
            order,
            zone,
            self._options.network,
            self._options.subnet,
            self._options.public_address,
            self._options.disk_gb,
        )
        request = {"project": self._project, "zone": zone, "instance_resource": body}
        try:
            operation = self._ask(
                f"create the instance {order.name} in {zone}",
                lambda: self._sdk.instances.insert_unary(request=request, **self._manners),
            )
        except Conflict as error:
            return self._there_already(order, zone, error)
        if failure := failure_of(operation):
            raise failure(f"cloud {self.config.name}: create the instance {order.name} in {zone}")
        return shapes.begun(self.config, order.name, zone, operation, order)

    def _there_already(self, order: Order, zone: str, refusal: Conflict) -> Instance:
        """Return the instance that has the name of *order*, if that is what an earlier request made."""
        id = f"{zone}/{order.name}"
        try:
            found = self.get_instance(InstanceRef(order.region, id, zone))
        except NotInCloud as error:
            if f"/instances/{order.name}'" not in refusal.message:
                # A disk of that name, say, that an instance of somebody's left behind.
                raise refusal from error
            raise Unreachable(f"{error.message}, and says that it is there: it is not shown yet") from refusal
        is_same = order.tags.items() <= dict(found.tags).items()
        # An instance that is to be deleted stops first, as one that is only stopped does.
        if not is_same or found.state is InstanceState.STOPPING:
            why = "is stopping or being deleted" if is_same else "is another one"
            raise Conflict(f"cloud {self.config.name}: the instance {found.id} is there and {why}") from refusal
        return found

    def _zone_for(self, order: Order) -> str:
        """Return a zone for an order that names none: always the same for the same name, spread over all zones."""
        zones = self._zones.get(order.region)
        if not zones:
            zones = self._zones[order.region] = shapes.zone_names(self._region(order.region))
        return zones[zlib.crc32(order.name.encode()) % len(zones)]

    def delete_instance(self, ref: InstanceRef) -> None:
        """Delete one instance, with which its disk goes."""
        place = self._place_of(ref.id)
        self._ask(f"delete {ref.id}", lambda: self._sdk.instances.delete_unary(request=place, **self._manners))

    def _place_of(self, id: str) -> dict[str, str]:
        zone, _, name = id.partition("/")
        if not re.fullmatch(r"[a-z]+-[a-z0-9]+-[a-z]+", zone) or not name or "/" in name:
            raise NotInCloud(f"cloud {self.config.name} has no instance {id!r}: an id is zone/name")
        return {"project": self._project, "zone": zone, "instance": name}

    # -- clusters ------------------------------------------------------------------------------------------

    def cluster_page(self, region: str | None, cursor: str | None) -> Page[ClusterRef]:
        """Return the project's clusters, all of them: Kubernetes Engine has no pages."""
        request = {"parent": f"projects/{self._project}/locations/-"}

        def ask() -> Page[ClusterRef]:
            answer = self._sdk.clusters.list_clusters(request=request, **self._manners)
            if answer.missing_zones:
                said = f"cloud {self.config.name}: no answer of clusters from {', '.join(answer.missing_zones)}"
                raise CloudFailed(said, code="missingZones")
            return Page(tuple(shapes.cluster_ref(one) for one in answer.clusters))

        return self._ask("list the clusters", ask)

    def get_cluster(self, ref: ClusterRef) -> Cluster:
        """Return one cluster."""
        name = f"projects/{self._project}/locations/{ref.zone or ref.region}/clusters/{ref.id}"

        def ask() -> Cluster:
            described = self._sdk.clusters.get_cluster(request={"name": name}, **self._manners)
            groups = [group for pool in described.node_pools for group in pool.instance_group_urls]
            return shapes.cluster(self.config, described, {group: self._size_of(group) for group in groups})

        return self._ask(f"describe the cluster {ref.name}", ask)

    def _size_of(self, group: str) -> int:
        """Return how many nodes an instance group has: Kubernetes Engine says only how many a pool began with."""
        found = re.search(r"/projects/([^/]+)/zones/([^/]+)/instanceGroupManagers/([^/]+)$", group)
        if found is None:
            raise ValueError(f"{group!r} is no instance group")
        request = dict(zip(("project", "zone", "instance_group_manager"), found.groups(), strict=True))
        try:
            answer = self._ask(
                f"look at the instance group {found[3]}", lambda: self._sdk.groups.get(request=request, **self._manners)
            )
        except NotInCloud:
            # Its pool is being made or deleted.
            return 0
        return int(answer.target_size)

    def cluster_login(self, cluster: Cluster) -> ClusterLogin:
        """Return the plugin that gives whatever token `gcloud` or the machine has."""
        hint = "gke-gcloud-auth-plugin is Google's: `gcloud components install gke-gcloud-auth-plugin`"
        return ClusterLogin("gke-gcloud-auth-plugin", (), hint, is_told_the_cluster=True)

    # -- the SDK -------------------------------------------------------------------------------------------

    @cached_property
    def _sdk(self) -> _Clients:
        return _Clients(self.config, self._keyfile)

    @property
    def _manners(self) -> dict[str, Any]:
        """How every call is made: once, and for so long."""
        return {"retry": None, "timeout": self.config.timeout_s}

    def _ask(self, what: str, call: Callable[[], T]) -> T:
        with sdk.asking(self.config, what, translated, _errors()):
            return call()


def _errors() -> tuple[type[Exception], ...]:
    api, auth = sdk.load("google.api_core.exceptions", extra="gcp"), sdk.load("google.auth.exceptions", extra="gcp")
    return api.GoogleAPIError, auth.GoogleAuthError, sdk.load("requests", extra="gcp").RequestException


@dataclass
class _Clients:
    """Google's clients, each made when it is first asked: importing them takes seconds."""

    config: CloudConfig
    keyfile: Mapping[str, Any] = field(repr=False)

    @cached_property
    def instances(self) -> Any:
        """Instances of all zones."""
        return self._client("google.cloud.compute_v1.services.instances", "InstancesClient")

    @cached_property
    def operations(self) -> Any:
        """What was begun in a zone."""
        return self._client("google.cloud.compute_v1.services.zone_operations", "ZoneOperationsClient")

    @cached_property
    def regions(self) -> Any:
        """Regions, their zones and quotas."""
        return self._client("google.cloud.compute_v1.services.regions", "RegionsClient")

    @cached_property
    def groups(self) -> Any:
        """What keeps the nodes of a pool in one zone."""
        module = "google.cloud.compute_v1.services.instance_group_managers"
        return self._client(module, "InstanceGroupManagersClient")

    @cached_property
    def clusters(self) -> Any:
        """Clusters."""
        return self._client("google.cloud.container_v1.services.cluster_manager", "ClusterManagerClient")

    def _client(self, module: str, name: str) -> Any:
        options = {"api_endpoint": self.config.endpoint} if self.config.endpoint else {}
        made = getattr(sdk.load(module, extra="gcp"), name)
        return made(credentials=self._credentials, client_options=options, transport="rest")

    @cached_property
    def _credentials(self) -> Any:
        if not self.keyfile:
            return sdk.load("google.auth", extra="gcp").default(scopes=[_SCOPE])[0]
        account = sdk.load("google.oauth2.service_account", extra="gcp").Credentials
        try:
            return account.from_service_account_info(self.keyfile, scopes=[_SCOPE])
        except ValueError as error:
            raise InvalidInput(f"cloud {self.config.name}: the private key of its service account is none") from error
