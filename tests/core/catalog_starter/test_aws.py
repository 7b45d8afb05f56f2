"""
The AWS half of the starter catalog against emulators, with the real provider.

Every primitive is planned; those that an emulator carries are applied, planned again without changes, and destroyed.
`make test` applies what is quick as one root; `make test-campaign` each primitive alone, on the emulator of its case.
"""

import re
from dataclasses import dataclass

import pytest

from mcop_core.engines.changes import Mode
from mcop_core.errors import McopError
from tests.core.catalog_starter.cases import read_cases, with_what_they_take
from tests.core.catalog_starter.world import CATALOG, TOGETHER, all_as_one, each_alone, left, put_code, step_of
from tests.emulators import running

AWS = read_cases("aws")
QUICK = {name: case for name, case in AWS.items() if case.is_quick}
EMULATORS = sorted({case.emulator for case in AWS.values()})
NAMES = {"moto_server": "moto", "ministack": "ministack"}


def test_every_primitive_has_a_case():
    """None is in the catalog that was never planned."""
    modules = {path.name for path in (CATALOG / "templates" / "terraform" / "aws").iterdir()}

    assert modules == {case.primitive for case in AWS.values()}


def test_the_readme_says_what_was_applied_where():
    """Its table has each primitive, the emulator of its case, and what that one does other than AWS."""
    text = (CATALOG / "README.md").read_text()
    rows = re.findall(r"^\| \[`([a-z0-9-]+)`\]\(templates/terraform/aws/\S+\) \| .* \| ([^|]+) \|$", text, re.MULTILINE)

    said = {case.primitive: "; ".join([NAMES[case.emulator], *case.differs.values()]) for case in AWS.values()}
    assert said == dict(rows)


def wrongly_planned(found):
    """Return step -> mode and actions, where a plan is not part of the one of all, or makes nothing."""
    said = {
        step: (changes.mode, {one.action for one in changes.resources} - {"read"}) for step, changes in found.items()
    }
    return {step: what for step, what in said.items() if what != (Mode.MERGED, {"create"})}


@pytest.mark.terraform
@pytest.mark.emulator
def test_all_are_planned_as_one(tmp_path):
    """The real provider has nothing against any of them, nothing is deferred, and everything would be made."""
    with running("ministack", tmp_path) as emulator:
        found = each_alone(tmp_path / "world", AWS, emulator).preview()

    assert {step_of(case) for case in AWS.values()} == set(found)
    assert wrongly_planned(found) == {}


@pytest.mark.terraform
@pytest.mark.emulator
def test_what_is_quick_is_applied_planned_again_and_destroyed(tmp_path):
    """As one root: the cloud lists each of them, then there is nothing to do, then nothing is left."""
    with running("ministack", tmp_path) as emulator:
        put_code(emulator)
        world = all_as_one(tmp_path / "world", QUICK, emulator)
        world.apply(TOGETHER)
        assert set(left(emulator, QUICK.values())) == {case.primitive for case in QUICK.values()}
        assert world.again(TOGETHER) == []
        world.destroy(TOGETHER)

        assert left(emulator, QUICK.values()) == {}
        assert world.held(TOGETHER) == []


# -- the manifests ------------------------------------------------------------------------------------


@pytest.mark.terraform
def test_every_manifest_compiles_and_renders(tmp_path):
    """What takes nothing from others is rendered with its values; the rest is in the plan."""
    world = each_alone(tmp_path / "world", {"vpc": AWS["vpc"]}, None)
    rendered = {name: world.rendered(name) for name in world.plans}

    assert all(rendered.values())
    assert {"terraform.tfvars.json", "backend.tf.json", ".terraform.lock.hcl"} <= set.intersection(
        *(set(artifact.files) for artifacts in rendered.values() for artifact in artifacts.values())
    )


@pytest.mark.campaign
@pytest.mark.terraform
@pytest.mark.emulator
def test_every_manifest_is_planned_as_one(tmp_path):
    """The real provider has nothing against any of them, nothing is deferred, and everything would be made."""
    with running("ministack", tmp_path) as emulator:
        world = each_alone(tmp_path / "world", {"vpc": AWS["vpc"]}, emulator)
        wrong = {name: wrongly_planned(world.preview(name)) for name in world.plans}

    assert [steps for steps in wrong.values() if steps] == []


# A whole stack applies the storefront; ministack names no secret of a database, without which no container is defined.
APPLIED = ("brochure-staging", "lake-staging")


@pytest.mark.campaign
@pytest.mark.terraform
@pytest.mark.emulator
@pytest.mark.parametrize("name", APPLIED)
def test_a_manifest_is_applied_planned_again_and_destroyed(tmp_path, name):
    """Step by step, as its DAG does it: nothing is left to do, and at the end nothing is left."""
    with running("ministack", tmp_path) as emulator:
        world = each_alone(tmp_path / "world", {"vpc": AWS["vpc"]}, emulator)
        steps = [step.id for step in world.plans[name].steps]
        for step in steps:
            world.apply(step, name)
        again = [step for step in steps if world.again(step, name)]
        for step in reversed(steps):
            world.destroy(step, name)

    assert again == []
    assert [step for step in steps if world.held(step)] == []


# -- each alone ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Lifetime:
    """What became of one primitive: how many the cloud listed, before and after, and what planning again changed."""

    listed: int
    again: tuple[str, ...]
    left: int
    error: str


@pytest.fixture(scope="module", params=EMULATORS)
def lifetimes(request, tmp_path_factory):
    """Element -> lifetime, of all cases of one emulator; what they take from is there as long as they need it."""
    folder = tmp_path_factory.mktemp(request.param)
    mine = [case for case in AWS.values() if case.emulator == request.param]
    cases = with_what_they_take(mine, AWS)
    with running(request.param, folder) as emulator:
        put_code(emulator)
        world = each_alone(folder / "world", cases, emulator)
        begun = {name: _begin(world, case, emulator) for name, case in cases.items()}
        ended = {name: _end(world, cases[name], emulator) for name in reversed(cases)}
    return {
        case: Lifetime(
            *begun[case.element][:2], ended[case.element][0], begun[case.element][2] or ended[case.element][1]
        )
        for case in mine
    }


def _begin(world, case, emulator):
    try:
        world.apply(step_of(case))
        again = world.again(step_of(case))
    except McopError as error:
        return 0, (), str(error)
    return len(case.found.ask(emulator)), tuple(again), ""


def _end(world, case, emulator):
    try:
        world.destroy(step_of(case))
    except McopError as error:
        return -1, str(error)
    return len(case.found.ask(emulator)) + len(world.held(step_of(case))), ""


@pytest.mark.campaign
@pytest.mark.terraform
@pytest.mark.emulator
def test_each_is_applied_planned_again_and_destroyed(lifetimes):
    """Alone: the cloud lists it, then there is nothing to do but what the case knows of, then nothing is left."""
    wrong = {
        case.primitive: life
        for case, life in lifetimes.items()
        if life.error or not life.listed or life.left or {line.split()[1] for line in life.again} != set(case.differs)
    }

    assert wrong == {}
