"""The stack's executor in Airflow's own scheduler: what becomes of a task that is answered quicker than it parks."""

from datetime import UTC, datetime

import pytest

from mcop_core.executions import naming
from tests.plugins.plans import storefront

RUN = "quick-answer"


@pytest.fixture
def executor(airflow_database):
    """Nobody works for it: the test says what its workers report."""
    from mcop_airflow.executor import ResumingLocalExecutor

    class Unmanned(ResumingLocalExecutor):
        def _spawn_workers_with_gc_freeze(self, spawn_number):
            pass

    unmanned = Unmanned(parallelism=2)
    unmanned.start()
    yield unmanned
    unmanned.end()


@pytest.fixture
def task(scheduling):
    """A task of a run, as any other: what becomes of it does not depend on what it does."""
    stored = scheduling.store_plan(storefront())
    scheduling.create_run(stored, RUN, datetime.now(UTC))
    yield (stored.dag_id, RUN, naming.ADMIT_TASK_ID)
    scheduling.forget_runs()


def give(executor, session, task):
    """Have *executor* give *task* to a worker, as the scheduler does, and the worker start it."""
    from airflow.executors.workloads import ExecuteTask

    ti = instance(session, task)
    executor.queue_workload(ExecuteTask.make(ti), session=session)
    executor.heartbeat()
    ti.state = "running"
    session.flush()
    return ti.key


def report(executor, session, key, state="success"):
    """Have a worker report that it ended, and the scheduler read it."""
    from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
    from airflow.models.dagbag import DBDagBag

    executor.result_queue.put((key, state, None))
    executor.heartbeat()
    SchedulerJobRunner.process_executor_events(executor, None, DBDagBag(), session)
    session.flush()


def instance(session, task):
    from airflow.models.taskinstance import TaskInstance

    dag_id, run_id, task_id = task
    return session.query(TaskInstance).filter_by(dag_id=dag_id, run_id=run_id, task_id=task_id).one()


@pytest.mark.parametrize("state", ["success", "failed"])
def test_the_end_of_the_worker_that_parked_a_task_does_not_end_the_worker_that_resumed_it(executor, task, state):
    """The second worker has it before the first one reports, since somebody answered at once."""
    from airflow.utils.session import create_session

    with create_session() as session:
        key = give(executor, session, task)
        assert give(executor, session, task) == key
        report(executor, session, key, state)
        assert instance(session, task).state == "running"


def test_a_worker_that_ends_without_a_word_of_the_task_still_fails_its_attempt(executor, task):
    """Airflow's own safeguard holds for the one worker that an attempt has, and for the last one."""
    from airflow.utils.session import create_session

    with create_session() as session:
        report(executor, session, give(executor, session, task))
        assert instance(session, task).state != "running"
        session.rollback()

    with create_session() as session:
        key = give(executor, session, task)
        give(executor, session, task)
        report(executor, session, key)
        report(executor, session, key)
        assert instance(session, task).state != "running"
