"""
A scheduler in this process: creates a run from one DAG's stored graph and runs its tasks from another's files.

Airflow's own `DAG.test` does this for one DAG; here graph and files may differ, as they do when a file that is parsed
while the bundle moves on is stored under the new version.
"""

from datetime import UTC, datetime
from pathlib import Path

from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import BundleDagBag, sync_bag_to_db
from airflow.models.dagrun import DagRun, get_or_create_dagrun
from airflow.models.hitl import HITLDetail, HITLUser
from airflow.models.taskinstance import TaskInstance
from airflow.models.trigger import handle_event_submit
from airflow.sdk import DAG, timezone
from airflow.sdk.definitions.dag import _run_task
from airflow.serialization.serialized_objects import DagSerialization
from airflow.triggers.base import TriggerEvent
from airflow.utils.session import create_session
from airflow.utils.state import TaskInstanceState
from airflow.utils.types import DagRunTriggeredByType, DagRunType

from mcop_airflow.snapshot_folder import SnapshotFiles, write_folder
from mcop_core.compiler.plan import DeploymentPlan
from mcop_core.refs import ObjectRef
from tests.plugins import airflow_home

Ended = tuple[str, dict[str, str]]
"""The state of a run, and task id -> state."""


def forget_runs() -> None:
    """Delete every run that other tests left, the unfinished ones too."""
    with create_session() as session:
        for one in session.query(DagRun):
            session.delete(one)


def store_dags(folder: Path) -> BundleDagBag:
    """Parse the DAG files in *folder* and store what they hold, as the DAG processor does."""
    with create_session() as session:
        DagBundlesManager().sync_bundles_to_db(session=session)
    bag = BundleDagBag(dag_folder=folder, bundle_path=folder, bundle_name="dags-folder")
    sync_bag_to_db(bag, "dags-folder", None)
    return bag


def store_plan(plan: DeploymentPlan, *, destroys: bool = False) -> DAG:
    """Store the DAGs of *plan* in Airflow's database, and return the one that deploys it, or the other."""
    name = ObjectRef.parse(plan.manifest).name
    folder = airflow_home.DAGS / f"{name}-{plan.digest[:8]}"
    write_folder(folder, SnapshotFiles({name: (plan.digest, plan.to_json())}))
    bag = store_dags(folder)
    assert not bag.import_errors
    return bag.dags[f"mcop.{name}.destroy" if destroys else f"mcop.{name}"]


def run(stored: DAG, files: DAG | None = None, *, conf=None, run_id: str | None = None, **following) -> Ended:
    """
    Run a DAG to its end and return the state of the run and of each task.

    Args:
        stored: What the scheduler knows: the graph that the run is created from.
        files: What the workers load: the tasks that are run; by default the same.
        following: As `follow` takes it.
    """
    now = datetime.now(UTC)
    run_id = run_id or DagRun.generate_run_id(run_type=DagRunType.MANUAL, logical_date=now, run_after=now)
    create_run(stored, run_id, now, conf=conf)
    return follow(stored, files or stored, run_id, **following)


def create_run(stored: DAG, run_id: str, now: datetime, *, conf=None) -> None:
    """Create a run of *stored* that the user `tester` triggered *now*."""
    with create_session() as session:
        get_or_create_dagrun(
            dag=DagSerialization.deserialize_dag(DagSerialization.serialize_dag(stored)),
            start_date=now,
            logical_date=now,
            data_interval=(now, now),
            run_after=now,
            run_id=run_id,
            session=session,
            conf=conf,
            triggered_by=DagRunTriggeredByType.TEST,
            triggering_user_name="tester",
        )


def follow(stored: DAG, files: DAG, run_id: str, *, rounds: int = 1000, beside=lambda: None) -> Ended:
    """
    Run what there is to run of a run that was created.

    Args:
        rounds: How often to look for tasks that are ready, where the run does not end.
        beside: Called before each look: what else the scheduler has to do.
    """
    with create_session() as session:
        created = session.query(DagRun).filter_by(dag_id=files.dag_id, run_id=run_id).one()
        created.dag = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(stored))
        created.state = "running"
        while created.state == "running" and rounds:
            rounds -= 1
            beside()
            session.expire_all()
            created.update_state(session=session)
            _run_ready(created, files, session)
        session.expire_all()
        return str(created.state), {ti.task_id: str(ti.state) for ti in created.get_task_instances(session=session)}


def _run_ready(created: DagRun, files: DAG, session) -> None:
    decision = created.task_instance_scheduling_decisions(session=session)
    for ti in decision.schedulable_tis:
        ti.try_number += 1
        ti.state = TaskInstanceState.SCHEDULED
    answered = [ti for ti in created.get_task_instances(session=session) if ti.state == TaskInstanceState.SCHEDULED]
    session.commit()
    for ti in {*decision.schedulable_tis, *answered}:
        if ti.task_id in files.task_dict:
            _run_task(ti=ti, task=files.task_dict[ti.task_id], run_triggerer=True)
        else:  # A worker does not find the task in its files; after retries it fails.
            ti.set_state(TaskInstanceState.FAILED)


def question(dag_id: str, run_id: str, task_id: str) -> HITLDetail:
    """Return the required action of a task that waits for a person."""
    with create_session() as session:
        return _waiting(session, dag_id, run_id, task_id)[1]


def answer(dag_id: str, run_id: str, task_id: str, option: str, user: str) -> None:
    """Answer a required action, as the route of Airflow's API does once it has let *user* in."""
    with create_session() as session:
        ti, detail = _waiting(session, dag_id, run_id, task_id)
        assert option in detail.options
        detail.responded_by = HITLUser(id=user, name=user.title())
        detail.responded_at = timezone.utcnow()
        detail.chosen_options, detail.params_input = [option], {}
        session.flush()
        handle_event_submit(TriggerEvent(detail.as_resume_event_payload()), task_instance=ti, session=session)


def _waiting(session, dag_id: str, run_id: str, task_id: str) -> tuple[TaskInstance, HITLDetail]:
    ti = session.query(TaskInstance).filter_by(dag_id=dag_id, run_id=run_id, task_id=task_id).one()
    assert ti.state == TaskInstanceState.AWAITING_INPUT
    return ti, session.query(HITLDetail).filter_by(ti_id=ti.id).one()
