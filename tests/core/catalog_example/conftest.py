"""The example catalog: its documents, its modules, and a Terraform that checks modules without a cloud."""

import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from mcop_core.artifacts.templates import collect_files, describe_template
from mcop_core.catalog.models import Primitive
from mcop_core.catalog.view import CatalogView
from mcop_core.catalog.yaml_files import read_folder
from mcop_core.engines.terraform.module_interface import read_interface
from mcop_core.engines.terraform.providers import cli_config, find_mirror

CATALOG = Path(__file__).parents[3] / "include" / "catalog"
MODULES = sorted(path.parent for path in CATALOG.glob("templates/terraform/*/*/*/main.tf"))


def module_id(folder):
    """`vpc-1.2.0`, for the names of tests."""
    return "-".join(folder.parts[-2:])


@pytest.fixture(scope="session")
def sources():
    """The catalog's documents as they are read, faults included."""
    return read_folder(CATALOG)


@pytest.fixture(scope="session")
def objects(sources):
    """Every object as it would be published, by its address."""
    return {source.object.ref: _complete(source.object) for source in sources}


@pytest.fixture(scope="session")
def view(objects):
    """The catalog as the compiler sees it."""
    return CatalogView(objects.values())


def _complete(item):
    if not isinstance(item, Primitive):
        return item
    files = collect_files(CATALOG / item.source)
    template = describe_template(item.primitive_type, item.provider, item.name, item.version, files)
    return item.model_copy(update={"interface": read_interface(files), "template": template})


@dataclass(frozen=True)
class Terraform:
    """Runs Terraform in a folder, with nothing of this process's own cloud or configuration."""

    binary: str
    environment: dict

    def run(self, folder, *args):
        """Return the finished process, output as text."""
        return subprocess.run(
            [self.binary, *args], cwd=folder, env=self.environment, capture_output=True, text=True, check=False
        )

    def succeed(self, folder, *args):
        """Return the output; fail the test with it when Terraform fails."""
        done = self.run(folder, *args)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="session")
def terraform(tmp_path_factory):
    """The Terraform that settings or PATH name; providers come from the mirror if there is one."""
    binary = shutil.which(os.environ.get("MCOP_TERRAFORM", "terraform"))
    if binary is None:
        pytest.skip("there is no terraform on PATH, and MCOP_TERRAFORM names none")
    home = tmp_path_factory.mktemp("terraform-home")
    mirror = find_mirror(os.environ.get("MCOP_TERRAFORM_PLUGIN_MIRROR", ""), os.environ)
    (home / "terraform.tfrc").write_text(cli_config(mirror))
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    own = {"HOME": str(home), "TF_CLI_CONFIG_FILE": str(home / "terraform.tfrc"), "CHECKPOINT_DISABLE": "1"}
    return Terraform(binary, kept | own)


@pytest.fixture(scope="session")
def warm_terraform(terraform, tmp_path_factory):
    """The same with one AWS provider for all runs: starting one takes longer than checking a module."""
    folder = copy_module(MODULES[0], tmp_path_factory.mktemp("provider"))
    terraform.succeed(folder, "init", "-no-color", "-input=false")
    program = next(folder.glob(".terraform/providers/*/hashicorp/aws/*/*/terraform-provider-aws_*"))
    with subprocess.Popen(
        [program, "-debug"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=terraform.environment
    ) as provider:
        try:
            address = {"TF_REATTACH_PROVIDERS": _address(provider.stdout)}
            yield replace(terraform, environment=terraform.environment | address)
        finally:
            provider.terminate()


def _address(output):
    """Read where the provider listens from what it says at its start."""
    for line in output:
        if found := re.search(r"TF_REATTACH_PROVIDERS='(.*)'", line):
            return found[1]
    raise AssertionError("the provider ended without saying where it listens")


@pytest.fixture(scope="session")
def module_checks(warm_terraform, tmp_path_factory):
    """What `terraform test` said, by module folder; all modules are checked at once, two at a time."""

    def check(module):
        folder = copy_module(module, tmp_path_factory.mktemp(module_id(module)))
        warm_terraform.succeed(folder, "init", "-no-color", "-input=false")
        return warm_terraform.run(folder, "test", "-json")

    with ThreadPoolExecutor(max_workers=2) as pool:
        return dict(zip(MODULES, pool.map(check, MODULES), strict=True))


def copy_module(module, to):
    """Copy *module* below *to*, so that nothing is written into the checkout, and return the copy."""
    return shutil.copytree(module, to / "module")
