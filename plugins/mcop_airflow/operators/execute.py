"""
The tasks of `mcop_execute`: activate a version, await its DAG, deploy through it, write its outputs.

What one task finds out passes to the next as one XCom, the `Execution`.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.trigger_dagrun import XCOM_RUN_ID, TriggerDagRunOperator
from airflow.sdk import BaseOperator, BaseSensorOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowRuntimeError

from mcop_airflow.admit import check_run_overrides
from mcop_airflow.execution_request import ExecutionRequest, output_key, outputs_document, read_request
from mcop_airflow.failures import final_unless_unreachable
from mcop_airflow.run_conf import requester_of
from mcop_airflow.xcom import pull_outputs, pull_summary
from mcop_core.bootstrap import open_repository, open_store
from mcop_core.compiler.run_conf import (
    ACTION_KEY,
    DEPENDANTS_KEY,
    ONLY_KEY,
    PLAN_KEY,
    REQUESTER_KEY,
    run_overrides,
    run_slice,
)
from mcop_core.executions import naming
from mcop_core.refs import OutputRef, StepRef
from mcop_core.settings import Settings

if TYPE_CHECKING:
    from airflow.sdk import Context

    from mcop_core.artifacts.store import ObjectStore

EXECUTION_KEY = "execution"
ACTIVATE, AWAIT_DAG, DEPLOY, WRITE_OUTPUTS = "activate", "await_dag", naming.DEPLOY_TASK_ID, "write_outputs"
"""Task ids, in order."""


@dataclass(frozen=True, slots=True)
class Execution:
    """
    What `mcop_execute` carries out.

    Attributes:
        manifest: Name of the manifest.
        plan: Digest of the plan that is to run.
    """

    manifest: str
    plan: str

    @property
    def dag_id(self) -> str:
        """The DAG that runs it."""
        return naming.dag_id(self.manifest)


def _execution(context: Context) -> Execution:
    return Execution(**context["ti"].xcom_pull(task_ids=ACTIVATE, key=EXECUTION_KEY, map_indexes=None))


class ActivateOperator(BaseOperator):
    """
    Check the request, make the named version the active one, and say which plan is to run.

    Bad conf fails it at once, naming the key, before anything is changed or triggered; an unreachable catalog is tried
    again three times, after 10 seconds each. No field is templated.
    """

    template_fields = ()

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**{"retries": 3, "retry_delay": timedelta(seconds=10), "do_xcom_push": False, **kwargs})

    def execute(self, context: Context) -> None:
        """Leave the `Execution` in XCom."""
        settings = Settings.from_environment(os.environ)
        with final_unless_unreachable():
            request = read_request(context["dag_run"].conf)
            execution = self._activate(request, settings)
        context["ti"].xcom_push(key=EXECUTION_KEY, value=asdict(execution))
        self.log.info("Manifest %s runs plan %s", execution.manifest, execution.plan)

    def _activate(self, request: ExecutionRequest, settings: Settings) -> Execution:
        from mcop_core.compiler.snapshot import active_plan, load_plan
        from mcop_core.publishing import activate

        repository, store = open_repository(settings), open_store(settings.artifact_store)
        head = repository.head()
        if request.version is not None and repository.active().get(request.manifest) != request.version:
            head = activate(repository, store, request.manifest, request.version)
            self.log.info("Version %s of %s is the active one now", request.version, request.manifest)
        execution = Execution(request.manifest, active_plan(store, head.snapshot, request.manifest))
        plan = load_plan(store, execution.plan)
        check_run_overrides(plan, run_overrides(plan, request.overrides), settings.limits)
        run_slice(plan, slice_conf(request))
        return execution


class AwaitDagSensor(BaseSensorOperator):
    """
    Wait until Airflow shows the DAG of the plan that is to run.

    It looks every 3 seconds, holding no worker slot between two looks, and gives up after 10 minutes, or at once when
    the DAG is paused. No field is templated.
    """

    template_fields = ()

    def __init__(self, **kwargs: object) -> None:
        defaults = {"mode": "reschedule", "poke_interval": 3.0, "timeout": 600.0, "do_xcom_push": False}
        super().__init__(**{**defaults, **kwargs})

    def poke(self, context: Context) -> bool:
        """Whether the DAG that Airflow would run now is the plan's."""
        execution = _execution(context)
        try:
            shown = context["ti"].get_dag(execution.dag_id)
        except AirflowRuntimeError as error:
            self.log.info("Airflow does not know %s yet (%s)", execution.dag_id, error)
            return False
        if shown.is_paused:
            raise AirflowFailException(f"{execution.dag_id} is paused: unpause it and execute again")
        return self._shows(execution, shown.tags, shown.bundle_version)

    def _shows(self, execution: Execution, tags: list[str], bundle_version: str | None) -> bool:
        if naming.plan_tag(execution.plan) not in tags:
            self.log.info("Airflow still shows another plan of %s", execution.dag_id)
            return False
        return bundle_version is None or snapshot_holds(execution, bundle_version)


def snapshot_holds(execution: Execution, snapshot: str) -> bool:
    """Whether the snapshot with this digest holds the plan that is to run."""
    from mcop_core.compiler.snapshot import holds_plan

    store = open_store(Settings.from_environment(os.environ).artifact_store)
    return holds_plan(store, snapshot, execution.manifest, execution.plan)


