"""
The DAG `mcop_reconcile`: settle what Airflow calls ended and what is not.

It runs as the setting `MCOP_RECONCILE_SCHEDULE` says, or when it is triggered; its conf may name the executions to look
at, `{"executions": ["mcop.storefront-staging/manual__1"]}`. A runner that works is left alone. A worker's disk is seen
on that worker alone, so that what another one left is named, and settled by `mcop reconcile` there.
"""

from airflow.sdk import DAG, Param

from mcop_airflow.access import access_control
from mcop_airflow.operators import reconcile
from mcop_core.access.rules import ANY_NAMESPACE
from mcop_core.executions.naming import RECONCILE_DAG_ID

with DAG(
    RECONCILE_DAG_ID,
    description="Settle what Airflow calls ended and what is not.",
    doc_md=__doc__,
    schedule=reconcile.schedule(),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    access_control=access_control(ANY_NAMESPACE),
    tags={"mcop"},
    params={
        reconcile.EXECUTIONS_KEY: Param(
            None, type=["null", "array"], items={"type": "string"}, description="Left empty: all that are unsettled."
        )
    },
):
    reconcile.ReconcileOperator(task_id=reconcile.RECONCILE)
