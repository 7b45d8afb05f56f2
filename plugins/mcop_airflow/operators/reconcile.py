"""The task of `mcop_reconcile`: settle what Airflow calls ended and what is not."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from mcop_airflow.connections import connections_of_request
from mcop_airflow.failures import final_unless_unreachable
from mcop_airflow.metrics import reconciled
from mcop_airflow.reporter import LogReporter
from mcop_core.bootstrap import open_store
from mcop_core.executions.naming import split_id
from mcop_core.settings import Settings

if TYPE_CHECKING:
    from airflow.sdk import Context

    from mcop_core.executions.record import ExecutionRecord

RECONCILE = "reconcile"
"""Task id."""
EXECUTIONS_KEY = "executions"
"""Conf key: ids of the executions to look at; left out: all that are unsettled."""


def schedule() -> str | None:
    """Return when the DAG runs by itself, cron; None for never."""
    return Settings.from_environment(os.environ).reconcile_schedule or None


class ReconcileOperator(BaseOperator):
    """
    Settle what Airflow calls ended and what is not; fail if something stays that nobody works on.

    An unreachable store is tried again twice, after 30 seconds each. No field is templated.
    """

    template_fields = ()

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**{"retries": 2, "retry_delay": timedelta(seconds=30), "do_xcom_push": False, **kwargs})

    def execute(self, context: Context) -> None:
        """Look, settle, and log one line for each finding."""
        from mcop_core.settling import Reconciler, Verdict

        settings, reporter = Settings.from_environment(os.environ), LogReporter(self.log)
        wanted = (context["dag_run"].conf or {}).get(EXECUTIONS_KEY) or None
        with final_unless_unreachable():
            store = open_store(settings.artifact_store)
            reconciler = Reconciler(
                store,
                settings,
                dict(os.environ),
                lambda execution: _word(context["ti"], execution),
                lambda level, line: reporter.log(line, level=level),
                secrets=lambda request: connections_of_request(store, request, settings),
            )
            findings = reconciler.run(wanted)
        for finding in findings:
            self.log.info("%s: %s: %s", finding.verdict, finding.execution, finding.text)
        left = [finding.step for finding in findings if finding.verdict is Verdict.LEFT]
        reconciled(len(left))
        if left:
            raise AirflowFailException(f"not settled: {', '.join(left)}")


def _word(ti: Any, execution: str) -> ExecutionRecord | None:
    """Return what Airflow says of an execution and its tasks, None if it has none of that id."""
    from mcop_core.executions.history import read_execution

    dag_id, run_id = split_id(execution)
    tasks = ti.get_task_states(dag_id=dag_id, run_ids=[run_id]).get(run_id)
    if not tasks:
        return None
    run = {"dag_id": dag_id, "dag_run_id": run_id, "state": ti.get_dagrun_state(dag_id, run_id)}
    return read_execution(run, [{"task_id": task, "state": state} for task, state in tasks.items()])
