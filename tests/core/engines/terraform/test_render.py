"""Rendering: by cases on disk, by structure, and through the real Terraform."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from mcop_core.catalog.models import AdapterSettings, Interface, ProviderLock
from mcop_core.engines.artifact import RenderedArtifact
from mcop_core.engines.base import RenderRequest
from mcop_core.engines.terraform.engine import TerraformEngine
from mcop_core.engines.terraform.module_interface import read_interface
from mcop_core.engines.terraform.providers import cli_config, find_mirror, terraform_environment
from mcop_core.engines.terraform.render import render
from mcop_core.engines.values import SealedText, SensitivePointer
from mcop_core.errors import InvalidDocuments, InvalidName, UnknownName
from mcop_core.settings import Settings
from tests.emulators import running

CASES = Path(__file__).parents[3] / "cases" / "render_terraform"

HOSTILE = [
    '${file("/etc/passwd")}',
    '${filebase64("/proc/self/environ")}',
    '${join(",", fileset("/etc", "*"))}',
    "%{ for a in range(1000) }%{ for b in range(1000) }x%{ endfor }%{ endfor }",
    "${var.other}",
    "${module.x.y}",
    "$${",
    "$${x}",
    "$$${x}",
    "%%{x}",
    "%{if true}x%{endif}",
    "${",
    "}",
    'a "quoted" text',
    "back\\slash \\n \\u0041",
    "line\nbreak\r\n\ttab",
    "emoji \U0001f980 ü ß 漢字",
    "<<EOT\nx\nEOT\n",
    '"; } resource "null_resource" "x" {} #',
    "//",
    "# comment /* x */",
    "'; touch /tmp/x; '",
    "{{ conn.x.password }}",
    " leading and trailing ",
    "",
    "x" * 5000,
]


def read_request(folder):
    document = json.loads((folder / "request.json").read_text())
    return RenderRequest(
        address=tuple(document["address"]),
        files={path: text.encode() for path, text in document["files"].items()},
        interface=Interface.model_validate(document["interface"]),
        inputs=document["inputs"],
        settings=AdapterSettings.model_validate(document["settings"]),
        locks={address: ProviderLock.model_validate(lock) for address, lock in document["locks"].items()},
        backend=document["backend"],
    )


def expected_of(folder):
    files = {
        path.relative_to(folder / "expected").as_posix(): path.read_bytes()
        for path in (folder / "expected").rglob("*")
        if path.is_file()
    }
    return files, json.loads((folder / "runtime.json").read_text())


@pytest.mark.parametrize("folder", sorted(CASES.iterdir()), ids=lambda folder: folder.name)
def test_case(folder):
    """The request of a case renders to its files and runtime, or is refused with its faults."""
    request = read_request(folder)
    if (folder / "faults.txt").exists():
        with pytest.raises(InvalidDocuments) as caught:
            render(request)

        assert str(caught.value) + "\n" == (folder / "faults.txt").read_text()
    else:
        artifact = render(request)

        assert (dict(artifact.files), dict(artifact.runtime)) == expected_of(folder)


def request_for(module, inputs, *, backend=None, **changes):
    files = {"main.tf": module.encode()}
    return RenderRequest(
        address=changes.get("address", ("shop", "shop-test", "base", "net", "vpc")),
        files=files,
        interface=read_interface(files),
        inputs=inputs,
        settings=changes.get("settings", AdapterSettings()),
        locks=changes.get("locks", {}),
        backend=backend or {"type": "s3", "bucket": "state", "region": "us-east-1", "use_lockfile": True},
    )


ANY_INPUT = 'variable "value" {\n  type = any\n}\n'


@pytest.mark.parametrize("text", HOSTILE)
def test_a_users_text_stands_in_the_values_alone(text):
    """No file that Terraform evaluates changes with a value, a key or a provider's argument."""

    def evaluated(value):
        settings = AdapterSettings(source="hashicorp/aws", configuration={"region": value, "map": {f" {value}": value}})
        module = ANY_INPUT + 'resource "aws_vpc" "x" {}\n'
        artifact = render(request_for(module, {"value": {value: [value]}}, settings=settings))
        return {path: data for path, data in artifact.files.items() if path != "terraform.tfvars.json"}

    assert evaluated(text) == evaluated("plain")


