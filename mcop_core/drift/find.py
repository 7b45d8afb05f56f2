"""
What differs from what was deployed, and why; pure, from what applying it again would do.

Nothing is found where the plan of a resource is empty: after any apply Terraform calls harmless normalisations a
drift. Found is what executing the very same deployment again would change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from fnmatch import fnmatchcase

from mcop_core.catalog.models import DriftPolicy, IgnoredDrift
from mcop_core.deployments import Deployment
from mcop_core.drift.report import DriftReport, Finding
from mcop_core.engines.changes import Action, ComponentChanges, Drift, Mode, ResourceChange


def find_drift(
    namespace: str,
    manifest: str,
    deployed: Mapping[str, Deployment],
    changes: Sequence[ComponentChanges],
    *,
    policy: DriftPolicy,
    now: datetime,
) -> DriftReport:
    """
    Return what differs from what was deployed.

    Args:
        manifest: `manifest#name@version` of the newest deployment.
        deployed: Step -> deployment, of the whole manifest.
        changes: What applying each of *deployed* again would do.
        policy: What is ignored.
        now: In UTC.
    """
    changed = {one.step for one in changes if one.resources}
    valid = [rule for rule in policy.ignore if now.date() <= rule.until]
    findings = [
        Finding(one.step, change, _cause(change, changed.intersection(deployed[one.step].after)), ignored)
        for one in changes
        for change in one.resources
        if change.action is not Action.READ
        for ignored in [_ignored(one.step, change, valid)]
    ]
    untold = {one.step: one.reason for one in changes if one.mode is Mode.DEFERRED}
    expired = tuple(_expired(rule) for rule in policy.ignore if rule not in valid)
    at = now.isoformat(timespec="seconds")
    return DriftReport(namespace, manifest, at, len(changes), tuple(findings), untold, expired)


def _cause(change: ResourceChange, upstream: set[str]) -> str:
    if change.drift is Drift.DELETED:
        return "it was deleted outside of MCOP"
    if change.drift is Drift.CHANGED:
        return "it was changed outside of MCOP"
    if upstream:
        return f"it follows from {', '.join(sorted(upstream))}"
    return "its deployment was not finished, or the provider writes it otherwise than it was given"


def _ignored(step: str, change: ResourceChange, rules: list[IgnoredDrift]) -> str:
    return next((rule.reason for rule in rules if _covers(rule, step, change)), "")


def _covers(rule: IgnoredDrift, step: str, change: ResourceChange) -> bool:
    if not (fnmatchcase(step, rule.component) and _matches(change.address, rule.address)):
        return False
    if not rule.attributes:
        return True
    names = {one.path for one in change.attributes}
    return change.action is Action.UPDATE and all(any(_is_in(path, rule.attributes)) for path in names)


def _matches(address: str, pattern: str) -> bool:
    """Whether *address* is meant; the brackets of an address, `this["a"]`, mean themselves."""
    return fnmatchcase(address, pattern.replace("[", "[[]"))


def _is_in(path: str, attributes: tuple[str, ...]) -> list[bool]:
    """Whether *path* is each of *attributes*, or lies in it: `tags.Name` lies in `tags`."""
    return [path == name or path.startswith((f"{name}.", f"{name}[")) for name in attributes]


def _expired(rule: IgnoredDrift) -> str:
    return f"The rule that ignores {rule.component} ({rule.reason}) ended on {rule.until}."
