"""When to look again, and when drift is undone by itself."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mcop_core.catalog.models import DriftPolicy
from mcop_core.deployments import Deployment
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


def deployment(step, **overrides):
    return Deployment(step, "a" * 64, ACTIVE.digest, overrides, (), "mcop.shop/r1", "2026-01-01T00:00:00+00:00")


TOGETHER = ((deployment("w.p.a", size="m"), deployment("w.p.b", size="m")),)


def remedied(report=REPORT, active=ACTIVE, plan=ACTIVE, together=TOGETHER):
    return with_remedy(report, active, plan, together)


def test_drift_is_undone_with_what_was_deployed():
    """The overrides of the deployment are those of the execution."""
    assert remedied().remedy == {"size": "m"}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"plan": storefront()}, "another version"),
        ({"together": ((deployment("w.p.b"),), *TOGETHER)}, "other values"),
        ({"report": replace(REPORT, findings=(FINDING, replace(FINDING, ignored="known")))}, "what is ignored"),
        ({"report": replace(REPORT, untold={"w.p.b": "broken"})}, "w.p.b"),
    ],
)
def test_what_an_execution_would_do_besides_forbids_it(fields, said):
    """Nothing but the drift is undone by itself, and the report says why nothing is."""
    found = remedied(**fields)

    assert found.remedy is None
    assert said in found.notes[-1]


def test_nothing_is_undone_that_nobody_asked_for():
    """Neither without the manifest's word nor without drift; that another version is active is told anyway."""
    quiet = replace(REPORT, findings=())
    assert remedied(active=storefront(), plan=storefront()).remedy is None
    assert remedied(quiet).remedy is None
    assert "not deployed yet" in remedied(quiet, plan=storefront()).notes[0]


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
