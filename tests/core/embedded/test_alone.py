"""Airflow for one execution: whose cloud and settings it has."""

from pathlib import Path

import pytest

from mcop_core.embedded.alone import Alone
from mcop_core.embedded.home import Home
from mcop_core.embedded.tools import Tool

ROOT = Path(__file__).parents[3]
GIVEN = {
    "PATH": "/usr/bin",
    "AWS_ACCESS_KEY_ID": "mine",
    "VAULT_ADDR": "https://vault.example.org",
    "MCOP_SECRET_DB": "hidden",
    "MCOP_ARTIFACT_STORE": "s3://mine",
    "MCOP_WORK_DIR": "/var/lib/mcop/runs",
    "MCOP_DRIFT_SCHEDULE": "* * * * *",
    "MCOP_AIRFLOW_URL": "https://airflow.example.org",
    "MCOP_AIRFLOW_TOKEN": "of another Airflow",
    "AIRFLOW__CORE__EXECUTOR": "KubernetesExecutor",
}


@pytest.fixture
def alone(tmp_path):
    stack = Alone(Home.of(ROOT, tmp_path / "home"), GIVEN, lambda line: None)
    stack.home.create()
    stack._choose_ports()
    return stack


def test_what_is_given_holds_but_for_the_airflow_and_what_begins_by_itself(alone):
    """The caller's catalog, stores and work folder; an Airflow of its own that runs nothing else."""
    settings = alone._settings(Tool(Path("/usr/bin/terraform"), "1.11.4", "PATH"))

    assert (settings.artifact_store, settings.work_dir) == ("s3://mine", "/var/lib/mcop/runs")
    assert (settings.terraform, settings.airflow_url, settings.airflow_token) == ("/usr/bin/terraform", alone.url, "")
    assert (settings.drift_schedule, settings.reconcile_schedule) == ("", "")
    assert len(settings.record_key) >= 32


def test_tasks_get_the_callers_cloud_and_no_other_airflow(alone):
    """Credentials and secrets are passed on; what configures an Airflow is not."""
    settings = alone._settings(Tool(Path("/usr/bin/terraform"), "1.11.4", "PATH"))

    environment = alone._task_environment(settings)

    kept = {name: environment.get(name) for name in ("AWS_ACCESS_KEY_ID", "VAULT_ADDR", "MCOP_SECRET_DB")}
    assert kept == {name: GIVEN[name] for name in kept}
    assert environment["AIRFLOW__CORE__EXECUTOR"] == "mcop_airflow.executor.ResumingLocalExecutor"
    assert "MCOP_AIRFLOW_TOKEN" not in environment
