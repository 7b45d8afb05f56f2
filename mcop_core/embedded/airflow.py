"""
Airflow's four components on this machine: their configuration, commands and health.

Everything listens on 127.0.0.1 alone. The log servers, which would listen everywhere, are left out: on one machine
the API server reads the logs from the disk.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import httpx

from mcop_core.embedded.home import ADMIN, APPROVER, Home, Secrets
from mcop_core.embedded.processes import Component, tail
from mcop_core.embedded.surroundings import LOCAL
from mcop_core.errors import EngineFailed

PORTS = ("airflow-api", "airflow-worker-log", "airflow-trigger-log")
API = "api-server"
SCHEDULER = "scheduler"
DAG_PROCESSOR = "dag-processor"
TRIGGERER = "triggerer"
COMPONENTS: dict[str, tuple[str, ...]] = {
    API: (),
    SCHEDULER: ("--skip-serve-logs",),
    DAG_PROCESSOR: (),
    TRIGGERER: ("--skip-serve-logs",),
}
"""Airflow's commands, with their options, in the order of their start."""
HEALTH_NAMES = {SCHEDULER: "scheduler", DAG_PROCESSOR: "dag_processor", TRIGGERER: "triggerer"}
"""Component -> what `/api/v2/monitor/health` calls it."""
CATALOG_BUNDLE = "mcop-catalog"
FOLDER_BUNDLE = "dags-folder"
PARALLELISM = 8
_MIGRATION_S = 300


def loopback_hostname() -> str:
    """
    Return the name under which the parts of this Airflow know the machine (`[core] hostname_callable`).

    A laptop's own name changes with its network, and need not resolve.
    """
    return "localhost"


def airflow_url(ports: Mapping[str, int]) -> str:
    """Return where the API server and the UI are."""
    return f"http://{LOCAL}:{ports['airflow-api']}"


def airflow_environment(home: Home, secrets: Secrets, ports: Mapping[str, int]) -> dict[str, str]:
    """Return Airflow's whole configuration, as variables."""
    options = {**_core(home, secrets, ports), **_api(home, secrets, ports), **_pace(), **_logging(home, ports)}
    named = {f"AIRFLOW__{option.upper().replace('.', '__')}": value for option, value in options.items()}
    return {"AIRFLOW_HOME": str(home.airflow), **named}


def _core(home: Home, secrets: Secrets, ports: Mapping[str, int]) -> dict[str, str]:
    return {
        "core.executor": "mcop_airflow.executor.ResumingLocalExecutor",
        "core.parallelism": str(PARALLELISM),
        "core.load_examples": "False",
        "core.dags_folder": str(home.project / "dags"),
        "core.plugins_folder": str(home.project / "plugins"),
        "core.dags_are_paused_at_creation": "False",
        "core.fernet_key": secrets.fernet,
        "core.hostname_callable": f"{__name__}.loopback_hostname",
        "core.execution_api_server_url": f"{airflow_url(ports)}/execution/",
        "core.simple_auth_manager_users": f"{ADMIN}:admin,{APPROVER}:op",
        "core.simple_auth_manager_passwords_file": str(home.passwords_file),
        "database.sql_alchemy_conn": f"sqlite:///{home.airflow / 'airflow.db'}",
        "dag_processor.dag_bundle_config_list": json.dumps(bundles(home)),
        "dag_processor.dag_bundle_storage_path": str(home.airflow / "bundles"),
    }


def bundles(home: Home) -> list[dict[str, object]]:
    """Return where DAGs come from: the catalog's snapshots, and the project's own folder."""
    return [
        {
            "name": CATALOG_BUNDLE,
            "classpath": "mcop_airflow.bundle.CatalogBundle",
            "kwargs": {"refresh_interval": 5},
        },
        {
            "name": FOLDER_BUNDLE,
            "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
            "kwargs": {"path": str(home.project / "dags")},
        },
    ]


def _api(home: Home, secrets: Secrets, ports: Mapping[str, int]) -> dict[str, str]:
    return {
        "api.host": LOCAL,
        "api.port": str(ports["airflow-api"]),
        "api.base_url": airflow_url(ports),
        "api.secret_key": secrets.session,
        "api.instance_name": "MCOP",
        "api.workers": "1",
        "api_auth.jwt_secret": secrets.jwt,
    }


