"""The floor of `bench.dags` builds what MCOP builds, or the ratio means nothing."""

from bench.dags import measure
from bench.plans import write_plans


def test_the_floor_builds_the_same_dags(tmp_path):
    """Else the measurement ends instead of printing a ratio."""
    building, *sizes = measure(write_plans(tmp_path, 1))

    assert "x the floor" in building
    assert [line.split(":")[0] for line in sizes] == [
        "serialised size of mcop.shop0",
        "serialised size of mcop.shop0.destroy",
    ]
