"""What Terraform itself says of the starter catalogs' modules, as far as it can without their providers."""

import json
import os
import shutil
import subprocess

import pytest
import yaml

from mcop_core.engines.terraform.providers import cli_config, find_mirror
from tests.starter.schemas import CHECKED, MODULES, ROOT, STARTER, module_id, read_module

INPUTS = {
    name: given
    for path in sorted((ROOT / "tests" / "cases" / "starter" / "inputs").glob("*.yaml"))
    for name, given in yaml.safe_load(path.read_text()).items()
}
REFUSED = [(name, case) for name, given in INPUTS.items() for case in given["refused"]]
PASSWORD = 'resource "random_password" "this" {\n  length  = 32\n  special = false\n}\n'
RANDOM = '\n    random = {\n      source  = "hashicorp/random"\n      version = ">= 3.5"\n    }\n'

pytestmark = pytest.mark.terraform


@pytest.fixture(scope="module")
def terraform(tmp_path_factory):
    """Return what runs Terraform in a folder, with providers from the mirror if there is one."""
    binary = shutil.which(os.environ.get("MCOP_TERRAFORM", "terraform"))
    if binary is None:
        pytest.skip("there is no terraform on PATH, and MCOP_TERRAFORM names none")
    home = tmp_path_factory.mktemp("terraform-home")
    config = home / "terraform.tfrc"
    config.write_text(cli_config(find_mirror(os.environ.get("MCOP_TERRAFORM_PLUGIN_MIRROR", ""), os.environ)))
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    environment = kept | {"HOME": str(home), "TF_CLI_CONFIG_FILE": str(config), "CHECKPOINT_DISABLE": "1"}

    def run(folder, *arguments):
        return subprocess.run(
            [binary, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )

    return run


def test_modules_are_formatted(terraform):
    """`terraform fmt` would change nothing."""
    done = terraform(STARTER, "fmt", "-check", "-diff", "-recursive", "-no-color")

    assert (done.returncode, done.stdout) == (0, "")


def test_the_modules_of_aws_are_valid(terraform, tmp_path):
    """Terraform and the provider find nothing wrong with them, where another provider's password is left out."""
    calls = {}
    for module in MODULES:
        if module not in CHECKED:
            name = module.parent.name
            _copy_without_random(module, tmp_path / name)
            calls[name] = {"source": f"./{name}", **INPUTS[name]["good"]}
    (tmp_path / "main.tf.json").write_text(json.dumps({"module": calls, "provider": {"aws": {"region": "eu-west-1"}}}))

    prepared = terraform(tmp_path, "init", "-no-color", "-input=false")
    done = terraform(tmp_path, "validate", "-no-color")

    assert len(calls) == 6
    assert (prepared.returncode, done.returncode) == (0, 0), prepared.stderr + done.stdout + done.stderr


def _copy_without_random(module, to):
    to.mkdir()
    for name, data in read_module(module).items():
        text = data.decode().replace(PASSWORD, "").replace(RANDOM, "")
        (to / name).write_text(text.replace("random_password.this.result", 'sensitive("one-of-a-test")'))


# -- what an input may be ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def refusals(terraform, tmp_path_factory):
    """
    What Terraform says to good and to wrong inputs, by module call: `vnet`, `vnet-0`.

    Called are the modules' inputs with their validations alone, which need no provider, in one plan.
    """
    folder = tmp_path_factory.mktemp("inputs")
    calls = []
    for module in MODULES:
        name = module.parent.name
        (folder / name).mkdir()
        shutil.copy(module / "variables.tf", folder / name)
        calls.append((name, name, INPUTS[name]["good"]))
        wrong = enumerate(INPUTS[name]["refused"])
        calls += [(f"{name}-{n}", name, INPUTS[name]["good"] | case["inputs"]) for n, case in wrong]
    (folder / "main.tf").write_text("\n".join(_call(*call) for call in calls))
    assert terraform(folder, "init", "-no-color", "-input=false").returncode == 0
    told: dict[str, list[str]] = {call[0]: [] for call in calls}
    for line in terraform(folder, "plan", "-json", "-input=false").stdout.splitlines():
        if diagnostic := json.loads(line).get("diagnostic"):
            context = (diagnostic.get("snippet") or {}).get("context") or ""
            told.setdefault(context.removeprefix('module "').removesuffix('"'), []).append(diagnostic["detail"])
    return told


def _call(call, module, inputs):
    given = "".join(f"  {name} = {json.dumps(value)}\n" for name, value in inputs.items())
    return f'module "{call}" {{\n  source = "./{module}"\n{given}}}\n'


def test_every_module_has_inputs_to_try():
    """And each of them something that it refuses."""
    assert sorted(INPUTS) == sorted(module.parent.name for module in MODULES)
    assert [name for name, given in INPUTS.items() if not given["refused"]] == []


@pytest.mark.parametrize("module", MODULES, ids=module_id)
def test_a_module_takes_what_it_should(refusals, module):
    """Good inputs pass every validation."""
    assert refusals[module.parent.name] == []


@pytest.mark.parametrize(
    ("name", "case"), REFUSED, ids=[f"{name}-{next(iter(case['inputs']))}" for name, case in REFUSED]
)
def test_a_module_refuses_what_it_should(refusals, name, case):
    """A wrong value is told with what would have been right."""
    told = refusals[f"{name}-{INPUTS[name]['refused'].index(case)}"]

    assert [one for one in told if case["told"] in one] != []


def test_nothing_else_is_told(refusals):
    """Every message is about a call that is to be refused."""
    expected = {f"{name}-{n}" for name, given in INPUTS.items() for n, _ in enumerate(given["refused"])}

    assert {call for call, told in refusals.items() if told} == expected
