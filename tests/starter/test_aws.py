"""
The starter catalog of AWS on an emulator, with the real engine and the real provider.

Left out is the cluster, of whose nodes the emulator forgets the launch template.
"""

import json

import boto3
import pytest
import yaml

from mcop_core.errors import EngineFailed
from mcop_core.refs import OutputRef
from tests.core.catalog_starter.world import World
from tests.emulators import CREDENTIALS, running
from tests.starter.differences import EXAMPLES
from tests.starter.schemas import STARTER

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEV4YW1wbGVLZXlPbmx5Tm9ib2R5SGFzSXQwMDAwMDAw test"
REGION = "us-east-1"
BESIDE = {"placement": "${network.placement}"}
ELEMENTS = {
    "network": ("aws-network", {"name": "starter", "region": REGION, "cidr_block": "10.60.0.0/16"}),
    "files": ("aws-bucket", {"name": "acme-starter-portable", "retain_objects": False, **BESIDE}),
    "secret": (
        "aws-secret",
        {"name": "starter/value", "value": "secret://vault/starter/value#text", "recovery_days": 0, **BESIDE},
    ),
}
WEB_APPLICATION, ITS_REGION = "web-application", "eu-central-1"
OF_OTHER_CLOUDS = ("azure_subscription_id", "gcp_project", "gcp_region")


def documents(*folders):
    """Return path -> text of what is portable and of AWS."""
    return {
        str(path.relative_to(folder)): path.read_text()
        for folder in (STARTER / "portable", STARTER / "aws", *folders)
        for path in folder.rglob("*")
        if path.is_file()
    }


def example():
    """Return the manifest without what it holds for the adapters of other clouds, as its README says."""
    manifest = yaml.safe_load((EXAMPLES / WEB_APPLICATION / "manifest.yaml").read_text())
    configuration = {k: v for k, v in manifest["configuration"].items() if k not in OF_OTHER_CLOUDS}
    return yaml.safe_dump({**manifest, "configuration": configuration})


pytestmark = [pytest.mark.campaign, pytest.mark.terraform, pytest.mark.emulator, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def emulator(tmp_path_factory):
    """An emulator of AWS."""
    with running("stocked_moto", tmp_path_factory.mktemp("emulator")) as emulator:
        yield emulator


def test_each_is_applied_planned_again_and_destroyed(emulator, tmp_path):
    """With outputs of the network, as the interfaces give them; then there is nothing to do, then nothing is left."""
    (tmp_path / "world").mkdir()
    image = emulator.client("ec2").describe_images()["Images"][0]["ImageId"]
    web = {"name": "starter", "subnet_ids": "${network.subnet_ids}", "ssh_public_key": KEY, "ami_id": image, **BESIDE}
    elements = {**ELEMENTS, "web": ("aws-instance", web)}
    world = World(tmp_path / "world", elements, emulator, documents())
    steps = [f"starter.each.{element}" for element in elements]
    again = {}
    for step in steps:
        world.apply(step)
        again[step] = world.again(step)
    for step in reversed(steps):
        world.destroy(step)

    assert again == {step: [] for step in steps}
    assert {step: world.held(step) for step in steps} == {step: [] for step in steps}
    assert world.outputs[OutputRef.parse("starter.each.network.placement")] == REGION


def test_another_region_than_the_adapters_is_refused(emulator, tmp_path):
    """Before anything is made where nobody looks for it."""
    (tmp_path / "world").mkdir()
    elsewhere = {"network": ("aws-network", {**ELEMENTS["network"][1], "region": "eu-west-3"})}
    world = World(tmp_path / "world", elsewhere, emulator, documents())

    with pytest.raises(EngineFailed, match="the network's eu-west-3: they must be the same"):
        world.apply("starter.each.network")


def passwords(emulator):
    """Return the logins that the cloud keeps by itself, each as its JSON text says."""
    client = boto3.client("secretsmanager", endpoint_url=emulator.url, **{**CREDENTIALS, "region_name": ITS_REGION})
    names = [one["ARN"] for one in client.list_secrets()["SecretList"]]
    return {name: json.loads(client.get_secret_value(SecretId=name)["SecretString"]) for name in names}


def test_the_web_application_is_deployed_planned_again_and_destroyed(emulator, tmp_path):
    """As a whole: a machine, a database and a bucket in a network; the password is in no state and no artifact."""
    (tmp_path / "world").mkdir()
    unused = {"unused": ("log-group", {"name": "/unused"})}
    world = World(tmp_path / "world", unused, emulator, {**documents(), "manifest.yaml": example()})
    steps = [step.id for step in world.plans[WEB_APPLICATION].steps]
    done = {step.rpartition(".")[2]: world.apply(step, WEB_APPLICATION) for step in steps}
    again = {step: one.resources for step, one in world.preview(WEB_APPLICATION).items()}
    kept = passwords(emulator)
    written = b"".join(path.read_bytes() for path in (tmp_path / "world").rglob("*") if path.is_file())
    for step in reversed(steps):
        world.destroy(step, WEB_APPLICATION)

    assert {"network": 5, "database": 5, "files": 5, "web": 5} == {name: one.added for name, one in done.items()}
    assert dict.fromkeys(steps, ()) == again
    (login,) = kept.values()
    assert [done["database"].outputs["login_secret"]] == list(kept)
    assert len(login["password"]) >= 8
    assert login["password"].encode() not in written
    assert {step: [] for step in steps} == {step: world.held(step) for step in steps}
    assert {} == passwords(emulator)
