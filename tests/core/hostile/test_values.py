"""Values that a run is given: as overrides, and as the outputs of other components."""

from __future__ import annotations

import json
import random

import pytest

from mcop_core.compiler.resolution import check_overrides, resolve_step
from mcop_core.errors import InvalidDocuments
from mcop_core.refs import OutputRef, StepRef
from mcop_core.rendering import render_step
from tests.core.engines.terraform.operations import Bench, artifact
from tests.core.hostile.tables import cases, each

FIRST, SECOND = "main.echo.first", "main.echo.second"
READERS = {"anything": SECOND, "token": "main.echo.third"}
"""Output of the first component -> the component that reads it."""
CARRIED = "carried"
RANDOM_TEXTS = 20_000
ALPHABET = (
    "${}%\"'\\\n\r\t<>&;|`()[]#/*-=:,.@!~^?\0\x1b\x85\u0301\u0327\u037e\u0958\u1100\u1161\u11a8"
    "\u1fef\u200d\u2028\u202e\u212a\ud800\udfff\ufeff"
)
"""What languages give a meaning, what Unicode changes, what is no character."""


@each("values", "override")
def test_an_override_is_refused_or_taken_as_it_is(case, plan):
    """A refusal names the parameter and the rule; what is taken reaches the component unchanged."""
    name, expected = case.says["parameter"], case.says["override"]
    faults = check_overrides(plan, {name: case.variant})

    if expected == CARRIED:
        assert [] == faults
        assert case.variant == resolve_step(plan, FIRST, overrides={name: case.variant}, outputs={}).inputs[name]
        return
    assert faults, "it was taken"
    assert all(fault.path.split(".")[0] == name for fault in faults)
    assert any(expected in str(fault) for fault in faults), faults
    if case.says.get("hidden"):
        assert not any(case.variant in str(fault) for fault in faults)


@each("values", "output")
def test_an_output_is_refused_or_taken_as_it_is(case, opened, plan):
    """Whatever an XCom says, the component after it gets the same data or is not rendered."""
    expected, name = case.says["output"], case.says.get("output_name", "anything")
    reader = READERS[name]
    outputs = outputs_of(**{name: case.variant})
    if expected == CARRIED:
        files = rendered(opened, plan, reader, outputs=outputs).files
        assert case.variant == json.loads(files["terraform.tfvars.json"])[name]
        return

    with pytest.raises(InvalidDocuments) as caught:
        rendered(opened, plan, reader, outputs=outputs)

    assert expected in str(caught.value)
    assert all(name in fault.path.split(".") for fault in caught.value.faults)


@pytest.mark.terraform
@pytest.mark.parametrize("given_as", ["override", "output"])
def test_terraform_gives_back_what_it_was_given(given_as, opened, plan, tmp_path):
    """Every carried value goes through an apply and comes back the same; nothing in it is evaluated."""
    carried = {case.name: case.variant for case in cases("values") if case.says.get(given_as) == CARRIED}
    short = {name: value for name, value in carried.items() if len(str(value)) < 5000}
    if given_as == "override":
        rendering = rendered(opened, plan, FIRST, overrides={"anything": short})
    else:
        rendering = rendered(opened, plan, SECOND, outputs=outputs_of(anything=carried))
    expected = short if given_as == "override" else carried

    bench = HostileBench(tmp_path)
    result = bench.apply(rendering)

    assert expected == result.outputs["anything"]


@pytest.mark.terraform
def test_the_canary_wakes_when_a_command_runs(tmp_path, canary):
    """So that it sleeps in all other tests says something."""
    provisioner = {"local-exec": {"command": f"touch {canary}"}}
    Bench(tmp_path).apply(artifact("", {"resource": {"terraform_data": {"x": {"provisioner": [provisioner]}}}}))

    assert canary.exists()
    canary.unlink()


@pytest.mark.terraform
def test_random_texts_come_back_or_are_refused(opened, plan, tmp_path):
    """Of 20,000 random texts, each is refused with its place, or is the same after an apply."""
    texts = random_texts(random.Random(4), RANDOM_TEXTS)
    with pytest.raises(InvalidDocuments) as caught:
        resolve_step(plan, SECOND, overrides={}, outputs=outputs_of(texts=texts))
    refused = {int(fault.path.rpartition(".")[2]) for fault in caught.value.faults}
    carried = [text for number, text in enumerate(texts) if number not in refused]

    result = HostileBench(tmp_path).apply(rendered(opened, plan, SECOND, outputs=outputs_of(texts=carried)))

    assert carried == result.outputs["texts"]
    assert RANDOM_TEXTS == len(carried) + len(refused)
    assert min(len(carried), len(refused)) > RANDOM_TEXTS / 10


def random_texts(chance: random.Random, count: int) -> list[str]:
    """Texts of up to 24 characters: of all of Unicode, and of those characters that languages give a meaning."""
    return ["".join(_character(chance) for _ in range(chance.randrange(25))) for _ in range(count)]


def _character(chance: random.Random) -> str:
    kind = chance.random()
    if kind < 0.2:
        return chance.choice(ALPHABET)
    return chr(chance.randrange(0x110000)) if kind < 0.6 else chr(chance.randrange(0x20, 0x7F))


def outputs_of(**values):
    """What the first component left in the XComs: *values*, and no others."""
    first = StepRef(*FIRST.split("."))
    return {OutputRef(first, name): value for name, value in {"anything": None, "texts": [], **values}.items()}


def rendered(opened, plan, step, *, overrides=None, outputs=None):
    return render_step(
        plan, step, opened.engine, opened.store, opened.cache, overrides=overrides or {}, outputs=outputs or {}
    )


class HostileBench(Bench):
    """A bench whose environment holds what would change Terraform, were it handed down."""

    def workspace(self):
        workspace = super().workspace()
        for case in cases("settings"):
            workspace.environment.update({} if "says" in case.says else case.variant)
        return workspace
