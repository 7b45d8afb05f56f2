"""
A server that speaks the part of DigitalOcean's REST that the strategy asks, as the installed `pydo` asks it.

It is no DigitalOcean. Written by its reference (https://docs.digitalocean.com/reference/api/digitalocean/): paths,
statuses, bodies, pages by links, rate limits and the words of its refusals are DigitalOcean's. Droplets have no disks
and no network.
"""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.clouds.rest_server import Answer, Asked, RestServer, Routes, running

TOKEN = "dop_v1_of_the_server"
REGIONS = {"nyc3": "New York 3", "fra1": "Frankfurt 1", "sfo1": "San Francisco 1"}
CLOSED = ("sfo1",)
SIZES = ("s-1vcpu-1gb", "s-2vcpu-2gb")
IMAGES = ("ubuntu-24-04-x64", "debian-12-x64")
_TAG = re.compile(r"[A-Za-z0-9:_-]{1,255}")
_HOST = re.compile(r"[A-Za-z0-9.-]{1,255}")
_LARGEST_PAGE = 200


@dataclass
class Droplet:
    """
    One droplet.

    Attributes:
        unseen: How many looks still do not find it.
        starting: How many still find it new.
        leaving: How many still find it after its deletion; None: it is not being deleted.
    """

    fields: dict[str, Any]
    unseen: int
    starting: int
    leaving: int | None = None

    @property
    def is_listed(self) -> bool:
        return self.leaving is None or self.leaving > 0

    def look(self) -> dict[str, Any] | None:
        """Return how it is, once more looked at; None if that finds nothing."""
        if self.unseen:
            self.unseen -= 1
            return None
        if self.leaving is not None:
            if self.leaving == 0:
                return None
            self.leaving -= 1
        elif self.starting:
            self.starting -= 1
        else:
            self.fields["status"] = "active"
        return self.fields


class DigitalOceanServer(RestServer):
    """
    Attributes:
        token: The one that is let in.
        droplet_limit: How many droplets the account may have.
        full: Regions that have none of any size left.
    """

    routes = Routes()

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__(folder)
        self.page_size = _LARGEST_PAGE
        self.token = TOKEN
        self.droplet_limit = 10_000
        self.full: set[str] = set()
        self.droplets: dict[int, Droplet] = {}
        self.clusters: dict[str, dict[str, Any]] = {}
        self.numbers = count(3_164_444)

    def put(self, name: str, region: str, tags: dict[str, str]) -> str:
        """Have a droplet that runs; return its id."""
        with self.lock:
            fields = self.make(name, region, SIZES[0], IMAGES[0], [written(*tag) for tag in tags.items()])
            self.droplets[fields["id"]] = Droplet({**fields, "status": "active"}, unseen=0, starting=0)
            return str(fields["id"])

    def ids(self) -> set[str]:
        """Of what is there and is not being deleted."""
        with self.lock:
            return {str(number) for number, one in self.droplets.items() if one.leaving is None}

    def put_cluster(self, name: str, region: str) -> None:
        with self.lock:
            number = f"bd5f5959-5e1e-4205-a714-{len(self.clusters):012}"
            self.clusters[number] = {
                "id": number,
                "name": name,
                "region": region,
                "version": "1.31.1-do.0",
                "endpoint": f"https://{number}.k8s.ondigitalocean.com",
                "tags": ["k8s", "team:fruit"],
                "node_pools": [
                    {
                        "id": "cdda885e",
                        "name": "workers",
                        "size": "s-2vcpu-2gb",
                        "count": 2,
                        "auto_scale": True,
                        "min_nodes": 1,
                        "max_nodes": 3,
                        "nodes": [{"id": str(node), "status": {"state": "running"}} for node in range(2)],
                    }
                ],
                "ha": True,
                "registry_enabled": True,
                "routing_agent": {"enabled": True},
                "amd_gpu_device_plugin": {"enabled": False},
                "status": {"state": "running"},
                "created_at": "2026-01-02T03:04:05Z",
            }

    def make(self, name: str, region: str, size: str, image: str, tags: list[str]) -> dict[str, Any]:
        number = next(self.numbers)
        return {
            "id": number,
            "name": name,
            "memory": 1024,
            "vcpus": 1,
            "locked": False,
            "status": "new",
            "created_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "image": {"id": 63663980, "slug": image, "distribution": image.partition("-")[0].title()},
            "size_slug": size,
            "networks": {
                "v4": [
                    {"ip_address": f"10.128.{number % 200}.{number % 250}", "type": "private"},
                    {"ip_address": f"104.236.{number % 200}.{number % 250}", "type": "public"},
                ],
                "v6": [],
            },
            "region": {"name": REGIONS[region], "slug": region},
            "tags": tags,
        }

    # -- what it says ------------------------------------------------------------------------------------

    def refuses(self, asked: Asked) -> Answer | None:
        if asked.headers.get("authorization") != f"Bearer {self.token}":
            return said(401, "Unauthorized", "Unable to authenticate you")
        return None

    def unknown(self, asked: Asked) -> Answer:
        return said(404, "not_found", "The resource you were accessing could not be found.")

    def page(self, asked: Asked, name: str, entries: list[Any]) -> Answer:
        number, size = int(asked.query.get("page", 1)), int(asked.query.get("per_page", 20))
        if not 1 <= size <= _LARGEST_PAGE:
            return said(400, "bad_request", f"per_page must be 1 to {_LARGEST_PAGE}")
        size = min(size, self.page_size)
        end = number * size
        pages = {}
        if end < len(entries):
            query = {**asked.query, "page": str(number + 1), "per_page": str(size)}
            pages = {"next": f"https://api.digitalocean.com{asked.path}?{urlencode(query)}"}
        body = {name: entries[end - size : end], "links": {"pages": pages}, "meta": {"total": len(entries)}}
        return Answer(200, body, LIMITS)


