"""When to look again, and when drift is undone by itself."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mcop_core.catalog.models import DriftPolicy
from mcop_core.drift.remedy import is_due, is_widespread, remedy_id, with_remedy
from mcop_core.drift.report import DriftReport, Finding
from mcop_core.engines.changes import Action, ResourceChange
from tests.plugins.plans import storefront

NOW = datetime(2026, 1, 2, 5, tzinfo=UTC)
FINDING = Finding("w.p.a", ResourceChange("log.this", "log", Action.UPDATE), "changed")
REPORT = DriftReport("team", "manifest#shop@1.0.0", NOW.isoformat(), 4, (FINDING,), {})
ACTIVE = storefront().model_copy(update={"drift": DriftPolicy(remediate=True)})


@pytest.mark.parametrize(
    ("policy", "hours", "due"),
    [
        ({}, None, True),
        ({}, 0.1, True),
        ({"watch": False}, None, False),
        ({"every_hours": 24}, None, True),
        ({"every_hours": 24}, 23.99, True),
        ({"every_hours": 24}, 12, False),
    ],
)
def test_a_manifest_is_looked_at_as_often_as_it_says(policy, hours, due):
    """A schedule that starts a second early still looks; one that is not watched never is."""
    last = NOW - timedelta(hours=hours) if hours is not None else None

    assert is_due(DriftPolicy(**policy), last, NOW) is due


def remedied(report=REPORT, active=ACTIVE, *, is_deployed=True):
    return with_remedy(report, active, is_deployed=is_deployed, overrides={"size": "m"})


def test_drift_is_undone_with_what_was_deployed():
    """The overrides of the deployment are those of the execution."""
    assert remedied().remedy == {"size": "m"}


@pytest.mark.parametrize(
    ("report", "is_deployed", "said"),
    [
        (REPORT, False, "newer version"),
        (replace(REPORT, findings=(FINDING, replace(FINDING, ignored="known"))), True, "what is ignored"),
        (replace(REPORT, untold={"w.p.b": "broken"}), True, "w.p.b"),
    ],
)
def test_what_an_execution_would_do_besides_forbids_it(report, is_deployed, said):
    """Nothing but the drift is undone by itself, and the report says why nothing is."""
    found = remedied(report, is_deployed=is_deployed)

    assert found.remedy is None
    assert said in found.notes[-1]


def test_nothing_is_undone_that_nobody_asked_for():
    """Neither without the manifest's word nor without drift; a newer version is told anyway."""
    assert remedied(active=storefront()).remedy is None
    assert remedied(replace(REPORT, findings=())).remedy is None
    assert "not deployed yet" in remedied(active=storefront(), is_deployed=False).notes[0]


def test_widespread_drift_is_left_alone():
    """The share counts over everything that was looked at."""
    quiet = replace(REPORT, findings=())

    assert is_widespread([REPORT], 0.2)
    assert not is_widespread([REPORT, quiet], 0.2)


def test_the_same_findings_are_undone_once_a_day():
    """The run id tells day and findings, and nothing of the values."""
    later = replace(REPORT, at=(NOW + timedelta(hours=3)).isoformat())
    tomorrow = replace(REPORT, at=(NOW + timedelta(days=1)).isoformat())
    other = replace(REPORT, findings=(replace(FINDING, step="w.p.b"),))

    assert remedy_id(REPORT) == remedy_id(later)
    assert len({remedy_id(REPORT), remedy_id(tomorrow), remedy_id(other)}) == 3
