"""PreviewOperator: what a run would do, as one document in the artifact store and one summary in the log."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException, DownstreamTasksSkipped

from mcop_airflow.failures import final_unless_unreachable
from mcop_airflow.reporter import LogReporter
from mcop_airflow.run_conf import execution_facts
from mcop_core.bootstrap import open_engine, open_store, open_workspace
from mcop_core.compiler.run_conf import RunAction, run_action, run_overrides, run_slice
from mcop_core.executions import naming
from mcop_core.settings import Settings

if TYPE_CHECKING:
    from airflow.sdk import Context

    from mcop_core.artifacts.store import ObjectStore
    from mcop_core.compiler.plan import DeploymentPlan
    from mcop_core.engines.base import Engine
    from mcop_core.engines.changes import Preview


class PreviewOperator(BaseOperator):
    """
    Say what applying the plan would do, all components as one read-only Terraform plan.

    Nothing is locked and nothing in the cloud changes. The document lies in the artifact store under
    `previews/<digest>.json`, its digest in the XCom `preview`, its summary in this task's log. A run that is only to
    preview ends here; one that a policy denies fails here. An unreachable store or cloud is tried again twice, after
    5 seconds each. No field is templated.

    Args:
        plan: What is previewed.
        destroys: Whether the run is to destroy what the manifest deployed, rather than to apply the plan.
    """

    template_fields = ()
    ui_color = "#efe8fb"

    def __init__(self, *, plan: DeploymentPlan, destroys: bool = False, **kwargs: object) -> None:
        defaults = {"task_id": naming.PREVIEW_TASK_ID, "retries": 2, "retry_delay": timedelta(seconds=5)}
        super().__init__(**{**defaults, "do_xcom_push": False, "doc_md": PreviewOperator.__doc__, **kwargs})
        self.plan = plan
        self.destroys = destroys
        self._stopped = Event()

    def execute(self, context: Context) -> None:
        """Preview, store, tell, and leave the digest."""
        from mcop_core.artifacts.store import put_once
        from mcop_core.engines.changes import preview_key

        settings = Settings.from_environment(os.environ)
        with final_unless_unreachable():
            store = open_store(settings.artifact_store)
            found = self._judged(context, settings, self._preview(context, settings, store))
            put_once(store, preview_key(found.digest), found.to_json())
        self._tell(found)
        context["ti"].xcom_push(key=naming.PREVIEW_KEY, value=found.digest)
        if found.denials:
            raise AirflowFailException(f"denied by policy: {'; '.join(found.denials)}")
        if run_action(context["dag_run"].conf) is RunAction.PREVIEW:
            raise DownstreamTasksSkipped(tasks=sorted(self.get_flat_relative_ids(upstream=False)))

    def _judged(self, context: Context, settings: Settings, found: Preview) -> Preview:
        from mcop_core.previewing import judged

        action = RunAction.DESTROY if self.destroys else run_action(context["dag_run"].conf)
        return judged(found, settings.policies, execution_facts(self.plan, context["dag_run"], action))

    def _preview(self, context: Context, settings: Settings, store: ObjectStore) -> Preview:
        # Imported here: the parser builds thousands of these operators and previews with none of them.
        from mcop_core.previewing import preview_destroy, preview_plan

        def engine(name: str) -> Engine:
            return open_engine(name, settings)

        reporter, owner = LogReporter(self.log), f"{self.dag_id} {context['ti'].run_id}"
        with open_workspace(settings, os.environ, owner, cancelled=self._stopped.is_set) as workspace:
            if self.destroys:
                return preview_destroy(self.plan, engine, store, workspace, reporter)
            overrides, cache = run_overrides(self.plan, context["dag_run"].conf), Path(settings.cache_dir)
            part = run_slice(self.plan, context["dag_run"].conf)
            return preview_plan(self.plan, engine, store, cache, workspace, reporter, overrides=overrides, part=part)

    def _tell(self, found: Preview) -> None:
        from mcop_core.engines.summary import to_lines

        for line in to_lines(found):
            self.log.info("%s", line.text)
        self.log.info("Preview %s", found.digest)

    def on_kill(self) -> None:
        """Interrupt Terraform, which has a session of its own."""
        self._stopped.set()
