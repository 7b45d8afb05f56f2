"""
Azure Resource Manager as far as virtual machines and managed clusters need it, and the token service of Entra ID.

It is no Azure. Written by the REST reference (learn.microsoft.com/rest/api) and the paths, versions and models of the
installed SDKs:

- compute/virtual-machines (Create Or Update, Get, Delete, List, List All with statusOnly), compute/usage/list,
  compute/ssh-public-keys/get, compute/disks;
- virtualnetwork/network-interfaces, virtualnetwork/public-ip-addresses, virtualnetwork/subnets;
- aks/managed-clusters (List, Get, List Cluster User Credentials);
- resources/subscriptions/list-locations, resources/resource-groups, resources/resources/list;
- azure/azure-resource-manager/management/async-operations, …/request-limits-and-throttling, and
  azure/virtual-machines/linux/error-messages with /troubleshooting/error-sku-not-available and error-resource-quota;
- the client credentials flow, entra/identity-platform/v2-oauth2-client-creds-grant-flow.

Networks are given, not made; of a machine only what a listing shows is there.
"""

import base64
import itertools
import re
import uuid
from pathlib import Path
from typing import Any

from tests.clouds.rest_server import Answer, Asked, Operation, RestServer, Routes, page_of

SUBSCRIPTION, TENANT = "00000000-0000-4000-8000-00000000a201", "00000000-0000-4000-8000-00000000a7e1"
CLIENT, SECRET = "00000000-0000-4000-8000-00000000c11e", "fake~client~secret~of~the~fake~tenant"
GROUP, NETWORK, KEY = "workers", "workers-net", "team"
PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIG5vIGtleSBvZiBhbnlib2R5IGJ1dCBvZiB0ZXN0cw test"
LOCATIONS = {"westeurope": "West Europe", "northeurope": "North Europe", "germanywestcentral": "Germany West Central"}
SIZES = {"Standard_B1s": 1, "Standard_B2s": 2, "Standard_D4s_v5": 4}
IMAGE = "Canonical:ubuntu-24_04-lts:server:latest"
CA = base64.b64encode(b"-----BEGIN CERTIFICATE-----\nAKS\n-----END CERTIFICATE-----\n").decode()

_ROOT = "/subscriptions/{subscription}"
_IN_GROUP = f"{_ROOT}/resourceGroups/{{group}}/providers"
_MACHINES, _NICS = "Microsoft.Compute/virtualMachines", "Microsoft.Network/networkInterfaces"
_DISKS, _KEYS, _NETWORKS = (
    "Microsoft.Compute/disks",
    "Microsoft.Compute/sshPublicKeys",
    "Microsoft.Network/virtualNetworks",
)
_ADDRESSES = "Microsoft.Network/publicIPAddresses"
_CLUSTERS = "Microsoft.ContainerService/managedClusters"


def throttled(retry_after_s: int = 1) -> Answer:
    """What a subscription hears that asked too much."""
    said = "Number of requests for subscription exceeded the limit. Please try again later."
    return error(429, "SubscriptionRequestsThrottled", said, {"Retry-After": str(retry_after_s)})


