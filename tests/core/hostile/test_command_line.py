"""What stands behind `--set`, and the environment that MCOP is started with."""

from __future__ import annotations

import pytest

from mcop_core.cli.overrides import read_overrides
from mcop_core.compiler.resolution import check_overrides
from mcop_core.engines.terraform.providers import terraform_environment
from mcop_core.errors import InvalidDocuments, InvalidInput
from mcop_core.settings import Settings
from tests.core.hostile.tables import cases, each


@each("set")
def test_what_is_typed_is_refused_with_its_name(case, plan):
    """By the reader of the values or by the check of the overrides, as the command calls them."""
    with pytest.raises(InvalidInput) as caught:
        overrides = read_overrides(case.variant, {door.name: door.schema_ for door in plan.parameters})
        raise InvalidDocuments.of(check_overrides(plan, overrides))

    assert case.says["says"] in str(caught.value)
    if hidden := case.says.get("hidden"):
        assert hidden not in str(caught.value)


@each("settings", "says")
def test_a_setting_is_refused_with_its_name(case):
    """A setting that is misspelt or no number is told, not left at its default."""
    with pytest.raises(InvalidInput) as caught:
        Settings.from_environment(case.variant)

    assert case.says["says"] in str(caught.value)
    assert next(iter(case.variant)) in str(caught.value)


HANDED_DOWN = [case for case in cases("settings") if "says" not in case.says]


@pytest.mark.parametrize("case", HANDED_DOWN, ids=[case.name for case in HANDED_DOWN])
def test_terraform_does_not_see_it(case):
    """What could change Terraform, or is somebody else's secret, does not reach its environment."""
    reached = terraform_environment({"PATH": "/usr/bin", **case.variant})

    assert {} == {name: value for name, value in case.variant.items() if reached.get(name) == value}
