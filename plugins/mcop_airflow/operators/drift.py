"""
The tasks of `mcop_drift`: find what is deployed, look at each manifest, report, and undo where a manifest says so.

What one look found lies in the artifact store; its key passes on as one XCom.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from mcop_airflow.failures import final_unless_unreachable
from mcop_airflow.notifying import open_notifier
from mcop_airflow.reporter import LogReporter
from mcop_core.bootstrap import open_engine, open_repository, open_store, open_workspace
from mcop_core.compiler.run_conf import REQUESTER_KEY
from mcop_core.executions import naming
from mcop_core.refs import ObjectRef
from mcop_core.settings import Settings

if TYPE_CHECKING:
    from airflow.sdk import Context

    from mcop_core.drift.report import DriftReport

FIND, LOOK, REPORT, REMEDY = "find", "look", "report", "remedy"
"""Task ids, in order."""
MANIFESTS_KEY = "manifests"
"""Conf key: the manifests to look at, whatever their policies say; left out: all that are due."""
NOTIFIED_KEY = "mcop_drift"
"""Key of the context under which a notifier finds the report's text."""
NOT_NOW = ""
"""Instead of a report's key: an execution works on the manifest."""
_RETRIES = {"retries": 2, "retry_delay": timedelta(seconds=30)}


def schedule() -> str | None:
    """Return when the DAG runs by itself, cron; None for never."""
    return Settings.from_environment(os.environ).drift_schedule or None


class FindDeployedOperator(BaseOperator):
    """
    Say which deployed manifests are to be looked at: those that are due, or those that the run's conf names.

    An unreachable store or catalog is tried again twice, after 30 seconds each. No field is templated.
    """

    template_fields = ()

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**{**_RETRIES, **kwargs})

    def execute(self, context: Context) -> list[dict[str, str]]:
        """Return a namespace and a manifest each."""
        from mcop_core.deployments import deployed_manifests
        from mcop_core.drift.detect import due_manifests

        settings, wanted = Settings.from_environment(os.environ), (context["dag_run"].conf or {}).get(MANIFESTS_KEY)
        with final_unless_unreachable():
            store = open_store(settings.artifact_store)
            if wanted:
                found: Iterable[tuple[str, str]] = (one for one in deployed_manifests(store) if one[1] in wanted)
            else:
                found = due_manifests(store, open_repository(settings).head().snapshot, datetime.now(UTC))
            return [{"namespace": namespace, "manifest": manifest} for namespace, manifest in found]


class LookOperator(BaseOperator):
    """
    Say what in the cloud is not as a manifest was deployed; nothing is locked and nothing in the cloud changes.

    The report lies in the artifact store; its key is this task's XCom. What an execution works on, before the look or
    after it, is half made and no drift: nothing is reported, and the next drift run looks again. An unreachable store
    or cloud is tried again twice, after 30 seconds each. No field is templated.
    """

    template_fields = ()

    def __init__(self, *, namespace: str, manifest: str, **kwargs: object) -> None:
        super().__init__(**{**_RETRIES, **kwargs})
        self.namespace, self.manifest = namespace, manifest
        self._stopped = Event()

    def execute(self, context: Context) -> str:
        """Look, keep the report, and return its key; `NOT_NOW` while an execution works on it."""
        from mcop_core.drift.detect import save_report

        if self._is_executed(context):
            return NOT_NOW
        settings = Settings.from_environment(os.environ)
        with final_unless_unreachable():
            report = self._look(context, settings)
            if self._is_executed(context):
                return NOT_NOW
            key = save_report(open_store(settings.artifact_store), report)
        tell(self.log, report)
        return key

    def _is_executed(self, context: Context) -> bool:
        dags = (naming.dag_id(self.manifest), naming.destroy_dag_id(self.manifest))
        busy = [dag for dag in dags if context["ti"].get_dr_count(dag_id=dag, states=["running"])]
        for dag in busy:
            self.log.warning("A run of %s works on it: what is half made is no drift; the next run looks again", dag)
        return bool(busy)

    def _look(self, context: Context, settings: Settings) -> DriftReport:
        from mcop_core.drift.detect import detect_drift

        owner = f"{self.dag_id} {context['ti'].run_id}"
        with open_workspace(settings, os.environ, owner, cancelled=self._stopped.is_set) as workspace:
            return detect_drift(
                self.namespace,
                self.manifest,
                open_repository(settings).head().snapshot,
                lambda name: open_engine(name, settings),
                open_store(settings.artifact_store),
                Path(settings.cache_dir),
                workspace,
                LogReporter(self.log),
            )

    def on_kill(self) -> None:
        """Interrupt Terraform, which has a session of its own."""
        self._stopped.set()


class ReportOperator(BaseOperator):
    """
    Tell what all looks found, notify if something drifted, and say what is to be executed to undo it.

    It fails when a manifest could not be looked at; then nothing is undone. No field is templated.
    """

    template_fields = ()

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Return the arguments of a `TriggerDagRunOperator` for each manifest that is to be executed."""
        from mcop_core.drift.detect import load_report

        settings, ti = Settings.from_environment(os.environ), context["ti"]
        asked = ti.xcom_pull(task_ids=FIND)
        if asked is None:
            raise AirflowFailException("what is deployed could not be told")
        found = ti.xcom_pull(task_ids=LOOK, map_indexes=list(range(len(asked)))) if asked else []
        keys = [key for key in found if key is not None]
        with final_unless_unreachable():
            store = open_store(settings.artifact_store)
            reports = [load_report(store, key) for key in keys if key != NOT_NOW]
            for report in reports:
                tell(self.log, report)
            self._notify(context, settings, reports)
        if len(keys) < len(asked):
            raise AirflowFailException(f"{len(asked) - len(keys)} of {len(asked)} manifests could not be looked at")
        return self._remedies(reports, settings.drift_ceiling)

    def _notify(self, context: Context, settings: Settings, reports: Sequence[DriftReport]) -> None:
        notifier = open_notifier(settings.drift_notifier)
        drifted = [report for report in reports if not report.is_clean]
        if notifier and drifted:
            lines = (line.text for report in drifted for line in report.to_lines())
            notifier({**context, NOTIFIED_KEY: "\n".join(lines)})

    def _remedies(self, reports: Sequence[DriftReport], ceiling: float) -> list[dict[str, Any]]:
        from mcop_core.drift.remedy import is_widespread

        chosen = [report for report in reports if report.remedy is not None]
        if chosen and is_widespread(reports, ceiling):
            self.log.warning("More than %.0f %% of all components drifted: nothing is undone by itself", 100 * ceiling)
            return []
        return [_remedy(report) for report in chosen]


def _remedy(report: DriftReport) -> dict[str, Any]:
    from mcop_core.drift.remedy import remedy_id

    dag_id = naming.dag_id(ObjectRef.parse(report.manifest).name)
    conf = {**(report.remedy or {}), REQUESTER_KEY: naming.DRIFT_DAG_ID}
    return {"trigger_dag_id": dag_id, "trigger_run_id": remedy_id(report), "conf": conf}


def tell(log: Any, report: DriftReport) -> None:
    """Write *report* into a task's log."""
    for line in report.to_lines():
        log.info("%s", line.text)