def _pace() -> dict[str, str]:
    """Return how fast things are looked at: for one person who waits, on a machine with two processors."""
    return {
        "scheduler.scheduler_idle_sleep_time": "0.1",
        # A DAG version that never ran is rewritten in place, and the API server makes runs of the copy it has
        # for this long: admit would refuse them as of another plan.
        "core.min_serialized_dag_update_interval": "0",
        "dag_processor.refresh_interval": "5",
        "dag_processor.bundle_refresh_check_interval": "1",
        "dag_processor.min_file_process_interval": "15",
        "dag_processor.parsing_processes": "1",
        "dag_processor.print_stats_interval": "600",
        # A task whose API server is away for minutes is not killed: the runner under it goes on anyway.
        "workers.max_failed_heartbeats": "600",
        # So long the supervisor of a task sleeps that just missed the end of it, as one in four does: meanwhile
        # nobody is told that it was skipped or failed. So late, too, a task notices that it was stopped.
        "workers.min_heartbeat_interval": "1",
        # What died is noticed within a minute: a worker with its task, and a scheduler with what it had queued.
        # A task that is called dead too early costs a retry, which finds its runner at work.
        "scheduler.task_instance_heartbeat_timeout": "30",
        "scheduler.task_instance_heartbeat_timeout_detection_interval": "5",
        "scheduler.orphaned_tasks_check_interval": "10",
        "workers.execution_api_timeout": "60",
        "workers.missing_dag_retry_delay": "5",
    }


def _logging(home: Home, ports: Mapping[str, int]) -> dict[str, str]:
    return {
        "logging.base_log_folder": str(home.airflow / "logs"),
        "logging.dag_processor_child_process_log_directory": str(home.airflow / "logs" / "dag_processor"),
        "logging.worker_log_server_port": str(ports["airflow-worker-log"]),
        "logging.trigger_log_server_port": str(ports["airflow-trigger-log"]),
        "logging.colored_console_log": "False",
    }


def components(home: Home, base: Mapping[str, str], environment: Mapping[str, str], code: str) -> list[Component]:
    """
    Return the four components, in the order of their start.

    Args:
        base: `local_environment`.
        environment: `airflow_environment` and what their tasks need beside it.
        code: Digest of the code that they load; a running one with another is out of date.
    """
    program = str(_program(base))
    return [
        Component(name, (program, name, *options), environment, base, home.logs / f"{name}.log", version=code)
        for name, options in COMPONENTS.items()
    ]


def _program(base: Mapping[str, str]) -> Path:
    return Path(base["PATH"].split(os.pathsep)[0]) / "airflow"


def start_migration(home: Home, environment: Mapping[str, str]) -> subprocess.Popen[bytes] | None:
    """Start making Airflow's database, and return its process; None when there is one of this version."""
    if _stamp(home).is_file():
        return None
    with (home.logs / "airflow-db-migrate.log").open("ab") as log:
        return subprocess.Popen(
            (str(_program(environment)), "db", "migrate"),
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def finish_migration(home: Home, migration: subprocess.Popen[bytes] | None) -> None:
    """
    Wait until the database is made.

    Raises:
        EngineFailed: It could not be made; with the end of its log.
    """
    if migration is None:
        return
    try:
        code = migration.wait(timeout=_MIGRATION_S)
    except subprocess.TimeoutExpired:
        migration.kill()
        code = migration.wait()
    if code:
        log = home.logs / "airflow-db-migrate.log"
        raise EngineFailed(f"airflow db migrate ended with exit code {code}. Its log is {log}:\n{tail(log)}")
    _stamp(home).touch()


def _stamp(home: Home) -> Path:
    return home.airflow / f"migrated-{version('apache-airflow')}"


def health(url: str) -> dict[str, str]:
    """Return component -> `healthy` or what else it says; `unreachable` for all while the API server is away."""
    try:
        response = httpx.get(f"{url}/api/v2/monitor/health", timeout=30.0, trust_env=False)
        told = response.json() if response.is_success else {}
    except (httpx.TransportError, ValueError):
        told = {}
    if not told:
        return dict.fromkeys(COMPONENTS, "unreachable")
    own = {name: (told.get(key) or {}).get("status") or "starting" for name, key in HEALTH_NAMES.items()}
    return {API: (told.get("metadatabase") or {}).get("status") or "unhealthy", **own}


def is_healthy(url: str) -> bool:
    """Whether all four components say so, and the API that tasks talk to is up."""
    return all(status == "healthy" for status in health(url).values()) and _serves_tasks(url)


def _serves_tasks(url: str) -> bool:
    try:
        return httpx.get(f"{url}/execution/health", timeout=60.0, trust_env=False).is_success
    except httpx.TransportError:
        return False
