"""
What a task's start costs: from the fork of an executor's worker until Airflow has the task in its hands.

`python -m bench.task_process WORKER < starts.json`: this process imports what a worker of a LocalExecutor has, and
forks one process per start, as that worker does; each does what Airflow's task runner does with the message that
starts a task. WORKER is `local` for Airflow's own executor, `mcop` for MCOP's, whose workers know more; they know the
floor's code then, too.

Prints one JSON list per start, `[CPU seconds, {module: its own milliseconds}, [modules it brought]]`.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from types import SimpleNamespace
from typing import Any

import structlog

from bench.import_profile import profiled


@dataclass(frozen=True)
class Start:
    """
    One task that is started.

    Attributes:
        bundle: Name of a configured bundle.
        version: What it is pinned to; None: nothing.
        file: The DAG file, below the bundle's folder.
    """

    bundle: str
    version: str | None
    file: str
    dag_id: str
    task_id: str
    with_profile: bool = False

    def to_json(self) -> dict[str, object]:
        """Return the fields."""
        return asdict(self)


def main() -> None:
    """Start every task that standard input names."""
    import airflow.executors.local_executor
    import airflow.jobs.scheduler_job_runner
    import airflow.sdk.execution_time.supervisor  # noqa: F401

    if sys.argv[1] == "mcop":
        from mcop_airflow.preloading import load_code

        load_code()
    gc.collect()
    gc.freeze()
    for fields in json.load(sys.stdin):
        sys.stdout.write(_forked(Start(**fields)) + "\n")
        sys.stdout.flush()


def _forked(start: Start) -> str:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            told = json.dumps(_started(start)).encode()
        except BaseException as error:
            told = json.dumps(f"{type(error).__name__}: {error}").encode()
        with os.fdopen(writing, "wb") as answer:
            answer.write(told)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        told = answer.read()
    os.waitpid(pid, 0)
    return told.decode()


def _started(start: Start) -> list[object]:
    began = time.process_time()
    from airflow.sdk.execution_time import task_runner

    if start.with_profile:  # else what Airflow brings by itself is taken for ours
        import airflow.dag_processing.dagbag
        import airflow.providers.standard.operators.empty  # noqa: F401
        from airflow.sdk import DAG, BaseOperator, Param, TaskGroup, chain, get_parsing_context  # noqa: F401
    before = set(sys.modules)
    if not start.with_profile:
        _parse(task_runner, start)
        return [time.process_time() - began, {}, sorted(set(sys.modules) - before)]
    with profiled() as own_ms:
        _parse(task_runner, start)
    return [time.process_time() - began, own_ms, sorted(set(sys.modules) - before)]


def _parse(task_runner: Any, start: Start) -> None:
    ids = {"dag_id": start.dag_id, "task_id": start.task_id}
    message = SimpleNamespace(
        bundle_info=SimpleNamespace(name=start.bundle, version=start.version),
        dag_rel_path=start.file,
        ti=SimpleNamespace(**ids, model_dump=lambda exclude_unset: ids),
        ti_context=SimpleNamespace(max_tries=0),
        start_date=None,
        sentry_integration="",
    )
    with task_runner._airflow_parsing_context_manager(**ids):
        found = task_runner.parse(message, structlog.get_logger())
    if found.task.task_id != start.task_id:
        raise SystemExit(f"{found.task.task_id} was started in place of {start.task_id}")


if __name__ == "__main__":
    main()
