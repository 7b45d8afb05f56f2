"""The example's Terraform modules: well formed, described, and true to their own checks."""

import json
import re

import pytest

from mcop_core.artifacts.templates import collect_files
from mcop_core.engines.terraform.module_interface import read_interface

from .conftest import CATALOG, MODULES, module_id


@pytest.fixture(params=MODULES, ids=module_id)
def module(request):
    return request.param


def events(done, kind):
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return [line[kind] for line in lines if line.get("type") == kind]


@pytest.mark.terraform
def test_a_module_passes_its_own_checks(module_checks, module):
    """Every run of the module's `tests/` passes; a run that expects a refusal is among them."""
    done = module_checks[module]
    runs = {
        run["run"]: run["status"] for run in events(done, "test_run") if run.get("progress", "complete") == "complete"
    }

    assert done.returncode == 0, done.stdout + done.stderr
    assert {"pass"} == set(runs.values())
    assert any(name.startswith(("refuses", "a_value_cannot")) for name in runs)


@pytest.mark.terraform
def test_a_check_can_fail(warm_terraform, tmp_path):
    """Terraform's checks are no decoration: a module that does something else fails its own."""
    (tmp_path / "tests").mkdir()
    source = next(module for module in MODULES if module.parent.name == "log-group")
    for path, data in collect_files(source).items():
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data.replace(b"var.retention_days\n\n", b"365\n\n"))
    warm_terraform.succeed(tmp_path, "init", "-no-color", "-input=false")

    done = warm_terraform.run(tmp_path, "test", "-no-color")

    assert done.returncode == 1
    assert "keeps_lines_for_a_month_unless_told" in done.stdout


@pytest.mark.terraform
def test_modules_are_formatted(terraform):
    """`terraform fmt` would change nothing."""
    assert terraform.succeed(CATALOG, "fmt", "-check", "-diff", "-recursive", "-no-color") == ""


def test_everything_a_module_offers_is_described(module):
    """Each variable says what it is, and of which type; each output says what it is."""
    interface = read_interface(collect_files(module))

    assert [name for name, entry in (interface.inputs | interface.outputs).items() if not entry.description] == []
    assert [name for name, entry in interface.inputs.items() if entry.type == "any"] == []


def test_a_module_leaves_its_provider_to_the_adapter(module):
    """A module says which provider it needs and never configures one, nor where its state lies."""
    texts = [data.decode() for path, data in collect_files(module).items() if path.endswith(".tf")]

    assert {"aws"} == set(read_interface(collect_files(module)).providers)
    assert [text for text in texts if re.search(r"^(provider\b|\s*(backend|cloud)\b).*\{", text, re.MULTILINE)] == []


def test_a_module_lets_itself_be_tagged(module):
    """A module that tags its resources takes the tags from outside."""
    files = collect_files(module)

    assert ("tags" in read_interface(files).inputs) == (b"tags" in files["main.tf"])


def test_the_example_shows_what_modules_can_be():
    """Among the modules are a nested one, a template file, and attributes that can be left out."""
    files = {f"{module_id(module)}/{path}": data for module in MODULES for path, data in collect_files(module).items()}

    assert any("/modules/" in path for path in files)
    assert any(path.endswith(".tftpl") for path in files)
    assert any(b"optional(" in data for data in files.values())
