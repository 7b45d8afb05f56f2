"""The measurements can begin, and the floor of `bench.dags` builds what MCOP builds."""

import importlib

import pytest

from bench.__main__ import NAMES
from bench.dags import measure
from bench.plans import write_plans


@pytest.mark.parametrize("name", NAMES)
def test_a_measurement_can_begin(name):
    """It finds what it measures where that lies now."""
    assert callable(importlib.import_module(f"bench.{name}").run)


def test_the_floor_builds_the_same_dags(tmp_path):
    """Else the measurement ends instead of printing a ratio."""
    building, *sizes = measure(write_plans(tmp_path, 1))

    assert "x the floor" in building
    assert [line.split(":")[0] for line in sizes] == [
        "serialised size of mcop.shop0",
        "serialised size of mcop.shop0.destroy",
    ]
