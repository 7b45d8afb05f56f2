"""References to secrets: what real Terraform gets of them, and where nothing of them is."""

import json
from dataclasses import replace

import pytest

from mcop_core.engines.artifact import RenderedArtifact
from mcop_core.engines.base import Component
from mcop_core.engines.changes import Action, Preview
from mcop_core.engines.values import SealedText
from mcop_core.engines.workspace import no_secrets
from mcop_core.errors import EngineFailed, NotFound, Refused
from mcop_core.refs import OutputRef
from mcop_core.secrets.reference import SecretRef
from tests.core.engines.terraform.manifests import Manifest, ref

pytestmark = pytest.mark.terraform

PASSWORD = SecretRef("vault", "kv/db", "password")
ZONES = SecretRef("vault", "kv/db", "zones")
CANARY = 'hunter2-${canary} "ä"\n'
SHOWN = ("hunter2", "zone-of-canary")

MODULE = """
variable "password" { type = string }
variable "url" { type = string }
variable "settings" { type = map(any) }
variable "zones" { type = list(string) }

resource "terraform_data" "this" {
  input = { password = var.password, url = var.url, settings = var.settings, zones = var.zones }
}

output "made" {
  value     = terraform_data.this.output
  sensitive = true
}

output "id" {
  value = terraform_data.this.id
}
"""
INPUTS = {
    "password": PASSWORD,
    "url": SealedText(("pg://app:", PASSWORD, "@host")),
    "settings": {"deep": [PASSWORD, "plain"]},
    "zones": ZONES,
}
LEAKING = 'variable "password" { type = string }\noutput "shown" { value = var.password }'


@pytest.fixture
def manifest(tmp_path):
    made = Manifest(tmp_path)
    made.secrets = {str(PASSWORD): CANARY, str(ZONES): '["zone-of-canary", "b"]'}
    return made


def told(manifest) -> bytes:
    """The task's log and the journal."""
    return json.dumps([manifest.report.lines, manifest.report.records], ensure_ascii=False).encode()


def test_secrets_reach_terraform_as_they_are_and_stand_in_the_state_alone(manifest):
    """Whole, in text, nested, and as the JSON of a list; the artifact holds references, log and journal nothing."""
    artifact = manifest.engine.render(manifest.request("db", MODULE, INPUTS))
    manifest.apply("db", MODULE, INPUTS)

    made = json.loads(manifest.state("db").read_text())["outputs"]["made"]["value"]
    assert made["password"] == CANARY
    assert made["url"] == f"pg://app:{CANARY}@host"
    assert made["settings"] == {"deep": [CANARY, "plain"]}
    assert made["zones"] == ["zone-of-canary", "b"]
    assert artifact.secrets == (PASSWORD, ZONES)
    assert RenderedArtifact.from_json(artifact.to_json(), artifact.digest).secrets == (PASSWORD, ZONES)
    assert not any(canary.encode() in artifact.to_json() + told(manifest) for canary in SHOWN)


def test_a_rotated_secret_is_a_change_whose_value_is_hidden(manifest):
    """The preview reads the secret anew; an unchanged one is no change."""
    manifest.apply("db", MODULE, INPUTS)
    unchanged = manifest.preview(db=(MODULE, INPUTS))["db"]
    manifest.secrets[str(PASSWORD)] = "hunter2-rotated"
    changed = manifest.preview(db=(MODULE, INPUTS))["db"]

    assert unchanged.resources == ()
    assert [change.action for change in changed.resources] == [Action.UPDATE]
    shown = [(a.before, a.after) for change in changed.resources for a in change.attributes if not a.is_unknown]
    assert shown and set(shown) == {(None, None)}
    assert b"hunter2" not in Preview("m", "p", (changed,)).to_json() + told(manifest)


COPYING = """
variable "password" { type = string }
resource "terraform_data" "this" { input = var.password }
output "copy" { value = terraform_data.this.output }
"""


