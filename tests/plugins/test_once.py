"""One key is one execution, against Airflow's own routes and database."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier

import pytest
from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session

from mcop_core.errors import Unreachable
from mcop_core.executions.requests import run_id_of, start_execution
from tests.plugins.test_admit import small

TRIGGERS = 50

pytestmark = pytest.mark.campaign


def test_fifty_triggers_with_one_key_are_one_execution(scheduling):
    """All at once, each asking until it is answered; everybody is given the execution that one of them started."""
    from tests.plugins.serving import Airflow

    dag = scheduling.store_plan(small())
    airflow, start = Airflow(), Barrier(TRIGGERS)

    def trigger(number):
        with airflow.api() as api:
            start.wait()
            while True:
                with suppress(Unreachable):  # SQLite has no connection left
                    return start_execution(api, "raced", "", {}, run_id=run_id_of("build-4711"))

    with ThreadPoolExecutor(TRIGGERS) as pool:
        told = {record.id for record in pool.map(trigger, range(TRIGGERS))}
    with create_session() as session:
        runs = [run.run_id for run in session.query(DagRun).filter_by(dag_id=dag.dag_id)]

    assert {f"{dag.dag_id}/mcop__key__build-4711"} == told
    assert 1 == runs.count("mcop__key__build-4711")
