"""
Google Cloud as far as instances and Kubernetes clusters need it: the REST of Compute Engine and of Kubernetes Engine.

It is no Google Cloud. Written by the REST references and the paths and messages of the installed SDKs:

- cloud.google.com/compute/docs/reference/rest/v1: regions (list, get), instances (insert, get, delete, list,
  aggregatedList, setLabels), zoneOperations (get), with docs/api/how-tos/api-requests-responses, …/requestid, and
  docs/resource-error, docs/troubleshooting/troubleshooting-resource-availability for how creations fail;
- cloud.google.com/kubernetes-engine/docs/reference/rest/v1/projects.locations.clusters (list, get);
- developers.google.com/identity/protocols/oauth2/service-account, "Addendum: Service account authorization without
  OAuth": the token is a JWT that the service account's key signed.

Images and networks are taken as they are said; of an instance only what a listing shows is there.
"""

import base64
import hashlib
import itertools
import json
import re
import uuid
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.clouds.rest_server import Answer, Asked, Operation, RestServer, Routes, page_of

PROJECT, ACCOUNT = "mcop-test", "mcop@mcop-test.iam.gserviceaccount.com"
REGIONS = {"europe-west1": "bcd", "europe-west4": "abc", "us-central1": "abcf"}
SIZES = {"e2-small": 2, "e2-medium": 2, "n2-standard-4": 4}
IMAGE = "projects/debian-cloud/global/images/family/debian-12"
CA = base64.b64encode(b"-----BEGIN CERTIFICATE-----\nGKE\n-----END CERTIFICATE-----\n").decode()

POOLS = {"system": 1, "burst": 2}
"""Node pool of a cluster -> how many nodes it has in each zone."""

_ROOT = "/compute/v1/projects/{project}"
_ZONE = f"{_ROOT}/zones/{{zone}}"
_LINK = f"https://www.googleapis.com/compute/v1/projects/{PROJECT}"
_NO_POOL = "ZONE_RESOURCE_POOL_EXHAUSTED"


def error(status: int, reason: str, message: str, headers: dict[str, str] | None = None) -> Answer:
    """Return an error as Compute Engine writes it."""
    details = [{"message": message, "domain": "global", "reason": reason}]
    return Answer(status, {"error": {"code": status, "message": message, "errors": details}}, headers or {})


def cluster_error(status: int, word: str, message: str) -> Answer:
    """Return an error as Kubernetes Engine writes it."""
    return Answer(status, {"error": {"code": status, "message": message, "status": word}})


def failed_at_once(code: str) -> Answer:
    """The answer to a creation that has failed when it comes."""
    failure = {"errors": [{"code": code, "message": f"{code} in this zone"}]}
    return Answer(200, {"name": "operation-0", "operationType": "insert", "status": "DONE", "error": failure})


def throttled(retry_after_s: int = 1) -> Answer:
    """What a project hears that asked too much."""
    said = "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute'."
    return error(429, "rateLimitExceeded", said, {"Retry-After": str(retry_after_s)})