class DeployOperator(TriggerDagRunOperator):
    """
    Start the manifest's DAG with the overrides as conf, and follow it without a worker slot.

    It ends as the run it started ends. Cleared, it starts another run. Where Airflow created the run from another plan,
    which `admit` refuses, it starts another one, three times, after 10 seconds each. Looks every 2 seconds, from the
    triggerer. No field is templated: overrides are data.
    """

    template_fields = ()

    def __init__(self, **kwargs: object) -> None:
        defaults = {"trigger_dag_id": "", "logical_date": None, "wait_for_completion": True, "deferrable": True}
        super().__init__(
            **{
                **defaults,
                "poke_interval": 2,
                "openlineage_inject_parent_info": False,
                "retries": 3,
                "retry_delay": timedelta(seconds=10),
                **kwargs,
            }
        )

    def execute(self, context: Context) -> None:
        """Trigger the run, then defer."""
        execution, ti = _execution(context), context["ti"]
        self.trigger_dag_id = execution.dag_id
        self.trigger_run_id = child_run_id(ti.run_id, ti.try_number)
        request, requester = read_request(context["dag_run"].conf), requester_of(context["dag_run"])
        self.conf = child_conf(request, requester, execution.plan)
        self.log.info("Starting %s, run %s", self.trigger_dag_id, self.trigger_run_id)
        super().execute(context)

    def execute_complete(self, context: Context, event: tuple[str, dict[str, Any]]) -> None:
        """End as the run ended; an error that is not final has another one started."""
        execution = _execution(context)
        self.trigger_dag_id = execution.dag_id
        try:
            super().execute_complete(context, event)
        except AirflowException as error:
            if is_of_plan(context["ti"], execution, self.trigger_run_id):
                raise AirflowFailException(str(error)) from error
            raise


def is_of_plan(ti: Any, execution: Execution, run_id: str) -> bool:
    """Whether Airflow created the manifest's run from the plan that is to run."""
    tasks = ti.get_task_states(dag_id=execution.dag_id, run_ids=[run_id]).get(run_id, {})
    return naming.plan_marker(execution.plan) in tasks


def child_conf(request: ExecutionRequest, requester: str, plan: str) -> dict[str, Any]:
    """Return the conf of the manifest's run that *requester* asked for, and that is to be of *plan* (a digest)."""
    action = {ACTION_KEY: request.action} if request.action else {}
    return {**request.overrides, **action, **slice_conf(request), REQUESTER_KEY: requester, PLAN_KEY: plan}


def slice_conf(request: ExecutionRequest) -> dict[str, Any]:
    """Return the keys of the conf that say which patterns the run is about; none where it is about all."""
    return {ONLY_KEY: list(request.only), DEPENDANTS_KEY: request.with_dependants} if request.only else {}


def child_run_id(run_id: str, try_number: int) -> str:
    """Return the id of the run that the attempt *try_number* of a run of `mcop_execute` starts."""
    return f"{naming.EXECUTE_DAG_ID}__{run_id}__{try_number}"


class WriteOutputsOperator(BaseOperator):
    """
    Write the outputs of the run to the artifact store, if an output path was given.

    The document is JSON; sensitive outputs are named in it and not shown. An unreachable store is tried again three
    times, after 10 seconds each. No field is templated.
    """

    template_fields = ()

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**{"retries": 3, "retry_delay": timedelta(seconds=10), "do_xcom_push": False, **kwargs})

    def execute(self, context: Context) -> None:
        """Collect, write, and log the URL."""
        execution, ti = _execution(context), context["ti"]
        run_id = ti.xcom_pull(task_ids=DEPLOY, key=XCOM_RUN_ID, map_indexes=None)
        with final_unless_unreachable():
            self._write(context, execution, run_id)

    def _write(self, context: Context, execution: Execution, run_id: str) -> None:
        path = read_request(context["dag_run"].conf).output_path
        if path is None:
            self.log.info("No output_path was given: the outputs are in the XComs of %s, %s", execution.dag_id, run_id)
            return
        store = open_store(Settings.from_environment(os.environ).artifact_store)
        store.put(output_key(path), self._document(context, execution, run_id, store))
        self.log.info("Outputs of %s, run %s: %s/%s", execution.dag_id, run_id, store.url, output_key(path))

    def _document(self, context: Context, execution: Execution, run_id: str, store: ObjectStore) -> bytes:
        from mcop_core.compiler.snapshot import load_plan

        plan = load_plan(store, execution.plan)
        run = OtherRun(context["ti"], execution.dag_id, run_id)
        outputs = {step.id: run.outputs(StepRef(*step.id.split("."))) for step in plan.steps}
        return outputs_document(plan, execution.plan, dag_id=execution.dag_id, run_id=run_id, outputs=outputs)


@dataclass(frozen=True, slots=True)
class OtherRun:
    """The XComs of a run of another DAG, as `xcom` reads them."""

    ti: Any
    dag_id: str
    run_id: str

    def xcom_pull(self, task_ids: str, *, key: str, **_: Any) -> Any:
        """Return one value of that run."""
        return self.ti.xcom_pull(task_ids=task_ids, key=key, dag_id=self.dag_id, run_id=self.run_id, map_indexes=None)

    def outputs(self, step: StepRef) -> dict[str, Any]:
        """Return every output that *step* left in that run."""
        names = pull_summary(self, step).get("outputs", [])
        found = pull_outputs(self, [OutputRef(step, name) for name in names])
        return {ref.output: value for ref, value in found.items()}
