import sys
from pathlib import Path

from mcop_core.embedded.surroundings import (
    cloud_environment,
    isolated_cloud_environment,
    local_environment,
    telemetry_environment,
)

CALLER = {
    "PATH": "/usr/bin",
    "HOME": "/home/me",
    "LC_ALL": "C",
    "AWS_PROFILE": "production",
    "AWS_SESSION_TOKEN": "secret",
    "AIRFLOW_HOME": "/home/me/airflow",
    "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
    "MCOP_ARTIFACT_STORE": "s3://production",
    "TF_VAR_x": "1",
    "PYTHONPATH": "/home/me/src",
    "GITHUB_TOKEN": "secret",
    "HTTPS_PROXY": "http://proxy:3128",
    "no_proxy": "intranet",
}


def test_nothing_of_the_callers_accounts_goes_in():
    """What is inherited says where the machine's things are, and names no cloud, no Airflow and no token."""
    kept = local_environment(CALLER)

    assert sorted(kept) == ["HOME", "HTTPS_PROXY", "LC_ALL", "NO_PROXY", "PATH", "no_proxy"]


def test_the_projects_programs_come_first():
    """`airflow` and `mcop-runner` are those of this environment."""
    assert local_environment(CALLER)["PATH"] == f"{Path(sys.executable).parent}:/usr/bin"


def test_no_proxy_stands_between_the_parts():
    """Loopback is exempt from proxies, and so is what the caller exempted."""
    assert local_environment(CALLER)["NO_PROXY"] == "127.0.0.1,localhost,intranet"
    assert local_environment({})["no_proxy"] == "127.0.0.1,localhost"


def test_every_sdk_is_led_to_the_emulator():
    """Both variables for the region are there, since each SDK reads one of them; no profile is read."""
    cloud = cloud_environment(4566)

    assert cloud["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"
    assert cloud["AWS_REGION"] == cloud["AWS_DEFAULT_REGION"] == "us-east-1"
    assert isolated_cloud_environment(4566).items() >= cloud.items()
    assert isolated_cloud_environment(4566)["AWS_CONFIG_FILE"] == "/dev/null"


def test_a_collector_of_the_callers_is_told():
    """OpenTelemetry's variables go in as they are and switch Airflow's exporters on; without an endpoint none do."""
    endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}
    switched = {"AIRFLOW__TRACES__OTEL_ON": "True", "AIRFLOW__METRICS__OTEL_ON": "True"}

    assert telemetry_environment({**CALLER, **endpoint}) == {**endpoint, **switched}
    assert telemetry_environment({**CALLER, "OTEL_SERVICE_NAME": "mine"}) == {}
