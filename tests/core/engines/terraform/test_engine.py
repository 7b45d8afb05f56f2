"""Terraform as an engine."""

import json

import pytest

from mcop_core.catalog.models import AdapterSettings, ProviderRequirement
from mcop_core.engines.terraform.engine import TerraformEngine
from mcop_core.errors import EngineFailed, InvalidInput
from mcop_core.settings import Settings
from tests.contracts.engine import EngineContract, EngineSample

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
