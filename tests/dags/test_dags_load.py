from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import BundleDagBag

from mcop_airflow.execution_request import PARAMS
from mcop_core.settings import Settings
from tests.emulators import Emulator

DAGS = Path(__file__).parents[2] / "dags"
BUNDLE = '[{"name": "catalog", "classpath": "mcop_airflow.bundle.CatalogBundle", "kwargs": {}}]'
UNREACHABLE = Emulator("moto_server", Path()).environment
"""An endpoint at which nothing listens."""


def parse(file):
    return BundleDagBag(dag_folder=DAGS / file, bundle_path=DAGS, bundle_name="dags-folder")


@pytest.fixture(autouse=True)
def _no_cloud(monkeypatch, tmp_path):
    """DynamoDB is down, and the stores are folders."""
    settings = Settings(artifact_store=f"file://{tmp_path}/store", cache_dir=str(tmp_path / "cache"))
    for name, value in {**settings.to_environment(), **UNREACHABLE}.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("file", sorted(path.name for path in DAGS.glob("*.py")))
def test_every_file_loads_with_dynamodb_down(monkeypatch, file):
    """Beside a CatalogBundle no file in dags/ needs the catalog to be parsed."""
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", BUNDLE)

    assert parse(file).import_errors == {}


def test_the_plain_folder_says_what_is_unreachable():
    """Without a bundle and without an earlier copy the factory's file fails to import, and names DynamoDB."""
    assert "DynamoDB" in next(iter(parse("mcop_manifests.py").import_errors.values()))


def test_execute_is_there_without_a_catalog():
    """The trigger for other systems needs no catalog to be parsed, and is not paused."""
    dag = parse("mcop_execute.py").dags["mcop_execute"]

    assert list(dag.task_dict) == ["activate", "await_dag", "deploy", "write_outputs"]
    assert dag.is_paused_upon_creation is False
    assert set(dag.params) == set(PARAMS)
