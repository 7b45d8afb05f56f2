"""The merged plan through the real Terraform, with built-in resources and states in a folder."""

import json
from dataclasses import replace

import pytest

from mcop_core.catalog.models import AdapterSettings
from mcop_core.engines.base import Component
from mcop_core.engines.changes import Mode
from mcop_core.engines.terraform.engine import TerraformEngine
from mcop_core.engines.values import SealedText
from mcop_core.errors import Cancelled, EngineFailed
from mcop_core.settings import Settings
from tests.core.engines.terraform.manifests import Manifest, actions, attribute, ref
from tests.core.engines.terraform.operations import telling

pytestmark = pytest.mark.terraform

NETWORK = """
variable "cidr" { type = string }
resource "terraform_data" "vpc" {
  input            = var.cidr
  triggers_replace = [var.cidr]
}
output "id" { value = terraform_data.vpc.id }
output "cidr" { value = var.cidr }
"""
SERVICE = """
variable "network" { type = string }
variable "label" {
  type    = string
  default = ""
}
resource "terraform_data" "service" {
  input            = { network = var.network, label = var.label }
  triggers_replace = [var.network]
}
output "id" { value = terraform_data.service.id }
"""
EACH = """
variable "keys" { type = list(string) }
resource "terraform_data" "each" { for_each = toset(var.keys) }
output "count" { value = length(var.keys) }
"""


@pytest.fixture
def manifest(tmp_path):
    return Manifest(tmp_path)


def test_what_only_apply_knows_flows_from_component_to_component(manifest):
    """On an empty cloud everything is created, and a value that another component makes is unknown, not made up."""
    found = manifest.preview(
        network=(NETWORK, {"cidr": "10.0.0.0/8"}),
        service=(SERVICE, {"network": ref("network", "id"), "label": SealedText(("in ", ref("network", "cidr")))}),
    )

    assert {Mode.MERGED} == {changes.mode for changes in found.values()}
    assert {"terraform_data.vpc": "create"} == actions(found["network"])
    assert attribute(found["service"], "input.network").is_unknown
    assert "in 10.0.0.0/8" == attribute(found["service"], "input.label").after


def test_an_applied_manifest_has_no_changes(manifest):
    """The joined states are what Terraform itself would have made of one root."""
    outputs = manifest.apply("network", NETWORK, {"cidr": "10.0.0.0/8"})
    manifest.apply("service", SERVICE, {"network": outputs["id"]})
    found = manifest.preview(
        network=(NETWORK, {"cidr": "10.0.0.0/8"}), service=(SERVICE, {"network": ref("network", "id")})
    )

    assert [(), ()] == [changes.resources for changes in found.values()]
    assert [(), ()] == [changes.outputs for changes in found.values()]


def test_a_replacement_upstream_shows_downstream(manifest):
    """What a separate plan of each component cannot see."""
    outputs = manifest.apply("network", NETWORK, {"cidr": "10.0.0.0/8"})
    manifest.apply("service", SERVICE, {"network": outputs["id"]})
    found = manifest.preview(
        network=(NETWORK, {"cidr": "172.16.0.0/12"}), service=(SERVICE, {"network": ref("network", "id")})
    )

    assert {"terraform_data.vpc": "replace"} == actions(found["network"])
    assert {"terraform_data.service": "replace"} == actions(found["service"])
    assert {"id", "cidr"} == {output.name for output in found["network"].outputs}


def test_an_unknown_that_decides_how_many_defers_its_component_alone(manifest):
    """It is said why, and what depends on it is deferred too; the rest is planned."""
    found = manifest.preview(
        network=(NETWORK, {"cidr": "10.0.0.0/8"}),
        each=(EACH, {"keys": [ref("network", "id")]}),
        after=(SERVICE, {"network": "x", "label": SealedText(("n=", ref("each", "count")))}),
        beside=(SERVICE, {"network": "y"}),
    )

    modes = {name: changes.mode for name, changes in found.items()}
    assert {"network": "merged", "each": "deferred", "after": "deferred", "beside": "merged"} == modes
    assert "for_each" in found["each"].reason and "w.p.network.id" in found["each"].reason
    assert "w.p.each" in found["after"].reason


