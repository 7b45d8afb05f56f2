"""A plan file says to MCOP what `terraform show -json` says, in whatever a plan can do; or it is not read at all."""

import json
import os
import subprocess
import zipfile

import pytest

from mcop_core.engines.mask import Mask
from mcop_core.engines.terraform.log import EventReader
from mcop_core.engines.terraform.plan_file import Unreadable, read_document
from mcop_core.engines.terraform.plan_json import read_changes
from mcop_core.engines.terraform.providers import cli_config, find_mirror, terraform_environment
from tests.emulators import running

WROTE = {"terraform": "1.11.4"}

ROOT = {
    "variable": {"word": {"type": "string", "sensitive": True}},
    "module": {"e0": {"source": "./e0", "word": "${var.word}"}},
    "output": {
        "known": {"value": "${module.e0.known}"},
        "made": {"value": "${module.e0.made}"},
        "word": {"value": "${var.word}", "sensitive": True},
        "nothing": {"value": None},
    },
}
HEAD = 'variable "word" { sensitive = true }\noutput "known" { value = "1.1" }\n'
FIRST = (
    HEAD
    + """
resource "terraform_data" "plain" { input = { n = 0.1, i = 3, half = 0.5, big = 123456789012345678901234567890,
                                              list = [1, "1.1", true, null], none = null, empty = {}, text = "ö" } }
resource "terraform_data" "secret" { input = { open = "seen", hidden = var.word, list = ["a", var.word] } }
resource "terraform_data" "after" { input = { id = terraform_data.plain.id, list = [terraform_data.plain.id, "x"] } }
resource "terraform_data" "counted" {
  count = 12
  input = count.index
}
resource "terraform_data" "each" {
  for_each = toset(["a.b", "c[\\"d\\"]", "e"])
  input    = each.key
}
resource "terraform_data" "old" { input = "moves" }
resource "terraform_data" "gone" { input = "goes" }
resource "terraform_data" "tainted" { input = "stays" }
resource "terraform_data" "replaced" { triggers_replace = { a = 1 } }
module "inner" {
  source = "./inner"
  count  = 2
}
output "made" { value = [terraform_data.plain.id, "known"] }
"""
)
SECOND = (
    HEAD
    + """
resource "terraform_data" "plain" { input = { n = 0.2, i = "3", half = 0.5, list = [1, "1.1", true], empty = [] } }
resource "terraform_data" "secret" { input = { open = "seen", hidden = "not any more", list = [var.word] } }
resource "terraform_data" "after" { input = { id = terraform_data.replaced.id, list = ["x", null] } }
resource "terraform_data" "counted" {
  count = 2
  input = count.index
}
resource "terraform_data" "each" {
  for_each = toset(["e", "f"])
  input    = each.key
}
resource "terraform_data" "new" { input = "moves" }
moved {
  from = terraform_data.old
  to   = terraform_data.new
}
resource "terraform_data" "tainted" { input = "stays" }
resource "terraform_data" "replaced" {
  triggers_replace = { a = 2, b = var.word }
  lifecycle { create_before_destroy = true }
}
output "made" { value = terraform_data.replaced.id }
"""
)
INNER = 'resource "terraform_data" "it" { input = { list = [{ a = 1 }, { a = 2 }] } }\n'