def error(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Answer:
    return Answer(status, {"error": {"code": code, "message": message}}, headers or {})


class AzureServer(RestServer):
    """
    One subscription with one client that may do everything.

    Attributes:
        resources: Id in lower case -> resource, without what only a look tells.
        power: Id of a machine in lower case -> code of its power state.
        cores_limit: Of every location.
        not_offered: Locations in which every size is refused at once (SkuNotAvailable).
        exhausted: Locations, and locations with a zone (`westeurope-1`), in which machines are accepted and fail.
        secret: Of the client.
        forbids: Whether the client has no rights.
        retry_after_s: What whoever follows an operation is told to wait between two looks, seconds.
    """

    routes = Routes(re.IGNORECASE)

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.resources: dict[str, dict[str, Any]] = {}
        self.power: dict[str, str] = {}
        self.cores_limit = 100
        self.not_offered: set[str] = set()
        self.exhausted: set[str] = set()
        self.secret, self.forbids, self.retry_after_s = SECRET, False, 0
        self._tokens: set[str] = set()
        self._numbers = itertools.count(4)
        self._unseen: dict[str, int] = {}
        self.groups = {GROUP: {"location": "westeurope", "tags": {}}}
        for location in LOCATIONS:
            self.put(self.id_of(_NETWORKS, f"{NETWORK}-{location}"), location, properties={"subnets": ["default"]})
        self.put(self.id_of(_KEYS, KEY), "westeurope", properties={"publicKey": PUBLIC_KEY})

    # -- what tests do to it -------------------------------------------------------------------------------

    def id_of(self, kind: str, name: str, group: str = GROUP) -> str:
        return f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{group}/providers/{kind}/{name}"

    def put(self, id: str, location: str, **fields: Any) -> dict[str, Any]:
        """Have a resource as it stands."""
        kind = "/".join(id.split("/")[6:8])
        resource = {"id": id, "name": id.split("/")[-1], "type": kind, "location": location, **fields}
        with self.lock:
            self.resources[id.lower()] = resource
        return resource

    def put_machine(
        self, name: str, location: str, *, tags: dict[str, str] | None = None, power: str = "running"
    ) -> str:
        """Have a machine that somebody else made; return its id."""
        id = self.id_of(_MACHINES, name)
        properties = {
            "vmId": str(uuid.uuid4()),
            "hardwareProfile": {"vmSize": "Standard_B2s"},
            "storageProfile": {"imageReference": {"id": "/subscriptions/x/images/golden"}},
            "networkProfile": {"networkInterfaces": []},
            "provisioningState": "Succeeded",
            "timeCreated": "2026-01-02T03:04:05.6789012+00:00",
        }
        self.put(id, location, tags=tags or {}, properties=properties)
        self.power[id.lower()] = power
        return id

    def put_public_nic(self, machine: str, location: str, address: str) -> None:
        """Give the machine of the id *machine* a network interface with a public address."""
        public = self.id_of(_ADDRESSES, f"{machine.split('/')[-1]}-ip")
        self.put(public, location, properties={"ipAddress": address})
        facts = {"privateIPAddress": "10.0.0.200", "publicIPAddress": {"id": public}}
        properties = {"ipConfigurations": [{"name": "ip", "properties": facts}], "virtualMachine": {"id": machine}}
        nic = self.id_of(_NICS, f"{machine.split('/')[-1]}-public")
        self.put(nic, location, properties=properties)
        profile = self.resources[machine.lower()]["properties"]["networkProfile"]
        profile["networkInterfaces"].append({"id": nic, "properties": {"deleteOption": "Detach"}})

    def put_cluster(self, name: str, location: str, **properties: Any) -> None:
        """Have a cluster with two pools and two add-ons, one of them off."""
        pool = {"vmSize": "Standard_D4s_v5", "osType": "Linux", "mode": "System", "provisioningState": "Succeeded"}
        pool |= {"currentOrchestratorVersion": "1.33.2", "powerState": {"code": "Running"}}
        scaled = {"enableAutoScaling": True, "minCount": 1, "maxCount": 5}
        given = {
            "provisioningState": "Succeeded",
            "powerState": {"code": "Running"},
            "kubernetesVersion": "1.33",
            "currentKubernetesVersion": "1.33.2",
            "fqdn": f"{name}-dns-1a2b3c4d.hcp.{location}.azmk8s.io",
            "agentPoolProfiles": [
                {"name": "system", "count": 3, **pool},
                {"name": "burst", "count": 1, **pool, **scaled},
            ],
            "addonProfiles": {"azurepolicy": {"enabled": True}, "httpApplicationRouting": {"enabled": False}},
            "nodeResourceGroup": f"MC_{GROUP}_{name}_{location}",
        }
        id = self.id_of(_CLUSTERS, name)
        created = {"createdAt": "2026-02-03T04:05:06Z"}
        self.put(id, location, tags={"team": "data"}, systemData=created, properties=given | properties)

    def all_of(self, kind: str) -> list[dict[str, Any]]:
        with self.lock:
            return [one for one in self.resources.values() if one["type"].lower() == kind.lower()]

    @property
    def machines(self) -> list[dict[str, Any]]:
        return self.all_of(_MACHINES)

    @property
    def parts(self) -> list[dict[str, Any]]:
        """Network interfaces and disks."""
        return self.all_of(_NICS) + self.all_of(_DISKS)

    # -- who is let in -------------------------------------------------------------------------------------

    def refuses(self, asked: Asked) -> Answer | None:
        if not asked.path.startswith("/subscriptions"):
            return None
        if asked.headers.get("authorization", "").removeprefix("Bearer ") not in self._tokens:
            why = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            return error(401, "InvalidAuthenticationToken", "The access token is invalid.", why)
        if self.forbids:
            said = f"The client '{CLIENT}' does not have authorization to perform action over scope '{asked.path}'."
            return error(403, "AuthorizationFailed", said)
        if "api-version" not in {name.lower() for name in asked.query}:
            said = "The api-version query parameter (?api-version=) is required for all requests."
            return error(400, "MissingApiVersionParameter", said)
        if not re.match(rf"/subscriptions/{SUBSCRIPTION}(/|$)", asked.path):
            return error(404, "SubscriptionNotFound", "The subscription could not be found.")
        return None

    def unknown(self, asked: Asked) -> Answer:
        return error(404, "InvalidResourceType", f"The resource type could not be found: {asked.line}")

    @routes.on("GET", "/{tenant}/v2.0/.well-known/openid-configuration")
    def _discover(self, asked: Asked, tenant: str) -> Answer:
        root = f"{self.url}/{tenant}"
        said = {"issuer": f"{root}/v2.0", "token_endpoint": f"{root}/oauth2/v2.0/token"}
        return Answer(200, said | {"authorization_endpoint": f"{root}/oauth2/v2.0/authorize"})

    @routes.on("POST", "/{tenant}/oauth2/v2.0/token")
    def _give_token(self, asked: Asked, tenant: str) -> Answer:
        given = asked.body or {}
        if (given.get("client_id"), given.get("client_secret"), tenant) != (CLIENT, self.secret, TENANT):
            said = f"AADSTS7000215: Invalid client secret provided for app '{given.get('client_id')}'."
            return Answer(401, {"error": "invalid_client", "error_description": said, "error_codes": [7000215]})
        token = uuid.uuid4().hex
        self._tokens.add(token)
        return Answer(200, {"token_type": "Bearer", "expires_in": 3599, "access_token": token})

    # -- subscription --------------------------------------------------------------------------------------

    @routes.on("GET", f"{_ROOT}/locations")
    def _list_locations(self, asked: Asked, subscription: str) -> Answer:
        root = f"/subscriptions/{subscription}/locations"
        found = [
            {
                "id": f"{root}/{name}",
                "name": name,
                "type": "Region",
                "displayName": title,
                "metadata": {"regionType": "Physical", "regionCategory": "Recommended"},
            }
            for name, title in LOCATIONS.items()
        ]
        logical = {"id": f"{root}/europe", "name": "europe", "displayName": "Europe"}
        return Answer(200, {"value": [*found, logical | {"metadata": {"regionType": "Logical"}}]})

    @routes.on("GET", f"{_ROOT}/resourcegroups/{{group}}")
    def _get_group(self, asked: Asked, subscription: str, group: str) -> Answer:
        if (found := self.groups.get(group.lower())) is None:
            return _no_group(group)
        id = f"/subscriptions/{subscription}/resourceGroups/{group}"
        return Answer(200, {"id": id, "name": group, **found, "properties": {"provisioningState": "Succeeded"}})

    @routes.on("GET", f"{_ROOT}/resources")
    def _list_resources(self, asked: Asked, subscription: str) -> Answer:
        wanted = re.fullmatch(r"tagName eq '([^']*)' and tagValue eq '([^']*)'", asked.query.get("$filter", ""))
        if asked.query.get("$filter") and not wanted:
            return error(400, "InvalidFilterInQueryString", "Invalid $filter in the query string.")
        found = [
            one for one in self.resources.values() if not wanted or one.get("tags", {}).get(wanted[1]) == wanted[2]
        ]
        listed = [
            {name: one[name] for name in ("id", "name", "type", "location", "tags") if name in one} for one in found
        ]
        return self._page(asked, listed)

    # -- machines ------------------------------------------------------------------------------------------

    @routes.on("PUT", f"{_IN_GROUP}/{_MACHINES}/{{name}}")
    def _put_machine(self, asked: Asked, subscription: str, group: str, name: str) -> Answer:
        id = self.id_of(_MACHINES, name, group)
        if group.lower() not in self.groups:
            return _no_group(group)
        if there := self.resources.get(id.lower()):
            if asked.headers.get("if-none-match") == "*":
                return error(
                    412, "PreconditionFailed", f"The precondition given in one of the request headers: {name}."
                )
            return Answer(200, there)
        if refusal := self._refuses_machine(asked.body, name):
            return refusal
        return self._create_machine(id, asked.body)

    def _refuses_machine(self, body: dict[str, Any], name: str) -> Answer | None:
        location, properties = body.get("location", ""), body.get("properties", {})
        size = properties.get("hardwareProfile", {}).get("vmSize", "")
        if location not in LOCATIONS:
            return error(
                400, "LocationNotAvailableForResourceType", f"The provided location '{location}' is not available."
            )
        if size not in SIZES:
            return error(400, "InvalidParameter", f"The value {size} provided for the VM size is not valid.")
        if location in self.not_offered:
            said = f"The requested VM size for resource 'Following SKUs have failed for Capacity Restrictions: {size}' "
            return error(409, "SkuNotAvailable", said + f"is currently not available in location '{location}'.")
        if not properties.get("osProfile", {}).get("adminUsername"):
            return error(400, "InvalidParameter", "Required parameter 'adminUsername' is missing (null).")
        if not _key_of(properties):
            said = "Authentication using either SSH or by user name and password must be enabled in Linux profile."
            return error(400, "InvalidParameter", said)
        used = self._cores_used(location)
        if used + SIZES[size] > self.cores_limit:
            said = "Operation could not be completed as it results in exceeding approved Total Regional Cores quota. "
            said += f"Current Limit: {self.cores_limit}, Current Usage: {used}, Additional Required: {SIZES[size]}."
            return error(409, "OperationNotAllowed", said)
        return self._refuses_image(properties) or self._refuses_nic(properties, location)

    def _refuses_image(self, properties: dict[str, Any]) -> Answer | None:
        image = properties.get("storageProfile", {}).get("imageReference", {})
        said = ":".join(image.get(part, "") for part in ("publisher", "offer", "sku", "version"))
        if image.get("id") or said == IMAGE:
            return None
        return error(404, "PlatformImageNotFound", f"The platform image '{said}' is not available.")

    def _refuses_nic(self, properties: dict[str, Any], location: str) -> Answer | None:
        profile = properties.get("networkProfile", {})
        wanted = profile.get("networkInterfaceConfigurations", [])
        if not wanted or not profile.get("networkApiVersion"):
            return error(
                400, "InvalidParameter", "The network interface configurations or their API version are missing."
            )
        subnet = wanted[0]["properties"]["ipConfigurations"][0]["properties"]["subnet"]["id"]
        network = self.resources.get(subnet.lower().rpartition("/subnets/")[0])
        if network is None or network["location"] != location:
            return error(400, "InvalidResourceReference", f"Resource {subnet} referenced by resource was not found.")
        return None

    def _cores_used(self, location: str) -> int:
        sizes = [one["properties"]["hardwareProfile"]["vmSize"] for one in self.machines if one["location"] == location]
        return sum(SIZES[size] for size in sizes)

    def _create_machine(self, id: str, body: dict[str, Any]) -> Answer:
        name, group, location = id.split("/")[-1], id.split("/")[4], body["location"]
        properties = body["properties"]
        zone = (body.get("zones") or [""])[0]
        nic = self._create_nic(properties["networkProfile"].pop("networkInterfaceConfigurations")[0], id, location)
        properties["networkProfile"] = {"networkInterfaces": [nic]}
        disk = properties["storageProfile"]["osDisk"]
        disk_id = self.id_of(_DISKS, disk.get("name") or f"{name}_OsDisk_1_{uuid.uuid4().hex}", group)
        self.put(disk_id, location, managedBy=id, properties={"diskState": "Attached"})
        disk["managedDisk"] = {**disk.get("managedDisk", {}), "id": disk_id}
        created = {
            "provisioningState": "Creating",
            "vmId": str(uuid.uuid4()),
            "timeCreated": "2026-03-04T05:06:07+00:00",
        }
        fields = {key: body[key] for key in ("tags", "zones") if key in body}
        machine = self.put(id, location, **fields, properties=properties | created)
        self._unseen[id.lower()] = self.unseen_looks
        is_exhausted = bool({location, f"{location}-{zone}"} & self.exhausted)
        said = "Allocation failed. We do not have sufficient capacity for the requested VM size in this region."
        failure = {"code": "AllocationFailed", "message": said} if is_exhausted else None
        operation = self._begin(machine, self.create_looks, lambda: self._finish_machine(id, failure), failure)
        return Answer(201, machine, self._headers(operation, location))

    def _create_nic(self, wanted: dict[str, Any], machine: str, location: str) -> dict[str, Any]:
        """Make the network interface that comes with a machine; return how the machine refers to it."""
        given = wanted["properties"]
        id = self.id_of(_NICS, wanted["name"], machine.split("/")[4])
        addresses = [
            {
                "name": one["name"],
                "properties": {**one["properties"], "privateIPAddress": f"10.0.0.{next(self._numbers)}"},
            }
            for one in given["ipConfigurations"]
        ]
        properties = {
            "ipConfigurations": addresses,
            "virtualMachine": {"id": machine},
            "provisioningState": "Succeeded",
        }
        self.put(id, location, tags=wanted.get("tags", {}), properties=properties)
        return {"id": id, "properties": {"deleteOption": given.get("deleteOption", "Detach"), "primary": True}}

    def _finish_machine(self, id: str, failure: dict[str, Any] | None) -> None:
        machine = self.resources.get(id.lower())
        if machine is None:
            return
        machine["properties"]["provisioningState"] = "Failed" if failure else "Succeeded"
        machine["failure"] = failure
        if not failure:
            self.power[id.lower()] = "running"

    @routes.on("GET", f"{_IN_GROUP}/{_MACHINES}/{{name}}")
    def _get_machine(self, asked: Asked, subscription: str, group: str, name: str) -> Answer:
        machine = self._seen(self.id_of(_MACHINES, name, group))
        return self._shown(machine, asked.query.get("$expand") == "instanceView") if machine else _nothing(asked)

    def _seen(self, id: str) -> dict[str, Any] | None:
        """Return a machine if it is there and shows already; what goes on with it goes one look further."""
        if self._unseen.get(id.lower(), 0) > 0:
            self._unseen[id.lower()] -= 1
            return None
        if machine := self.resources.get(id.lower()):
            self._look_at(machine)
        return self.resources.get(id.lower())

    def _look_at(self, machine: dict[str, Any]) -> None:
        for operation in [one for one in self.operations.values() if one.about["id"] == machine["id"]]:
            operation.look()

    def _shown(self, machine: dict[str, Any], with_view: bool) -> Answer:
        return Answer(200, self._with_view(machine) if with_view else _plain(machine))

    def _with_view(self, machine: dict[str, Any]) -> dict[str, Any]:
        state, failure = machine["properties"]["provisioningState"], machine.get("failure")
        status: dict[str, Any] = {"code": f"ProvisioningState/{state.lower()}", "level": "Info"}
        if failure:
            status = {"code": f"ProvisioningState/failed/{failure['code']}", "level": "Error"}
            status["message"] = failure["message"]
        statuses = [status]
        if power := self.power.get(machine["id"].lower()):
            statuses.append({"code": f"PowerState/{power}", "level": "Info", "displayStatus": f"VM {power}"})
        return _plain(machine) | {"properties": machine["properties"] | {"instanceView": {"statuses": statuses}}}

    @routes.on("DELETE", f"{_IN_GROUP}/{_MACHINES}/{{name}}")
    def _delete_machine(self, asked: Asked, subscription: str, group: str, name: str) -> Answer:
        machine = self.resources.get(self.id_of(_MACHINES, name, group).lower())
        if machine is None:
            return Answer(204)
        machine["properties"]["provisioningState"] = "Deleting"
        for older in [one for one in self.operations.values() if one.about["id"] == machine["id"]]:
            older.is_done = True
        operation = self._begin(machine, self.delete_looks, lambda: self._remove_machine(machine), None)
        return Answer(202, None, self._headers(operation, machine["location"]))

    def _remove_machine(self, machine: dict[str, Any]) -> None:
        profiles = machine["properties"]
        gone = [one["id"] for one in profiles["networkProfile"]["networkInterfaces"] if _goes_along(one["properties"])]
        disk = profiles["storageProfile"].get("osDisk", {})
        for nic in profiles["networkProfile"]["networkInterfaces"]:
            self.resources[nic["id"].lower()]["properties"].pop("virtualMachine", None)
        if "managedDisk" in disk:
            self.resources[disk["managedDisk"]["id"].lower()].pop("managedBy", None)
            gone += [disk["managedDisk"]["id"]] if _goes_along(disk) else []
        for id in [machine["id"], *gone]:
            self.resources.pop(id.lower(), None)
        self.power.pop(machine["id"].lower(), None)

    @routes.on("GET", f"{_ROOT}/providers/{_MACHINES}")
    def _list_all_machines(self, asked: Asked, subscription: str) -> Answer:
        if asked.query.get("statusOnly", "").lower() != "true":
            return self._page(asked, [_plain(one) for one in self._machines_looked_at()])
        views = [self._with_view(one) for one in self.machines]
        kept = ("id", "name", "type", "location")
        told = [
            {key: one[key] for key in kept} | {"properties": {"instanceView": one["properties"]["instanceView"]}}
            for one in views
        ]
        return self._page(asked, told)

    @routes.on("GET", f"{_IN_GROUP}/{_MACHINES}")
    def _list_machines(self, asked: Asked, subscription: str, group: str) -> Answer:
        prefix = self.id_of(_MACHINES, "", group).lower()
        listed = [one for one in self._machines_looked_at() if one["id"].lower().startswith(prefix)]
        return self._page(asked, [_plain(one) for one in listed])

    def _machines_looked_at(self) -> list[dict[str, Any]]:
        """Return the machines that a list has; each list is a look at all of them, and skips what is not seen yet."""
        for machine in self.machines:
            self._look_at(machine)
        return [one for one in self.machines if self._unseen.get(one["id"].lower(), 0) <= 0]

    @routes.on("GET", f"{_ROOT}/providers/Microsoft.Compute/locations/{{location}}/usages")
    def _list_usages(self, asked: Asked, subscription: str, location: str) -> Answer:
        if location not in LOCATIONS:
            return error(400, "NoRegisteredProviderFound", f"No registered resource provider for '{location}'.")
        count = sum(one["location"] == location for one in self.machines)
        rows = [("cores", "Total Regional vCPUs", self._cores_used(location), self.cores_limit)]
        rows.append(("virtualMachines", "Virtual Machines", count, 25000))
        told = [
            {"name": {"value": name, "localizedValue": title}, "currentValue": used, "limit": limit, "unit": "Count"}
            for name, title, used, limit in rows
        ]
        return self._page(asked, told)

    @routes.on("GET", f"{_ROOT}/providers/Microsoft.Compute/locations/{{location}}/operations/{{id}}")
    def _get_operation(self, asked: Asked, subscription: str, location: str, id: str) -> Answer:
        operation = self.operations.get(id)
        if operation is None:
            return error(404, "NotFound", f"The entity was not found: {id}.")
        operation.look()
        if not operation.is_done:
            return Answer(200, {"name": id, "status": "InProgress"}, {"Retry-After": str(self.retry_after_s)})
        ended = {"status": "Failed", "error": operation.error} if operation.error else {"status": "Succeeded"}
        return Answer(200, {"name": id, **ended})

    def _begin(self, machine: dict[str, Any], looks: int, finish: Any, failure: dict[str, Any] | None) -> Operation:
        return self.begin(Operation(str(uuid.uuid4()), looks, finish, failure, {"id": machine["id"]}))

    def _headers(self, operation: Operation, location: str) -> dict[str, str]:
        path = (
            f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Compute/locations/{location}/operations/{operation.id}"
        )
        url = f"{self.url}{path}?api-version=2026-04-01"
        return {"Azure-AsyncOperation": url, "Location": f"{url}&monitor=true", "Retry-After": str(self.retry_after_s)}

    # -- what belongs to machines, and clusters ------------------------------------------------------------

    @routes.on("GET", f"{_ROOT}/providers/{_NICS}")
    def _list_nics(self, asked: Asked, subscription: str) -> Answer:
        return self._page(asked, self.all_of(_NICS))

    @routes.on("GET", f"{_ROOT}/providers/{_ADDRESSES}")
    def _list_addresses(self, asked: Asked, subscription: str) -> Answer:
        return self._page(asked, self.all_of(_ADDRESSES))

    @routes.on("GET", f"{_ROOT}/providers/{_CLUSTERS}")
    def _list_clusters(self, asked: Asked, subscription: str) -> Answer:
        return self._page(asked, self.all_of(_CLUSTERS))

    @routes.on("POST", f"{_IN_GROUP}/{_CLUSTERS}/{{name}}/listClusterUserCredential")
    def _tell_credential(self, asked: Asked, subscription: str, group: str, name: str) -> Answer:
        cluster = self.resources.get(self.id_of(_CLUSTERS, name, group).lower())
        if cluster is None:
            return _nothing(asked)
        text = f"clusters:\n- name: {name}\n  cluster:\n    certificate-authority-data: {CA}\n"
        text += f"    server: https://{cluster['properties']['fqdn']}:443\n"
        kubeconfig = {"name": "clusterUser", "value": base64.b64encode(text.encode()).decode()}
        return Answer(200, {"kubeconfigs": [kubeconfig]})

    @routes.on("GET", f"{_IN_GROUP}/{{provider}}/{{kind}}/{{name}}")
    def _get_resource(self, asked: Asked, subscription: str, group: str, provider: str, kind: str, name: str) -> Answer:
        found = self.resources.get(self.id_of(f"{provider}/{kind}", name, group).lower())
        return Answer(200, found) if found else _nothing(asked)

    @routes.on("DELETE", f"{_IN_GROUP}/{{provider}}/{{kind}}/{{name}}")
    def _delete_part(self, asked: Asked, subscription: str, group: str, provider: str, kind: str, name: str) -> Answer:
        id = self.id_of(f"{provider}/{kind}", name, group).lower()
        found = self.resources.get(id)
        if found is None:
            return Answer(204)
        if "virtualMachine" in found.get("properties", {}):
            return error(400, "NicInUse", f"Network Interface {id} is used by existing resource.")
        if found.get("managedBy"):
            return error(409, "OperationNotAllowed", f"Disk {name} is attached to VM {found['managedBy']}.")
        del self.resources[id]
        return Answer(200)

    def _page(self, asked: Asked, entries: list[dict[str, Any]]) -> Answer:
        """Answer with the page of *entries* that is asked for; the next one is a whole URL, as Azure gives it."""
        try:
            page, token = page_of(entries, asked.query.get("$skiptoken"), self.page_size)
        except ValueError:
            return error(400, "InvalidSkipToken", "The skip token is invalid.")
        kept = "".join(f"&{name}={value}" for name, value in asked.query.items() if name in ("statusOnly", "$filter"))
        version = asked.query.get("api-version", "")
        link = f"{self.url}{asked.path}?api-version={version}{kept}&$skiptoken={token}".replace(" ", "%20")
        return Answer(200, {"value": list(page), **({"nextLink": link} if token else {})})


def _plain(machine: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in machine.items() if name != "failure"}


def _goes_along(properties: dict[str, Any]) -> bool:
    return properties.get("deleteOption") == "Delete"


def _key_of(properties: dict[str, Any]) -> str:
    linux = properties.get("osProfile", {}).get("linuxConfiguration", {})
    return next((one.get("keyData", "") for one in linux.get("ssh", {}).get("publicKeys", [])), "")


def _no_group(group: str) -> Answer:
    return error(404, "ResourceGroupNotFound", f"Resource group '{group}' could not be found.")


def _nothing(asked: Asked) -> Answer:
    parts = asked.path.split("/")
    said = f"The Resource '{'/'.join(parts[6:9])}' under resource group '{parts[4]}' was not found."
    return error(404, "ResourceNotFound", said)