class GcpServer(RestServer):
    """
    One project with one service account that may do everything.

    Attributes:
        instances: (zone, name) -> instance.
        disks: (zone, name) -> name of the instance that it is attached to, empty if it is to none.
        clusters: (location, name) -> cluster.
        groups: Path of an instance group, from its zone on -> how many nodes it has.
        cpu_limit: Of every region.
        exhausted: Zones whose creations are accepted and fail.
        forbids: Whether the service account has no rights.
    """

    routes = Routes()

    def __init__(self) -> None:
        super().__init__()
        self.instances: dict[tuple[str, str], dict[str, Any]] = {}
        self.disks: dict[tuple[str, str], str] = {}
        self.clusters: dict[tuple[str, str], dict[str, Any]] = {}
        self.groups: dict[str, int] = {}
        self.cpu_limit = 100
        self.exhausted: set[str] = set()
        self.forbids = False
        self._private = rsa.generate_private_key(65537, 2048)
        self._numbers = itertools.count(7_000_000_000_000_000_001)
        self._requests: dict[str, str] = {}
        self._unseen: dict[tuple[str, str], int] = {}

    # -- what tests do to it -------------------------------------------------------------------------------

    @property
    def service_account(self) -> dict[str, str]:
        """The file that Google gives for a service account."""
        private = self._private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": "fake",
            "private_key": private.decode(),
            "client_email": ACCOUNT,
            "client_id": "100000000000000000001",
            "token_uri": f"{self.url}/token",
        }

    def put_instance(
        self, name: str, zone: str, *, labels: dict[str, str] | None = None, status: str = "RUNNING"
    ) -> None:
        """Have an instance that somebody else made."""
        body = {"machineType": f"zones/{zone}/machineTypes/e2-small", "labels": labels or {}, "disks": []}
        with self.lock:
            self._put(name, zone, body, status)

    def put_cluster(self, name: str, location: str, pools: tuple[str, ...] = tuple(POOLS), **fields: Any) -> None:
        """Have a cluster with *pools*, one of which scales, and three add-ons, one of them off."""
        pool = {"config": {"machineType": "n2-standard-4"}, "version": "1.33.4-gke.1036000", "status": "RUNNING"}
        zones = [f"{region}-{letter}" for region, letters in REGIONS.items() for letter in letters]
        here = [zone for zone in zones if zone.startswith(location)]
        groups = {
            pool: [f"{_LINK}/zones/{zone}/instanceGroupManagers/{name}-{pool}" for zone in here] for pool in POOLS
        }
        scaled = {"autoscaling": {"enabled": True, "minNodeCount": 1, "maxNodeCount": 5}}
        with self.lock:
            self.clusters[location, name] = {
                "name": name,
                "location": location,
                "id": uuid.uuid4().hex * 2,
                "status": "RUNNING",
                "endpoint": "203.0.113.7",
                "masterAuth": {"clusterCaCertificate": CA, "username": "admin", "password": "of-an-old-cluster"},
                "currentMasterVersion": "1.33.4-gke.1036000",
                "currentNodeCount": 4,
                "createTime": "2026-02-03T04:05:06+00:00",
                "resourceLabels": {"team": "data"},
                "addonsConfig": {"httpLoadBalancing": {}, "gcePersistentDiskCsiDriverConfig": {"enabled": True}}
                | {"horizontalPodAutoscaling": {"disabled": True}},
                "nodePools": [
                    {"name": one, "initialNodeCount": 1, "instanceGroupUrls": groups[one], **pool}
                    | (scaled if one == "burst" else {})
                    for one in pools
                ],
                **fields,
            }
            for pool in self.clusters[location, name]["nodePools"]:
                for group in pool["instanceGroupUrls"]:
                    self.groups[group.removeprefix(_LINK)] = POOLS[pool["name"]]

    # -- who is let in -------------------------------------------------------------------------------------

    def refuses(self, asked: Asked) -> Answer | None:
        token = asked.headers.get("authorization", "").removeprefix("Bearer ")
        options = {"verify_aud": False}
        try:
            jwt.decode(token, self._private.public_key(), ["RS256"], options, issuer=ACCOUNT)
        except jwt.InvalidTokenError:
            said = "Request had invalid authentication credentials. Expected OAuth 2 access token."
            return error(401, "authError", said, {"WWW-Authenticate": "Bearer"})
        if self.forbids:
            return error(403, "forbidden", f"Required permission is missing for 'projects/{PROJECT}'")
        if f"/projects/{PROJECT}/" not in asked.path:
            return error(404, "notFound", f"Failed to find project in {asked.path}")
        return None

    def unknown(self, asked: Asked) -> Answer:
        return error(404, "notFound", f"The requested URL {asked.line} was not found on this server.")

    # -- regions -------------------------------------------------------------------------------------------

    @routes.on("GET", f"{_ROOT}/regions")
    def _list_regions(self, asked: Asked, project: str) -> Answer:
        return self._page(asked, [self._region(name) for name in REGIONS], lambda items: {"items": items})

    @routes.on("GET", f"{_ROOT}/regions/{{region}}")
    def _get_region(self, asked: Asked, project: str, region: str) -> Answer:
        return Answer(200, self._region(region)) if region in REGIONS else _nothing(f"regions/{region}")

    def _region(self, name: str) -> dict[str, Any]:
        quotas = [{"metric": "CPUS", "limit": self.cpu_limit, "usage": self._cpus_used(name)}]
        quotas.append(
            {"metric": "INSTANCES", "limit": 600, "usage": sum(z.startswith(name) for z, _ in self.instances)}
        )
        zones = [f"{_LINK}/zones/{name}-{letter}" for letter in REGIONS[name]]
        return {"name": name, "status": "UP", "zones": zones, "quotas": quotas}

    def _cpus_used(self, region: str) -> int:
        sizes = [one["machineType"] for (zone, _), one in self.instances.items() if zone.startswith(f"{region}-")]
        return sum(SIZES[size.rpartition("/")[2]] for size in sizes)

    # -- instances -----------------------------------------------------------------------------------------

    @routes.on("POST", f"{_ZONE}/instances")
    def _insert(self, asked: Asked, project: str, zone: str) -> Answer:
        request_id, body = asked.query.get("requestId", ""), asked.body or {}
        if request_id and not _is_uuid(request_id):
            return error(400, "invalid", f"Invalid value for field 'requestId': '{request_id}'. Must be a UUID.")
        if request_id in self._requests:
            return Answer(200, self._told(self.operations[self._requests[request_id]]))
        if refusal := self._refuses_instance(body, zone):
            return refusal
        operation = self._create(body["name"], zone, body)
        if request_id:
            self._requests[request_id] = operation.id
        return Answer(200, self._told(operation))

    def _refuses_instance(self, body: dict[str, Any], zone: str) -> Answer | None:
        name, size = body.get("name", ""), body.get("machineType", "").rpartition("/")[2]
        if not _is_zone(zone):
            return error(400, "invalid", f"Invalid value for field 'zone': '{zone}'. Unknown zone.")
        if not re.fullmatch(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?", name):
            return error(400, "invalid", f"Invalid value for field 'resource.name': '{name}'.")
        if size not in SIZES:
            said = f"Invalid value for field 'resource.machineType': '{size}'. The referenced resource does not exist."
            return error(400, "invalid", said)
        image = (body.get("disks") or [{}])[0].get("initializeParams", {}).get("sourceImage", "")
        if image != IMAGE:
            said = f"Invalid value for field 'resource.disks[0].initializeParams.sourceImage': '{image}'. "
            return error(400, "invalid", said + "The referenced image resource cannot be found.")
        if not body.get("networkInterfaces"):
            return error(400, "required", "Required field 'resource.networkInterfaces' not specified")
        if (zone, name) in self.instances:
            said = f"The resource 'projects/{PROJECT}/zones/{zone}/instances/{name}' already exists"
            return error(409, "alreadyExists", said)
        return None

    def _create(self, name: str, zone: str, body: dict[str, Any]) -> Operation:
        size, region = body["machineType"].rpartition("/")[2], zone.rpartition("-")[0]
        failure = None
        if self._cpus_used(region) + SIZES[size] > self.cpu_limit:
            said = f"Quota 'CPUS' exceeded.  Limit: {self.cpu_limit} in region {region}."
            failure = {"code": "QUOTA_EXCEEDED", "message": said, "status": 403}
        elif zone in self.exhausted:
            said = f"The zone '{_LINK}/zones/{zone}' does not have enough resources available to fulfill the request."
            failure = {"code": _NO_POOL, "message": said, "status": 503}
        self._put(name, zone, body, "PROVISIONING")
        self._unseen[zone, name] = self.unseen_looks
        for disk in body["disks"]:
            self.disks[zone, disk.get("deviceName") or name] = name

        def finish() -> None:
            if failure:
                self._remove(zone, name)
            elif (zone, name) in self.instances:
                self.instances[zone, name]["status"] = "RUNNING"

        return self._begin("insert", zone, name, self.create_looks, finish, failure)

    def _put(self, name: str, zone: str, body: dict[str, Any], status: str) -> None:
        number = next(self._numbers)
        self.instances[zone, name] = {
            "kind": "compute#instance",
            "id": str(number),
            "name": name,
            "zone": f"{_LINK}/zones/{zone}",
            "machineType": f"{_LINK}/zones/{zone}/machineTypes/{body['machineType'].rpartition('/')[2]}",
            "status": status,
            "creationTimestamp": "2026-03-03T21:06:07.123-08:00",
            "labels": body.get("labels", {}),
            "labelFingerprint": _fingerprint(body.get("labels", {})),
            # What a disk is made of is said by whoever asks for it, and by no answer.
            "disks": [
                {key: disk[key] for key in ("boot", "autoDelete") if key in disk}
                | {"source": f"{_LINK}/zones/{zone}/disks/{name}"}
                for disk in body["disks"]
            ],
            "networkInterfaces": [{"name": "nic0", "networkIP": f"10.132.0.{number % 250 + 2}", "accessConfigs": []}],
            "selfLink": f"{_LINK}/zones/{zone}/instances/{name}",
        }

    def _remove(self, zone: str, name: str) -> None:
        gone = self.instances.pop((zone, name), {"disks": []})
        for disk in gone["disks"]:
            self.disks.pop((zone, name), None) if disk.get("autoDelete") else self.disks.update({(zone, name): ""})

    @routes.on("GET", f"{_ZONE}/instances/{{name}}")
    def _get(self, asked: Asked, project: str, zone: str, name: str) -> Answer:
        if self._unseen.get((zone, name), 0) > 0:
            self._unseen[zone, name] -= 1
            return _nothing(f"zones/{zone}/instances/{name}")
        self._look_at(zone, name)
        found = self.instances.get((zone, name))
        return Answer(200, found) if found else _nothing(f"zones/{zone}/instances/{name}")

    def _look_at(self, zone: str, name: str) -> None:
        for operation in [one for one in self.operations.values() if one.about["target"] == (zone, name)]:
            operation.look()

    @routes.on("DELETE", f"{_ZONE}/instances/{{name}}")
    def _delete(self, asked: Asked, project: str, zone: str, name: str) -> Answer:
        if (zone, name) not in self.instances:
            return _nothing(f"zones/{zone}/instances/{name}")
        self.instances[zone, name]["status"] = "STOPPING"
        for older in [one for one in self.operations.values() if one.about["target"] == (zone, name)]:
            older.is_done = True
        operation = self._begin("delete", zone, name, self.delete_looks, lambda: self._remove(zone, name), None)
        return Answer(200, self._told(operation))

    @routes.on("POST", f"{_ZONE}/instances/{{name}}/setLabels")
    def _set_labels(self, asked: Asked, project: str, zone: str, name: str) -> Answer:
        if (found := self.instances.get((zone, name))) is None:
            return _nothing(f"zones/{zone}/instances/{name}")
        if asked.body.get("labelFingerprint") != found["labelFingerprint"]:
            return error(412, "conditionNotMet", "Labels fingerprint either invalid or resource labels have changed")
        labels = asked.body.get("labels", {})
        found |= {"labels": labels, "labelFingerprint": _fingerprint(labels)}
        return Answer(200, self._told(self._begin("setLabels", zone, name, 0, lambda: None, None)))

    @routes.on("GET", f"{_ZONE}/instances")
    def _list(self, asked: Asked, project: str, zone: str) -> Answer:
        if not _is_zone(zone):
            return _nothing(f"zones/{zone}")
        listed = self._listed(asked, zone)
        return listed if isinstance(listed, Answer) else self._page(asked, listed, lambda items: {"items": items})

    @routes.on("GET", f"{_ROOT}/aggregated/instances")
    def _aggregate(self, asked: Asked, project: str) -> Answer:
        listed = self._listed(asked, "")
        return (
            listed
            if isinstance(listed, Answer)
            else self._page(asked, listed, lambda items: {"items": _by_zone(items)})
        )

    def _listed(self, asked: Asked, zone: str) -> list[dict[str, Any]] | Answer:
        """Return the instances that a list has; each list is a look at all of them, and skips what is not seen yet."""
        wanted = re.fullmatch(r'labels\.([\w-]+)="?([\w-]*)"?', asked.query.get("filter", ""))
        if asked.query.get("filter") and not wanted:
            return error(400, "invalid", f"Invalid value for field 'filter': '{asked.query['filter']}'.")
        for place in list(self.instances):
            self._look_at(*place)
        shown = [(place, one) for place, one in sorted(self.instances.items()) if self._unseen.get(place, 0) <= 0]
        here = [one for place, one in shown if zone in ("", place[0])]
        return [one for one in here if not wanted or one["labels"].get(wanted[1]) == wanted[2]]

    @routes.on("GET", f"{_ZONE}/instanceGroupManagers/{{name}}")
    def _get_group(self, asked: Asked, project: str, zone: str, name: str) -> Answer:
        path = f"/zones/{zone}/instanceGroupManagers/{name}"
        if path not in self.groups:
            return _nothing(path[1:])
        return Answer(200, {"name": name, "targetSize": self.groups[path]})

    @routes.on("GET", f"{_ZONE}/operations/{{id}}")
    def _get_operation(self, asked: Asked, project: str, zone: str, id: str) -> Answer:
        if (operation := self.operations.get(id)) is None:
            return _nothing(f"zones/{zone}/operations/{id}")
        operation.look()
        return Answer(200, self._told(operation))

    def _begin(
        self, kind: str, zone: str, name: str, looks: int, finish: Any, failure: dict[str, Any] | None
    ) -> Operation:
        about = {"kind": kind, "target": (zone, name)}
        return self.begin(Operation(f"operation-{uuid.uuid4().hex}", looks, finish, failure, about))

    def _told(self, operation: Operation) -> dict[str, Any]:
        zone, name = operation.about["target"]
        told = {
            "kind": "compute#operation",
            "name": operation.id,
            "zone": f"{_LINK}/zones/{zone}",
            "operationType": operation.about["kind"],
            "targetLink": f"{_LINK}/zones/{zone}/instances/{name}",
            "status": "DONE" if operation.is_done else "RUNNING",
            "progress": 100 if operation.is_done else 0,
        }
        if operation.is_done and (failure := operation.error):
            told["error"] = {"errors": [{"code": failure["code"], "message": failure["message"]}]}
            told |= {"httpErrorStatusCode": failure["status"], "httpErrorMessage": failure["code"].replace("_", " ")}
        return told

    def _page(self, asked: Asked, entries: list[dict[str, Any]], shape: Any) -> Answer:
        size = min(int(asked.query.get("maxResults", "500")), self.page_size)
        try:
            page, token = page_of(entries, asked.query.get("pageToken"), size)
        except ValueError:
            return error(400, "invalid", "Invalid value for field 'pageToken'.")
        return Answer(200, shape(list(page)) | ({"nextPageToken": token} if token else {}))

    # -- clusters ------------------------------------------------------------------------------------------

    @routes.on("GET", "/v1/projects/{project}/locations/{location}/clusters")
    def _list_clusters(self, asked: Asked, project: str, location: str) -> Answer:
        listed = [one for (place, _), one in sorted(self.clusters.items()) if location in ("-", place)]
        return Answer(200, {"clusters": listed} if listed else {})

    @routes.on("GET", "/v1/projects/{project}/locations/{location}/clusters/{name}")
    def _get_cluster(self, asked: Asked, project: str, location: str, name: str) -> Answer:
        if (found := self.clusters.get((location, name))) is None:
            said = f"Not found: projects/{project}/locations/{location}/clusters/{name}."
            return cluster_error(404, "NOT_FOUND", said)
        return Answer(200, found)


def _by_zone(items: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the items of one page by their zones; every other zone says that it has nothing on this page."""
    told: dict[str, Any] = {}
    for region, letters in REGIONS.items():
        for zone in (f"{region}-{letter}" for letter in letters):
            here = [one for one in items if one["zone"].endswith(f"/{zone}")]
            warning = {
                "code": "NO_RESULTS_ON_PAGE",
                "message": f"There are no results for scope 'zones/{zone}' on this page.",
            }
            told[f"zones/{zone}"] = {"instances": here} if here else {"warning": warning}
    return told


def _is_zone(zone: str) -> bool:
    region, _, letter = zone.rpartition("-")
    return region in REGIONS and len(letter) == 1 and letter in REGIONS[region]


def _is_uuid(text: str) -> bool:
    try:
        return uuid.UUID(text).int != 0
    except ValueError:
        return False


def _fingerprint(labels: dict[str, str]) -> str:
    return base64.b64encode(hashlib.sha256(json.dumps(labels, sort_keys=True).encode()).digest()[:8]).decode()


def _nothing(what: str) -> Answer:
    return error(404, "notFound", f"The resource 'projects/{PROJECT}/{what}' was not found")
