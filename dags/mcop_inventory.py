"""
The DAG `mcop_inventory`: what there is on all configured clouds, and how they are.

It runs as the setting `MCOP_INVENTORY_SCHEDULE` says, where clouds are configured, or when it is triggered; its conf
may name the clouds, `{"clouds": ["ocean"]}`. Each region of each cloud is looked at by a task of its own: one that
fails hides no other. What was found lies in the artifact store, and the event of the asset `mcop_inventory` says where.
"""

from airflow.sdk import DAG

from mcop_airflow.access import access_control
from mcop_airflow.clouds_conf import inventory_params
from mcop_airflow.operators import inventory
from mcop_core.access.rules import ANY_NAMESPACE
from mcop_core.executions.naming import INVENTORY_DAG_ID

AT_ONCE = 8
"""Looks at a time."""

with DAG(
    INVENTORY_DAG_ID,
    description="Say what there is on all clouds, and how they are.",
    doc_md=__doc__,
    schedule=inventory.schedule(),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    tags={"mcop"},
    access_control=access_control(ANY_NAMESPACE),
    params=inventory_params(),
):
    find = inventory.FindPlacesOperator(task_id=inventory.FIND)
    look = inventory.LookOperator.partial(task_id=inventory.LOOK, max_active_tis_per_dagrun=AT_ONCE)
    (
        find
        >> look.expand_kwargs(find.output)
        >> inventory.ReportOperator(task_id=inventory.REPORT, trigger_rule="all_done")
    )
    inventory.HealthOperator(task_id=inventory.HEALTH)
