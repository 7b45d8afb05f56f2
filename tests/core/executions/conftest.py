import httpx
import pytest

from mcop_core.executions.airflow_api import AirflowApi
from tests.core.executions.fake_airflow import PASSWORD, FakeAirflow


@pytest.fixture
def airflow():
    return FakeAirflow()


@pytest.fixture
def pauses():
    return []


@pytest.fixture
def api(airflow, pauses):
    client = httpx.Client(base_url="http://airflow.test", transport=httpx.MockTransport(airflow))
    with AirflowApi(client, username="admin", password=PASSWORD, sleep=pauses.append) as opened:
        yield opened