def test_what_cannot_join_is_planned_alone_once_its_inputs_are_known(manifest):
    """A deferred component becomes plannable when what it takes is applied."""
    manifest.apply("network", NETWORK, {"cidr": "10.0.0.0/8"})
    broken = 'variable "keys" { type = list(string) }\nresource "terraform_data" "x" { input = file("missing") }'
    found = manifest.preview(
        network=(NETWORK, {"cidr": "10.0.0.0/8"}),
        broken=(broken, {"keys": [ref("network", "id")]}),
        each=(EACH, {"keys": [ref("network", "id")]}),
    )

    assert {"network": "merged", "broken": "deferred", "each": "merged"} == {n: c.mode for n, c in found.items()}
    assert "missing" in found["broken"].reason
    assert ["create"] == list(actions(found["each"]).values())


def test_users_text_is_never_read_as_an_expression(manifest):
    """Text, keys and lists beside references arrive as they were written."""
    hostile = {"${terraform.workspace}": ["%{if true}x%{endif}", ref("network", "cidr")], "$${": "${module.p.x}"}
    module = 'variable "any" { type = any }\nresource "terraform_data" "x" { input = jsonencode(var.any) }'
    found = manifest.preview(network=(NETWORK, {"cidr": "a"}), any=(module, {"any": hostile}))

    expected = {"${terraform.workspace}": ["%{if true}x%{endif}", "a"], "$${": "${module.p.x}"}
    assert expected == json.loads(attribute(found["any"], "input").after)


def test_a_sensitive_output_stays_hidden_wherever_it_goes(manifest):
    """The reference carries the mark; its value is in no part of the preview."""
    secret = 'resource "terraform_data" "s" { input = "hunter2" }\n'
    secret += 'output "key" {\n  value     = terraform_data.s.input\n  sensitive = true\n}'
    manifest.apply("secret", secret, {})
    found = manifest.preview(
        secret=(secret, {}), user=(SERVICE, {"network": "n", "label": SealedText(("key=", ref("secret", "key")))})
    )

    assert "merged" == found["user"].mode
    assert attribute(found["user"], "input.label").is_sensitive
    assert "hunter2" not in str(found)


def test_nothing_is_written_or_locked(manifest):
    """A preview leaves the states as they are, byte for byte, and no other object beside them."""
    manifest.apply("network", NETWORK, {"cidr": "10.0.0.0/8"})
    before = {path: path.read_bytes() for path in manifest.states.rglob("*") if path.is_file()}
    manifest.preview(network=(NETWORK, {"cidr": "b"}))

    assert before == {path: path.read_bytes() for path in manifest.states.rglob("*") if path.is_file()}


def test_nothing_that_can_be_planned_is_an_error(manifest):
    """Terraform's own words come through."""
    with pytest.raises(EngineFailed, match="nowhere"):
        manifest.preview(broken=('resource "terraform_data" "x" { input = local.nowhere }', {}))


def test_a_preview_can_be_cancelled(manifest):
    """Whoever asks no longer gets no answer."""
    manifest.cancelled = True
    with pytest.raises(Cancelled, match="nothing was changed"):
        manifest.preview(network=(NETWORK, {"cidr": "b"}))


def test_components_of_several_manifests_are_planned_as_one(manifest):
    """Each takes what its own manifest's component puts out, and none sees the other."""
    found = manifest.engine.preview(of_two_manifests(manifest), manifest.workspace("preview"), manifest.report)

    assert [(changes.step, changes.mode) for changes in found] == [
        (f"shop/{name}/w.p.{element}", Mode.MERGED) for name in ("store", "stall") for element in ("network", "service")
    ]
    labels = {changes.step: attribute(changes, "input.label").after for changes in found if "service" in changes.step}
    assert labels == {"shop/store/w.p.service": "in 10.1.0.0/16", "shop/stall/w.p.service": "in 10.2.0.0/16"}


