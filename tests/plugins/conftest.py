from tests.plugins import airflow_home  # isort: skip  # sets AIRFLOW_HOME before anything imports airflow

from pathlib import Path

import pytest

from mcop_core.bootstrap import open_repository
from mcop_core.catalog.dynamodb import create_tables
from mcop_core.settings import Settings
from tests.emulators import Emulator
from tests.plugins.plans import storefront
from tests.plugins.small_catalog import filled


@pytest.fixture
def plan():
    return storefront()


@pytest.fixture
def settings(tmp_path) -> Settings:
    """Settings of an installation that lies in one folder."""
    return Settings(
        artifact_store=f"file://{tmp_path}/store", work_dir=str(tmp_path / "runs"), cache_dir=str(tmp_path / "cache")
    )


@pytest.fixture
def environment(settings, monkeypatch) -> Settings:
    """The same settings, as the environment variables that operators and the bundle read."""
    for name, value in settings.to_environment().items():
        monkeypatch.setenv(name, value)
    return settings


@pytest.fixture(scope="session")
def airflow_database() -> Path:
    """Airflow's metadata database, empty, in the tests' own home."""
    from airflow.utils.db import initdb

    initdb()
    return airflow_home.HOME / "airflow.db"


@pytest.fixture(scope="module")
def scheduling(airflow_database):
    """The scheduler in this process; it can be imported only beside a database."""
    from tests.plugins import scheduling

    return scheduling


@pytest.fixture
def catalog(settings, tmp_path):
    """A catalog in memory and a folder, with the manifests `shop` and `cafe`."""
    return filled(settings, tmp_path / "states")


@pytest.fixture
def emulator(monkeypatch, tmp_path):
    """A running emulator, in the environment."""
    running = Emulator("moto_server", tmp_path)
    for name, value in running.environment.items():
        monkeypatch.setenv(name, value)
    try:
        yield running.start()
    finally:
        running.stop()


@pytest.fixture
def dynamodb_catalog(emulator, environment, tmp_path):
    """A catalog in the emulator's DynamoDB, with the manifests `shop` and `cafe`."""
    create_tables(emulator.client("dynamodb"), environment.objects_table, environment.rules_table)
    return filled(environment, tmp_path / "states", open_repository(environment))
