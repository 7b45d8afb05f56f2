"""What Terraform itself says of the starter catalogs' modules, as far as it can without their providers."""

import json
import shutil

import pytest
import yaml

from tests.starter.inputs import Call, check_inputs
from tests.starter.schemas import CHECKED, MODULES, ROOT, STARTER, module_id

INPUTS = {
    name: given
    for path in sorted((ROOT / "tests" / "cases" / "starter" / "inputs").glob("*.yaml"))
    for name, given in yaml.safe_load(path.read_text()).items()
}
REFUSED = [(name, case) for name, given in INPUTS.items() for case in given["refused"]]

pytestmark = pytest.mark.terraform


def test_modules_are_formatted(terraform):
    """`terraform fmt` would change nothing."""
    done = terraform(STARTER, "fmt", "-check", "-diff", "-recursive", "-no-color")

    assert (done.returncode, done.stdout) == (0, "")


def test_the_modules_of_aws_are_valid(terraform, tmp_path):
    """Terraform and the provider find nothing wrong with them."""
    calls = {}
    for module in MODULES:
        if module not in CHECKED:
            name = module.parent.name
            shutil.copytree(module, tmp_path / name)
            calls[name] = {"source": f"./{name}", **INPUTS[name]["good"]}
    (tmp_path / "main.tf.json").write_text(json.dumps({"module": calls, "provider": {"aws": {"region": "eu-west-1"}}}))

    prepared = terraform(tmp_path, "init", "-no-color", "-input=false")
    done = terraform(tmp_path, "validate", "-no-color")

    assert len(calls) == 6
    assert (prepared.returncode, done.returncode) == (0, 0), prepared.stderr + done.stdout + done.stderr


# -- what an input may be ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def refusals(terraform, tmp_path_factory):
    """
    What Terraform says to good and to wrong inputs, by module call: `vnet`, `vnet-0`.

    All of them are in one plan.
    """
    calls = {}
    for module in MODULES:
        name = module.parent.name
        good = INPUTS[name]["good"]
        calls[name] = Call(module, good)
        calls |= {f"{name}-{n}": Call(module, good | case["inputs"]) for n, case in enumerate(INPUTS[name]["refused"])}
    return check_inputs(calls, terraform, tmp_path_factory.mktemp("inputs"))


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
