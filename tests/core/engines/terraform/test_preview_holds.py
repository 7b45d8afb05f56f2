"""What a manifest lives through, and what its preview then says: moves, half an apply, an older state, a fault."""

import json
import os

import pytest

from mcop_core.engines.terraform.engine import TerraformEngine
from mcop_core.errors import EngineFailed
from mcop_core.settings import Settings
from tests.core.engines.terraform.manifests import Manifest, actions, attribute, modes, ref
from tests.exemptions import exempt

pytestmark = pytest.mark.terraform

SUBNETS = """
variable "names" { type = list(string) }
resource "terraform_data" "subnet" { for_each = toset(var.names) }
output "ids" { value = [for subnet in terraform_data.subnet : subnet.id] }
output "names" { value = sort(keys(terraform_data.subnet)) }
output "first" { value = terraform_data.subnet["a"].id }
"""
NODES = """
variable "subnets" { type = list(string) }
resource "terraform_data" "group" { input = var.subnets }
"""
EACH = """
variable "keys" { type = list(string) }
resource "terraform_data" "each" { for_each = toset(var.keys) }
output "keys" { value = [for key, each in terraform_data.each : key] }
"""
KEYS = """
variable "keys" { type = list(string) }
resource "terraform_data" "vault" { input = var.keys }
output "keys" {
  value     = terraform_data.vault.output
  sensitive = true
}
"""
TEXT = """
variable "text" { type = string }
resource "terraform_data" "this" { input = var.text }
output "text" { value = terraform_data.this.output }
"""


@pytest.fixture
def manifest(tmp_path):
    return Manifest(tmp_path)


# -- references ----------------------------------------------------------------------------------------


def test_a_list_is_one_reference(manifest):
    """Known where it was applied, unknown as a whole or in one element where that is not known yet."""
    first = manifest.apply("old", SUBNETS, {"names": ["a", "b"]})["first"]
    found = manifest.preview(
        old=(SUBNETS, {"names": ["a", "b"]}),
        new=(SUBNETS, {"names": ["a"]}),
        on_old=(NODES, {"subnets": ref("old", "names")}),
        on_new=(NODES, {"subnets": ref("new", "ids")}),
        on_one=(NODES, {"subnets": ["c", ref("old", "first"), ref("new", "first")]}),
    )

    assert {"merged"} == set(modes(found).values())
    assert ["a", "b"] == [attribute(found["on_old"], f"input[{place}]").after for place in (0, 1)]
    assert attribute(found["on_new"], "input[0]").is_unknown
    assert ["c", first, True] == [
        attribute(found["on_one"], "input[0]").after,
        attribute(found["on_one"], "input[1]").after,
        attribute(found["on_one"], "input[2]").is_unknown,
    ]


def test_a_sensitive_list_stays_hidden(manifest):
    """Passed on whole, it is masked, and neither text in it stands anywhere in the preview."""
    manifest.apply("vault", KEYS, {"keys": ["hunter2", "swordfish"]})
    found = manifest.preview(
        vault=(KEYS, {"keys": ["hunter2", "swordfish"]}), user=(NODES, {"subnets": ref("vault", "keys")})
    )

    assert "merged" == found["user"].mode
    assert attribute(found["user"], "input").is_sensitive
    assert "hunter2" not in str(found) and "swordfish" not in str(found)


def test_for_each_over_what_is_applied_is_planned_with_the_others(manifest):
    """One key more upstream is one resource more downstream, in the same preview."""
    manifest.apply("network", SUBNETS, {"names": ["a", "b"]})
    manifest.apply("each", EACH, {"keys": ["a", "b"]})
    found = manifest.preview(
        network=(SUBNETS, {"names": ["a", "b", "c"]}), each=(EACH, {"keys": ref("network", "names")})
    )

    assert {"network": "merged", "each": "merged"} == modes(found)
    assert {'terraform_data.subnet["c"]': "create"} == actions(found["network"])
    assert {'terraform_data.each["c"]': "create"} == actions(found["each"])


def test_for_each_over_what_changes_is_deferred_and_the_rest_is_planned(manifest):
    """A new id among the known ones makes the keys unknown; who takes the deferred one's outputs waits too."""
    manifest.apply("network", SUBNETS, {"names": ["a"]})
    found = manifest.preview(
        network=(SUBNETS, {"names": ["a", "b"]}),
        each=(EACH, {"keys": ref("network", "ids")}),
        after=(NODES, {"subnets": ref("each", "keys")}),
        beside=(NODES, {"subnets": ref("network", "ids")}),
    )

    assert {"network": "merged", "each": "deferred", "after": "deferred", "beside": "merged"} == modes(found)
    assert "Invalid for_each argument" in found["each"].reason
    assert ["create"] == list(actions(found["beside"]).values())


