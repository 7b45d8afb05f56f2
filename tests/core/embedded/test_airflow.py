import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mcop_core.embedded.airflow import (
    COMPONENTS,
    airflow_environment,
    components,
    finish_migration,
    health,
    is_healthy,
    loopback_hostname,
    start_migration,
)
from mcop_core.embedded.home import load_secrets
from mcop_core.embedded.processes import choose_ports
from mcop_core.errors import EngineFailed

PORTS = {"airflow-api": 8081, "airflow-worker-log": 8082, "airflow-trigger-log": 8083}


@pytest.fixture
def environment(home):
    return airflow_environment(home, load_secrets(home), PORTS)


def test_everything_listens_on_loopback(home, environment):
    """The API server binds 127.0.0.1, and the two that would start a log server for everybody are told not to."""
    commands = {part.name: part.command for part in components(home, {"PATH": "/venv/bin"}, environment, "")}

    assert environment["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert "--skip-serve-logs" in commands["scheduler"]
    assert "--skip-serve-logs" in commands["triggerer"]
    assert commands["api-server"] == ("/venv/bin/airflow", "api-server")


def test_tasks_find_the_api_on_its_port(environment):
    """The address of the execution API follows the port of the API server."""
    assert environment["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:8081/execution/"
    assert environment["AIRFLOW__API__PORT"] == "8081"


def test_dags_come_from_the_catalog_and_from_the_folder(home, environment):
    """Both bundles are configured, under the names they keep."""
    bundles = json.loads(environment["AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"])

    assert [bundle["name"] for bundle in bundles] == ["mcop-catalog", "dags-folder"]
    assert bundles[1]["kwargs"] == {"path": str(home.project / "dags")}


def test_every_option_is_one_of_airflows(environment):
    """A misspelt option would be ignored in silence; Airflow's own configuration knows every one."""
    program = (
        "import json, sys\n"
        "from airflow.configuration import conf\n"
        "names = json.load(sys.stdin)\n"
        "known = conf.configuration_description\n"
        "unknown = [n for n in names if n.split('__')[2].lower() not in known[n.split('__')[1].lower()]['options']]\n"
        "print(json.dumps(unknown))\n"
    )
    names = json.dumps([name for name in environment if name.startswith("AIRFLOW__")])
    own = {"PATH": os.environ["PATH"], "AIRFLOW_HOME": environment["AIRFLOW_HOME"]}
    done = subprocess.run(
        (sys.executable, "-c", program), input=names, env=own, capture_output=True, text=True, check=True
    )

    assert json.loads(done.stdout.splitlines()[-1]) == []


def test_the_machine_is_called_localhost():
    """A name that always resolves, whatever the network calls the machine."""
    assert loopback_hostname() == "localhost"


def test_an_airflow_that_is_not_there_is_unreachable():
    """Health of nothing is told for all four components."""
    url = f"http://127.0.0.1:{choose_ports(['api'], {})['api']}"

    assert health(url) == dict.fromkeys(COMPONENTS, "unreachable")
    assert not is_healthy(url)


def fake_airflow(folder, code):
    folder.mkdir()
    path = Path(folder / "airflow")
    path.write_text(f"#!/bin/sh\necho migrating $1 $2\nexit {code}\n")
    path.chmod(0o755)
    return {"PATH": f"{folder}:/usr/bin:/bin"}


def test_the_database_is_made_once(home, tmp_path):
    """A second start of the same Airflow does not migrate again."""
    base = fake_airflow(tmp_path / "bin", 0)
    finish_migration(home, start_migration(home, base))

    assert start_migration(home, base) is None
    assert (home.logs / "airflow-db-migrate.log").read_text() == "migrating db migrate\n"


def test_a_database_that_cannot_be_made_is_told(home, tmp_path):
    """The log is named and quoted, and the next start tries again."""
    base = fake_airflow(tmp_path / "bin", 3)

    with pytest.raises(EngineFailed, match="exit code 3") as caught:
        finish_migration(home, start_migration(home, base))
    assert "migrating db migrate" in caught.value.message
    assert start_migration(home, base).wait() == 3
