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

from airflow.configuration import conf
from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from mcop_airflow.failures import final_unless_unreachable
from mcop_airflow.metrics import drift_told
from mcop_airflow.notifying import open_notifier
from mcop_airflow.reporter import LogReporter
from mcop_core.bootstrap import open_engine, open_repository, open_store, open_workspace
from mcop_core.compiler.run_conf import REQUESTER_KEY
from mcop_core.errors import McopError
from mcop_core.executions import naming
from mcop_core.refs import ObjectRef
from mcop_core.settings import Settings

if TYPE_CHECKING:
    from airflow.sdk import Context

    from mcop_core.deployments import DeployedName
    from mcop_core.drift.report import DriftReport

FIND, LOOK, REPORT, REMEDY = "find", "look", "report", "remedy"
"""Task ids, in order."""
MANIFESTS_KEY = "manifests"
"""Conf key: the manifests to look at, whatever their policies say; left out: all that are due."""
NOTIFIED_KEY = "mcop_drift"
"""Key of the context under which a notifier finds the report's text."""
NOT_NOW, FAILED = "", "failed"
"""Instead of a report's key: an execution works on the manifest; it could not be looked at."""
_RETRIES = {"retries": 2, "retry_delay": timedelta(seconds=30)}


def schedule() -> str | None:
    """Return when the DAG runs by itself, cron; None for never."""
    return Settings.from_environment(os.environ).drift_schedule or None


def mapped_at_most() -> int:
    """Return how many tasks Airflow lets one map to."""
    return conf.getint("core", "max_map_length")


class FindDeployedOperator(BaseOperator):
    """
    Say which deployed manifests are to be looked at: those that are due, or those that the run's conf names.

    An unreachable store or catalog is tried again twice, after 30 seconds each. No field is templated.
    """

    template_fields = ()

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**{**_RETRIES, **kwargs})

    def execute(self, context: Context) -> list[dict[str, list[list[list[str]]]]]:
        """
        Return what each look has in `batches`: namespaces and names of those that are planned as one.

        There are at most as many looks as Airflow lets a task map to.
        """
        from mcop_core.deployments import deployed_manifests
        from mcop_core.drift.detect import batched, due_manifests

        settings, wanted = Settings.from_environment(os.environ), (context["dag_run"].conf or {}).get(MANIFESTS_KEY)
        with final_unless_unreachable():
            store = open_store(settings.artifact_store)
            if wanted:
                found: Iterable[DeployedName] = (one for one in deployed_manifests(store) if one[1] in wanted)
            else:
                found = due_manifests(store, open_repository(settings).head().snapshot, datetime.now(UTC))
            batches = [[list(name) for name in batch] for batch in batched(found, store)]
        looks = min(len(batches), mapped_at_most())
        return [{"batches": batches[number::looks]} for number in range(looks)]


