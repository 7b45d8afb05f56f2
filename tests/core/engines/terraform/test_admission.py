"""The look right before Terraform runs, and what an administrator exempts: on the machine, for these very files."""

import json
import os
import shutil
from dataclasses import replace

import pytest

from mcop_core.artifacts.templates import template_digest
from mcop_core.catalog.models import AdapterSettings, Interface, ProviderRequirement
from mcop_core.engines.artifact import RenderedArtifact
from mcop_core.engines.base import Component, RenderRequest
from mcop_core.engines.exemptions import read_exemptions
from mcop_core.engines.terraform.engine import TerraformEngine
from mcop_core.engines.terraform.forbidden import Rule
from mcop_core.errors import InvalidDocuments, InvalidInput, Refused
from mcop_core.limits import Limits
from mcop_core.settings import Settings
from tests.core.engines.terraform.operations import Bench, Recorder, artifact
from tests.exemptions import module_files

NO_INTERFACE = Interface()

pytestmark = pytest.mark.skipif(shutil.which("terraform") is None, reason="needs Terraform")


class Machine:
    """One machine: its settings, a workspace, and a module that leaves a mark when it is applied."""

    def __init__(self, folder):
        self.folder, self.bench, self.mark = folder, Bench(folder), folder / "mark"
        self.settings = Settings(cache_dir=str(folder / "cache"))
        self.report = Recorder()

    def artifact(self):
        commands = {"provisioner": [{"local-exec": {"command": f"touch {self.mark}"}}]}
        return artifact(self.bench.url, {"resource": {"terraform_data": {"x": commands}}})

    def exempt(self, files, rules=("provisioner",), reason="reviewed"):
        path = self.folder / "exemptions.toml"
        text = f'[[exemption]]\ntemplate = "{template_digest(files)}"\nrules = {list(rules)}\nreason = "{reason}"\n'
        path.write_text(text)
        self.settings = replace(self.settings, exemptions=str(path))

    @property
    def engine(self):
        return TerraformEngine(self.settings, os.environ)

    def run(self, operation, rendered):
        return getattr(self.engine, operation)(rendered, self.bench.workspace(), self.report)


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


@pytest.mark.parametrize("operation", ["apply", "destroy"])
def test_what_was_published_before_there_were_rules_is_not_run(machine, operation):
    """Terraform does not start, nothing is locked; the message says what could be exempted."""
    rendered = machine.artifact()

    with pytest.raises(Refused) as caught:
        machine.run(operation, rendered)

    assert "main.tf.json:1: provisioner 'local-exec' runs commands" in str(caught.value)
    assert template_digest(module_files(rendered)) in str(caught.value)
    assert "shop/storefront/platform/network/vpc" in str(caught.value)
    assert ([], []) == (machine.report.records, machine.bench.stored())
    assert not machine.mark.exists() and not machine.bench.directory.exists()


def test_a_preview_is_refused_too(machine):
    """A plan runs a program that is data, so it must not even be planned."""
    files = {"main.tf": f'data "external" "x" {{\n  program = ["touch", "{machine.mark}"]\n}}\n'.encode()}
    component = Component("a.b.c", request(files))

    with pytest.raises(Refused, match=r"main.tf:1: data 'external' runs a program"):
        machine.engine.preview([component], machine.bench.workspace(), machine.report)
    with pytest.raises(Refused, match="provisioner"):
        machine.engine.preview_destroy("a.b.c", machine.artifact(), machine.bench.workspace(), machine.report)

    assert not machine.mark.exists()


@pytest.mark.terraform
def test_what_was_exempted_runs(machine):
    """So that the refusals above say something."""
    rendered = machine.artifact()
    machine.exempt(module_files(rendered))

    machine.run("apply", rendered)

    assert machine.mark.exists()


def test_an_exemption_is_for_these_files_and_this_rule(machine):
    """One byte more, or another rule, and it is none."""
    rendered = machine.artifact()
    machine.exempt(module_files(rendered))
    changed = replace(rendered, files={**rendered.files, "module/more.tf": b"# one byte more\n"})
    with pytest.raises(Refused, match="rule provisioner"):
        machine.run("apply", changed)

    machine.exempt(module_files(rendered), rules=["http-data", "remote-state"])
    with pytest.raises(Refused, match="rule provisioner"):
        machine.run("apply", rendered)


def test_nothing_is_exempted_beside_the_module(machine):
    """What stands in the root, MCOP has written: a forged artifact gains nothing by an exemption."""
    rendered = machine.artifact()
    machine.exempt(module_files(rendered), rules=[str(rule) for rule in Rule])
    forged = replace(rendered, files={**rendered.files, "evil.tf": b'data "external" "x" {}\n'})

    with pytest.raises(Refused, match=r"evil.tf:1: data 'external'"):
        machine.run("apply", forged)