# -- what was done before ------------------------------------------------------------------------------


def test_a_moved_block_shows_as_a_move(manifest):
    """A module's new version renames a resource and puts another into a module of its own: nothing is destroyed."""
    manifest.apply("network", 'resource "terraform_data" "old" {}\nresource "terraform_data" "gate" {}', {})
    new = """
    resource "terraform_data" "new" {}
    module "edge" { source = "./edge" }
    moved {
      from = terraform_data.old
      to   = terraform_data.new
    }
    moved {
      from = terraform_data.gate
      to   = module.edge.terraform_data.gate
    }
    """
    files = {"main.tf": new, "edge/main.tf": 'resource "terraform_data" "gate" {}'}
    found = manifest.preview(network=(files, {}), beside=(TEXT, {"text": "x"}))["network"]

    assert {"terraform_data.new": "move", "module.edge.terraform_data.gate": "move"} == actions(found)
    assert {"terraform_data.old", "terraform_data.gate"} == {change.moved_from for change in found.resources}


def test_a_component_that_was_destroyed_is_created_again(manifest):
    """Its state is still there, with a lineage and no resources."""
    manifest.apply("network", SUBNETS, {"names": ["a"]})
    manifest.destroy("network", SUBNETS, {"names": ["a"]})
    found = manifest.preview(network=(SUBNETS, {"names": ["a"]}), on=(NODES, {"subnets": ref("network", "ids")}))

    state = json.loads(manifest.state("network").read_bytes())
    assert state["lineage"] and not state["resources"]
    assert {"network": "merged", "on": "merged"} == modes(found)
    assert {'terraform_data.subnet["a"]': "create"} == actions(found["network"])


def test_half_an_apply_is_finished(tmp_path):
    """What was made stays, what failed while it was made is replaced, what was not reached is created."""
    half = """
    variable "command" { type = string }
    resource "terraform_data" "made" {}
    resource "terraform_data" "failed" {
      depends_on = [terraform_data.made]
      provisioner "local-exec" { command = var.command }
    }
    resource "terraform_data" "missing" { depends_on = [terraform_data.failed] }
    output "id" { value = terraform_data.failed.id }
    """
    exempt(tmp_path / "exemptions.toml", {"main.tf": half.encode()})
    settings = Settings(cache_dir=str(tmp_path / "cache"), exemptions=str(tmp_path / "exemptions.toml"))
    manifest = Manifest(tmp_path, engine=TerraformEngine(settings, os.environ))
    with pytest.raises(EngineFailed):
        manifest.apply("half", half, {"command": "exit 3"})
    found = manifest.preview(half=(half, {"command": "true"}), after=(TEXT, {"text": ref("half", "id")}))

    assert {"terraform_data.failed": "replace", "terraform_data.missing": "create"} == actions(found["half"])
    assert "tainted" in found["half"].resources[0].reason
    assert attribute(found["after"], "input").is_unknown


def test_what_a_replacement_left_behind_is_destroyed(manifest):
    """The new one was made, removing the old one failed: the state holds both under one address."""
    manifest.apply("disk", TEXT, {"text": "new"})
    state = json.loads(manifest.state("disk").read_bytes())
    instances = state["resources"][0]["instances"]
    instances.append({**instances[0], "deposed": "0b5e71e7"})
    manifest.state("disk").write_text(json.dumps(state))
    found = manifest.preview(disk=(TEXT, {"text": "new"}), beside=(TEXT, {"text": "x"}))

    assert {"terraform_data.this (deposed 0b5e71e7)": "destroy"} == actions(found["disk"])


def test_a_state_of_another_format_defers_its_component(manifest):
    """It is neither converted nor taken for none; the reason names where it lies."""
    path = manifest.state("network")
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"version": 3, "terraform_version": "0.11.14", "serial": 1, "modules": []}))
    found = manifest.preview(
        network=(SUBNETS, {"names": ["a"]}),
        on=(NODES, {"subnets": ref("network", "ids")}),
        beside=(TEXT, {"text": "x"}),
    )

    assert {"network": "deferred", "on": "deferred", "beside": "merged"} == modes(found)
    assert "not of format 4" in found["network"].reason and "network.tfstate" in found["network"].reason


# -- who is to blame -----------------------------------------------------------------------------------


