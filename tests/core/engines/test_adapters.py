"""Engines by name."""

from importlib.metadata import EntryPoint

import pytest

from mcop_core.bootstrap import open_engine
from mcop_core.engines.adapters import GROUP, load_engine
from mcop_core.engines.terraform.engine import TerraformEngine
from mcop_core.entry_points import registered
from mcop_core.errors import Conflict, UnknownName
from mcop_core.settings import Settings

TERRAFORM = EntryPoint("terraform", "mcop_core.engines.terraform.engine:TerraformEngine", GROUP)
OTHER = EntryPoint("terraform", "somebody.elses:Engine", GROUP)


def test_terraform_is_installed():
    """The project registers its own engine as any other package would."""
    engine = open_engine("terraform", Settings())

    assert isinstance(engine, TerraformEngine)
    assert engine.name == "terraform"


def test_an_unknown_name_lists_the_known_ones():
    """And the nearest of them."""
    with pytest.raises(UnknownName, match='Did you mean "terraform"') as caught:
        load_engine("terrafrom", Settings(), [TERRAFORM])

    assert (caught.value.known, caught.value.suggestion) == (("terraform",), "terraform")


def test_no_engine_at_all_is_said():
    """The list may be empty."""
    with pytest.raises(UnknownName, match="Registered: none"):
        load_engine("terraform", Settings(), [])


def test_two_engines_of_one_name_are_a_conflict():
    """Which one would run must not depend on the order of installation; the same one twice is one."""
    assert list(registered(GROUP, "engine", [TERRAFORM, TERRAFORM])) == ["terraform"]
    with pytest.raises(Conflict, match=r"somebody\.elses:Engine"):
        registered(GROUP, "engine", [TERRAFORM, OTHER])
