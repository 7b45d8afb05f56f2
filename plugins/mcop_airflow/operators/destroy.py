"""DestroyPrimitiveOperator and RemoveOperator: what was deployed and is not to be any more."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow.sdk import BaseOperator, TriggerRule
from airflow.sdk.exceptions import AirflowSkipException

from mcop_airflow.failures import final_unless_unreachable
from mcop_airflow.operators.runner import RunnerOperator, Work, close, run_request
from mcop_airflow.reporter import LogReporter
from mcop_airflow.retries import OUTLASTS
from mcop_airflow.run_conf import check_changes
from mcop_airflow.xcom import push_outputs
from mcop_core.approval_store import ApprovalStore
from mcop_core.bootstrap import open_store
from mcop_core.compiler.run_conf import run_slice
from mcop_core.executions import naming
from mcop_core.runner.request import Approval, Operation, Outcome
from mcop_core.settings import Settings

if TYPE_CHECKING:
    from airflow.sdk import Context

    from mcop_core.artifacts.store import ObjectStore
    from mcop_core.compiler.plan import DeploymentPlan
    from mcop_core.deployments import Deployment
    from mcop_core.runner.request import RunRequest, RunResult


class DestroyPrimitiveOperator(RunnerOperator):
    """
    Remove what a step deployed, with the files that it was deployed with; see `RunnerOperator`.

    A step that was never deployed is done at once. It destroys nothing but what the run's preview said.
    """

    ui_color = "#fbe3e0"
    operation = Operation.DESTROY
    is_held = True

    def work(self, context: Context, store: ObjectStore) -> Sequence[Work]:
        """Return what the step was last applied with, under its own id and those before; one's digest is recorded."""
        from mcop_core.deployments import Deployments

        deployments = Deployments.of(self.plan, store)
        found = (deployments.get(self.step.id), *deployments.origins(self.plan).get(self.step.id, ()))
        if not any(found):
            self.log.info("%s is not deployed: there is nothing to destroy", self.step.id)
        works = [Work(one.step, one.artifact) for one in found if one]
        if works:
            context["ti"].xcom_push(key=naming.ARTIFACT_KEY, value=works[0].artifact)
        return works

    def finish(self, context: Context, store: ObjectStore, work: Work, result: RunResult) -> None:
        """Note that it is gone."""
        from mcop_core.deployments import Deployments

        Deployments.of(self.plan, store).forget(work.step)
        push_outputs(context["ti"], result)


class RemoveOperator(BaseOperator):
    """
    Destroy the components that were deployed and that the manifest does not have any more.

    One that only has another id now is not among them: its step takes it over. Each is destroyed with the files it
    was deployed with, those that depend on others first, one after the other by runners that outlive this task. Where
    the manifest asks for approvals, nothing is destroyed but what the preview said: should a component's own plan do
    anything else, this task fails, and the next execution previews it anew.
    Where there is nothing to remove, a run that deploys skips this task, and so does one of a slice. No field is
    templated.

    Args:
        plan: What stays.
        is_held: Whether nothing may be destroyed but what the run's preview said.
    """

    template_fields = ()
    ui_color = "#fbe3e0"

    def __init__(self, *, plan: DeploymentPlan, is_held: bool, **kwargs: object) -> None:
        defaults = {"task_id": naming.REMOVE_TASK_ID, **OUTLASTS}
        # What a slice is not about is skipped; only what failed keeps this task from running.
        rule = {"trigger_rule": TriggerRule.NONE_FAILED}
        super().__init__(**{**rule, **defaults, "do_xcom_push": False, "doc_md": RemoveOperator.__doc__, **kwargs})
        self.plan = plan
        self.is_held = is_held

    def execute(self, context: Context) -> None:
        """Destroy one after the other."""
        from mcop_core.deployments import Deployments

        check_changes(context["dag_run"].conf)
        if run_slice(self.plan, context["dag_run"].conf):
            raise AirflowSkipException("a slice removes nothing")
        settings = Settings.from_environment(os.environ)
        with final_unless_unreachable():
            store = open_store(settings.artifact_store)
            deployments = Deployments.of(self.plan, store)
            removed = deployments.removed(self.plan)
            for deployed in removed:
                request = self._destroy(context, settings, store, deployed)
                deployments.forget(deployed.step)
                close(store, request)
        # Only here, not ahead by admit: a run whose last task is skipped counts as a success, whatever failed before.
        if not removed and not self.downstream_task_ids:
            raise AirflowSkipException("the manifest lost no component")

    def _destroy(self, context: Context, settings: Settings, store: ObjectStore, deployed: Deployment) -> RunRequest:
        from mcop_core.runner.attach import follow, raise_for

        request = run_request(self, context, settings, Operation.DESTROY, deployed.step, deployed.artifact)
        if self.is_held:
            approvals = ApprovalStore(store, self.dag_id, context["ti"].run_id, settings.record_key)
            request = replace(request, approval=Approval(approvals.preview()))
        self.log.info("%s is not in the manifest any more: destroying it", deployed.step)
        reporter = LogReporter(self.log)
        result = follow(request, settings, os.environ, on_line=lambda level, line: reporter.log(line, level=level))
        if result.outcome is not Outcome.SUCCEEDED:
            close(store, request)
        raise_for(result)
        return request