class Root:
    """A root module in a folder, with one module below it as MCOP's merged roots have."""

    def __init__(self, folder, environment=None):
        self.folder, self.environment = folder, environment
        (folder / "e0" / "inner").mkdir(parents=True)
        (folder / "main.tf.json").write_text(json.dumps(ROOT))
        (folder / "e0" / "inner" / "main.tf").write_text(INNER)

    def write(self, module, word):
        (self.folder / "e0" / "main.tf").write_text(module)
        (self.folder / "terraform.tfvars.json").write_text(json.dumps({"word": word}))
        self.run("init", "-input=false")

    def run(self, *arguments):
        command = ["terraform", *arguments, "-no-color"] if arguments[0] != "show" else ["terraform", *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def read(self, *options):
        """Return what the file of a plan says."""
        reader = EventReader(Mask())
        for line in self.run("plan", "-input=false", "-json", "-out=a.tfplan", *options).splitlines():
            reader.read(line)
        if "opentofu" in reader.versions:
            pytest.skip("OpenTofu's plan files are not read")
        return read_document((self.folder / "a.tfplan").read_bytes(), reader.versions)

    def plan(self, *options):
        """Return what both say of a plan."""
        return self.read(*options), json.loads(self.run("show", "-json", "a.tfplan"))

    def apply(self):
        self.run("apply", "a.tfplan")


@pytest.fixture
def root(tmp_path):
    return Root(tmp_path)


def said(document):
    """What MCOP makes of a document; the outputs' values, too."""
    changes = read_changes(document, {"e0": "s.p.e0"}, {name: ("s.p.e0", name) for name in ROOT["output"]})
    values = {name: one.get("value", "unknown") for name, one in document["planned_values"].get("outputs", {}).items()}
    drifted = [(one["address"], one["change"]["actions"]) for one in document.get("resource_drift", [])]
    return changes, {name: value for name, value in values.items() if value != "unknown"}, sorted(drifted)


def actions(document):
    return {tuple(one["change"]["actions"]) for one in document["resource_changes"]}


@pytest.mark.terraform
def test_it_says_what_show_says(root):
    """Of creations, of every change that follows, and of a destruction: values, masks, reasons, order."""
    root.write(FIRST, "sesame-open-1")
    read, shown = root.plan()
    assert said(read) == said(shown)
    root.apply()
    root.run("taint", "module.e0.terraform_data.tainted")
    state = json.loads((root.folder / "terraform.tfstate").read_bytes())
    root.write(SECOND, "sesame-open-2")
    read, shown = root.plan()
    assert said(read) == said(shown)
    assert {("create",), ("update",), ("delete",), ("delete", "create"), ("create", "delete")} <= actions(read)
    assert {one["action_reason"] for one in read["resource_changes"]} >= {
        "replace_because_tainted",
        "replace_because_cannot_update",
        "delete_because_no_resource_config",
        "delete_because_count_index",
        "delete_because_each_key",
    }
    read, shown = root.plan("-destroy")
    assert said(read) == said(shown)
    assert actions(read) == {("delete",)}
    assert state["serial"] > 0


@pytest.mark.terraform
def test_nothing_that_is_marked_is_told(root):
    """A value that the file marks as sensitive is in the document, with its mask, and in no change."""
    root.write(FIRST, "sesame-open-1")
    read, _ = root.plan()
    changes, _, _ = said(read)

    assert "sesame-open-1" in json.dumps(read)
    assert "sesame-open-1" not in repr(changes)


@pytest.fixture
def parameter(tmp_path):
    """A root with one resource of AWS, of which the provider's schema alone says what is sensitive."""
    with running("ministack", tmp_path) as emulator:
        config = tmp_path / "terraform.tfrc"
        config.write_text(cli_config(find_mirror("")))
        base = {**os.environ, **emulator.environment}
        root = Root(tmp_path / "root", terraform_environment(base, cli_config_file=config))
        skipped = ("skip_credentials_validation", "skip_requesting_account_id", "skip_metadata_api_check")
        provider = {"aws": {"region": "us-east-1", **dict.fromkeys(skipped, True)}}
        (root.folder / "provider.tf.json").write_text(json.dumps({"provider": provider}))
        yield root


def write_parameter(root, value):
    fields = f'name = "/a"\n  type = "SecureString"\n  value = "{value}"'
    resource = f'resource "aws_ssm_parameter" "it" {{\n  {fields}\n}}\noutput "made" {{ value = 1 }}\n'
    root.write(HEAD + resource, "sesame-open-1")


@pytest.mark.terraform
@pytest.mark.emulator
def test_what_the_schema_calls_sensitive_is_marked_whatever_the_state_says(parameter):
    """An older Terraform noted in its state what the configuration calls sensitive, and nothing else."""
    write_parameter(parameter, "hidden-by-schema-1")
    parameter.run("apply", "-auto-approve")
    state = json.loads((parameter.folder / "terraform.tfstate").read_bytes())
    state["resources"][0]["instances"][0]["sensitive_attributes"] = []
    (parameter.folder / "terraform.tfstate").write_text(json.dumps(state))
    write_parameter(parameter, "hidden-by-schema-2")

    read, shown = parameter.plan()
    assert said(read) == said(shown)
    for change in (read["resource_changes"][0]["change"], parameter.read("-destroy")["resource_changes"][0]["change"]):
        assert change["before"]["value"] == "hidden-by-schema-1"
        assert change["before_sensitive"]["value"] is True


@pytest.mark.terraform
@pytest.mark.parametrize("wrote", [{}, {"opentofu": "1.11.0"}, {"terraform": "1.99.0"}, {"terraform": "1.11.99"}])
def test_a_file_of_another_tool_or_version_is_not_read(root, wrote):
    """What wrote it says so, and the file must say the same."""
    root.write(HEAD + 'output "made" { value = 1 }\n', "sesame-open-1")
    root.plan()

    with pytest.raises(Unreadable):
        read_document((root.folder / "a.tfplan").read_bytes(), wrote)


@pytest.mark.parametrize("cut", [0, 1, 7, 40, 100, 1000])
def test_what_is_no_plan_file_is_not_read(cut, tmp_path):
    """Damaged, cut off, or of other bytes: it is for `show` to say what is wrong."""
    with zipfile.ZipFile(tmp_path / "a.tfplan", "w") as archive:
        archive.writestr("tfplan", bytes(range(256))[:cut] + b"\xff" * 9)

    with pytest.raises(Unreadable):
        read_document((tmp_path / "a.tfplan").read_bytes(), WROTE)


@pytest.mark.parametrize("text", ["1.1", "15.4", "-0.3", "123456789012345678901234567890"])
def test_a_text_that_may_be_a_number_is_left_to_show(text):
    """Without the provider's schema nobody can tell; these are the numbers that Terraform writes as text."""
    from mcop_core.engines.terraform.plan_file import _typed

    with pytest.raises(Unreadable):
        _typed({"value": text})


@pytest.mark.parametrize("text", ["1", "0.5", "1.10", "8.0", "123456789012", "007", "1.2.3", "", "1e3", "-"])
def test_any_other_text_is_text(text):
    """A number of that look would have been written as one, or never looks so."""
    from mcop_core.engines.terraform.plan_file import _typed

    assert _typed({"value": text}) == {"value": text}
