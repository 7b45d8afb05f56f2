import pytest

from mcop_core.executions.status import Status, from_airflow

# Every state of a DAG run and of a task in Airflow 3.3.
CASES = {
    "success": Status.COMPLETED,
    "skipped": Status.COMPLETED,
    "failed": Status.FAILED,
    "upstream_failed": Status.FAILED,
    "removed": Status.FAILED,
    "running": Status.RUNNING,
    "deferred": Status.RUNNING,
    "awaiting_input": Status.RUNNING,
    "restarting": Status.RUNNING,
    "up_for_retry": Status.RUNNING,
    "up_for_reschedule": Status.RUNNING,
    "queued": Status.INITIATED,
    "scheduled": Status.INITIATED,
    None: Status.INITIATED,
    "not_invented_yet": Status.RUNNING,
}


@pytest.mark.parametrize(("state", "expected"), CASES.items())
def test_each_state_of_airflow_has_a_status(state, expected):
    """The table covers Airflow's words, and takes an unknown one for not finished."""
    assert expected == from_airflow(state)


@pytest.mark.parametrize("status", Status)
def test_only_two_statuses_are_final(status):
    """Nothing ends but by completing or failing."""
    assert (status in {Status.COMPLETED, Status.FAILED}) == status.is_final
