"""What a run that was stopped and cleared would leave out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowFailException

from mcop_airflow.run_conf import tasks_left_out
from mcop_core.compiler.run_conf import RunAction, run_action
from mcop_core.executions import naming
from mcop_core.refs import StepRef

if TYPE_CHECKING:
    from airflow.sdk import Context

    from mcop_core.compiler.plan import DeploymentPlan

_NAMED = 5


def check_whole(context: Context, plan: DeploymentPlan) -> None:
    """
    Make sure that a run which was cleared does all that it is about.

    Airflow skips what has not begun when a run is stopped. Clearing only what failed leaves that skipped: the run
    would end as a success without it, and a step would not wait for one that never ran.

    Raises:
        AirflowFailException: Names tasks that were skipped so.
    """
    run, ti = context["dag_run"], context["ti"]
    if not run.clear_number or run_action(run.conf) is RunAction.PREVIEW:
        return
    states = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id]).get(ti.run_id, {})
    left_out = set(tasks_left_out(plan, run.conf))
    cut_off = [task for task in _step_tasks(plan) if states.get(task) == "skipped" and task not in left_out]
    if cut_off:
        more = f" and {len(cut_off) - _NAMED} more" if len(cut_off) > _NAMED else ""
        raise AirflowFailException(
            f"this run was stopped before {len(cut_off)} of its tasks began, and they were not cleared with this one: "
            f"{', '.join(cut_off[:_NAMED])}{more}. Nothing was done. Clear them, too, or execute the manifest again"
        )


def _step_tasks(plan: DeploymentPlan) -> list[str]:
    return [naming.task_id(StepRef(*step.id.split(".")), task) for step in plan.steps for task in naming.StepTask]
