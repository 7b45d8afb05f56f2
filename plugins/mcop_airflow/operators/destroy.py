"""DestroyPrimitiveOperator and RemoveOperator: what was deployed and is not to be any more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import TriggerRule
from airflow.sdk.exceptions import AirflowSkipException

from mcop_airflow.operators.runner import RunnerOperator, StepOperator, Work
from mcop_airflow.xcom import push_outputs
from mcop_core.compiler.run_conf import run_slice
from mcop_core.executions import naming
from mcop_core.runner.request import Operation

if TYPE_CHECKING:
    from airflow.sdk import Context

    from mcop_core.artifacts.store import ObjectStore
    from mcop_core.runner.request import RunResult


class DestroyPrimitiveOperator(StepOperator):
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


class RemoveOperator(RunnerOperator):
    """
    Destroy the components that were deployed and that the manifest does not have any more; see `RunnerOperator`.

    One that only has another id now is not among them: its step takes it over. Each is destroyed with the files it
    was deployed with, those that depend on others first.
    Where there is nothing to remove, a run that deploys skips this task, and so does one of a slice.

    Args:
        is_held: Whether nothing may be destroyed but what the run's preview said.
    """

    ui_color = "#fbe3e0"
    operation = Operation.DESTROY

    def __init__(self, *, is_held: bool, **kwargs: Any) -> None:
        # What a slice is not about is skipped; only what failed keeps this task from running.
        rule = {"trigger_rule": TriggerRule.NONE_FAILED}
        super().__init__(**{"task_id": naming.REMOVE_TASK_ID, **rule, "doc_md": RemoveOperator.__doc__, **kwargs})
        self.is_held = is_held

    def work(self, context: Context, store: ObjectStore) -> Sequence[Work]:
        """Return what is deployed and not in the plan any more."""
        from mcop_core.deployments import Deployments

        if run_slice(self.plan, context["dag_run"].conf):
            raise AirflowSkipException("a slice removes nothing")
        removed = Deployments.of(self.plan, store).removed(self.plan)
        # Only here, not ahead by admit: a run whose last task is skipped counts as a success, whatever failed before.
        if not removed and not self.downstream_task_ids and not self._has_removed(context, store):
            raise AirflowSkipException("the manifest lost no component")
        return [Work(one.step, one.artifact) for one in removed]

    def finish(self, context: Context, store: ObjectStore, work: Work, result: RunResult) -> None:
        """Note what is gone, and that this run destroyed it."""
        from mcop_core.deployments import Deployments

        self._handed(context, store).removed(work.step, work.artifact, result.destroyed)
        Deployments.of(self.plan, store).forget(work.step)

    def _has_removed(self, context: Context, store: ObjectStore) -> bool:
        return bool(self._handed(context, store).all_removed())
