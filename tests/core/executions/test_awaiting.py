import pytest

from mcop_core.errors import EngineFailed, Refused
from mcop_core.executions.awaiting import await_dag
from tests.core.executions.fake_airflow import make_dag

PLAN = "f16839c9ed0087ad" * 4


def is_in(snapshot):
    return snapshot == "new"


def dag(snapshot="new", plan=PLAN, **facts):
    return make_dag("mcop.shop", bundle_version=snapshot, tags=[{"name": f"plan:{plan[:12]}"}], **facts)


def test_a_dag_is_awaited_until_graph_and_snapshot_are_the_plans(airflow, api):
    """Neither an older graph nor an older snapshot is run."""
    stages = [
        lambda: airflow.dags.update({"mcop.shop": dag("old")}),
        lambda: airflow.dags.update({"mcop.shop": dag(plan="0" * 64)}),
        lambda: airflow.dags.update({"mcop.shop": dag(is_stale=True)}),
        lambda: airflow.dags.update({"mcop.shop": dag()}),
    ]

    assert await_dag(api, "shop", PLAN, is_in, timeout_s=60, sleep=lambda pause_s: stages.pop(0)()) == "mcop.shop"
    assert stages == []


def test_a_dag_that_does_not_appear_is_told(api):
    """Nobody waits for ever."""
    ticks = iter(range(100))

    with pytest.raises(EngineFailed, match=r"does not show mcop\.shop with plan f16839c9ed00 after 5 s"):
        await_dag(api, "shop", PLAN, is_in, timeout_s=5, clock=lambda: next(ticks), sleep=lambda pause_s: None)


def test_a_dag_that_cannot_be_loaded_is_told_at_once(airflow, api):
    """Airflow's own import error ends the waiting, and is shown."""
    airflow.import_errors = [{"filename": "dags/shop.py", "stack_trace": "ImportError: no module"}]

    with pytest.raises(Refused, match="ImportError: no module"):
        await_dag(api, "shop", PLAN, is_in, timeout_s=600)


@pytest.mark.parametrize("plan", [PLAN, "0" * 64])
def test_a_paused_dag_is_not_awaited(airflow, api, plan):
    """A run of a paused DAG would be queued for ever; Airflow may not even look at its file any more."""
    airflow.dags["mcop.shop"] = dag(plan=plan, is_paused=True)

    with pytest.raises(Refused, match="paused"):
        await_dag(api, "shop", PLAN, is_in, timeout_s=600)
