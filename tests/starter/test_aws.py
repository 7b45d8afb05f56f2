"""
The starter catalog of AWS on an emulator, with the real engine and the real provider.

Left out are the database, whose password needs a provider that is not at hand, and the cluster, of whose
nodes the emulator forgets the launch template.
"""

import pytest

from mcop_core.errors import EngineFailed
from tests.core.catalog_starter.world import World
from tests.emulators import running
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
GIVES_A_PUBLIC_ADDRESS = ["replace aws_instance.this"]
"""What planning again would change: moto gives every instance a public address, which AWS does not."""


def documents():
    """Return path -> text of what is portable and of AWS, without the database: its password needs another provider."""
    folders = (STARTER / "portable" / "interfaces", STARTER / "aws")
    paths = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return {
        str(path.relative_to(STARTER).relative_to(path.relative_to(STARTER).parts[0])): path.read_text()
        for path in paths
        if "aws-database" not in str(path)
    }


pytestmark = [pytest.mark.campaign, pytest.mark.terraform, pytest.mark.emulator, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def emulator(tmp_path_factory):
    """An emulator of AWS; of Canonical's images it knows none."""
    with running("moto_server", tmp_path_factory.mktemp("emulator")) as emulator:
        yield emulator


def test_each_is_applied_planned_again_and_destroyed(emulator, tmp_path):
    """With outputs of the network, as the interfaces give them; then there is nothing to do, then nothing is left."""
    (tmp_path / "world").mkdir()
    image = emulator.client("ec2").describe_images()["Images"][0]["ImageId"]
    web = {"name": "starter", "subnet_ids": "${network.subnet_ids}", "ssh_public_key": KEY, "ami_id": image, **BESIDE}
    elements = {**ELEMENTS, "web": ("aws-instance", web)}
    world = World(tmp_path / "world", elements, emulator, documents())
    again = {}
    for element in elements:
        world.apply(element)
        again[element] = world.again(element)
    for element in reversed(elements):
        world.destroy(element)

    assert again == {**{element: [] for element in ELEMENTS}, "web": GIVES_A_PUBLIC_ADDRESS}
    assert {element: world.held(element) for element in elements} == {element: [] for element in elements}
    assert world.outputs["network"]["placement"] == REGION


def test_another_region_than_the_adapters_is_refused(emulator, tmp_path):
    """Before anything is made where nobody looks for it."""
    (tmp_path / "world").mkdir()
    elsewhere = {"network": ("aws-network", {**ELEMENTS["network"][1], "region": "eu-west-3"})}
    world = World(tmp_path / "world", elsewhere, emulator, documents())

    with pytest.raises(EngineFailed, match="the network's eu-west-3: they must be the same"):
        world.apply("network")
