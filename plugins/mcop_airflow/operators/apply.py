"""ApplyPrimitiveOperator: make the cloud what a step's render task wrote, and bring the outputs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowFailException

from mcop_airflow.operators.runner import StepOperator, Work
from mcop_airflow.run_conf import check_in_slice
from mcop_airflow.xcom import push_outputs
from mcop_core.compiler.run_conf import run_overrides
from mcop_core.executions import naming
from mcop_core.refs import StepRef
from mcop_core.runner.request import Operation

if TYPE_CHECKING:
    from airflow.sdk import Context

    from mcop_core.artifacts.store import ObjectStore
    from mcop_core.deployments import Deployment
    from mcop_core.runner.request import RunResult


class ApplyPrimitiveOperator(StepOperator):
    """
    Make the cloud what the step's render task wrote; see `RunnerOperator`.

    Outputs go to XCom, one key each; sensitive ones are pointers to the state.
    """

    ui_color = "#e4f4e4"
    operation = Operation.APPLY

    @property
    def is_held(self) -> bool:
        """Whether the manifest asks for approvals."""
        return self.plan.approval.is_asked

    def work(self, context: Context, store: ObjectStore) -> Sequence[Work]:
        """Return what the render task of this run left, and note that the step is about to be deployed with it."""
        check_in_slice(self.plan, self.step.id, context["dag_run"].conf)
        source = naming.task_id(StepRef(*self.step.id.split(".")), naming.StepTask.RENDER)
        artifact = context["ti"].xcom_pull(task_ids=source, key=naming.ARTIFACT_KEY, map_indexes=None)
        if not isinstance(artifact, str):
            raise AirflowFailException(f"{source} left no artifact in this run: clear it together with {self.task_id}")
        self._handed(context, store).check_rendered(self.step.id, artifact)
        self._note(context, store, artifact)
        return [Work(self.step.id, artifact, tuple(one.artifact for one in self._origins(store)))]

    def _origins(self, store: ObjectStore) -> tuple[Deployment, ...]:
        from mcop_core.deployments import Deployments

        return Deployments.of(self.plan, store).origins(self.plan).get(self.step.id, ())

    def _note(self, context: Context, store: ObjectStore, artifact: str) -> None:
        from mcop_core.deployments import Deployment, Deployments
        from mcop_core.executions.naming import execution_id

        noted = Deployment(
            step=self.step.id,
            artifact=artifact,
            plan=self.plan.digest,
            overrides=run_overrides(self.plan, context["dag_run"].conf),
            after=self.step.after,
            execution=execution_id(self.dag_id, context["ti"].run_id),
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            moved_from=self.step.moved_from,
        )
        Deployments.of(self.plan, store).put(noted)

    def finish(self, context: Context, store: ObjectStore, work: Work, result: RunResult) -> None:
        """Push the outputs, and forget the ids under which the component was deployed before."""
        from mcop_core.deployments import Deployments

        self._handed(context, store).applied(self.step.id, result.outputs)
        push_outputs(context["ti"], result)
        self.log.info("Outputs: %s", ", ".join(sorted(result.outputs)) or "none")
        for origin in self._origins(store):
            self.log.info("%s was %s before", self.step.id, origin.step)
            Deployments.of(self.plan, store).forget(origin.step)