def test_if_nobody_is_blamed_each_manifest_is_planned_by_itself(manifest, tmp_path):
    """What Terraform cannot plan as one, for no reason that names a component, costs a plan for each manifest."""
    binary = tmp_path / "terraform"
    has = "grep -q {} ${{1#-chdir=}}/modules.tf.json"
    refusal = f"[ $2 = plan ] && {has.format('shop-store')} && {has.format('shop-stall')}"
    binary.write_text(f'#!/bin/sh\nif {refusal}; then echo "out of memory" >&2; exit 1; fi\nexec terraform "$@"\n')
    binary.chmod(0o755)
    engine = TerraformEngine(Settings(cache_dir=str(tmp_path / "cache"), terraform=str(binary)), manifest.environment)
    found = engine.preview(of_two_manifests(manifest), manifest.workspace("preview"), manifest.report)

    assert [changes.mode for changes in found] == [Mode.MERGED] * 4
    planned = [facts["what"] for event, facts in manifest.report.records if event == "planning"]
    assert planned == ["4 components as one", "2 components as one", "2 components as one"]


def of_two_manifests(manifest):
    """A network and a service each, of the same ids but for the manifest."""
    components = []
    for name, cidr in (("store", "10.1.0.0/16"), ("stall", "10.2.0.0/16")):
        of = f"shop/{name}"
        taken = {
            "network": replace(ref("network", "id"), step=ref("network", "id").step.of(of)),
            "label": SealedText(("in ", replace(ref("network", "cidr"), step=ref("network", "cidr").step.of(of)))),
        }
        for element, module, inputs in (("network", NETWORK, {"cidr": cidr}), ("service", SERVICE, taken)):
            request = manifest.request(element, module, inputs)
            address = ("shop", name, *request.address[2:])
            components.append(Component(f"{of}/w.p.{element}", replace(request, address=address)))
    return components


def test_a_preview_has_the_variables_that_adapters_name(manifest, tmp_path):
    """Those of all components together."""
    manifest.environment |= {"OCI_REGION": "r", "IC_API_KEY": "k", "VAULT_TOKEN": "no"}
    settings = Settings(cache_dir=str(tmp_path / "cache"), terraform=telling(tmp_path / "names", tmp_path))
    manifest.engine = TerraformEngine(settings, manifest.environment)
    manifest.preview(
        a=(NETWORK, {"cidr": "1"}, AdapterSettings(environment=["OCI_*"])),
        b=(NETWORK, {"cidr": "2"}, AdapterSettings(environment=["IC_API_KEY"])),
    )

    told = set((tmp_path / "names").read_text().split())
    assert {"OCI_REGION", "IC_API_KEY"} <= told and "VAULT_TOKEN" not in told


# -- what a broken component costs ---------------------------------------------------------------------

GUARDED = """
variable "text" { type = string }
resource "terraform_data" "x" { input = var.text }
resource "terraform_data" "guarded" {
  input = var.text
  lifecycle {
    precondition {
      condition     = var.text == "allowed"
      error_message = "The text is not allowed."
    }
  }
}
output "id" { value = terraform_data.x.id }
output "text" { value = var.text }
"""
FAULTY = 'resource "terraform_data" "x" { input = local.nowhere }\noutput "id" { value = terraform_data.x.id }'
SOUND = {"network": "merged", "service": "merged", "beside": "merged"}


def around(**broken):
    """A broken component among sound ones, some of which take from each other."""
    return {
        "network": (NETWORK, {"cidr": "10.0.0.0/8"}),
        **broken,
        "service": (SERVICE, {"network": ref("network", "id")}),
        "beside": (SERVICE, {"network": "y"}),
    }


@pytest.mark.parametrize(
    ("broken", "planned"),
    [
        ((GUARDED, {"text": "refused"}), ["4 components as one", "w.p.broken"]),
        ((FAULTY, {}), ["4 components as one", "3 components as one"]),
    ],
    ids=["it fails while it is planned", "its configuration is wrong"],
)
def test_a_broken_component_costs_one_plan_more(manifest, broken, planned):
    """Of what is sound Terraform has said everything, or it has planned nothing at all."""
    found = manifest.preview(**around(broken=broken))

    assert SOUND | {"broken": "deferred"} == {name: changes.mode for name, changes in found.items()}
    assert planned == [facts["what"] for event, facts in manifest.report.records if event == "planning"]
    assert not found["broken"].resources


