"""
A whole stack, with Airflow's metadata in Postgres: the API server and Postgres go while an apply works.

Ten minutes away, divided by ten, and so is what Airflow tolerates: how many heartbeats may fail, and after how long a
task that is not heard of counts as lost. The pauses between two attempts of a task are not divided.
"""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcop_core.embedded.stack import Stack as Embedded
from mcop_core.embedded.stack import catalog_buckets
from tests.campaign.runs import Row
from tests.campaign.stacks import Execution, Stack
from tests.emulators import free_port
from tests.system.conftest import surroundings

pytestmark = [pytest.mark.campaign, pytest.mark.system, pytest.mark.timeout(1800)]

AWAY_S = 600.0 / 10
TOLERANCE = {
    "AIRFLOW__WORKERS__MAX_FAILED_HEARTBEATS": "12",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
}
NAMES = {"api": "kapi-0001", "postgres": "kpostgres-0001"}


class Postgres:
    """A server in *folder* that can be stopped as if the power went; it refuses to be root's, so it is nobody's."""

    def __init__(self, folder: Path) -> None:
        self._data, self._port = folder / "data", free_port()
        self._user = {"user": "nobody"} if os.geteuid() == 0 else {}
        folder.mkdir()
        folder.chmod(0o777)
        self._run("initdb", "-D", str(self._data), "-U", "airflow", "-A", "trust", "--no-sync")
        self.start()
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self._port), "-U", "airflow", "airflow")

    @property
    def url(self) -> str:
        return f"postgresql+psycopg2://airflow@127.0.0.1:{self._port}/airflow"

    def start(self) -> None:
        self._control("start", "-o", f"-p {self._port} -k '' -c listen_addresses=127.0.0.1", "-l", f"{self._data}.log")

    def stop(self) -> None:
        self._control("stop", "-m", "immediate")

    def _control(self, *arguments: str) -> None:
        self._run("pg_ctl", "-w", "-D", str(self._data), *arguments)

    def _run(self, *command: str) -> None:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/", **self._user)


class OnPostgres(Stack):
    """A stack whose metadata database is *postgres*."""

    def __init__(self, folder: Path, names: list[str], postgres: Postgres) -> None:
        super().__init__(folder, names)
        self._options = {**TOLERANCE, "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": postgres.url}

    def up(self) -> None:
        home = self.live.home
        embedded = Embedded(home, surroundings(), print, options=self._options)
        with embedded.locked():
            embedded.start(buckets=catalog_buckets(home))
            embedded.wait()


@pytest.fixture(scope="module")
def postgres(tmp_path_factory) -> Iterator[Postgres]:
    folder = tmp_path_factory.mktemp("postgres")
    for above in (folder, folder.parent):
        above.chmod(0o755)
    server = Postgres(folder / "server")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def stack(tmp_path_factory, postgres) -> Iterator[OnPostgres]:
    made = OnPostgres(tmp_path_factory.mktemp("stack"), list(NAMES.values()), postgres)
    try:
        made.prepare()
        yield made
    finally:
        made.live.mcop("down", check=False)


def test_an_apply_outlasts_the_api_server(stack: OnPostgres):
    """Killed, and started again a minute later: the apply went on, and the run is recorded as what it was."""

    def outage() -> None:
        assert stack.kill("api-server")
        time.sleep(AWAY_S)

    row = Execution(stack, NAMES["api"], Row(0, 0, level=2)).outlast(outage)

    assert row.is_clean, row


def test_an_apply_outlasts_postgres(stack: OnPostgres, postgres: Postgres):
    """Stopped without a checkpoint, and started again a minute later, with what had ended without it."""

    def outage() -> None:
        postgres.stop()
        time.sleep(AWAY_S)
        postgres.start()

    row = Execution(stack, NAMES["postgres"], Row(0, 1, level=2)).outlast(outage)

    assert row.is_clean, row