def test_a_value_that_a_module_refuses_defers_the_module_that_refuses_it(manifest):
    """Not the one that the value comes from, which is in order."""
    picky = """
    variable "text" {
      type = string
      validation {
        condition     = startswith(var.text, "vpc-")
        error_message = "An id begins with vpc-."
      }
    }
    """
    manifest.apply("network", TEXT, {"text": "net-1"})
    found = manifest.preview(network=(TEXT, {"text": "net-1"}), picky=(picky, {"text": ref("network", "text")}))

    assert {"network": "merged", "picky": "deferred"} == modes(found)
    assert "An id begins with vpc-." in found["picky"].reason


def test_a_value_of_the_wrong_type_defers_the_module_that_takes_it(manifest):
    """As above: Terraform's diagnostic stands at the call."""
    manifest.apply("network", SUBNETS, {"names": ["a"]})
    found = manifest.preview(
        network=(SUBNETS, {"names": ["a"]}),
        wrong=(TEXT, {"text": ref("network", "names")}),
        right=(NODES, {"subnets": ref("network", "names")}),
    )

    assert {"network": "merged", "wrong": "deferred", "right": "merged"} == modes(found)


def test_a_provider_that_cannot_be_had_defers_who_needs_it(manifest):
    """The package of one component's provider is not on this machine; the others do not need it."""
    needs = """
    terraform {
      required_providers { aws = { source = "hashicorp/aws", version = "0.0.1" } }
    }
    """
    found = manifest.preview(remote=(needs + TEXT, {"text": "x"}), beside=(TEXT, {"text": "y"}))

    assert {"remote": "deferred", "beside": "merged"} == modes(found)
    assert "0.0.1" in found["remote"].reason


def test_a_module_that_cannot_be_read_defers_itself_alone(manifest):
    """Terraform refuses such a module before it plans anything."""
    broken = TEXT + 'resource "terraform_data" "this" {}\n'
    found = manifest.preview(
        broken=(broken, {"text": "x"}), beside=(TEXT, {"text": "y"}), after=(TEXT, {"text": ref("broken", "text")})
    )

    assert {"broken": "deferred", "beside": "merged", "after": "deferred"} == modes(found)
    assert "Duplicate resource" in found["broken"].reason


def test_a_fault_that_names_nobody_has_each_component_planned_alone(manifest):
    """A provider of an inner module that no lock holds: Terraform says only that the lock file does not fit."""
    inner = 'terraform {\n  required_providers { aws = { source = "hashicorp/aws" } }\n}\n'
    unlocked = {"main.tf": 'module "inner" { source = "./inner" }', "inner/main.tf": inner}
    found = manifest.preview(unlocked=(unlocked, {}), beside=(TEXT, {"text": "y"}))

    assert {"unlocked": "deferred", "beside": "alone"} == modes(found)
    assert "lock file" in found["unlocked"].reason


PACKED = {
    "main.tf": """
variable "name" { type = string }
resource "terraform_data" "code" {
  input = { source = "${path.module}/${var.name}.txt", other = ["amodule/y", "/module/z", "a.module/b"] }
}
module "inner" { source = "./inner" }
output "source" { value = "${path.module}/code.txt" }
output "inner" { value = module.inner.file }
""",
    "inner/main.tf": 'output "file" { value = "${path.module}/main.tf" }\n',
}


def test_a_module_that_says_where_its_files_lie_is_not_changed_by_lying_elsewhere(manifest):
    """In the merged root every module has a folder of its own name, and `path.module` is that."""
    manifest.apply("one", PACKED, {"name": "code"})
    manifest.apply("two", PACKED, {"name": "code"})
    found = manifest.preview(one=(PACKED, {"name": "code"}), two=(PACKED, {"name": "code"}))

    assert {"one": "merged", "two": "merged"} == modes(found)
    assert [((), ()), ((), ())] == [(changes.resources, changes.outputs) for changes in found.values()]


def test_what_changes_there_is_told_with_the_paths_of_its_own_root(manifest):
    """As an apply of the component by itself would say it: the approved preview is held against that."""
    manifest.apply("one", PACKED, {"name": "code"})
    found = manifest.preview(one=(PACKED, {"name": "other"}), two=(PACKED, {"name": "code"}))

    changed = attribute(found["one"], "input.source")
    assert ("module/code.txt", "module/other.txt") == (changed.before, changed.after)
    assert "module/code.txt" == attribute(found["two"], "input.source").after
    assert {"module/code.txt", "module/inner/main.tf"} == {output.after for output in found["two"].outputs}
