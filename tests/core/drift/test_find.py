"""What is called drift, what causes it, and what a rule ignores."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from mcop_core.catalog.models import DriftPolicy, IgnoredDrift
from mcop_core.deployments import Deployment
from mcop_core.drift.find import find_drift
from mcop_core.engines.changes import (
    Action,
    AttributeChange,
    ComponentChanges,
    Drift,
    Mode,
    ResourceChange,
)
from tests.plugins.plans import storefront

NOW = datetime(2026, 1, 2, tzinfo=UTC)
PLAN = storefront()
STEPS = [step.id for step in PLAN.steps]
FIRST, SECOND = STEPS[0], next(step.id for step in PLAN.steps if STEPS[0] in step.after)


def change(action=Action.UPDATE, drift=None, address='log.this["a"]', *paths):
    return ResourceChange(address, "log", action, drift=drift, attributes=tuple(map(AttributeChange, paths)))


DEPLOYED = {s.id: Deployment(s.id, "a" * 64, "p" * 64, {}, s.after, "mcop.x/r", "2026-01-01") for s in PLAN.steps}


def find(changes, *rules, mode=Mode.MERGED):
    components = tuple(ComponentChanges(step, mode, "", tuple(changes.get(step, ()))) for step in STEPS)
    return find_drift("team", PLAN.manifest, DEPLOYED, components, policy=DriftPolicy(ignore=rules), now=NOW)


def rule(**fields):
    return IgnoredDrift(**{"component": FIRST, "reason": "known", "until": date(2026, 1, 2), **fields})


def test_nothing_is_found_where_nothing_would_be_done():
    """An untouched deployment is clean; so is one whose data sources are read again."""
    assert find({}).is_clean
    assert find({FIRST: [change(Action.READ)]}).is_clean


@pytest.mark.parametrize(
    ("drift", "cause"),
    [
        (Drift.DELETED, "deleted outside"),
        (Drift.CHANGED, "changed outside"),
        (None, "its deployment was not finished"),
    ],
)
def test_a_finding_tells_its_cause(drift, cause):
    """What Terraform saw in the cloud tells it."""
    report = find({FIRST: [change(drift=drift)]})

    assert (report.drifted, report.is_clean) == ((FIRST,), False)
    assert cause in report.findings[0].cause


def test_what_follows_from_another_component_says_so():
    """A replacement upstream is the cause of what it does downstream."""
    report = find({FIRST: [change(Action.REPLACE, Drift.CHANGED)], SECOND: [change(Action.REPLACE)]})

    assert [one.cause for one in report.findings][1] == f"it follows from {FIRST}"


def test_what_cannot_be_told_is_not_clean():
    """A component that cannot be planned is named."""
    report = find({}, mode=Mode.DEFERRED)

    assert not report.is_clean
    assert set(report.untold) == set(STEPS)


@pytest.mark.parametrize(
    ("fields", "changed", "ignored"),
    [
        ({}, change(), True),
        ({"component": "*.*.other"}, change(), False),
        ({"address": 'log.this["*"]'}, change(), True),
        ({"address": 'log.this["b"]'}, change(), False),
        ({"attributes": ["tags"]}, change(Action.UPDATE, None, "log.x", "tags.Name", "tags"), True),
        ({"attributes": ["tags"]}, change(Action.UPDATE, None, "log.x", "tags.Name", "tagset"), False),
        ({"attributes": ["tags"]}, change(Action.REPLACE, None, "log.x", "tags"), False),
        ({"until": date(2026, 1, 1)}, change(), False),
    ],
)
def test_a_rule_ignores_what_it_names_until_its_day(fields, changed, ignored):
    """Component, address and attributes must fit; a rule that is past its day is told."""
    report = find({FIRST: [changed]}, rule(**fields))

    assert report.findings[0].ignored == ("known" if ignored else "")
    assert report.is_clean is ignored
    assert bool(report.notes) is (fields.get("until") == date(2026, 1, 1))


def test_the_text_tells_cause_and_change():
    """As Terraform's users read it: from what is in the cloud to what was deployed."""
    found = replace(change(drift=Drift.CHANGED), attributes=(AttributeChange("days", 14, 7),))
    lines = [line.text for line in find({FIRST: [found]}).to_lines()]

    assert lines[:3] == [FIRST, '  ~ log.this["a"]  # it was changed outside of MCOP', "      days: 14 -> 7"]
    assert lines[-1] == f"{PLAN.manifest}: 1 resource drifted, in 1 of {len(STEPS)} components"
