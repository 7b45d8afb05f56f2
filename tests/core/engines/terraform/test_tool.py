"""Which program runs a component: what adapter and module ask for, and what the machine has."""

import json
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from mcop_core.catalog.models import AdapterSettings, Interface, ProviderRequirement
from mcop_core.engines.base import Component
from mcop_core.engines.state import StateFile
from mcop_core.engines.terraform.engine import TerraformEngine
from mcop_core.engines.terraform.tool import Demand, Program, Tool, identify, settings_problems
from mcop_core.errors import EngineFailed, InvalidDocuments, Refused
from mcop_core.settings import Settings
from tests.core.engines.terraform.manifests import Manifest
from tests.core.engines.terraform.operations import Recorder
from tests.opentofu import VARIABLE, find_tofu, needs_tofu, stands_for_terraform

MODULE = """
variable "name" { type = string }
resource "terraform_data" "this" { input = var.name }
output "made" { value = "${terraform_data.this.id}-${terraform_data.this.output}" }
"""
PINNED = 'terraform {\n  required_version = "%s"\n}\n' + MODULE
INPUTS = {"name": "a"}

TELLS = {
    "Terraform v1.11.4\non linux_amd64\n": (Tool.TERRAFORM, "1.11.4"),
    "OpenTofu v1.12.6\non linux_amd64\n": (Tool.OPENTOFU, "1.12.6"),
    "\nWarning: something\n\nOpenTofu v1.13.0-rc1\non darwin_arm64\n": (Tool.OPENTOFU, "1.13.0-rc1"),
    "Terraform v1.5.7\non linux_amd64\n\nYour version of Terraform is out of date!": (Tool.TERRAFORM, "1.5.7"),
}


def script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def called(path: Path, tells: str, *, note: Path) -> str:
    """The real program under another name, telling another version; it notes its arguments and environment."""
    said = f"printf '%b' {json.dumps(tells)}"
    log = f'{{ echo "$*"; env | cut -d= -f1 | sed "s/^/  /"; }} >> {note}'
    real = shutil.which("terraform")
    return script(path, f'{log}\n[ "$1" = version ] && {{ {said}; exit 0; }}\nexec {real} "$@"')


@pytest.mark.parametrize(("text", "told"), TELLS.items())
def test_a_program_tells_what_it_is(tmp_path, text, told):
    """By the first line of its version, whatever it is called and whatever else it says."""
    binary = called(tmp_path / "it", text, note=tmp_path / "note")

    program = identify(binary, {"PATH": os.environ["PATH"], "AWS_SECRET_ACCESS_KEY": "canary"})

    assert told == (program.tool, program.version)
    assert "AWS_SECRET_ACCESS_KEY" not in (tmp_path / "note").read_text()


def test_a_program_is_asked_once(tmp_path):
    """Until another takes its place."""
    note = tmp_path / "note"
    binary = called(tmp_path / "it", "Terraform v1.11.4", note=note)
    environment = {"PATH": os.environ["PATH"]}
    versions = [identify(binary, environment).version for _ in range(3)]
    called(tmp_path / "it", "Terraform v1.12.10", note=note)

    assert ["1.11.4", "1.11.4", "1.11.4", "1.12.10"] == [*versions, identify(binary, environment).version]
    assert 2 == note.read_text().count("version\n")


@pytest.mark.parametrize("says", ["echo Packer v1.9.0", "echo no >&2; exit 3", "true"])
def test_what_is_neither_is_told(tmp_path, says):
    """Something else of that name, and what fails."""
    with pytest.raises(EngineFailed, match="does not tell that it is Terraform or OpenTofu"):
        identify(script(tmp_path / "it", says), {})
    with pytest.raises(EngineFailed, match="MCOP_OPENTOFU"):
        identify("/no/such/tofu", {})


FORGED = Program("/bin/terraform", Tool.OPENTOFU, "1.12.6")
HELD = {
    "nothing is asked": (Demand(), None),
    "the tool": (Demand(tool="opentofu"), None),
    "a range": (Demand(tool_version=">= 1.10, < 2.0", required_version="~> 1.12"), None),
    "the other tool": (Demand(tool="terraform"), "asks for Terraform .* MCOP_TERRAFORM names OpenTofu 1.12.6"),
    "an older one": (Demand(tool_version="< 1.12"), "settings.tool_version allows < 1.12"),
    "a newer one": (Demand(required_version=">= 1.13"), "module's required_version allows >= 1.13"),
    "no range at all": (Demand(required_version="soon"), "module's required_version allows soon"),
}


@pytest.mark.parametrize(("demand", "fault"), HELD.values(), ids=HELD)
def test_a_component_runs_with_what_it_asks_for_or_not_at_all(demand, fault):
    """What is there and what is allowed are both said."""
    told = " ".join(demand.faults(FORGED))

    assert re.search(fault, told) if fault else not told


def test_an_adapter_that_asks_for_what_there_is_not_is_refused_when_published():
    """A misspelt tool with the nearest right one; a version that is none."""
    (tool,) = settings_problems(AdapterSettings(tool="opentofi"))
    (version,) = settings_problems(AdapterSettings(tool="opentofu", tool_version="newest"))

    assert 'Allowed: terraform, opentofu. Did you mean "opentofu"?' in tool
    assert ">= 1.10, < 2.0" in version
    assert [] == settings_problems(AdapterSettings(tool="terraform", tool_version="~> 1.11"))


