"""
The DAG `mcop_drift`: what in the cloud is not as it was deployed.

It runs as the setting `MCOP_DRIFT_SCHEDULE` says, or when it is triggered; its conf may name the manifests to look at,
`{"manifests": ["storefront-staging"]}`. Each look is one read-only Terraform plan of the manifests whose providers are
configured alike. The log of `report` has what was found; a manifest whose `drift.remediate` is set is executed, with
the preview and the approval that it asks for.
"""

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, Param

from mcop_airflow.access import access_control
from mcop_airflow.operators import drift
from mcop_core.access.rules import ANY_NAMESPACE
from mcop_core.executions.naming import DRIFT_DAG_ID

AT_ONCE = 2
"""Looks at a time; each runs Terraform and its providers."""

with DAG(
    DRIFT_DAG_ID,
    description="Say what in the cloud is not as it was deployed.",
    doc_md=__doc__,
    schedule=drift.schedule(),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    tags={"mcop"},
    access_control=access_control(ANY_NAMESPACE),
    params={
        drift.MANIFESTS_KEY: Param(
            None, type=["null", "array"], items={"type": "string"}, description="Left empty: all that are due."
        )
    },
):
    find = drift.FindDeployedOperator(task_id=drift.FIND)
    look = drift.LookOperator.partial(task_id=drift.LOOK, max_active_tis_per_dagrun=AT_ONCE).expand_kwargs(find.output)
    report = drift.ReportOperator(task_id=drift.REPORT, trigger_rule="all_done")
    remedy = TriggerDagRunOperator.partial(task_id=drift.REMEDY, skip_when_already_exists=True)
    find >> look >> report >> remedy.expand_kwargs(report.output)
