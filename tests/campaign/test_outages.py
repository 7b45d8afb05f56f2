"""
A whole stack, with Airflow's metadata in Postgres: the API server and Postgres go while an apply works.

Ten minutes away, divided by ten, and so is what Airflow tolerates: how many heartbeats may fail, and after how long a
task that is not heard of counts as lost. The pauses between two attempts of a task are not divided.
"""

import time
from collections.abc import Iterator

import pytest

from tests.campaign.postgres import Postgres
from tests.campaign.runs import Row
from tests.campaign.stacks import Execution, Stack

pytestmark = [pytest.mark.campaign, pytest.mark.system, pytest.mark.timeout(1800)]

AWAY_S = 600.0 / 10
TOLERANCE = {
    "AIRFLOW__WORKERS__MAX_FAILED_HEARTBEATS": "60",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
}
NAMES = {"api": "kapi-0001", "postgres": "kpostgres-0001"}


@pytest.fixture(scope="module")
def postgres(tmp_path_factory) -> Iterator[Postgres]:
    folder = tmp_path_factory.mktemp("postgres")
    for above in (folder, folder.parent):
        above.chmod(0o755)
    server = Postgres(folder / "server")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def stack(tmp_path_factory, postgres) -> Iterator[Stack]:
    made = Stack(tmp_path_factory.mktemp("stack"), list(NAMES.values()), postgres, TOLERANCE)
    try:
        made.prepare()
        yield made
    finally:
        made.live.mcop("down", check=False)


def test_an_apply_outlasts_the_api_server(stack: Stack):
    """Killed, and started again a minute later: the apply went on, and the run is recorded as what it was."""

    def outage() -> None:
        assert stack.kill("api-server")
        time.sleep(AWAY_S)

    row = Execution(stack, NAMES["api"], Row(0, 0, level=2)).outlast(outage)

    assert row.is_clean, row


def test_an_apply_outlasts_postgres(stack: Stack, postgres: Postgres):
    """Stopped without a checkpoint, and started again a minute later, with what had ended without it."""

    def outage() -> None:
        postgres.stop()
        time.sleep(AWAY_S)
        postgres.start()

    row = Execution(stack, NAMES["postgres"], Row(0, 1, level=2)).outlast(outage)

    assert row.is_clean, row
