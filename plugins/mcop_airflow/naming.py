"""
What things are called in a run's own graph, and back; the names that are seen from outside are core's.

Names of manifests, workflows, patterns and elements are `refs.NAME_PATTERN`: lower case, no dots. Everything here
relies on that: a dot separates, a capital marks what is the run's own, and so no two things share a name.
"""

from __future__ import annotations

from mcop_core.errors import InvalidName
from mcop_core.executions.naming import (
    DEPLOY_TASK_ID,
    EXECUTE_DAG_ID,
    PREVIEW_KEY,
    PREVIEW_TASK_ID,
    RESULT_KEY,
    StepTask,
    dag_id,
    destroy_dag_id,
    manifest_of,
    plan_tag,
)
from mcop_core.refs import OutputRef, StepRef

__all__ = [
    "ADMIT_TASK_ID",
    "APPROVAL_KEY",
    "APPROVE_TASK_ID",
    "ARTIFACT_KEY",
    "DEPLOY_TASK_ID",
    "DRIFT_DAG_ID",
    "EXECUTE_DAG_ID",
    "PREVIEW_KEY",
    "PREVIEW_TASK_ID",
    "REMOVE_TASK_ID",
    "RESERVED_TASK_IDS",
    "RESULT_KEY",
    "StepTask",
    "dag_id",
    "destroy_dag_id",
    "is_plan_marker",
    "manifest_of",
    "output_source",
    "pattern_group_id",
    "plan_marker",
    "plan_tag",
    "step_task",
    "task_id",
    "workflow_group_id",
]

DRIFT_DAG_ID = "mcop_drift"
"""The DAG that looks for drift; no manifest's DAG can be called so."""
ADMIT_TASK_ID, APPROVE_TASK_ID, REMOVE_TASK_ID = "admit", "approve", "remove"
ARTIFACT_KEY = "artifact"
"""XCom key of a render task: digest of what it rendered."""
APPROVAL_KEY = "approval"
"""XCom key of the approve task: `approvals.Approved`."""
RESERVED_TASK_IDS = frozenset({ADMIT_TASK_ID, PREVIEW_TASK_ID, APPROVE_TASK_ID, REMOVE_TASK_ID})
"""Tasks of a run beside its groups; a workflow of such a name stands in capitals."""

_MARKER = "Plan_"
_MARKER_DIGITS = 16


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