def test_a_module_whose_required_version_is_none_is_refused_when_published():
    """Nobody could be held to it."""
    with pytest.raises(InvalidDocuments, match="required_version"):
        TerraformEngine(Settings()).admit({}, Interface(required_version="soon"))


@pytest.mark.terraform
class TestRefused:
    """Of everything that an engine can be told to do with a component, nothing begins."""

    @pytest.fixture
    def world(self, tmp_path):
        self.note = tmp_path / "note"
        binary = called(tmp_path / "it", "Terraform v1.11.4", note=self.note)
        environment = {**os.environ, "AWS_SECRET_ACCESS_KEY": "canary"}
        self.settings = Settings(cache_dir=str(tmp_path / "cache"), terraform=binary, opentofu=binary)
        return Manifest(tmp_path, environment=environment, engine=TerraformEngine(self.settings, environment))

    def commands(self) -> set[str]:
        return {line for line in self.note.read_text().splitlines() if not line.startswith("  ")}

    def test_by_the_module(self, world):
        """`required_version` is checked before a state is pulled or a credential is handed to anything."""
        told = r"shop/store/w/p/net: nothing was run. Terraform 1.11.4 \(.*\) is there, and .* allows >= 99"
        with pytest.raises(Refused, match=told):
            world.apply("net", PINNED % ">= 99", INPUTS)
        with pytest.raises(Refused, match=r"w\.p\.net: nothing was run"):
            world.preview(net=(PINNED % ">= 99", INPUTS))
        with pytest.raises(Refused, match="nothing was run"):
            world.destroy("net", PINNED % ">= 99", INPUTS)

        assert {"version"} == self.commands()
        assert "AWS_SECRET_ACCESS_KEY" not in self.note.read_text()
        assert not world.state("net").exists()

    def test_by_the_adapter(self, world):
        """Its range, and its tool."""
        for settings in (AdapterSettings(tool_version="~> 1.10.0"), AdapterSettings(tool="opentofu")):
            broken = replace(world.request("net", MODULE, INPUTS), settings=settings)
            engine = TerraformEngine(self.settings, world.environment)
            with pytest.raises(Refused, match=r"settings\.tool"):
                engine.apply(engine.render(broken), world.workspace("net"), Recorder())
            with pytest.raises(Refused, match=r"settings\.tool"):
                engine.preview([Component("w.p.net", broken)], world.workspace("net"), Recorder())
            with pytest.raises(Refused, match=r"settings\.tool"):
                engine.lock({"x": ProviderRequirement(source="hashicorp/aws")}, settings)

        assert {"version"} == self.commands()

    def test_what_is_allowed_runs(self, world):
        """A range that it is in."""
        assert world.apply("net", PINNED % ">= 1.11, < 2", INPUTS)["made"].endswith("-a")


@needs_tofu
@pytest.mark.terraform
@pytest.mark.skipif(stands_for_terraform(), reason="`terraform` is OpenTofu here: needs both")
def test_both_tools_serve_side_by_side(tmp_path):
    """Each adapter's components are run by the tool that it asks for, and its journal says which."""
    engine = TerraformEngine(Settings(cache_dir=str(tmp_path / "cache"), opentofu=str(find_tofu())))
    world = Manifest(tmp_path, engine=engine)
    ran = {}
    for tool in Tool:
        settings = AdapterSettings(tool=tool, tool_version=">= 1.10")
        artifact = engine.render(world.request(tool, MODULE, INPUTS, settings))
        ran[tool] = engine.apply(artifact, world.workspace(tool), Recorder()).versions
        assert () == world.preview(**{tool: (MODULE, INPUTS, settings)})[tool].resources

    assert [["terraform"], ["opentofu"]] == [list(ran[tool]) for tool in Tool]
    assert ran[Tool.OPENTOFU]["opentofu"] == identify(str(find_tofu()), os.environ).version


@needs_tofu
@pytest.mark.terraform
@pytest.mark.skipif(stands_for_terraform(), reason="`terraform` is OpenTofu here: needs both")
@pytest.mark.parametrize(("one", "other"), [tuple(Tool), tuple(Tool)[::-1]], ids=lambda tool: f"{tool}")
def test_a_component_without_providers_goes_from_either_tool_to_the_other(tmp_path, one, other):
    """The state of one is read, planned and written by the other: nothing is to be done, and a change is made."""
    engine = TerraformEngine(Settings(cache_dir=str(tmp_path / "cache"), opentofu=str(find_tofu())))
    world = Manifest(tmp_path, engine=engine)
    made = world.apply("net", MODULE, INPUTS, AdapterSettings(tool=one))["made"]

    moved = AdapterSettings(tool=other)
    assert () == world.preview(net=(MODULE, INPUTS, moved))["net"].resources
    assert made == world.apply("net", MODULE, INPUTS, moved)["made"]
    assert world.apply("net", MODULE, {"name": "b"}, moved)["made"] == made.removesuffix("a") + "b"
    written = StateFile.parse(world.state("net").read_bytes(), "").document["terraform_version"]
    assert written == identify(str(find_tofu()) if other == Tool.OPENTOFU else "terraform", os.environ).version


def test_the_variable_that_names_an_opentofu_is_the_one_that_is_read(tmp_path):
    """A path, else the program on PATH, else none."""
    tofu = script(tmp_path / "tofu", "true")

    assert find_tofu({VARIABLE: tofu, "PATH": ""}) == Path(tofu)
    assert find_tofu({"PATH": str(tmp_path)}) == Path(tofu)
    assert find_tofu({"PATH": ""}) is None
