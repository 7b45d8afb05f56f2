"""
What things are called in Airflow, and back.

Names of manifests, workflows, patterns and elements are `refs.NAME_PATTERN`: lower case, no dots. Everything here
relies on that: a dot separates, a capital marks what is the run's own, and so no two things share a name.
"""

from __future__ import annotations

import re
from enum import StrEnum

from mcop_core.errors import InvalidName
from mcop_core.refs import NAME_PATTERN, OutputRef, StepRef, check_name

DAG_PREFIX = "mcop."
EXECUTE_DAG_ID = "mcop_execute"
"""The DAG that other systems trigger; no manifest's DAG can be called so."""
ADMIT_TASK_ID = "admit"
ARTIFACT_KEY = "artifact"
"""XCom key of a render task: digest of what it rendered."""
RESULT_KEY = "mcop.result"
"""XCom key of an apply task: what it did. The dot keeps it apart from every output's name."""
RESERVED_TASK_IDS = frozenset({ADMIT_TASK_ID, "preview", "approve"})
"""Tasks of a run beside its groups; a workflow of such a name stands in capitals."""

_DESTROY = ".destroy"
_MARKER = "Plan_"
_MARKER_DIGITS = 16
_PLAN_TAG = "plan:"
_TAG_DIGITS = 12
_DAG_ID = re.compile(rf"mcop\.({NAME_PATTERN})", re.ASCII)
_DESTROY_DAG_ID = re.compile(rf"mcop\.({NAME_PATTERN})\.destroy", re.ASCII)


class StepTask(StrEnum):
    """The two tasks of a step."""

    RENDER = "render"
    APPLY = "apply"


def dag_id(manifest: str) -> str:
    """Return the id of the DAG that deploys *manifest* (its name)."""
    return f"{DAG_PREFIX}{check_name(manifest)}"


def destroy_dag_id(manifest: str) -> str:
    """Return the id of the DAG that destroys what *manifest* deployed."""
    return f"{dag_id(manifest)}{_DESTROY}"


def manifest_of(dag: str) -> str | None:
    """Return the manifest whose DAG (to deploy or to destroy) has this id, or None if none has."""
    match = _DAG_ID.fullmatch(dag) or _DESTROY_DAG_ID.fullmatch(dag)
    return match.group(1) if match else None


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
        raise InvalidName(f"{task!r} is not of the form workflow.pattern.render_element or ….apply_element", name=task)
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


def plan_tag(digest: str) -> str:
    """Return the tag by which the DAG in Airflow's database tells which plan was parsed last, `plan:3fa9c1d2e4b5`."""
    return f"{_PLAN_TAG}{digest[:_TAG_DIGITS]}"
