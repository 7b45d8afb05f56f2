"""Whether to look again, and whether what was found is to be undone by itself; pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from mcop_core.catalog.models import DriftPolicy, canonical_json
from mcop_core.compiler.plan import DeploymentPlan
from mcop_core.drift.report import DriftReport

_ALMOST = 0.9
"""A schedule never starts to the second: a look is due a little before its time is up."""


def is_due(policy: DriftPolicy, last: datetime | None, now: datetime) -> bool:
    """Whether a manifest that was looked at *last* (None: never) is to be looked at again."""
    if not policy.watch:
        return False
    return last is None or now - last >= timedelta(hours=policy.every_hours) * _ALMOST


def with_remedy(
    report: DriftReport, active: DeploymentPlan, *, is_deployed: bool, overrides: Mapping[str, Any]
) -> DriftReport:
    """
    Return *report* with what is to be executed to undo the drift, or with why nothing is.

    Args:
        active: The plan of the manifest's active version.
        is_deployed: Whether that is the plan that was deployed last.
        overrides: Of the newest deployment.
    """
    notes = report.notes if is_deployed else (*report.notes, f"{active.manifest} is published and not deployed yet.")
    if not (active.drift.remediate and report.drifted):
        return replace(report, notes=notes)
    obstacle = _obstacle(report, is_deployed=is_deployed)
    if obstacle:
        return replace(report, notes=(*notes, f"It is not undone by itself: {obstacle}."))
    return replace(report, notes=notes, remedy=dict(overrides))


def _obstacle(report: DriftReport, *, is_deployed: bool) -> str:
    if not is_deployed:
        return "an execution would deploy the newer version"
    if any(one.ignored for one in report.findings):
        return "an execution would undo what is ignored, too"
    return f"nothing can be told of {', '.join(report.untold)}" if report.untold else ""


def is_widespread(reports: Sequence[DriftReport], ceiling: float) -> bool:
    """Whether more than the share *ceiling* of all components drifted: then something else is wrong."""
    drifted, all_ = sum(len(one.drifted) for one in reports), sum(one.components for one in reports)
    return drifted > ceiling * all_


def remedy_id(report: DriftReport) -> str:
    """Return the run id of the execution that undoes *report*: one a day for the same findings."""
    found = [[one.step, one.change.address, str(one.change.action)] for one in report.findings]
    return f"mcop_drift__{report.at[:10]}__{hashlib.sha256(canonical_json(found)).hexdigest()[:16]}"
