"""Whether to look again, and whether what was found is to be undone by itself; pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from mcop_core.catalog.canonical import canonical_json
from mcop_core.catalog.models import DriftPolicy
from mcop_core.compiler.plan import DeploymentPlan
from mcop_core.deployments import Deployment
from mcop_core.drift.report import DriftReport

_ALMOST = 0.9
"""A schedule never starts to the second: a look is due a little before its time is up."""


def is_due(policy: DriftPolicy, last: datetime | None, now: datetime) -> bool:
    """Whether a manifest that was looked at *last* (None: never) is to be looked at again."""
    if not policy.watch:
        return False
    return last is None or now - last >= timedelta(hours=policy.every_hours) * _ALMOST


def with_remedy(
    report: DriftReport,
    active: DeploymentPlan,
    plan: DeploymentPlan,
    together: Sequence[Sequence[Deployment]],
) -> DriftReport:
    """
    Return *report* with what is to be executed to undo the drift, or with why nothing is.

    Args:
        active: The plan of the manifest's active version.
        plan: That of the newest deployment.
        together: What is deployed, as `deployments.executed_together` sorts it.
    """
    notes = list(report.notes)
    if active.digest != plan.digest:
        notes.append(f"{active.manifest} is published and not deployed yet.")
    older = [one.step for its in together[:-1] for one in its]
    if older:
        notes.append(f"Not part of the last execution: {', '.join(sorted(older))}.")
    obstacle = _obstacle(report, is_newest=active.digest == plan.digest and not older)
    is_wanted = active.drift.remediate and bool(report.drifted)
    if is_wanted and obstacle:
        notes.append(f"It is not undone by itself: {obstacle}.")
    remedy = dict(together[-1][0].overrides) if is_wanted and not obstacle else None
    return replace(report, notes=tuple(notes), remedy=remedy)


def _obstacle(report: DriftReport, *, is_newest: bool) -> str:
    if not is_newest:
        return "an execution would deploy another version, or other values"
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
