"""Whom an error of a merged plan is about, by what Terraform's diagnostics say."""

import json

import pytest

from mcop_core.engines.terraform.blame import blame, named
from mcop_core.engines.terraform.merge import MergedRoot

A, B = "w.p.a", "w.p.b"
ROOT = MergedRoot(
    files={},
    state=b"",
    modules={"w-p-a": A, "w-p-b": B},
    outputs={},
    aliases={"c0": frozenset({A, B}), "c1": frozenset({B})},
    providers={"hashicorp/aws": frozenset({B})},
)
VERSION = {"type": "version", "terraform": "1.11.4"}
SUMMARY = {"type": "change_summary", "changes": {"add": 1}}

PLACED = {
    "by its address": ({"address": "module.w-p-a.aws_vpc.this"}, {A}),
    "by its file": ({"range": {"filename": "w-p-b/main.tf"}}, {B}),
    "by the call that it stands in": (
        {"range": {"filename": "modules.tf.json"}, "snippet": {"context": "module.w-p-a"}},
        {A},
    ),
    "by a provider's alias, all that plan through it": (
        {"address": 'provider["registry.terraform.io/hashicorp/aws"].c0'},
        {A, B},
    ),
}
NOT_PLACED = {
    "only words name it": ({"detail": "module.w-p-b.id is not known"}, {B}),
    "only a variable of the root does": ({"detail": "var.e1-name is refused"}, {B}),
    "nothing does": ({"detail": "out of memory"}, set()),
}


def lines(*events):
    return [json.dumps(event) for event in events]


def error(**facts):
    return {"type": "diagnostic", "diagnostic": {"severity": "error", **facts}}


@pytest.mark.parametrize(("facts", "steps"), PLACED.values(), ids=PLACED)
def test_an_error_that_stands_in_components_is_exactly_theirs(facts, steps):
    """Then what the plan says of the others can be relied on."""
    assert blame(lines(VERSION, error(**facts)), ROOT) == {"steps": steps, "is_exact": True, "was_planned": False}


@pytest.mark.parametrize(("facts", "steps"), NOT_PLACED.values(), ids=NOT_PLACED)
def test_an_error_that_stands_nowhere_is_exactly_nobodys(facts, steps):
    """Whoever it names is blamed, and nothing is concluded of the others, whatever stands beside it."""
    placed = error(address="module.w-p-a.aws_vpc.this")

    assert blame(lines(VERSION, error(**facts)), ROOT)["steps"] == steps
    for said in (lines(error(**facts)), lines(placed, error(**facts)), lines(error(**facts), placed)):
        assert not blame(said, ROOT)["is_exact"]


def test_a_warning_blames_nobody():
    """It may stand in any component."""
    warning = {"type": "diagnostic", "diagnostic": {"severity": "warning", "address": "module.w-p-b.aws_vpc.this"}}

    assert blame(lines(warning, error(address="module.w-p-a.aws_vpc.this")), ROOT)["steps"] == {A}


def test_whether_it_came_to_planning_shows_in_what_was_said():
    """Of a faulty configuration Terraform says its version and the errors; lines that are no events say nothing."""
    faulty = lines(VERSION, error(address="module.w-p-a"))

    assert not blame([*faulty, "no event", "[]", "1"], ROOT)["was_planned"]
    assert blame([*faulty, *lines(SUMMARY)], ROOT)["was_planned"]


def test_an_error_of_an_installation_is_about_files_and_providers():
    """By whole names alone."""
    assert named("Module w-p-a cannot be read", ROOT) == {A}
    assert named("provider hashicorp/aws: no package", ROOT) == {B}
    assert named("w-p-abc and hashicorp/awscc", ROOT) == frozenset()
