"""Engines by name."""

from importlib.metadata import EntryPoint, PathDistribution

import pytest

from mcop_core.bootstrap import open_engine
from mcop_core.engines.adapters import GROUP, load_engine
from mcop_core.engines.terraform.engine import TerraformEngine
from mcop_core.entry_points import registered
from mcop_core.errors import BrokenPackage, Conflict, InvalidInput, UnknownName
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


class Lacking:
    name = "lacking"

    def __init__(self, settings):
        if settings.terraform == "refused":
            raise InvalidInput("this setting is none")
        if settings.terraform == "crashes":
            raise KeyError("nothing")

    def describe(self, files): ...


BROKEN = {
    "no such module": ("no_such_module:Engine", {}, r"No module named 'no_such_module'"),
    "no such class": ("mcop_core.engines.base:Engin", {}, r"has no attribute 'Engin'"),
    "a constructor that fails": (f"{__name__}:Lacking", {"terraform": "crashes"}, r"KeyError: 'nothing'"),
    "methods that are missing": (f"{__name__}:Lacking", {}, r"lacks admit, lint, lock, .*settle"),
    "another name": ("mcop_core.engines.terraform.engine:TerraformEngine", {}, r"calls itself 'terraform'"),
}


@pytest.mark.parametrize(("value", "settings", "said"), BROKEN.values(), ids=BROKEN)
def test_what_a_package_registers_and_cannot_be_used_is_told_with_the_package(value, settings, said, tmp_path):
    """Whoever installed it learns which one it is, and what of it is broken."""
    (tmp_path / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-engines\nVersion: 2.0\n")
    (tmp_path / "entry_points.txt").write_text(f"[{GROUP}]\nlacking = {value}\n")
    (point,) = PathDistribution(tmp_path).entry_points
    with pytest.raises(BrokenPackage, match=rf"engine 'lacking', {value} of acme-engines 2.0, .*{said}") as caught:
        load_engine("lacking", Settings(**settings), [point])

    assert caught.value.package == "acme-engines"


def test_what_an_engine_says_of_the_settings_is_told_as_it_is():
    """It is no fault of the package."""
    with pytest.raises(InvalidInput, match=r"^this setting is none$"):
        load_engine("lacking", Settings(terraform="refused"), [EntryPoint("lacking", f"{__name__}:Lacking", GROUP)])
