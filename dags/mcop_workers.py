"""
The DAG `mcop_workers`: create, list and delete workers, which are virtual machines, on any configured cloud.

It runs when it is triggered, by its form or by REST: `{"action": "create", "cloud": "ocean", "names": ["web"],
"count": 2}`. The same conf again makes nothing twice. `delete-all` needs the number of workers as `count`: with another
one nothing is deleted. While a cloud starts or deletes something the triggerer waits.
"""

from airflow.sdk import DAG

from mcop_airflow.access import access_control
from mcop_airflow.clouds_conf import workers_params
from mcop_airflow.operators import workers
from mcop_core.access.rules import ANY_NAMESPACE
from mcop_core.executions.naming import WORKERS_DAG_ID

with DAG(
    WORKERS_DAG_ID,
    description="Create, list and delete workers on any cloud.",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    is_paused_upon_creation=False,
    tags={"mcop"},
    access_control=access_control(ANY_NAMESPACE, destroys=True),
    render_template_as_native_obj=True,
    params=workers_params(),
):
    cloud, names, count = "{{ params.cloud }}", "{{ params.names }}", "{{ params.count }}"
    workers.ChooseOperator(task_id=workers.CHOOSE) >> [
        workers.CreateWorkersOperator(
            task_id=workers.task_id("create"), cloud=cloud, names=names, count=count, places="{{ params.places }}"
        ),
        workers.ListWorkersOperator(task_id=workers.task_id("list"), cloud=cloud),
        workers.DeleteWorkersOperator(task_id=workers.task_id("delete"), cloud=cloud, names=names),
        workers.DeleteAllWorkersOperator(task_id=workers.task_id("delete-all"), cloud=cloud, expected=count),
    ]