class LookOperator(BaseOperator):
    """
    Say what in the cloud is not as manifests were deployed; nothing is locked and nothing in the cloud changes.

    The reports lie in the artifact store. What an execution works on, before the look or after it, is half made and no
    drift: nothing is reported, and the next drift run looks again. If none can be looked at since a store or the cloud
    is unreachable, that is tried again twice, after 30 seconds each. No field is templated.
    """

    template_fields = ()

    def __init__(self, *, batches: Sequence[Sequence[Sequence[str]]], **kwargs: object) -> None:
        super().__init__(**{**_RETRIES, **kwargs})
        self.batches = batches
        self._stopped = Event()

    def execute(self, context: Context) -> dict[str, str]:
        """Look, keep the reports, and return manifest -> key of its report, `NOT_NOW` or `FAILED`."""
        batches = [[(namespace, manifest) for namespace, manifest in batch] for batch in self.batches]
        settings = Settings.from_environment(os.environ)
        with final_unless_unreachable():
            found = {name: one for batch in batches for name, one in self._look(context, settings, batch).items()}
            errors = [one for one in found.values() if isinstance(one, McopError)]
            if errors and len(errors) == len(found):
                raise errors[0]
            kept = {name: self._kept(context, settings, name, one) for name, one in found.items()}
        return {"/".join(name): kept.get(name, NOT_NOW) for batch in batches for name in batch}

    def _kept(self, context: Context, settings: Settings, name: DeployedName, found: DriftReport | McopError) -> str:
        from mcop_core.drift.detect import save_report

        if isinstance(found, McopError):
            self.log.error("%s could not be looked at: %s", "/".join(name), found)
            return FAILED
        if self._is_executed(context, name):
            return NOT_NOW
        tell(self.log, found)
        return save_report(open_store(settings.artifact_store), found)

    def _is_executed(self, context: Context, name: DeployedName) -> bool:
        dags = (naming.dag_id(name[1]), naming.destroy_dag_id(name[1]))
        busy = [dag for dag in dags if context["ti"].get_dr_count(dag_id=dag, states=["running"])]
        for dag in busy:
            self.log.warning("A run of %s works on it: what is half made is no drift; the next run looks again", dag)
        return bool(busy)

    def _look(
        self, context: Context, settings: Settings, names: Sequence[DeployedName]
    ) -> dict[DeployedName, DriftReport | McopError]:
        from mcop_core.drift.detect import Watch, detect_drift

        free = [name for name in names if not self._is_executed(context, name)]
        if not free:
            return {}
        owner = f"{self.dag_id} {context['ti'].run_id}"
        with open_workspace(settings, os.environ, owner, cancelled=self._stopped.is_set) as workspace:
            watch = Watch(
                open_store(settings.artifact_store),
                open_repository(settings).head().snapshot,
                lambda name: open_engine(name, settings),
                Path(settings.cache_dir),
                workspace,
                LogReporter(self.log),
            )
            return detect_drift(free, watch)

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
        from mcop_core.drift.detect import load_reports

        settings, keys = Settings.from_environment(os.environ), self._keys(context)
        with final_unless_unreachable():
            store = open_store(settings.artifact_store)
            reports = load_reports(store, [key for key in keys.values() if key not in (NOT_NOW, FAILED)])
            for report in reports:
                tell(self.log, report)
            self._notify(context, settings, reports)
        failed = sorted(manifest for manifest, key in keys.items() if key == FAILED)
        drift_told(reports, len(failed))
        if failed:
            raise AirflowFailException(
                f"{len(failed)} of {len(keys)} manifests could not be looked at: {', '.join(failed)}"
            )
        return self._remedies(reports, settings.drift_ceiling)

    def _keys(self, context: Context) -> dict[str, str]:
        """Return manifest -> what its look returned; `FAILED` if its task did not come to its end."""
        wanted = context["ti"].xcom_pull(task_ids=FIND)
        if wanted is None:
            raise AirflowFailException("what is deployed could not be told")
        looks = context["ti"].xcom_pull(task_ids=LOOK, map_indexes=list(range(len(wanted)))) if wanted else []
        asked = {"/".join(name): FAILED for look in wanted for batch in look["batches"] for name in batch}
        return asked | {manifest: key for look in looks if look for manifest, key in look.items()}

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
        at_most = mapped_at_most()
        if len(chosen) > at_most:
            self.log.warning(
                "%d manifests are to be executed, %d at a time: the next run has others", len(chosen), at_most
            )
        return [_remedy(report) for report in chosen[:at_most]]


def _remedy(report: DriftReport) -> dict[str, Any]:
    from mcop_core.drift.remedy import remedy_id

    dag_id = naming.dag_id(ObjectRef.parse(report.manifest).name)
    conf = {**(report.remedy or {}), REQUESTER_KEY: naming.DRIFT_DAG_ID}
    return {"trigger_dag_id": dag_id, "trigger_run_id": remedy_id(report), "conf": conf}


def tell(log: Any, report: DriftReport) -> None:
    """Write *report* into a task's log."""
    for line in report.to_lines():
        log.info("%s", line.text)
