"""
What MCOP counts, through Airflow's own metrics: `[metrics] otel_on` or `statsd_on` sends it, and else it is nothing.

Airflow puts its prefix before a name: `mcop.operations` is sent as `airflow.mcop.operations`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.sdk.observability import stats

if TYPE_CHECKING:
    from collections.abc import Collection

    from mcop_core.drift.report import DriftReport
    from mcop_core.runner.request import RunRequest, RunResult

OPERATIONS = "mcop.operations"
"""Counter: operations of runners that ended, by `operation` and `outcome`."""
DURATION = "mcop.operation.duration"
"""Timer: how long a task waited for one, milliseconds, by `operation` and `outcome`."""
RESOURCES = "mcop.resources"
"""Counter: resources that they changed in a cloud, by `action`: added, changed, destroyed."""
DRIFTED = "mcop.drift.components"
"""Gauge: components that were not as they were deployed when they were last looked at, by `manifest`."""
UNTOLD = "mcop.drift.untold"
"""Gauge: components of which the last look could tell nothing, by `manifest`."""
UNSEEN = "mcop.drift.failed"
"""Gauge: manifests that could not be looked at in the last drift run."""
UNSETTLED = "mcop.unsettled"
"""Gauge: operations that the last run of the reconciler left as nobody's, and that a person has to look at."""


def operation_ended(request: RunRequest, result: RunResult, took: timedelta) -> None:
    """Count an operation that a task saw come to its end."""
    tags = {"operation": str(request.operation), "outcome": str(result.outcome)}
    stats.incr(OPERATIONS, tags=tags)
    stats.timing(DURATION, took, tags=tags)
    for action, number in (("added", result.added), ("changed", result.changed), ("destroyed", result.destroyed)):
        if number:
            stats.incr(RESOURCES, number, tags={"action": action})


def drift_told(reports: Collection[DriftReport], failed: int) -> None:
    """Say what a drift run found, and how many manifests it could not look at."""
    for report in reports:
        name = f"{report.namespace}/{report.manifest.partition('#')[2].partition('@')[0]}"
        stats.gauge(DRIFTED, len(report.drifted), tags={"manifest": name})
        stats.gauge(UNTOLD, len(report.untold), tags={"manifest": name})
    stats.gauge(UNSEEN, failed)


def reconciled(left: int) -> None:
    """Say how many operations a run of the reconciler left as nobody's."""
    stats.gauge(UNSETTLED, left)
