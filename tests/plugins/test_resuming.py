"""An execution that failed: its failed tasks cleared, it goes on where it stopped."""

import pytest

from tests.plugins.small_catalog import filled
from tests.plugins.test_approval import FIRST, SECOND, Asker

pytestmark = pytest.mark.terraform


@pytest.fixture
def asker(scheduling, environment, tmp_path):
    return Asker(filled(environment, tmp_path / "states"), scheduling)


def clear_failed(dag_id, run_id, *others):
    """Clear what failed or was not run, as Airflow's API does; tasks in the states *others*, too."""
    from airflow.models.taskinstance import TaskInstance, clear_task_instances
    from airflow.utils.session import create_session

    with create_session() as session:
        found = session.query(TaskInstance).filter_by(dag_id=dag_id, run_id=run_id).all()
        clear_task_instances([ti for ti in found if str(ti.state) in ("failed", "upstream_failed", *others)], session)


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


def stop(dag, run_id):
    """Stop a run, as Airflow's API does when somebody marks it as failed."""
    from airflow.api.common.mark_tasks import set_dag_run_state_to_failed
    from airflow.serialization.serialized_objects import DagSerialization
    from airflow.utils.session import create_session

    stored = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag))
    with create_session() as session:
        set_dag_run_state_to_failed(dag=stored, run_id=run_id, commit=True, session=session)


def test_what_a_stop_cut_off_is_not_left_out_in_silence(asker, capsys):
    """Airflow skips what had not begun: cleared alone, a task names that and does nothing; with it, all is done."""
    from airflow.utils.session import create_session

    from mcop_airflow.history import DatabaseHistory

    asker.publish("halted")
    asker.start("halted", "one")
    plan = asker.plan("halted")
    stored = asker.scheduling.store_plan(plan)
    stop(stored, "one")

    clear_failed("mcop.halted", "one")
    run, tasks = asker.scheduling.follow(stored, asker.dag(plan), "one", rounds=12)
    assert (tasks["approve"], tasks[FIRST]) == ("failed", "skipped")
    with create_session() as session:
        (listed, *_) = DatabaseHistory(session).find("halted", limit=1)
        assert (run, listed.status) == ("success", "FAILED")
    told = "stopped before 4 of its tasks began, and they were not cleared with this one: platform.pair.render_first"
    assert told in capsys.readouterr().out

    clear_failed("mcop.halted", "one", "skipped")
    asker.scheduling.follow(stored, asker.dag(plan), "one", rounds=12)
    run, tasks = asker.answer("halted", "one", "Approve")
    assert (run, tasks[FIRST], tasks[SECOND]) == ("success", "success", "success")
