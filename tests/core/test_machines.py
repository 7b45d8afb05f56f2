"""What executions deployed, by its states, held against what clouds list."""

import json
from datetime import UTC, datetime

import pytest

from mcop_core.bootstrap import open_store
from mcop_core.clouds.config import CloudConfig
from mcop_core.clouds.documents import document, instance_of
from mcop_core.clouds.models import Instance, InstanceState
from mcop_core.deployments import Deployment, Deployments
from mcop_core.errors import NotFound
from mcop_core.machines import Entry, Machine, MachineStanding, Seen, deployed_machines, entries, join, what_was_seen
from tests.clouds.deployed import deploy, resource

WEB = Machine("team/shop/w.p.web", 'module.this.aws_instance.web["a.azurerm_linux_virtual_machine.b"]', "aws", "i-1")
VM_ID = "projects/p/zones/europe-west1-b/instances/vm"


def instance(provider: str, ident: str, **changes) -> Instance:
    usual = {"cloud": "c", "region": "r", "name": "", "state": InstanceState.RUNNING}
    return Instance(**{**usual, "provider": provider, "id": ident, **changes})


@pytest.fixture
def url(tmp_path) -> str:
    return f"file://{tmp_path}/store"


def test_machines_are_read_from_the_states_of_what_is_deployed(url):
    """Machines alone; a key of an instance may hold anything."""
    web = {"index_key": "a.azurerm_linux_virtual_machine.b", "attributes": {"id": "i-1"}}
    deploy(url, "w.p.web", [resource("aws_instance", "web", web), resource("aws_vpc", "net", {"attributes": {}})])
    deploy(url, "w.p.vm", [resource("google_compute_instance", "vm", {"attributes": {"id": VM_ID}})])
    deploy(url, "w.p.none", None)
    found = deployed_machines(open_store(url), open_store)

    assert found.is_whole
    vm = Machine("team/shop/w.p.vm", "module.this.google_compute_instance.vm", "gcp", VM_ID, "europe-west1")
    assert {WEB, vm} == set(found.found)


def test_a_component_that_cannot_be_read_hides_no_other(url):
    """It is named."""
    deploy(url, "w.p.web", [resource("aws_instance", "web", {"attributes": {"id": "i-1"}})])
    store = open_store(url)
    Deployments(store, "team", "shop").put(Deployment("w.p.lost", "0" * 64, "p", {}, (), "e", "2026-01-01"))
    found = deployed_machines(store, open_store)

    assert ["i-1"] == [one.id for one in found.found]
    assert [("team/shop/w.p.lost", True)] == [(one.what, isinstance(one.error, NotFound)) for one in found.failures]


def test_what_is_listed_is_managed_and_what_is_not_is_missing():
    """Only where every cloud of its provider has answered."""
    machines = [WEB, Machine("o", "a", "aws", "i-2"), Machine("o", "a", "digitalocean", "7")]
    there = [instance("aws", "i-1"), instance("aws", "i-9"), instance("memory", "i-2")]
    joined = join(there, machines, [Seen("aws")])

    assert {("c", "r", "i-1"): f"{WEB.owner} {WEB.address}"} == joined.owners
    assert (["i-2"], ["7"]) == ([one.id for one in joined.missing], [one.id for one in joined.untold])


def test_clouds_that_write_ids_otherwise_than_terraform_are_matched():
    """Google Cloud's are numbers there and paths here; Azure's letters differ."""
    machines = [Machine("o", "a", "gcp", VM_ID), Machine("o", "a", "azure", "/subscriptions/S/virtualMachines/vm")]
    there = [
        instance("gcp", "4711", name="vm", zone="europe-west1-b"),
        instance("azure", "/subscriptions/s/virtualmachines/VM"),
    ]

    assert 2 == len(join(there, machines, [Seen("gcp"), Seen("azure")]).owners)


REGIONS = {
    "aws_instance": ({"id": "i-1", "arn": "arn:aws:ec2:eu-west-1:111111111111:instance/i-1"}, "eu-west-1"),
    "azurerm_linux_virtual_machine": ({"id": "/subscriptions/S/vm", "location": "westeurope"}, "westeurope"),
    "digitalocean_droplet": ({"id": "7", "region": "fra1"}, "fra1"),
    "google_compute_instance": ({"id": VM_ID}, "europe-west1"),
}


