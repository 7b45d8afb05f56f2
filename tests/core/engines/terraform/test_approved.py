"""Preview, approve, apply with real Terraform: honest runs go through, everything else is stopped before it is done."""

import json
import os
import random
from functools import partial

import pytest

from mcop_core.engines.base import Component
from mcop_core.engines.changes import ComponentChanges
from mcop_core.engines.refine import hold_to
from mcop_core.errors import Deviates
from tests.core.engines.terraform.manifests import Manifest, ref
from tests.core.engines.terraform.operations import Recorder
from tests.core.engines.terraform.test_preview import NETWORK, SERVICE

pytestmark = pytest.mark.terraform

TOP = """
variable "names" { type = list(string) }
variable "retention" { type = number }
resource "terraform_data" "each" {
  for_each = toset(["a", "b"])
  input    = { names = var.names, key = each.key, retention = var.retention }
}
resource "terraform_data" "secret" {
  input = sensitive("s3cr3t")
}
"""


class Approving(Manifest):
    """A three-layer manifest: previewed as a whole, then applied component by component as approved."""

    def __init__(self, folder, cidr="10.0.0.0/8", retention=7):
        super().__init__(folder)
        self.modules = {"network": NETWORK, "service": SERVICE, "top": TOP}
        self.inputs = {
            "network": {"cidr": cidr},
            "service": {"network": ref("network", "id"), "label": ref("network", "cidr")},
            "top": {"names": [ref("service", "id"), "fixed"], "retention": retention},
        }
        self.outputs = {}

    def approve(self):
        """Return the preview of everything, by element; as an approval gives it to the applies."""
        components = [
            Component(f"w.p.{name}", self.request(name, self.modules[name], inputs))
            for name, inputs in self.inputs.items()
        ]
        found = self.engine.preview(components, self.workspace("preview"), Recorder())
        return {one.step.rpartition(".")[2]: ComponentChanges.from_json(one.to_json()) for one in found}

    def apply_approved(self, name, approved):
        inputs = self._filled(self.inputs[name])
        artifact = self.engine.render(self.request(name, self.modules[name], inputs))
        report = Recorder()
        done = self.engine.apply(
            artifact, self.workspace(name), report, partial(hold_to, [approved] if approved else [])
        )
        self.outputs |= {f"w.p.{name}.{output}": value for output, value in done.outputs.items()}
        return done, report

    def run(self, approved):
        """Apply all as approved; return what each did as (added, changed, destroyed)."""
        done = {name: self.apply_approved(name, approved[name])[0] for name in self.inputs}
        return {name: (one.added, one.changed, one.destroyed) for name, one in done.items()}

    def _filled(self, value):
        if isinstance(value, dict):
            return {key: self._filled(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._filled(item) for item in value]
        return self.outputs.get(str(value), value)

    def state_bytes(self):
        return {path: path.read_bytes() for path in self.states.rglob("*.tfstate")}


@pytest.fixture
def manifest(tmp_path):
    return Approving(tmp_path)


def test_one_approval_stands_for_three_layers_on_an_empty_cloud(manifest):
    """The applies do what the one preview named, though most of its values were open."""
    approved = manifest.approve()
    assert manifest.run(approved) == {"network": (1, 0, 0), "service": (1, 0, 0), "top": (3, 0, 0)}


def test_a_replacement_that_runs_through_all_layers_is_applied_as_approved(manifest):
    """Also a second time: what is done already is not done again."""
    manifest.run(manifest.approve())
    manifest.inputs["network"]["cidr"] = "172.16.0.0/12"
    approved = manifest.approve()
    assert manifest.run(approved) == {"network": (1, 0, 1), "service": (1, 0, 1), "top": (0, 2, 0)}
    assert manifest.run(approved) == dict.fromkeys(manifest.inputs, (0, 0, 0))


def test_a_deviation_is_told_and_nothing_is_done(manifest):
    """The state stays byte for byte; the error carries the changes that a person must be asked about, and no more."""
    manifest.run(manifest.approve())
    manifest.inputs["top"]["retention"] = 30
    approved, before = manifest.approve(), manifest.state_bytes()
    manifest.inputs["top"]["retention"] = 1

    with pytest.raises(Deviates, match=r"each\[\"a\"\]: other values were approved for input.retention") as caught:
        manifest.apply_approved("top", approved["top"])

    assert manifest.state_bytes() == before
    strange = ComponentChanges.from_json(json.dumps(caught.value.changes))
    assert {one.address for one in strange.resources} == {'terraform_data.each["a"]', 'terraform_data.each["b"]'}
    assert "s3cr3t" not in str(caught.value.changes)

    artifact = manifest.engine.render(manifest.request("top", TOP, manifest._filled(manifest.inputs["top"])))
    done = manifest.engine.apply(
        artifact, manifest.workspace("top"), Recorder(), partial(hold_to, [approved["top"], strange])
    )
    assert done.changed == 2


def test_nothing_of_the_plan_stays_on_disk(manifest):
    """A plan file holds sensitive values in clear: it is gone after the run, and after a refusal."""
    approved = manifest.approve()
    manifest.run(approved)
    manifest.inputs["network"]["cidr"] = "elsewhere"
    with pytest.raises(Deviates):
        manifest.apply_approved("network", approved["network"])
    for name in manifest.inputs:
        assert not list(manifest.workspace(name).directory.glob("*.tf*state*"))
        assert not list(manifest.workspace(name).directory.glob("*.tfplan"))


def test_a_destruction_is_held_to_its_approval_too(manifest):
    """What was not to be destroyed stays."""
    manifest.run(manifest.approve())
    artifact = manifest.engine.render(manifest.request("network", NETWORK, {"cidr": "10.0.0.0/8"}))
    with pytest.raises(Deviates, match="nothing was approved for it"):
        manifest.engine.destroy(artifact, manifest.workspace("network"), Recorder(), partial(hold_to, []))


def _other_value(manifest, rng):
    name = rng.choice(["network", "top"])
    manifest.inputs[name] |= {"cidr": "0.0.0.0/0"} if name == "network" else {"retention": rng.randint(8, 99)}
    return name


def _other_module(manifest, rng):
    name = rng.choice(list(manifest.inputs))
    manifest.modules[name] += f'\nresource "terraform_data" "backdoor" {{ input = {rng.randint(0, 99)} }}\n'
    return name


def _lost_resource(manifest, rng):
    name = rng.choice(list(manifest.inputs))
    variables = [f'variable "{variable}" {{ type = any }}' for variable in manifest.inputs[name]]
    outputs = {"network": ("id", "cidr"), "service": ("id",), "top": ()}[name]
    manifest.modules[name] = "\n".join([*variables, *(f'output "{output}" {{ value = "x" }}' for output in outputs)])
    return name


def _other_state(manifest, rng):
    name = rng.choice(list(manifest.inputs))
    (path,) = manifest.states.rglob(f"{name}.tfstate")
    state = json.loads(path.read_bytes())
    resource = rng.choice(state["resources"])
    resource["instances"] = []
    state["resources"] = [one for one in state["resources"] if one is not resource]
    state["serial"] += 1
    path.write_text(json.dumps(state))
    return name


MUTATIONS = [_other_value, _other_module, _lost_resource, _other_state]


@pytest.mark.parametrize("seed", range(int(os.environ.get("MCOP_TEST_MUTATIONS", "4"))))
def test_whatever_changes_between_preview_and_apply_is_never_applied(manifest, seed):
    """Parameters, module files and state, mutated at random after the approval: the step that would do more stops."""
    rng = random.Random(seed)
    manifest.run(manifest.approve())
    approved = manifest.approve()
    victim = MUTATIONS[seed % len(MUTATIONS)](manifest, rng)
    before = manifest.state_bytes()

    with pytest.raises(Deviates):
        manifest.apply_approved(victim, approved[victim])

    assert manifest.state_bytes() == before
