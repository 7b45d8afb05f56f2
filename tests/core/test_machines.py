"""What executions deployed, by its states, held against what clouds list."""

import json

import pytest

from mcop_core.bootstrap import open_store
from mcop_core.clouds.models import Instance, InstanceState
from mcop_core.deployments import Deployment, Deployments
from mcop_core.engines.base import RenderedArtifact
from mcop_core.errors import NotFound
from mcop_core.machines import Machine, deployed_machines, join

WEB = Machine("team/shop/w.p.web", 'module.this.aws_instance.web["a.azurerm_linux_virtual_machine.b"]', "aws", "i-1")
VM_ID = "projects/p/zones/europe-west1-b/instances/vm"


def resource(kind: str, name: str, *instances: dict) -> dict:
    return {"mode": "managed", "module": "module.this", "type": kind, "name": name, "instances": list(instances)}


def instance(provider: str, ident: str, **changes) -> Instance:
    usual = {"cloud": "c", "region": "r", "name": "", "state": InstanceState.RUNNING}
    return Instance(**{**usual, "provider": provider, "id": ident, **changes})


@pytest.fixture
def url(tmp_path) -> str:
    return f"file://{tmp_path}/store"


def deploy(url: str, step: str, resources: list[dict] | None) -> None:
    """Note a component as deployed, with its artifact and its state; None: without a state."""
    store, key = open_store(url), f"team/shop/{step.replace('.', '/')}.tfstate"
    artifact = RenderedArtifact("terraform", {}, {"state": {"store": url, "key": key}})
    store.put(artifact.key, artifact.to_json())
    if resources is not None:
        state = {"version": 4, "serial": 1, "lineage": "l", "outputs": {}, "resources": resources}
        store.put(key, json.dumps(state).encode())
    Deployments(store, "team", "shop").put(Deployment(step, artifact.digest, "p", {}, (), "e", "2026-01-01"))


def test_machines_are_read_from_the_states_of_what_is_deployed(url):
    """Machines alone; a key of an instance may hold anything."""
    web = {"index_key": "a.azurerm_linux_virtual_machine.b", "attributes": {"id": "i-1"}}
    deploy(url, "w.p.web", [resource("aws_instance", "web", web), resource("aws_vpc", "net", {"attributes": {}})])
    deploy(url, "w.p.vm", [resource("google_compute_instance", "vm", {"attributes": {"id": VM_ID}})])
    deploy(url, "w.p.none", None)
    found = deployed_machines(open_store(url), open_store)

    assert found.is_whole
    assert {WEB, Machine("team/shop/w.p.vm", "module.this.google_compute_instance.vm", "gcp", VM_ID)} == set(
        found.found
    )


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
    joined = join([instance("aws", "i-1"), instance("aws", "i-9"), instance("memory", "i-2")], machines, {"aws"})

    assert {("c", "r", "i-1"): f"{WEB.owner} {WEB.address}"} == joined.owners
    assert (["i-2"], ["7"]) == ([one.id for one in joined.missing], [one.id for one in joined.untold])


def test_clouds_that_write_ids_otherwise_than_terraform_are_matched():
    """Google Cloud's are numbers there and paths here; Azure's letters differ."""
    machines = [Machine("o", "a", "gcp", VM_ID), Machine("o", "a", "azure", "/subscriptions/S/virtualMachines/vm")]
    there = [
        instance("gcp", "4711", name="vm", zone="europe-west1-b"),
        instance("azure", "/subscriptions/s/virtualmachines/VM"),
    ]

    assert 2 == len(join(there, machines, {"gcp", "azure"}).owners)
