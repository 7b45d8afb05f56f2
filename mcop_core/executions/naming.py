"""
What MCOP's things are called in Airflow, and back.

Names of manifests, workflows, patterns and elements are `refs.NAME_PATTERN`: lower case, no dots. Everything here
relies on that: a dot separates, a capital marks what is the run's own, and so no two things share a name.
"""

from __future__ import annotations

import re
from enum import StrEnum

from mcop_core.errors import InvalidName
from mcop_core.refs import NAME_PATTERN, OutputRef, StepRef, check_name

ANY_PREFIX = "mcop"
"""How the ids of all DAGs start that run manifests."""
DAG_PREFIX = "mcop."
DESTROY_SUFFIX = ".destroy"
EXECUTE_DAG_ID = "mcop_execute"
"""The DAG that other systems trigger; no manifest's DAG can be called so."""
DRIFT_DAG_ID = "mcop_drift"
"""The DAG that looks for drift; no manifest's DAG can be called so."""
RECONCILE_DAG_ID = "mcop_reconcile"
"""The DAG that settles executions; no manifest's DAG can be called so."""
INVENTORY_DAG_ID = "mcop_inventory"
"""The DAG that looks at all clouds; no manifest's DAG can be called so."""
WORKERS_DAG_ID = "mcop_workers"
"""The DAG that creates, lists and deletes workers; no manifest's DAG can be called so."""
DEPLOY_TASK_ID = "deploy"
"""The task of `mcop_execute` that starts the manifest's own DAG."""
STARTED_RUN_KEY = "trigger_run_id"
"""XCom key under which that task leaves the id of the run that it started. Source: Airflow's TriggerDagRunOperator."""
PREVIEW_TASK_ID = "preview"
PREVIEW_KEY = "preview"
"""XCom key under which that task leaves the digest of what it found."""
RESULT_KEY = "mcop.result"
"""XCom key of an apply task: what it did. The dot keeps it apart from every output's name."""

ADMIT_TASK_ID, APPROVE_TASK_ID, REMOVE_TASK_ID = "admit", "approve", "remove"
ARTIFACT_KEY = "artifact"
"""XCom key of a render task: digest of what it rendered."""
APPROVAL_KEY = "approval"
"""XCom key of the approve task: `approvals.Approved`."""
RESERVED_TASK_IDS = frozenset({ADMIT_TASK_ID, PREVIEW_TASK_ID, APPROVE_TASK_ID, REMOVE_TASK_ID})
"""Tasks of a run beside its groups; a workflow of such a name stands in capitals."""

_MARKER = "Plan_"
_MARKER_DIGITS = 16
_PLAN_TAG = "plan:"
_TAG_DIGITS = 12
_MANIFEST_DAG = re.compile(
    rf"{re.escape(DAG_PREFIX)}(?P<manifest>{NAME_PATTERN})({re.escape(DESTROY_SUFFIX)})?", re.ASCII
)


class StepTask(StrEnum):
    """The tasks of a step: two that deploy it, and the one that destroys it."""

    RENDER = "render"
    APPLY = "apply"
    DESTROY = "destroy"


def dag_id(manifest: str) -> str:
    """
    Return the id of the DAG that deploys *manifest* (its name).

    Raises:
        InvalidName: *manifest* is no name.
    """
    return f"{DAG_PREFIX}{check_name(manifest, 'manifest')}"


def destroy_dag_id(manifest: str) -> str:
    """Return the id of the DAG that destroys what *manifest* deployed; raises as `dag_id`."""
    return f"{dag_id(manifest)}{DESTROY_SUFFIX}"


def manifest_of(dag: str) -> str | None:
    """Return the manifest whose DAG (to deploy or to destroy) has this id, or None if none has."""
    match = _MANIFEST_DAG.fullmatch(dag)
    return match["manifest"] if match else None


def runs_manifests(dag: str) -> bool:
    """Whether the DAG with this id deploys or destroys manifests, itself or through another one."""
    return dag == EXECUTE_DAG_ID or manifest_of(dag) is not None


def destroys(dag: str) -> bool:
    """Whether the DAG with this id destroys what a manifest deployed."""
    return bool(manifest_of(dag)) and dag.endswith(DESTROY_SUFFIX)


def is_apply_task(task: str) -> bool:
    """Whether a task id, `platform.network.apply_vpc`, is of a task that applies a step."""
    return task.rpartition(".")[2].startswith(f"{StepTask.APPLY}_")


def plan_tag(digest: str) -> str:
    """Return the tag by which the DAG in Airflow's database tells which plan was parsed last, `plan:3fa9c1d2e4b5`."""
    return f"{_PLAN_TAG}{digest[:_TAG_DIGITS]}"


def execution_id(dag: str, run_id: str) -> str:
    """Return the id of the execution that a run is."""
    return f"{dag}/{run_id}"


def split_id(text: str) -> tuple[str, str]:
    """
    Return the DAG id and run id of an execution id; the inverse of `execution_id`.

    Raises:
        InvalidName: It is not of the form `<dag id>/<run id>`.
    """
    dag, slash, run_id = text.partition("/")
    if not (dag and slash and run_id):
        raise InvalidName(
            f"{text!r} is no execution: write <dag id>/<run id>, as `mcop executions list` prints it", name=text
        )
    return dag, run_id


def workflow_group_id(workflow: str) -> str:
    """Return the id of a workflow's task group."""
    return workflow.upper() if workflow in RESERVED_TASK_IDS else workflow


def pattern_group_id(workflow: str, pattern: str) -> str:
    """Return the id of a pattern's task group."""
    return f"{workflow_group_id(workflow)}.{pattern}"


def task_id(step: StepRef, task: StepTask) -> str:
    """Return the id of one of a step's tasks, `platform.network.apply_vpc`."""
    return f"{pattern_group_id(step.workflow, step.pattern)}.{task}_{step.element}"


def step_task(task: str) -> tuple[StepRef, StepTask]:
    """
    Return the step and which of its tasks has this id: the inverse of `task_id`.

    Raises:
        InvalidName: The id is of no step's task.
    """
    group, _, rest = task.rpartition(".")
    workflow, _, pattern = group.partition(".")
    kind, _, element = rest.partition("_")
    if not (workflow and pattern and element) or kind not in set(StepTask):
        raise InvalidName(
            f"{task!r} is not of the form workflow.pattern.render_element, ….apply_element or ….destroy_element",
            name=task,
        )
    return StepRef(_workflow(workflow), pattern, element), StepTask(kind)


def _workflow(group: str) -> str:
    return group.lower() if group.lower() in RESERVED_TASK_IDS else group


def output_source(output: OutputRef) -> tuple[str, str]:
    """Return the task id and the XCom key under which an output lies."""
    return task_id(output.step, StepTask.APPLY), output.output


def plan_marker(digest: str) -> str:
    """
    Return the id of the task that tells which plan a run's graph was made of, `Plan_3fa9c1d2e4b5a6c7`.

    The ids of a run's tasks are all that Airflow keeps of the graph that a run was created from and shows to a task.
    """
    return f"{_MARKER}{digest[:_MARKER_DIGITS]}"


def is_plan_marker(task: str) -> bool:
    """Whether a task id is of the form that `plan_marker` gives."""
    return task.startswith(_MARKER)


def marked_plan(task: str) -> str:
    """Return the beginning of the digest that a task id of that form names."""
    return task.removeprefix(_MARKER)
