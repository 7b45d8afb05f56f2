"""
What differs from what was deployed, and why; pure, from a preview of what was deployed.

Nothing is found where the plan of a resource is empty: after any apply Terraform calls harmless normalisations a
drift. Found is what executing the very same deployment again would change.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from fnmatch import fnmatchcase

from mcop_core.catalog.models import DriftPolicy, IgnoredDrift
from mcop_core.compiler.plan import DeploymentPlan
from mcop_core.deployments import Deployment
from mcop_core.drift.report import DriftReport, Finding
from mcop_core.engines.changes import Action, Drift, Mode, Preview, ResourceChange
from mcop_core.errors import NotFound


def newest(deployed: Mapping[str, Deployment]) -> Deployment:
    """
    Return the deployment that was made last: its plan is what the manifest is compared with.

    Raises:
        NotFound: Nothing is deployed.
    """
    if not deployed:
        raise NotFound("nothing of this manifest is deployed")
    return max(deployed.values(), key=lambda one: (one.at, one.step))


def find_drift(
    plan: DeploymentPlan,
    deployed: Mapping[str, Deployment],
    preview: Preview,
    *,
    policy: DriftPolicy,
    now: datetime,
) -> DriftReport:
    """
    Return what differs from what was deployed.

    Args:
        plan: Of the newest deployment.
        deployed: Step -> deployment, of the whole manifest.
        preview: Of *plan* with the overrides of the newest deployment.
        policy: What is ignored.
        now: In UTC.
    """
    looked_at = [one for one in preview.components if one.step in deployed]
    changed = {one.step for one in looked_at if one.resources}
    after = {step.id: set(step.after) & changed for step in plan.steps}
    valid = [rule for rule in policy.ignore if now.date() <= rule.until]
    findings = [
        Finding(one.step, change, cause, _ignored(one.step, change, valid))
        for one in looked_at
        for change in one.resources
        if change.action is not Action.READ
        for cause in [_cause(change, deployed[one.step], newest(deployed), after[one.step])]
    ]
    untold = {one.step: one.reason for one in looked_at if one.mode is Mode.DEFERRED}
    untold |= dict.fromkeys(sorted(set(deployed) - set(after)), "the manifest lost it, and it was not destroyed yet")
    expired = tuple(_expired(rule) for rule in policy.ignore if rule not in valid)
    at = now.isoformat(timespec="seconds")
    return DriftReport(plan.namespace, plan.manifest, at, len(looked_at), tuple(findings), untold, expired)


def _cause(change: ResourceChange, deployed: Deployment, reference: Deployment, upstream: set[str]) -> str:
    if change.drift is Drift.DELETED:
        return "it was deleted outside of MCOP"
    if change.drift is Drift.CHANGED:
        return "it was changed outside of MCOP"
    if (deployed.plan, deployed.overrides) != (reference.plan, reference.overrides):
        return "its last deployment did not get so far, or was of another version"
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