def test_what_a_failed_plan_says_of_the_sound_is_what_a_sound_plan_says(manifest):
    """Changes, outputs and what is only known after apply: all as if the broken one were not there."""
    outputs = manifest.apply("network", NETWORK, {"cidr": "172.16.0.0/12"})
    manifest.apply("service", SERVICE, {"network": outputs["id"]})
    manifest.apply("beside", SERVICE, {"network": "x"})
    failed = manifest.preview(**around(broken=(GUARDED, {"text": "refused"})))
    sound = manifest.preview(**around())

    assert sound == {name: changes for name, changes in failed.items() if name != "broken"}
    assert {"terraform_data.vpc": "replace"} == actions(failed["network"])
    assert attribute(failed["service"], "input.network").is_unknown


def test_what_needs_a_broken_component_waits_for_it(manifest):
    """Itself and what needs it in turn, although a failed plan says something of them; what is beside them does not."""
    found = manifest.preview(
        **around(broken=(GUARDED, {"text": "refused"})),
        after=(SERVICE, {"network": ref("network", "id"), "label": SealedText(("of ", ref("broken", "id")))}),
        later=(SERVICE, {"network": ref("after", "id")}),
    )

    modes = {name: changes.mode for name, changes in found.items()}
    assert SOUND | dict.fromkeys(("broken", "after", "later"), "deferred") == modes
    assert "w.p.broken, which is not in the merged plan" in found["after"].reason
    assert "w.p.after, which is not in the merged plan" in found["later"].reason


def test_a_component_that_fails_beside_others_alone_is_planned_alone(manifest, tmp_path):
    """A failure that planning it by itself does not have is told as the reason why it was."""
    binary = tmp_path / "terraform"
    spoil = "grep -q '\"refused\"' ${1#-chdir=}/terraform.tfvars.json && [ $2 = plan ] && [ ${1##*/} != merged ]"
    binary.write_text(
        f'#!/bin/sh\n{spoil} && sed -i s/refused/allowed/ ${{1#-chdir=}}/terraform.tfvars.json\nexec terraform "$@"\n'
    )
    binary.chmod(0o755)
    manifest.engine = TerraformEngine(Settings(cache_dir=str(tmp_path / "cache"), terraform=str(binary)), {})
    found = manifest.preview(**around(broken=(GUARDED, {"text": "refused"})))

    assert SOUND | {"broken": "alone"} == {name: changes.mode for name, changes in found.items()}
    assert "The text is not allowed." in found["broken"].reason
    assert {"terraform_data.x", "terraform_data.guarded"} == set(actions(found["broken"]))


SPOILED = {
    "its file is lost": "rm $at/mcop.tfplan",
    "its file is damaged": "echo > $at/mcop.tfplan",
    "it leaves out what is deployed": 'rm $at/terraform.tfstate; terraform "$@"',
}


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
def test_a_failed_plan_that_cannot_be_relied_on_is_not_taken(manifest, tmp_path, spoil):
    """All but the broken one are planned again."""
    extra = 'resource "terraform_data" "extra" {}'
    manifest.apply("beside", SERVICE + extra, {"network": "y"})
    binary = tmp_path / "terraform"
    binary.write_text(f'#!/bin/sh\nat=${{1#-chdir=}}\nterraform "$@" || {{ code=$?; {spoil}; exit $code; }}\n')
    binary.chmod(0o755)
    manifest.engine = TerraformEngine(Settings(cache_dir=str(tmp_path / "cache"), terraform=str(binary)), {})
    manifest.report.records.clear()
    found = manifest.preview(**around(broken=(GUARDED, {"text": "refused"})))

    assert SOUND | {"broken": "deferred"} == {name: changes.mode for name, changes in found.items()}
    assert {"terraform_data.extra": "destroy"} == actions(found["beside"])
    planned = [facts["what"] for event, facts in manifest.report.records if event == "planning"]
    assert planned == ["4 components as one", "3 components as one", "w.p.broken"]
