"""What Airflow is asked to do: to start an execution, and to stop one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mcop_core.errors import Conflict, InvalidInput, NotFound, Refused
from mcop_core.executions.history import AirflowHistory, find_dag
from mcop_core.executions.naming import EXECUTE_DAG_ID, dag_id, destroy_dag_id, execution_id, split_id
from mcop_core.executions.record import ExecutionRecord
from mcop_core.refs import check_name

if TYPE_CHECKING:
    from mcop_core.executions.airflow_api import AirflowApi

_KEY = re.compile(r"[A-Za-z0-9_.-]{1,100}", re.ASCII)

Schemas = Mapping[str, Mapping[str, Any]]
"""Parameter name -> JSON schema of its values."""


def parameter_schemas(api: AirflowApi, manifest: str) -> dict[str, Mapping[str, Any]]:
    """Return the schemas of what a run of *manifest* may override; empty while Airflow has no DAG of it."""
    try:
        return {name: facts.get("schema") or {} for name, facts in api.parameters(dag_id(manifest)).items()}
    except NotFound:
        return {}


def start_execution(
    api: AirflowApi,
    manifest: str,
    version: str,
    overrides: Mapping[str, Any],
    *,
    run_id: str,
    note: str = "",
    action: str = "",
    only: Sequence[str] = (),
    with_dependants: bool = False,
) -> ExecutionRecord:
    """
    Start an execution of the active version, or of *version* through `mcop_execute`, and return its record.

    Asked for again with the same *run_id*, it is the execution that was started then.

    Args:
        run_id: See `new_run_id` and `run_id_of`.
        action: What it is to do, `preview` or `apply`; empty: as the DAG has it.
        only: The patterns, `workflow.pattern`, that it is about; none: all.
        with_dependants: Whether it is also about those that take outputs of them.

    Raises:
        NotFound: Airflow has no DAG of the manifest; names the nearest.
        InvalidInput: The DAG is paused, or Airflow refuses an override; in its own words.
        Conflict: An execution with this *run_id* was asked for something else.
    """
    dag = api.dag(EXECUTE_DAG_ID) if version else find_dag(api, manifest)
    if dag["is_paused"]:
        raise InvalidInput(f"{dag['dag_id']} is paused in Airflow: a run would wait until somebody unpauses it")
    conf = _request(manifest, version, overrides) if version else dict(overrides)
    conf |= {"action": action} if action else {}
    conf |= {"only": list(only), "with_dependants": with_dependants} if only else {}
    run = _started_once(api, dag["dag_id"], run_id, conf, note)
    return AirflowHistory(api).get(execution_id(dag["dag_id"], run["dag_run_id"]))


def _started_once(api: AirflowApi, dag: str, run_id: str, conf: Mapping[str, Any], note: str) -> Mapping[str, Any]:
    try:
        return api.trigger(dag, run_id=run_id, conf=conf, note=note or None)
    except Conflict as error:
        found = api.run(dag, run_id)
        then, now = _asked(found["conf"]), _asked(conf)
        if then != now:
            raise Conflict(
                f"{execution_id(dag, run_id)} was started with {json.dumps(then)}, not with {json.dumps(now)}: "
                "one key is for one request"
            ) from error
        return found


def _asked(conf: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what somebody asked for, without what MCOP noted: what is the newest plan may have changed since."""
    return {name: value for name, value in (conf or {}).items() if not name.startswith("mcop.")}


def start_destruction(
    api: AirflowApi, manifest: str, confirm: str, *, run_id: str, note: str = "", action: str = ""
) -> ExecutionRecord:
    """
    Start the execution that destroys what *manifest* deployed; arguments as `start_execution`.

    Args:
        confirm: The manifest's name, as somebody typed it.

    Raises:
        InvalidInput: *confirm* is another name, or the DAG is paused.
        NotFound: Airflow has no such DAG; names the nearest.
    """
    find_dag(api, manifest)
    dag = api.dag(destroy_dag_id(manifest))
    if dag["is_paused"]:
        raise InvalidInput(f"{dag['dag_id']} is paused in Airflow: a run would wait until somebody unpauses it")
    conf = {"confirm": confirm} | ({"action": action} if action else {})
    run = api.trigger(dag["dag_id"], run_id=run_id, conf=conf, note=note or None)
    return AirflowHistory(api).get(execution_id(dag["dag_id"], run["dag_run_id"]))


