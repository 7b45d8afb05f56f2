"""The catalog before and after it is published, and the canary that no hostile input may wake."""

from __future__ import annotations

import pytest

from tests.core.hostile.catalog import Door
from tests.core.hostile.tables import CANARY


@pytest.fixture
def door(tmp_path) -> Door:
    """The folder, and nothing published yet."""
    return Door(tmp_path)


@pytest.fixture(scope="module")
def opened(tmp_path_factory) -> Door:
    """The folder, published."""
    door = Door(tmp_path_factory.mktemp("opened"))
    door.publish()
    return door


@pytest.fixture(scope="module")
def plan(opened):
    """The plan of the one manifest."""
    return opened.plan()


@pytest.fixture(autouse=True)
def canary():
    """Nothing that a test carries creates the canary."""
    yield CANARY

    assert not CANARY.exists(), "a command in a hostile input ran"