def test_objects_and_their_json_mean_the_same():
    """A pointer from the resolver and one from Python render alike."""
    pointer = SensitivePointer("s3://state?region=us-east-1#shop/shop-test/a/b/c.tfstate", "password")
    as_objects = request_for(ANY_INPUT, {"value": [pointer, SealedText(("a", pointer))]})
    as_json = request_for(ANY_INPUT, {"value": [pointer.to_json(), {"mcop_sealed_text": ["a", pointer.to_json()]}]})

    assert render(as_objects) == render(as_json)
    assert render(as_objects).runtime["types"] == {"value": "any"}


@pytest.mark.parametrize(
    "state",
    [
        "s3://state#shop/other-manifest/a/b/c.tfstate",
        "s3://state#other/shop-test/a/b/c.tfstate",
        "s3://state#shop/shop-test/../../other/x/a/b/c.tfstate",
        "s3://state/shop/shop-test/a",
    ],
)
def test_a_pointer_leads_to_the_manifests_own_states(state):
    """What another manifest keeps secret cannot be read by writing a pointer into a value."""
    with pytest.raises(InvalidDocuments, match="not this manifest's"):
        render(request_for(ANY_INPUT, {"value": SensitivePointer(state, "x")}))


@pytest.mark.parametrize("value", [{"mcop_sensitive": {"stat": "x"}}, {"mcop_sensitive": 1}, {"mcop_sealed_text": "x"}])
def test_what_only_resembles_a_pointer_is_data(value):
    """A map that is no pointer is carried as a map."""
    artifact = render(request_for(ANY_INPUT, {"value": value}))

    assert json.loads(artifact.files["terraform.tfvars.json"]) == {"value": value}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**600, {1: "x"}, "\ud800", {"a": b"x"}, {"\udfff": 1}])
def test_what_cannot_be_carried_is_refused(value):
    """What JSON or Terraform would change or drop is a fault with its path."""
    with pytest.raises(InvalidDocuments) as caught:
        render(request_for(ANY_INPUT, {"value": [value]}))

    assert caught.value.faults[0].path.startswith("value[0]")


def test_deep_values_are_refused():
    """Nesting has a limit."""
    value = []
    for _ in range(100):
        value = [value]
    with pytest.raises(InvalidDocuments, match="nested deeper than 64"):
        render(request_for(ANY_INPUT, {"value": value}))


def test_an_address_is_of_names():
    """Nothing else becomes a state key or a label."""
    with pytest.raises(InvalidName):
        render(request_for(ANY_INPUT, {"value": 1}, address=("shop", "shop-test", "base", "net", "../x")))


def test_an_unlockable_backend_is_refused():
    """A backend type that MCOP cannot lock is no backend."""
    with pytest.raises(UnknownName, match="s3"):
        render(request_for(ANY_INPUT, {"value": 1}, backend={"type": "http"}))


def test_the_artifact_survives_its_store():
    """What is written by digest is read back the same."""
    artifact = render(read_request(CASES / "network"))

    assert RenderedArtifact.from_json(artifact.to_json(), artifact.digest) == artifact


# -- the real Terraform --------------------------------------------------------------------------------

ROUND_TRIP = """
variable "texts" {
  type = map(string)
}
variable "keys" {
  type = map(number)
}
variable "anything" {
  type = any
}
variable "shaped" {
  type = object({
    name  = string # of the thing
    count = optional(number, 3)
    dashed-key = optional(map(string), { "a b" = "c ${"d"}" })
    nested = optional(list(object({
      flag = bool
      note = optional(string, "a, b # c")
    })), [])
  })
}
variable "not_null" {
  type     = string
  default  = "the module's own"
  nullable = false
}
variable "hidden" {
  type      = string
  sensitive = true
}
output "texts" { value = var.texts }
output "keys" { value = var.keys }
output "anything" { value = var.anything }
output "shaped" { value = var.shaped }
output "not_null" { value = var.not_null }
output "hidden" {
  value     = var.hidden
  sensitive = true
}
"""