def _request(manifest: str, version: str, overrides: Mapping[str, Any]) -> dict[str, Any]:
    request: dict[str, Any] = {"manifest_name": check_name(manifest, "manifest"), "manifest_version": version}
    return request | ({"overrides": dict(overrides)} if overrides else {})


def new_run_id(now: datetime, new_id: Callable[[], str]) -> str:
    """Return a run id that says when it was asked for, and that nobody else has."""
    return f"mcop__{now:%Y-%m-%dT%H-%M-%S}__{new_id()}"


def run_id_of(key: str) -> str:
    """
    Return the run id of whatever is asked for with *key*, however often.

    Raises:
        InvalidInput: A run id cannot hold it.
    """
    if not _KEY.fullmatch(key):
        raise InvalidInput(f"{key!r} is no key: up to 100 letters, digits, '_', '-' and '.', such as build-4711")
    return f"mcop__key__{key}"


@dataclass(frozen=True, slots=True)
class Cancellation:
    """
    What a cancellation did.

    Attributes:
        executions: Ids of the executions that Airflow marked failed: the one asked for, and one that it started.
        stopping: Ids of the tasks that ran and were told to stop.
        runners: Ids of the steps whose runners were asked to stop.
    """

    executions: tuple[str, ...]
    stopping: tuple[str, ...]
    runners: tuple[str, ...] = ()


def cancel_execution(api: AirflowApi, execution: ExecutionRecord) -> Cancellation:
    """
    Stop an execution, and the one that it started: steps that run are told to stop, no other starts.

    Airflow ends its tasks within seconds. What a runner does after that takes as long as Terraform needs to finish the
    resources that it has begun and to write the state; until then the state stays locked. Runners whose tasks are gone
    already are asked too.

    Raises:
        Refused: *execution* has ended, and so has what it started, and no runner works for them.
    """
    family = _family(api, execution)
    alive = [one for one in family if not one.status.is_final]
    # From outside in: a task that only waits for the other run must not see it end and be tried again.
    for one in alive:
        api.fail_run(*split_id(one.id))
    runners = tuple(step for one in family for step in _stop_runners(api, one))
    if not (alive or runners):
        raise Refused(f"execution {execution.id} has ended as {execution.status}: there is nothing to cancel")
    running = tuple(step.id for one in alive for step in one.steps if step.state == "running")
    return Cancellation(tuple(one.id for one in alive), running, runners)


def force_execution(api: AirflowApi, execution: ExecutionRecord) -> tuple[str, ...]:
    """
    Have the Terraforms of an execution that was cancelled, and of the one that it started, killed; return their steps.

    Raises:
        Refused: The user may not, the execution was not cancelled before, or nothing works for it.
    """
    family = _family(api, execution)
    running = [one.id for one in family if not one.status.is_final]
    if running:
        raise Refused(f"execution {running[0]} is not cancelled: cancel it without --force first, and give it time")
    killed = tuple(step for one in family for step in api.force_runners(*split_id(one.id), confirm=one.id))
    if not killed:
        raise Refused(f"no runner works for execution {execution.id}: there is nothing to kill")
    return killed


def _family(api: AirflowApi, execution: ExecutionRecord) -> list[ExecutionRecord]:
    """Return an execution and the one that it started."""
    return [execution, *([AirflowHistory(api).get(execution.started)] if execution.started else [])]


def _stop_runners(api: AirflowApi, execution: ExecutionRecord) -> list[str]:
    try:
        return api.stop_runners(*split_id(execution.id))
    except NotFound:
        return []  # an Airflow without the plugin: its tasks alone tell their runners
