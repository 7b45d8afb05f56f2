"""
The DAG `mcop_execute`: the trigger for other systems.

Its conf is `{"manifest_name", "manifest_version"?, "overrides"?, "action"?, "only"?, "with_dependants"?,
"output_path"?}`. It makes the named version the active one, starts the manifest's own DAG and follows it, so that its
state is the execution's.
"""

from airflow.sdk import DAG, Param, chain

from mcop_airflow.access import access_control
from mcop_airflow.execution_request import PARAMS
from mcop_airflow.operators import execute
from mcop_core.access.rules import ANY_NAMESPACE
from mcop_core.executions.naming import EXECUTE_DAG_ID

with DAG(
    EXECUTE_DAG_ID,
    description="Execute a manifest: the trigger for other systems.",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    is_paused_upon_creation=False,
    tags={"mcop"},
    access_control=access_control(ANY_NAMESPACE),
    params={
        "manifest_name": Param(**PARAMS["manifest_name"]),
        "manifest_version": Param(None, **PARAMS["manifest_version"]),
        "overrides": Param(None, **PARAMS["overrides"]),
        "action": Param(None, **PARAMS["action"]),
        "only": Param(None, **PARAMS["only"]),
        "with_dependants": Param(None, **PARAMS["with_dependants"]),
        "output_path": Param(None, **PARAMS["output_path"]),
    },
):
    chain(
        execute.ActivateOperator(task_id=execute.ACTIVATE),
        execute.AwaitDagSensor(task_id=execute.AWAIT_DAG),
        execute.DeployOperator(task_id=execute.DEPLOY),
        execute.WriteOutputsOperator(task_id=execute.WRITE_OUTPUTS),
    )
