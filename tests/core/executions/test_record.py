from datetime import UTC, datetime, timedelta

import pytest

from mcop_core.executions.record import StepRecord
from mcop_core.executions.status import Status

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("started", "ended", "expected"),
    [(START, START + timedelta(seconds=1.5), 1.5), (START, None, None), (None, None, None), (None, START, None)],
)
def test_a_duration_needs_both_ends(started, ended, expected):
    """Seconds are known once a step has started and ended."""
    assert expected == StepRecord("a", Status.RUNNING, None, started_at=started, ended_at=ended).duration_s
