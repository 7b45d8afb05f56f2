"""An execution that failed: its failed tasks cleared, it goes on where it stopped."""

import pytest

from tests.plugins.small_catalog import filled
from tests.plugins.test_approval import FIRST, SECOND, Asker

pytestmark = pytest.mark.terraform


@pytest.fixture
def asker(scheduling, environment, tmp_path):
    return Asker(filled(environment, tmp_path / "states"), scheduling)


def clear_failed(dag_id, run_id):
    """Clear what failed or was not run, as Airflow's API does."""
    from airflow.models.taskinstance import TaskInstance, clear_task_instances
    from airflow.utils.session import create_session

    with create_session() as session:
        found = session.query(TaskInstance).filter_by(dag_id=dag_id, run_id=run_id).all()
        clear_task_instances([ti for ti in found if str(ti.state) in ("failed", "upstream_failed")], session)


def test_cleared_it_goes_on_where_it_stopped(asker):
    """Under the same approval; what was applied is not applied again."""
    asker.publish("stopped")
    asker.start("stopped", "one")
    lock = asker.catalog.states / "team/stopped/platform/pair/second.tfstate.tflock"
    lock.parent.mkdir(parents=True)
    lock.write_text('{"ID": "x", "Who": "ann"}')
    run, tasks = asker.answer("stopped", "one", "Approve")
    assert (run, tasks[FIRST], tasks[SECOND], tasks["remove"]) == ("failed", "success", "failed", "upstream_failed")
    applied = asker.xcoms("one", "mcop.stopped")[FIRST, "mcop.result"]

    lock.unlink()
    clear_failed("mcop.stopped", "one")
    plan = asker.plan("stopped")
    run, tasks = asker.scheduling.follow(asker.scheduling.store_plan(plan), asker.dag(plan), "one", rounds=12)

    assert (run, tasks["approve"], tasks[SECOND], tasks["remove"]) == ("success", "success", "success", "skipped")
    assert asker.xcoms("one", "mcop.stopped")[FIRST, "mcop.result"] == applied
