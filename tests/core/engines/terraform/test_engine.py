"""Terraform as an engine."""

import json
import os
from pathlib import Path
from uuid import uuid4

import pytest

from mcop_core.artifacts.local import LocalStore
from mcop_core.catalog.models import AdapterSettings, ProviderRequirement
from mcop_core.engines.base import RenderRequest
from mcop_core.engines.state import StateFile
from mcop_core.engines.terraform.command import pids_by_argument
from mcop_core.engines.terraform.engine import TerraformEngine
from mcop_core.engines.workspace import Workspace
from mcop_core.errors import EngineFailed, InvalidInput
from mcop_core.settings import Settings
from tests.contracts.engine import ADDRESS, EngineContract, EngineSample, OperationContract
from tests.exemptions import exempt

MODULE = b'variable "value" {\n  type    = any\n  default = null\n}\noutput "result" {\n  value = var.value\n}\n'


@pytest.fixture
def engine():
    return TerraformEngine(Settings())


@pytest.fixture
def sample():
    return EngineSample(
        files={"main.tf": MODULE, "README.md": b"# A sample\n"},
        broken={"main.tf": MODULE + b'output "again {\n', "README.md": b""},
        broken_line=8,
        settings=AdapterSettings(source="hashicorp/aws", version="~> 5.0", configuration={"region": "us-east-1"}),
        backend={"type": "s3", "bucket": "state", "region": "us-east-1", "use_lockfile": True},
        values_of=lambda artifact: json.loads(artifact.files["terraform.tfvars.json"]),
    )


class TestContract(EngineContract):
    pass


def test_the_same_providers_are_locked_once(tmp_path):
    """Ten primitives of one provider cost one `init`."""
    calls = tmp_path / "calls"
    binary = tmp_path / "terraform"
    binary.write_text(
        f"#!/bin/sh\necho run >> {calls}\n"
        "cat > .terraform.lock.hcl <<END\n"
        'provider "registry.terraform.io/acme/cloud" {\n  version = "1.0.0"\n  hashes = [\n    "h1:a",\n  ]\n}\n'
        "END\n"
    )
    binary.chmod(0o755)
    engine = TerraformEngine(Settings(terraform=str(binary)), {"PATH": "/usr/bin:/bin"})
    first = engine.lock({"cloud": ProviderRequirement(source="acme/cloud")})
    second = engine.lock({"other": ProviderRequirement(source="acme/cloud")})
    engine.lock({"cloud": ProviderRequirement(source="acme/cloud", version="1.0.0")})

    assert first == second
    assert calls.read_text().count("run") == 2


def test_the_settings_name_binary_and_mirror(tmp_path):
    """A wrong one is said, not replaced by another."""
    wanted = {"cloud": ProviderRequirement(source="acme/cloud")}
    with pytest.raises(EngineFailed, match="/no/such/terraform"):
        TerraformEngine(Settings(terraform="/no/such/terraform"), {}).lock(wanted)
    with pytest.raises(InvalidInput, match="MCOP_TERRAFORM_PLUGIN_MIRROR"):
        TerraformEngine(Settings(terraform_plugin_mirror=str(tmp_path)), {}).lock(wanted)


HIDDEN = "hidden-4f2a9c"
OPERATED = """
variable "value" {
  default = null
}
resource "terraform_data" "this" {
  input = var.value
}
resource "terraform_data" "hidden" {
  input = sensitive(base64decode("aGlkZGVuLTRmMmE5Yw=="))
}
output "result" {
  value = terraform_data.this.output
}
output "hidden" {
  value     = terraform_data.hidden.output
  sensitive = true
}
"""
SLOW = """
resource "terraform_data" "slow" {
  provisioner "local-exec" {
    command = "exec sleep 20.%s"
  }
}
"""


class World:
    """`tests.contracts.engine.Operated`: resources that are nothing but state."""

    secret = HIDDEN

    def __init__(self, folder: Path) -> None:
        self.folder, self.store, self.is_cancelled = folder, LocalStore(folder / "store"), False
        self.count = 0
        self.mark = f"{uuid4().int % 10**12}"
        exemptions = folder / "exemptions.toml"
        exempt(exemptions, self.files(slow=True))
        self.engine = TerraformEngine(Settings(exemptions=str(exemptions), cache_dir=str(folder / "cache")))

    def files(self, *, slow: bool) -> dict[str, bytes]:
        return {"main.tf": (OPERATED + (SLOW % self.mark if slow else "")).encode()}

    def request(self, value: object, *, slow: bool = False, address: tuple[str, ...] = ADDRESS) -> RenderRequest:
        files = self.files(slow=slow)
        backend = {"type": "local", "path": str(self.folder / "store")}
        interface = self.engine.describe(files)
        return RenderRequest(address, files, interface, {"value": value}, AdapterSettings(), {}, backend)

    def workspace(self) -> Workspace:
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
        self.count += 1
        return Workspace(
            self.folder / f"run{self.count}",
            lambda url: self.store,
            environment,
            lambda: self.is_cancelled,
            "mcop.shop-test manual",
        )

    def cancel(self) -> None:
        self.is_cancelled = True

    def resume(self) -> None:
        self.is_cancelled = False

    def lose(self) -> None:
        key = f"{'/'.join(ADDRESS)}.tfstate"
        document = dict(StateFile.parse(self.store.get(key).data, key).document)
        kept = [one for one in document["resources"] if one["name"] != "this"]
        self.store.put(key, StateFile.of({**document, "resources": kept, "serial": document["serial"] + 1}).data)

    def is_at_work(self) -> bool:
        return bool(pids_by_argument(f"20.{self.mark}"))

    def made(self) -> list[str]:
        keys = [key for key in self.store.keys("") if key.endswith(".tfstate")]
        return [one for key in keys for one in StateFile.parse(self.store.get(key).data, key).instances()]

    def traces(self) -> str:
        files = [path for path in self.folder.rglob("*") if path.is_file() and path.parent.name != "net"]
        return "".join(path.read_bytes().decode(errors="replace") for path in files)


@pytest.fixture
def operated(tmp_path):
    return World(tmp_path)


@pytest.mark.terraform
class TestOperations(OperationContract):
    pass