@pytest.mark.parametrize("where", ["required", "locked"])
def test_a_foreign_provider_is_not_run(machine, where):
    """Whether the root requires it, or only its lock file holds it."""
    main = {"terraform": {"required_providers": {"x": {"source": "stranger/x", "version": "1.0.0"}}}}
    lock = 'provider "registry.terraform.io/stranger/x" {\n  version = "1.0.0"\n}\n'
    files = (
        {"main.tf.json": json.dumps(main).encode()} if where == "required" else {".terraform.lock.hcl": lock.encode()}
    )
    forged = RenderedArtifact("terraform", files, artifact(machine.bench.url, {}).runtime)

    with pytest.raises(Refused, match=r"the provider stranger/. is not among"):
        machine.run("apply", forged)


def test_a_foreign_provider_is_not_previewed(machine):
    """Neither the module's nor the adapter's."""
    asks = Interface(providers={"x": ProviderRequirement(source="stranger/x")})
    for one in (request({"main.tf": b""}, asks), request({"main.tf": b""}, source="stranger/y")):
        with pytest.raises(Refused, match=r"the provider stranger/. is not among"):
            machine.engine.preview([Component("a.b.c", one)], machine.bench.workspace(), machine.report)


def test_publishing_records_what_was_exempted(machine):
    """Rule and reason; what is not exempted is refused with the digest that an exemption needs."""
    files = {"main.tf": b'data "http" "x" {}\ndata "external" "y" {}\n'}
    with pytest.raises(InvalidDocuments) as caught:
        machine.engine.admit(files, Interface())
    assert [1, 2] == [fault.line for fault in caught.value.faults]
    assert all(template_digest(files) in fault.message for fault in caught.value.faults)

    machine.exempt(files, rules=["http-data", "external-data", "provisioner"], reason="asks the vault")

    assert {"http-data": "asks the vault", "external-data": "asks the vault"} == machine.engine.admit(
        files, Interface()
    )


def test_an_administrator_allows_a_provider(machine):
    """For everybody, by the setting; for one primitive, by an exemption."""
    asks = Interface(providers={"x": ProviderRequirement(source="stranger/x")})
    with pytest.raises(InvalidDocuments, match="rule provider"):
        machine.engine.admit({"main.tf": b""}, asks)

    machine.exempt({"main.tf": b""}, rules=["provider"])
    assert {"provider": "reviewed"} == machine.engine.admit({"main.tf": b""}, asks)
    machine.settings = Settings(terraform_providers="hashicorp/*, stranger/x")
    assert {} == machine.engine.admit({"main.tf": b""}, asks)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("exemption = 1", "exemption: "),
        ("[[exemption", "Expected"),
        ('[[exemption]]\ntemplate = "x"\nrules = ["provider"]\nreason = "y"', "exemption 1 template: "),
        ('[[exemption]]\nrules = ["provider"]\nreason = "y"', "exemption 1 template: Field required"),
        (f'[[exemption]]\ntemplate = "{"a" * 64}"\nrules = []\nreason = "y"', "exemption 1 rules: "),
        (f'[[exemption]]\ntemplate = "{"a" * 64}"\nrules = ["provider"]\nreason = ""', "exemption 1 reason: "),
        (f'[[exemption]]\ntemplate = "{"a" * 64}"\nrules = ["provisoner"]\nreason = "y"', 'mean "provisioner"?'),
        (
            f'[[exemption]]\ntemplate = "{"a" * 64}"\nrules = ["provider"]\nreason = "y"\nuntil = 1',
            "exemption 1 until: ",
        ),
    ],
)
def test_a_wrong_file_of_exemptions_is_refused_with_its_place(text, says, tmp_path):
    """Nothing is exempted by half."""
    path = tmp_path / "exemptions.toml"
    path.write_text(text)

    with pytest.raises(InvalidInput) as caught:
        read_exemptions(str(path), tuple(Rule))

    assert says in str(caught.value) and "MCOP_EXEMPTIONS" in str(caught.value)


def test_code_is_as_large_as_the_machines_settings_allow(machine):
    """Where it is published, and right before Terraform runs it; the message names the setting."""
    files = {"main.tf": b"locals {}\n"}
    rendered = artifact(machine.bench.url, {"locals": {}})
    machine.settings = replace(machine.settings, limits=Limits(code_bytes=9))

    for look in (
        lambda: machine.engine.describe(files),
        lambda: machine.engine.admit(files, NO_INTERFACE),
        lambda: machine.run("apply", rendered),
    ):
        with pytest.raises(InvalidDocuments, match=r"allowed are 9 \(MCOP_LIMIT_CODE_BYTES\)"):
            look()


def test_a_missing_file_of_exemptions_is_told():
    """It is not taken for an empty one."""
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_exemptions("/nowhere/at/all", tuple(Rule))


def request(files, interface=NO_INTERFACE, source=""):
    backend = {"type": "local", "path": "/nowhere"}
    return RenderRequest(
        ("team", "shop", "a", "b", "c"), files, interface, {}, AdapterSettings(source=source), {}, backend
    )
