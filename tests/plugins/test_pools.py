"""The pools of `MCOP_POOLS` in Airflow: who makes them, and who waits for them."""

import json
from types import SimpleNamespace

import pytest

from mcop_airflow.dag_factory import build_dag, build_destroy_dag
from mcop_core.errors import InvalidInput
from tests.plugins.plans import storefront
from tests.plugins.test_mcop_plugin import load_plugin


@pytest.fixture
def jobs(airflow_database):
    """Return what starts a job of Airflow with the plugin's listener, as every process of it but a task does."""
    from airflow.jobs.job import Job
    from airflow.listeners.listener import get_listener_manager

    (maker,) = load_plugin().listeners
    manager = get_listener_manager()
    manager.add_listener(maker)
    yield Job
    manager.pm.unregister(maker)


def test_whoever_starts_makes_the_pools_before_anything_waits_for_them(jobs, monkeypatch):
    """A new number of slots holds from the next start on."""
    from airflow.models.pool import Pool

    for slots in (2, 3):
        monkeypatch.setenv("MCOP_POOLS", json.dumps({"local/worker/*": slots}))
        jobs()
        assert Pool.get_pool("mcop.local.worker.all").slots == slots


def test_a_task_makes_no_pools(airflow_database, monkeypatch):
    """It has no database."""
    from airflow.models.pool import Pool

    monkeypatch.setenv("MCOP_POOLS", '{"tasks/worker/*": 2}')
    (maker,) = load_plugin().listeners
    maker.on_starting(SimpleNamespace())

    assert Pool.get_pool("mcop.tasks.worker.all") is None


def test_a_setting_that_cannot_be_read_is_told_by_every_dag(monkeypatch):
    """Tasks would wait for ever for a pool that nobody made."""
    monkeypatch.setenv("MCOP_POOLS", "2")

    with pytest.raises(InvalidInput, match="MCOP_POOLS is int"):
        build_dag(storefront())


def test_operations_wait_for_their_pool_and_renderings_do_not(monkeypatch):
    """Deploying and destroying; without the setting the pool is Airflow's own."""
    monkeypatch.setenv("MCOP_POOLS", '{"local/worker/*": 2}')
    dags = [build_dag(storefront()), build_destroy_dag(storefront())]
    pools = {task.task_id.split(".")[-1].split("_")[0]: task.pool for dag in dags for task in dag.tasks}
    monkeypatch.delenv("MCOP_POOLS")

    assert {pools[word] for word in ("apply", "destroy")} == {"mcop.local.worker.all"}
    assert {pools[word] for word in ("render", "admit", "preview", "remove")} == {"default_pool"}
    assert {task.pool for task in build_dag(storefront()).tasks} == {"default_pool"}
