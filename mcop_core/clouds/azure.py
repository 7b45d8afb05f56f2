"""
Microsoft Azure: virtual machines and Kubernetes clusters of one subscription.

A worker is one request: the machine brings its network interface and its disk, and both go with it. So there is no
moment at which a part is there that no machine names; a network interface that was left alone nevertheless is listed
as a worker that failed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, TypeVar

from mcop_core.clouds import azure_shapes as shapes
from mcop_core.clouds import sdk
from mcop_core.clouds.azure_clients import AzureClients, AzureOptions
from mcop_core.clouds.azure_errors import translated
from mcop_core.clouds.azure_shapes import Joined, left_over
from mcop_core.clouds.config import CloudConfig, check_options
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
from mcop_core.errors import (
    Conflict,
    CredentialsRefused,
    Fault,
    InvalidDocuments,
    InvalidInput,
    NotInCloud,
    Unreachable,
    Unsupported,
)

T = TypeVar("T")

_AKS_SERVER, _AKS_CLIENT = "6dae42f8-4368-4678-94ff-3960e28e3630", "80faf920-1908-4b52-b5ef-a8e7bedfc67a"
"""The applications in Entra ID that every managed cluster's API, and everybody's `kubelogin`, are known as."""
_NETWORK_API = "2022-11-01"
"""Of the network interfaces that machines bring: the newest that Microsoft.Compute knows."""


class AzureStrategy:
    """
    One subscription.

    Args:
        credentials: `login`, `password` and `tenantId` of a service principal, and `subscriptionId`; without `login`
            the SDK looks for the worker's own identity.

    Raises:
        InvalidDocuments: The options or the credentials cannot be used.
    """

    capabilities = frozenset(Capability) - {Capability.REGIONAL_LISTS}

    def __init__(self, config: CloudConfig, credentials: Mapping[str, str]) -> None:
        self.config = config
        self._options: AzureOptions = check_options(AzureOptions, config)
        self._credentials = credentials
        self._subscription = self._options.subscription or credentials.get("subscriptionId", "")
        self._joined = Joined()
        self._keys: dict[str, str] = {}
        faults = [*self._credential_faults(), *self._option_faults()]
        if faults:
            raise InvalidDocuments.of(faults)

    def _credential_faults(self) -> Iterable[Fault]:
        where = f"cloud {self.config.name}, credentials"
        if not self._subscription:
            yield Fault("nothing names the subscription: write options.subscription", f"cloud {self.config.name}")
        given = [name for name in ("login", "password", "tenantId") if self._credentials.get(name)]
        if given and len(given) < 3:
            yield Fault(f"has {', '.join(given)} alone: a service principal is login, password and tenantId", where)

    def _option_faults(self) -> Iterable[Fault]:
        where = f"cloud {self.config.name}, options"
        if not re.fullmatch(r"(/subscriptions/\S+/subnets/[^/\s]+|[^/\s]+/[^/\s]+)?", self._options.subnet):
            yield Fault(f"{self._options.subnet!r} is no subnet: write network/subnet, or its id", where, "subnet")

    # -- regions -------------------------------------------------------------------------------------------

    def regions(self) -> tuple[Region, ...]:
        """Return the locations that have datacentres; geographies are none."""

        def ask() -> tuple[Region, ...]:
            listed = self._sdk.subscriptions.subscriptions.list_locations(self._subscription)
            return tuple(
                Region(one.name, one.display_name) for one in listed if one.metadata.region_type.lower() == "physical"
            )

        return self._ask("list the locations", ask)

    def check(self, region: str) -> tuple[Quota, ...]:
        """Return what the subscription may have in *region*, as far as machines count."""
        wanted = {"cores", "virtualmachines"}

        def ask() -> tuple[Quota, ...]:
            listed = self._sdk.compute.usage.list(region)
            told = [one for one in listed if one.name.value.lower() in wanted]
            return tuple(Quota(one.name.value, one.current_value, one.limit) for one in told)

        return self._ask(f"tell the quotas of {region}", ask)

    # -- instances -----------------------------------------------------------------------------------------

    def instance_page(self, region: str | None, cursor: str | None, only: Tag | None) -> Page[Instance]:
        """
        Return one page: of the whole subscription, or of the resource group of workers where *only* is looked for.

        Azure lists machines without what they do and without their addresses. Both are listed for themselves before
        the first page.
        """

        def ask() -> Page[Instance]:
            if cursor is None:
                self._joined = self._join()
            joined, machines = self._joined, self._sdk.compute.virtual_machines
            listed = machines.list(self._group) if only else machines.list_all()
            pages = listed.by_page(cursor)
            found = [self._instance(one, joined) for one in next(pages)]
            if only and pages.continuation_token is None:
                found += self._left_over(joined)
            return Page(tuple(found), pages.continuation_token)

        return self._ask("list the machines", ask)

    def get_instance(self, ref: InstanceRef) -> Instance:
        """Return one machine; a network interface that was left alone is one that failed."""
        group, name = self._parts_of(ref.id)

        def ask() -> Instance:
            machine = self._sdk.compute.virtual_machines.get(group, name, expand="instanceView")
            nics = [] if shapes.is_in_the_making(machine) else self._nics_of(machine)
            return self._instance(machine, Joined.of([machine], nics, self._public_addresses_of(nics)))

        try:
            return self._ask(f"look at {name}", ask)
        except NotInCloud:
            nic = self._nic_left_by(group, name)
            if nic is None:
                raise
            return left_over(self.config, nic)

    def create_instance(self, order: Order) -> Instance:
        """Create one machine with its network interface and its disk; one that is there already is given back."""
        body = self._body(order)

        def ask() -> Instance:
            missing = sdk.load("azure.core", extra="azure").MatchConditions.IfMissing
            poller = self._sdk.compute.virtual_machines.begin_create_or_update(
                self._group, order.name, body, match_condition=missing, polling=False
            )
            return self._instance(poller.result(), Joined())

        try:
            return self._ask(f"create the machine {order.name} in {order.region}", ask)
        except Conflict as error:
            if not error.facts["is_there"]:
                raise
            return self._there_already(order, error)

    def _there_already(self, order: Order, refusal: Conflict) -> Instance:
        """Return the machine that has the name of *order*, if that is what an earlier request made."""
        id = shapes.machine_id(self._subscription, self._group, order.name)
        try:
            found = self.get_instance(InstanceRef(order.region, id))
        except NotInCloud as error:
            raise Unreachable(f"{error.message}, and says that it is there: it is not shown yet") from refusal
        is_same = order.tags.items() <= dict(found.tags).items() and found.region == order.region
        if not is_same or found.state is InstanceState.DELETING:
            why = "is being deleted" if is_same else "is another one, or lies elsewhere"
            raise Conflict(f"cloud {self.config.name}: the machine {order.name} is there and {why}") from refusal
        # That it failed is found out, and put right, by whoever waits for it.
        return shapes.as_begun(found)

    def delete_instance(self, ref: InstanceRef) -> None:
        """Delete one machine, with which its network interface and disk go; or what was left of it."""
        group, name = self._parts_of(ref.id)

        def ask() -> int:
            poller = self._sdk.compute.virtual_machines.begin_delete(
                group, name, polling=False, cls=lambda response, _, __: response.http_response.status_code
            )
            return int(poller.result())

        if self._ask(f"delete the machine {name}", ask) != 204:
            return
        nic = self._nic_left_by(group, name)
        if nic is None:
            raise NotInCloud(f"cloud {self.config.name} has no machine {ref.id}")
        self._ask(
            f"delete what is left of {name}",
            lambda: self._sdk.network.network_interfaces.begin_delete(group, nic.name, polling=False),
        )

    # -- clusters ------------------------------------------------------------------------------------------

    def cluster_page(self, region: str | None, cursor: str | None) -> Page[ClusterRef]:
        """Return one page of the subscription's managed clusters."""

        def ask() -> Page[ClusterRef]:
            pages = self._sdk.containers.managed_clusters.list().by_page(cursor)
            found = tuple(ClusterRef(shapes.region_of(one), one.name, one.id) for one in next(pages))
            return Page(found, pages.continuation_token)

        return self._ask("list the clusters", ask)

    def get_cluster(self, ref: ClusterRef) -> Cluster:
        """Return one cluster; without its CA where its credentials may not be read."""
        group, name = self._parts_of(ref.id)

        def ask() -> Cluster:
            described = self._sdk.containers.managed_clusters.get(group, name)
            return shapes.cluster(self.config, described, self._ca_of(group, name))

        return self._ask(f"describe the cluster {ref.name}", ask)

    def cluster_login(self, cluster: Cluster) -> ClusterLogin:
        """Return how `kubelogin` gets a token of Entra ID; a cluster of local accounts alone has no such."""
        directory = cluster.raw.get("properties", {}).get("aadProfile")
        if not directory:
            raise Unsupported(
                f"cluster {cluster.name}: it knows local accounts alone, whose secret would stand in the file. "
                "Switch its integration of Entra ID on.",
                capability="login",
                known=(),
            )
        tenant = directory.get("tenantID") or self._credentials.get("tenantId", "")
        arguments = ["get-token", "--login", self._options.kubelogin, "--server-id", _AKS_SERVER]
        arguments += ["--client-id", _AKS_CLIENT, *(("--tenant-id", tenant) if tenant else ())]
        hint = "kubelogin is Azure's: https://azure.github.io/kubelogin"
        return ClusterLogin("kubelogin", tuple(arguments), hint)

    def _ca_of(self, group: str, name: str) -> str:
        """Return the CA of a cluster, from the only answer that has it; what else that answer holds is left there."""
        try:
            answer = self._ask(
                f"read the CA of the cluster {name}",
                lambda: self._sdk.containers.managed_clusters.list_cluster_user_credentials(group, name),
            )
        except CredentialsRefused:
            return ""
        return shapes.ca_in(bytes(answer.kubeconfigs[0].value).decode()) if answer.kubeconfigs else ""

    # -- parts of machines ---------------------------------------------------------------------------------

    def _body(self, order: Order) -> dict[str, Any]:
        options = self._options
        missing = [what for what, is_said in (("options.subnet", options.subnet), ("key", order.key)) if not is_said]
        if missing:
            raise InvalidInput(f"cloud {self.config.name}: workers of Azure need {', '.join(missing)}")
        subnet = options.subnet.replace("{region}", order.region)
        subnet_id = subnet if subnet.startswith("/") else shapes.subnet_id(self._subscription, self._group, subnet)
        image = shapes.image_reference(order.image)
        return shapes.machine_body(order, image, subnet_id, options.admin, self._public_key(order.key), _NETWORK_API)

    def _public_key(self, key: str) -> str:
        """Return the text of *key*, which is that text or the name of a key that the resource group holds."""
        if " " in key:
            return key
        if key not in self._keys:
            try:
                held = self._ask(
                    f"read the SSH key {key}", lambda: self._sdk.compute.ssh_public_keys.get(self._group, key)
                )
            except NotInCloud as error:
                said = f"cloud {self.config.name}: the resource group {self._group} has no SSH key {key!r}"
                raise InvalidInput(said) from error
            self._keys[key] = held.properties.public_key
        return self._keys[key]

    def _join(self) -> Joined:
        """Return what every machine does and which addresses it has."""
        views = self._sdk.compute.virtual_machines.list_all(status_only="true")
        nics = list(self._sdk.network.network_interfaces.list_all())
        has_public = any(shapes.public_ids(nic) for nic in nics)
        listed = self._sdk.network.public_ip_addresses.list_all() if has_public else ()
        return Joined.of(views, nics, {one.id.lower(): one.properties.ip_address or "" for one in listed})

    def _nics_of(self, machine: Any) -> list[Any]:
        interfaces = self._sdk.network.network_interfaces
        ids = [one.id for one in machine.properties.network_profile.network_interfaces or ()]
        return [interfaces.get(*self._parts_of(id)) for id in ids]

    def _public_addresses_of(self, nics: list[Any]) -> dict[str, str]:
        addresses = self._sdk.network.public_ip_addresses
        found = {id: addresses.get(*self._parts_of(id)) for nic in nics for id in shapes.public_ids(nic)}
        return {id.lower(): one.properties.ip_address or "" for id, one in found.items()}

    def _nic_left_by(self, group: str, name: str) -> Any | None:
        """Return the network interface of the machine *name*, if it is a worker's and no machine has it."""
        try:
            nic = self._ask(
                f"look for what is left of {name}",
                lambda: self._sdk.network.network_interfaces.get(group, shapes.nic_name(name)),
            )
        except NotInCloud:
            return None
        return nic if shapes.is_left_over(nic) else None

    def _left_over(self, joined: Joined) -> list[Instance]:
        prefix = shapes.machine_id(self._subscription, self._group, "").lower().partition("/providers/")[0]
        return [left_over(self.config, nic) for nic in joined.alone if nic.id.lower().startswith(prefix)]

    def _instance(self, machine: Any, joined: Joined) -> Instance:
        return shapes.instance(self.config, machine, joined)

    @property
    def _group(self) -> str:
        if not self._options.resource_group:
            raise InvalidInput(f"cloud {self.config.name}: workers of Azure need options.resource_group")
        return self._options.resource_group

    def _parts_of(self, id: str) -> tuple[str, str]:
        """Return resource group and name of a resource; raises NotInCloud: *id* is none of this subscription's."""
        found = re.fullmatch(r"/subscriptions/([^/]+)/resourceGroups/([^/]+)/providers/.+/([^/]+)", id, re.IGNORECASE)
        if found is None or found[1].lower() != self._subscription.lower():
            raise NotInCloud(
                f"cloud {self.config.name} has no {id!r}: it is no id in subscription {self._subscription}"
            )
        return found[2], found[3]

    # -- the SDK -------------------------------------------------------------------------------------------

    @cached_property
    def _sdk(self) -> AzureClients:
        return AzureClients(self.config, self._options, self._credentials, self._subscription)

    def _ask(self, what: str, call: Callable[[], T]) -> T:
        raised = sdk.load("azure.core.exceptions", extra="azure").AzureError
        with sdk.asking(self.config, what, translated, raised):
            return call()