def write(artifact, folder):
    for path, data in artifact.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)


def terraform(folder, *args, environment=None):
    allowed = environment or terraform_environment(os.environ)
    done = subprocess.run(["terraform", *args], cwd=folder, env=allowed, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.terraform
@pytest.mark.skipif(shutil.which("terraform") is None, reason="no Terraform on PATH")
def test_values_come_through_terraform_as_they_went_in(tmp_path):
    """Terraform takes every hostile text, as value and as key, for data; defaults of the module's types apply."""
    inputs = {
        "texts": {str(number): text for number, text in enumerate(HOSTILE)},
        "keys": {text: number for number, text in enumerate(HOSTILE)},
        "anything": {"l": [1, 2.5, -3, True, None, "x", {"${y}": []}], "n": 12345678901234567890, "e": {}},
        "shaped": {"name": "n", "nested": [{"flag": True}]},
        "not_null": None,
        "hidden": "${secret}",
    }
    (tmp_path / "root").mkdir()
    artifact = render(request_for(ROUND_TRIP, inputs, backend={"type": "local", "path": str(tmp_path / "states")}))
    write(artifact, tmp_path / "root")
    terraform(tmp_path / "root", "init", "-lockfile=readonly")
    terraform(tmp_path / "root", "apply", "-auto-approve")
    outputs = json.loads(terraform(tmp_path / "root", "output", "-json"))

    assert {name: entry["value"] for name, entry in outputs.items()} == {
        **inputs,
        "shaped": {
            "name": "n",
            "count": 3,
            "dashed-key": {"a b": "c d"},
            "nested": [{"flag": True, "note": "a, b # c"}],
        },
        "not_null": "the module's own",
    }
    assert (tmp_path / "states" / artifact.runtime["state"]["key"]).exists()


AWS_MODULE = """
terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}
variable "name" {
  type = string
}
resource "aws_sns_topic" "this" {
  name = var.name
}
output "tags" {
  value = aws_sns_topic.this.tags_all
}
"""


@pytest.mark.terraform
@pytest.mark.emulator
@pytest.mark.skipif(shutil.which("terraform") is None, reason="no Terraform on PATH")
def test_a_person_can_plan_an_artifact_by_hand(tmp_path):
    """`init -lockfile=readonly` accepts lock and backend, `plan` shows the resource with the tags of its address."""
    settings = AdapterSettings(
        source="hashicorp/aws",
        version=">= 5.0",
        configuration={
            "region": "us-east-1",
            "s3_use_path_style": True,
            "default_tags": {"tags": {"cost center": '${file("/etc/passwd")}'}},
        },
    )
    engine = TerraformEngine(Settings())
    interface = read_interface({"main.tf": AWS_MODULE.encode()})
    backend = {"type": "s3", "bucket": "state", "region": "us-east-1", "use_lockfile": True, "use_path_style": True}
    locks = engine.lock(interface.providers)
    artifact = render(request_for(AWS_MODULE, {"name": "t"}, settings=settings, locks=locks, backend=backend))
    write(artifact, tmp_path)
    config = tmp_path / "cli.tfrc"
    config.write_text(cli_config(find_mirror("", os.environ)))

    with running("ministack", tmp_path) as emulator:
        emulator.client("s3").create_bucket(Bucket="state")
        account = emulator.environment
        environment = terraform_environment({**os.environ, **account}, cli_config_file=config)
        terraform(tmp_path, "init", "-lockfile=readonly", environment=environment)
        plan = terraform(tmp_path, "plan", "-no-color", environment=environment)

    planned = [" ".join(line.split()) for line in plan.splitlines()]
    assert "# module.vpc.aws_sns_topic.this will be created" in planned
    assert '+ "cost center" = "${file(\\"/etc/passwd\\")}"' in planned
    assert '+ "mcop:address" = "shop/shop-test/base/net/vpc"' in planned
    assert '+ "mcop:manifest" = "shop/shop-test"' in planned
    assert artifact.files[".terraform.lock.hcl"] == (tmp_path / ".terraform.lock.hcl").read_bytes()
