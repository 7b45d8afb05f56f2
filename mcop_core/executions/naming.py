"""
What MCOP's things are called in Airflow, as everybody who looks at Airflow from outside must know.

Names that only a run's own graph knows (groups, tasks, markers) are in `mcop_airflow.naming`.
"""

from __future__ import annotations

import re
from enum import StrEnum

from mcop_core.errors import InvalidName
from mcop_core.refs import NAME_PATTERN, check_name

DAG_PREFIX = "mcop."
DESTROY_SUFFIX = ".destroy"
EXECUTE_DAG_ID = "mcop_execute"
"""The DAG that other systems trigger; no manifest's DAG can be called so."""
DEPLOY_TASK_ID = "deploy"
"""The task of `mcop_execute` that starts the manifest's own DAG."""
STARTED_RUN_KEY = "trigger_run_id"
"""XCom key under which that task leaves the id of the run that it started. Source: Airflow's TriggerDagRunOperator."""
PREVIEW_TASK_ID = "preview"
PREVIEW_KEY = "preview"
"""XCom key under which that task leaves the digest of what it found."""
RESULT_KEY = "mcop.result"
"""XCom key of an apply task: what it did. The dot keeps it apart from every output's name."""

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
