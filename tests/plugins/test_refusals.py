"""Who is refused what, in Airflow's audit log."""

import json

import pytest
from airflow.models.log import Log
from airflow.utils.session import create_session

from mcop_airflow.refusals import EVENT, RefusalLog

API = "/mcop/api/v1/executions"


@pytest.fixture(scope="module")
def airflow(airflow_database):
    from tests.plugins.serving import Airflow

    made = Airflow()
    made.app.add_middleware(RefusalLog)
    return made


def refused(airflow, method, path, *, name, role=None):
    """Ask as *name*, and return the answer's status and the entries that it left."""
    with create_session() as session:
        session.query(Log).filter_by(event=EVENT).delete()
    status = airflow.client(name, role).request(method, path).status_code
    with create_session() as session:
        return status, [
            (row.owner, row.dag_id, json.loads(row.extra)) for row in session.query(Log).filter_by(event=EVENT)
        ]


@pytest.mark.parametrize("what", ["", "/bill", "/preview", "/diff?to=mcop.shop/one"])
def test_a_refused_look_at_an_execution_is_written_down(airflow, what):
    """Who, at which manifest's, and by which path."""
    status, written = refused(airflow, "GET", f"{API}/mcop.cafe/one{what}", name="shopkeeper")

    assert status == 403
    assert [("shopkeeper", "mcop.cafe", {"method": "GET", "path": f"{API}/mcop.cafe/one{what}"})] == written


def test_the_other_execution_of_a_refused_difference_is_in_its_path(airflow):
    """Whoever may read the first one may not read every other."""
    status, written = refused(airflow, "GET", f"{API}/mcop.shop/one/diff?to=mcop.cafe/one", name="shopkeeper")

    assert status == 403
    assert ["mcop.cafe/one" in extra["path"] for _, _, extra in written] == [True]


def test_a_refused_list_is_written_down(airflow):
    """Of a user who has no role, and so may read no DAG."""
    status, [(owner, dag, extra)] = refused(airflow, "GET", API, name="nora")

    assert (status, owner, dag, extra["path"]) == (403, "nora", None, API)


@pytest.mark.parametrize("dag", ["x" * 300, "mcop.%00", "mcop.\N{GREEK SMALL LETTER ALPHA}"])
def test_a_name_that_no_dag_has_hides_nothing(airflow, dag):
    """What the log's column would not take is in the path alone."""
    status, [(owner, found, extra)] = refused(airflow, "POST", f"{API}/{dag}/one/stop", name="shopkeeper")

    assert (status, owner, found) == (403, "shopkeeper", None)
    assert extra["path"].startswith(f"{API}/")


def test_what_is_allowed_or_nobodys_is_no_refusal(airflow, environment):
    """An answer, a missing execution, a request without a known user."""
    assert refused(airflow, "GET", API, name="admin", role="ADMIN") == (200, [])
    assert refused(airflow, "GET", f"{API}/mcop.cafe/none", name="admin", role="ADMIN") == (404, [])
    assert refused(airflow, "GET", API, name="") == (401, [])


def test_a_refused_look_at_airflows_own_pages_is_not(airflow):
    """Its UI asks for them by itself."""
    assert refused(airflow, "GET", "/api/v2/dags/mcop.cafe", name="shopkeeper") == (403, [])