LIMITS = {"ratelimit-limit": "5000", "ratelimit-remaining": "4999", "ratelimit-reset": "1893456000"}
on = DigitalOceanServer.routes.on


def said(status: int, word: str, message: str, headers: dict[str, str] | None = None) -> Answer:
    """A refusal as DigitalOcean words it."""
    return Answer(status, {"id": word, "message": message}, {**LIMITS, **(headers or {})})


def written(key: str, value: str) -> str:
    return f"{key}:{value}" if value else key


def gone() -> Answer:
    return said(404, "not_found", "The resource you were accessing could not be found.")


@on("GET", "/v2/account")
def account(cloud: DigitalOceanServer, asked: Asked) -> Answer:
    return Answer(200, {"account": {"droplet_limit": cloud.droplet_limit, "status": "active"}}, LIMITS)


@on("GET", "/v2/regions")
def regions(cloud: DigitalOceanServer, asked: Asked) -> Answer:
    found = [{"slug": slug, "name": name, "available": slug not in CLOSED} for slug, name in REGIONS.items()]
    return cloud.page(asked, "regions", found)


@on("GET", "/v2/droplets")
def list_droplets(cloud: DigitalOceanServer, asked: Asked) -> Answer:
    tag = asked.query.get("tag_name")
    found = [
        one.fields for one in cloud.droplets.values() if one.is_listed and (tag is None or tag in one.fields["tags"])
    ]
    return cloud.page(asked, "droplets", found)


@on("POST", "/v2/droplets")
def create_droplet(cloud: DigitalOceanServer, asked: Asked) -> Answer:
    body = asked.body
    if fault := _fault_of(cloud, body):
        return said(422, "unprocessable_entity", fault)
    fields = cloud.make(body["name"], body["region"], body["size"], body["image"], list(body.get("tags", [])))
    cloud.droplets[fields["id"]] = Droplet(fields, cloud.unseen_looks, cloud.create_looks)
    return Answer(202, {"droplet": fields, "links": {"actions": []}}, LIMITS)


def _fault_of(cloud: DigitalOceanServer, body: dict[str, Any]) -> str:
    known = {"region": REGIONS, "size": SIZES, "image": IMAGES}
    for field, allowed in known.items():
        if body.get(field) not in allowed:
            return f"You specified an invalid {field} for Droplet creation."
    if not _HOST.fullmatch(body["name"]):
        return "Only valid hostname characters are allowed. (a-z, A-Z, 0-9, . and -)"
    for tag in body.get("tags", []):
        if not _TAG.fullmatch(tag):
            return f"{tag} is not a valid tag."
    if len(cloud.ids()) >= cloud.droplet_limit:
        return "creating this/these droplet(s) will exceed your droplet limit"
    return "Size is not available in this region." if body["region"] in {*cloud.full, *CLOSED} else ""


@on("GET", "/v2/droplets/{number}")
def get_droplet(cloud: DigitalOceanServer, asked: Asked, number: str) -> Answer:
    one = cloud.droplets.get(int(number))
    fields = one.look() if one else None
    return Answer(200, {"droplet": fields}, LIMITS) if fields else gone()


@on("DELETE", "/v2/droplets/{number}")
def delete_droplet(cloud: DigitalOceanServer, asked: Asked, number: str) -> Answer:
    one = cloud.droplets.get(int(number))
    if one is None or not one.is_listed:
        return gone()
    if one.fields["status"] == "new" and one.starting:
        return said(422, "unprocessable_entity", "Droplet already has a pending event.")
    one.leaving = cloud.delete_looks if one.leaving is None else one.leaving
    return Answer(204, None, LIMITS)


@on("GET", "/v2/kubernetes/clusters")
def list_clusters(cloud: DigitalOceanServer, asked: Asked) -> Answer:
    return cloud.page(asked, "kubernetes_clusters", list(cloud.clusters.values()))


@on("GET", "/v2/kubernetes/clusters/{number}")
def get_cluster(cloud: DigitalOceanServer, asked: Asked, number: str) -> Answer:
    found = cloud.clusters.get(number)
    return Answer(200, {"kubernetes_cluster": found}, LIMITS) if found else gone()


@on("GET", "/v2/kubernetes/clusters/{number}/credentials")
def get_credentials(cloud: DigitalOceanServer, asked: Asked, number: str) -> Answer:
    if number not in cloud.clusters:
        return gone()
    body = {
        "server": cloud.clusters[number]["endpoint"],
        "certificate_authority_data": "LS0tLS1CRUdJTi==",
        "token": "a token of the cluster's",
        "expires_at": "2026-01-02T03:04:05Z",
    }
    return Answer(200, body, LIMITS)


@contextmanager
def running_digitalocean(folder: Path) -> Iterator[DigitalOceanServer]:
    """The server with a certificate of its own in *folder*, for as long as the block."""
    with running(DigitalOceanServer(folder)) as server:
        yield server


def main() -> None:
    """Serve until standard input ends; the first line says where: address, certificate, token."""
    with running_digitalocean(Path(sys.argv[1])) as server:
        print(server.url, server.certificate, server.token, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