@pytest.mark.parametrize("kind", REGIONS)
def test_a_state_says_in_which_region_a_machine_is(url, kind):
    """In the words of the cloud; a state that does not say it says nothing."""
    attributes, region = REGIONS[kind]
    deploy(url, "w.p.one", [resource(kind, "one", {"attributes": attributes})])
    deploy(url, "w.p.two", [resource(kind, "two", {"attributes": {"id": "7"}})])
    one, two = deployed_machines(open_store(url), open_store).found

    assert (region, "") == (one.region, two.region)


def test_each_store_of_states_is_opened_once(url):
    """However many components lie in it."""
    for number in range(20):
        deploy(url, f"w.p.e{number}", [resource("aws_instance", "web", {"attributes": {"id": f"i-{number}"}})])
    opened = []
    found = deployed_machines(open_store(url), lambda where: opened.append(where) or open_store(where))

    assert (20, [url]) == (len(found.found), opened)


def cloud(name: str, **changes) -> CloudConfig:
    return CloudConfig(**{"name": name, "provider": "aws", "region": "r", **changes})


A, B, NARROW = cloud("a"), cloud("b"), cloud("a", regions=["r"])
COVERED = {
    "all of one cloud": ([A], ["a"], [], (), "r", True),
    "an unknown region of all": ([A], ["a"], [], (), "", True),
    "one of two clouds": ([A, B], ["a"], [], (), "r", False),
    "another provider's cloud": ([A, cloud("b", provider="gcp")], ["a"], [], (), "r", True),
    "another region is silent": ([A], ["a"], [("a", "s")], (), "r", True),
    "an unknown region, another is silent": ([A], ["a"], [("a", "s")], (), "", False),
    "its region is silent": ([A], ["a"], [("a", "r")], (), "r", False),
    "the cloud is silent": ([A], ["a"], [("a", "")], (), "r", False),
    "its region was asked for": ([A], ["a"], [], ("r",), "r", True),
    "another region was asked for": ([A], ["a"], [], ("s",), "r", False),
    "its region is configured": ([NARROW], ["a"], [], (), "r", True),
    "another region is configured": ([NARROW], ["a"], [], (), "s", False),
    "an unknown region, one is configured": ([NARROW], ["a"], [], (), "", False),
}


@pytest.mark.parametrize(
    ("configs", "asked", "silent", "regions", "where", "is_missing"), COVERED.values(), ids=COVERED
)
def test_what_no_cloud_lists_is_missing_where_everything_was_seen(configs, asked, silent, regions, where, is_missing):
    """All clouds of its provider, in its region; else it cannot be told."""
    joined = join([], [Machine("o", "a", "aws", "i-1", where)], what_was_seen(configs, asked, silent, regions))

    assert (is_missing, not is_missing) == (bool(joined.missing), bool(joined.untold))


def test_an_inventory_has_an_entry_for_everything_on_either_side():
    """A tag says who made it, and a state says it better."""
    listed = [(instance("aws", "i-1", name="web"), ""), (instance("aws", "w"), "worker w"), (instance("aws", "x"), "")]
    found = entries(listed, [WEB, Machine("o", "a", "aws", "i-2"), Machine("o", "b", "gcp", "i-3")], [Seen("aws")])

    assert [
        Entry(MachineStanding.MANAGED, "c", "r", "web", "i-1", "running", f"{WEB.owner} {WEB.address}"),
        Entry(MachineStanding.MANAGED, "c", "r", "", "w", "running", "worker w"),
        Entry(MachineStanding.UNMANAGED, "c", "r", "", "x", "running", ""),
        Entry(MachineStanding.MISSING, "", "", "", "i-2", "", "o a"),
        Entry(MachineStanding.UNTOLD, "", "", "", "i-3", "", "o b"),
    ] == list(found)


def test_an_instance_comes_back_from_json_as_it_was():
    """But for the cloud's own answer."""
    one = instance(
        "aws", "i-1", created_at=datetime(2026, 1, 2, tzinfo=UTC), tags={"a": "b"}, public_addresses=("1.2.3.4",)
    )

    assert one == instance_of(json.loads(json.dumps(document(one))))
