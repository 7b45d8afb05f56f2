"""The checker of modules finds wrong names and types; its schemas are those of versions that the adapters allow."""

from pathlib import Path

import pytest
import yaml

from mcop_core.catalog.versions import satisfies
from mcop_core.engines.terraform.blocks import Expression
from mcop_core.engines.terraform.module_interface import read_interface
from tests.starter.checker import check_module, fits
from tests.starter.schemas import CHECKED, STARTER, module_id, read_module, schemas, used_types

CASES = yaml.safe_load((Path(__file__).parents[1] / "cases" / "starter" / "broken_modules.yaml").read_text())
CLOUDS = ("azure", "digitalocean", "gcp", "kubernetes")
ADAPTERS = [yaml.safe_load((STARTER / cloud / f"adapters/{cloud}-terraform.yaml").read_text()) for cloud in CLOUDS]


@pytest.mark.parametrize("module", CHECKED, ids=module_id)
def test_a_module_uses_what_its_provider_has(module):
    """Every type, attribute, block and reference is in the provider's schema."""
    assert [str(fault) for fault in check_module(read_module(module), schemas().values())] == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_mistake_is_found(case):
    """Each mistake is told with its file, and with the nearest right name where there is one near."""
    files = read_module(next(module for module in CHECKED if module.parent.name == case["module"]))
    name = case.get("file", "main.tf")
    for before, after in case["change"].items():
        assert before in files[name].decode()
        files[name] = files[name].decode().replace(before, after, 1).encode()

    told = [str(fault) for fault in check_module(files, schemas().values())]

    assert [text for text in case["told"] if not any(text in one for one in told)] == []
    assert any(one.startswith(f"{name}:") for one in told)


FITS = [
    ("string", "a", True),
    ("string", 1, True),
    ("string", ["a"], False),
    ("number", "12", True),
    ("number", "a", False),
    ("number", True, False),
    ("bool", "true", True),
    ("bool", 1, False),
    ("list(string)", ["a", Expression("var.b")], True),
    ("list(string)", "a", False),
    ("list(number)", ["a"], False),
    ("map(string)", {"a": "b"}, True),
    ("map(string)", ["a"], False),
    ("list(string)", Expression('"a-${var.b}"'), False),
    ("list(string)", Expression('"a" == var.b ? [] : ["c"]'), True),
    ("number", Expression("var.b"), True),
    ("number", None, True),
]


@pytest.mark.parametrize(("type_", "value", "expected"), FITS)
def test_a_literal_fits_its_type_or_does_not(type_, value, expected):
    """As Terraform converts values: numbers and booleans to texts and back, and nothing to a list."""
    assert fits(value, type_) is expected


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: adapter["name"])
def test_a_schema_is_of_a_version_that_the_adapter_allows(adapter):
    """What was checked is what a publication can choose."""
    settings = adapter["settings"]

    assert satisfies(schemas()[settings["source"]]["version"], settings["version"])


@pytest.mark.parametrize("module", CHECKED, ids=module_id)
def test_a_schema_is_of_a_version_that_the_module_allows(module):
    """The module's own constraint does not exclude the version that it was checked against."""
    required = read_interface(read_module(module)).providers

    assert [] == [
        name for name, one in required.items() if not satisfies(schemas()[one.source]["version"], one.version)
    ]


def test_nothing_is_written_down_that_no_module_uses():
    """The schemas are those of the modules' types and of no others, so that they stay small."""
    used = used_types()

    for kind in ("resource", "data"):
        assert sorted(used[kind]) == sorted(name for one in schemas().values() for name in one[kind])