def test_what_a_provider_computes_of_a_secret_is_hidden_although_terraform_does_not_mark_it(manifest):
    """Otherwise the copy would stand in the outputs, and the value before a rotation in the preview."""
    outputs = manifest.apply("db", COPYING, {"password": PASSWORD})
    manifest.secrets[str(PASSWORD)] = "hunter2-rotated"
    changed = manifest.preview(db=(COPYING, {"password": PASSWORD}))["db"]

    assert list(outputs["copy"]) == ["mcop_sensitive"]
    assert b"hunter2" not in Preview("m", "p", (changed,)).to_json()


def test_the_folder_of_a_preview_holds_a_secret_in_plan_and_state_alone(manifest):
    """It is given through the environment: no file of the root and no line of its log has it."""
    manifest.preview(db=(MODULE, INPUTS))
    folder = manifest.folder / "work" / "preview"
    holding = {path.name for path in folder.rglob("*") if path.is_file() and b"hunter2" in path.read_bytes()}

    assert holding == set()  # the plan file is compressed


def test_what_another_component_takes_beside_a_secret_joins_the_preview(manifest):
    """Text of an output that is to come and of a secret is unknown, and nothing of it is shown."""
    text = SealedText(("pg://", PASSWORD, "@", ref("db", "id")))
    inputs = {**INPUTS, "url": text, "settings": {}}
    found = manifest.preview(db=(MODULE, INPUTS), web=(MODULE, inputs))

    assert {name: changes.mode.value for name, changes in found.items()} == {"db": "merged", "web": "merged"}
    assert not any(canary in Preview("m", "p", tuple(found.values())).to_json().decode() for canary in SHOWN)


def test_a_secret_that_a_module_would_show_is_refused_by_terraform(manifest):
    """The variable is sensitive although the module's is not, so that an output cannot carry it out in clear."""
    with pytest.raises(EngineFailed, match=r"[Ss]ensitive") as caught:
        manifest.apply("db", LEAKING, {"password": PASSWORD})

    assert "hunter2" not in str(caught.value)
    assert not manifest.state("db").exists()


def test_a_secret_that_cannot_be_read_stops_everything_before_terraform(manifest):
    """All of them are named, and no provider was even installed."""
    manifest.secrets = {}
    with pytest.raises(NotFound, match="secret://nowhere/a: there is no secret store 'nowhere'") as preview:
        manifest.preview(db=(MODULE, {**INPUTS, "password": SecretRef("nowhere", "a"), "url": "", "settings": {}}))
    with pytest.raises(NotFound):
        manifest.apply("db", MODULE, {**INPUTS, "zones": SecretRef("nowhere", "a")})

    assert "VAULT_ADDR" in str(preview.value)
    assert not manifest.state("db").exists()
    assert "terraform_started" not in manifest.report.events


def test_what_was_deployed_with_a_secret_is_destroyed_with_it(manifest):
    """Its destruction is previewed, too."""
    manifest.apply("db", MODULE, INPUTS)
    artifact = manifest.engine.render(manifest.request("db", MODULE, INPUTS))
    found = manifest.engine.preview_destroy("w.p.db", artifact, manifest.workspace("destroy"), manifest.report)
    manifest.destroy("db", MODULE, INPUTS)

    assert [change.action for change in found.resources] == [Action.DESTROY]
    assert json.loads(manifest.state("db").read_text())["resources"] == []


def test_an_output_cannot_pose_as_a_reference(manifest):
    """Otherwise whoever can name a resource could read any secret of the worker."""
    forged = OutputRef.parse("w.p.other.made")
    component = Component("w.p.db", manifest.request("db", LEAKING, {"password": forged}))
    for value in ({"mcop_secret": str(PASSWORD)}, {"mcop_sealed_text": [{"mcop_secret": str(PASSWORD)}]}):
        (found,) = manifest.engine.preview([component], manifest.workspace("forged"), manifest.report, {forged: value})

        assert "reserved for sensitive values" in found.reason


def test_without_a_reader_no_secret_is_read(manifest):
    """A workspace that was made without one refuses, and names the reference."""
    component = Component("w.p.db", manifest.request("db", LEAKING, {"password": PASSWORD}))
    workspace = replace(manifest.workspace("none"), read_secrets=no_secrets)

    with pytest.raises(Refused, match="secret://vault/kv/db#password"):
        manifest.engine.preview([component], workspace, manifest.report)
