"""Waiting until Airflow runs what the catalog holds: a publication takes seconds to become a DAG."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from mcop_core.errors import EngineFailed, NotFound, Refused
from mcop_core.executions.naming import dag_id, plan_tag

if TYPE_CHECKING:
    from mcop_core.executions.airflow_api import AirflowApi

_POLL_S = 1.0


def await_dag(
    api: AirflowApi,
    manifest: str,
    plan: str,
    is_in: Callable[[str], bool],
    *,
    timeout_s: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """
    Wait until a run of *manifest* would be of *plan*, and return the DAG's id.

    Args:
        plan: Digest of the plan.
        is_in: Digest of a snapshot -> whether it holds the plan.

    Raises:
        Refused: The DAG is paused, or Airflow cannot load it; says why.
        EngineFailed: Airflow does not show it in time.
    """
    dag = dag_id(manifest)
    deadline = clock() + timeout_s
    while not _shows(api, dag, plan, is_in):
        _raise_import_error(api, manifest)
        if clock() > deadline:
            raise EngineFailed(f"Airflow does not show {dag} with plan {plan[:12]} after {timeout_s:g} s")
        sleep(_POLL_S)
    return dag


def _shows(api: AirflowApi, dag: str, plan: str, is_in: Callable[[str], bool]) -> bool:
    """Whether the graph *and* the snapshot that Airflow would give to a run now hold the plan."""
    try:
        found = api.dag(dag)
    except NotFound:
        return False
    if found["is_paused"]:
        raise Refused(f"{dag} is paused in Airflow: a run would wait until somebody unpauses it")
    if plan_tag(plan) not in {tag["name"] for tag in found["tags"]} or found["is_stale"]:
        return False
    version = found["bundle_version"]
    return version is None or is_in(version)


def _raise_import_error(api: AirflowApi, manifest: str) -> None:
    for error in api.import_errors():
        if str(error["filename"]).endswith(f"/{manifest}.py") or error["filename"] == f"{manifest}.py":
            raise Refused(f"Airflow cannot load the DAG of {manifest}:\n{error['stack_trace']}")
