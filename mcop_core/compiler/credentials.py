"""The credentials that a manifest names by provider: checked, and written to the steps that use them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mcop_core.catalog.models import Manifest
from mcop_core.compiler.plan import DeploymentPlan, PatternGroup, Step, WorkflowGroup
from mcop_core.errors import Fault, InvalidName, Refused, closest
from mcop_core.secrets.reference import SecretRef, check_owner


def check_credentials(manifest: Manifest, plan: DeploymentPlan) -> Iterator[Fault]:
    """Yield what is wrong with them: no reference, one of another namespace's, a provider that nothing is for."""
    steps = [step for workflow in plan.workflows for group in workflow.groups for step in group.steps]
    used = {step.provider for step in steps}
    yield from _different(manifest, steps)
    for provider, text in sorted(manifest.credentials.items()):
        path = f"credentials.{provider}"
        yield from (Fault(problem, str(manifest.ref), path) for problem in _problems(text, manifest.namespace))
        if provider not in used and not plan.chosen_by:
            message = f"no component is for the provider {provider!r}."
            near = closest(provider, used)
            yield Fault(message, str(manifest.ref), path, allowed=tuple(sorted(used)), suggestion=near)


def _different(manifest: Manifest, steps: Sequence[Step]) -> Iterator[Fault]:
    """A preview plans all components as one, in which a Terraform provider has one set of credentials."""
    by_source: dict[str, str] = {}
    for step in steps:
        source, own = step.settings.source, manifest.credentials.get(step.provider, "")
        other = by_source.setdefault(source, step.provider) if source else step.provider
        if manifest.credentials.get(other, "") != own:
            message = (
                f"{step.provider} and {other} are both served by the Terraform provider {source}: write the same "
                "credentials for both, or take two manifests"
            )
            yield Fault(message, str(manifest.ref), "credentials")
            return


def _problems(text: str, namespace: str) -> Iterator[str]:
    try:
        ref = SecretRef.parse(text)
        check_owner(ref, namespace)
    except (InvalidName, Refused) as error:
        yield error.message
        return
    if ref.key:
        yield f"it names one key of the credentials: leave #{ref.key} out, the adapter says which keys are used"


def with_credentials(plan: DeploymentPlan, manifest: Manifest) -> DeploymentPlan:
    """Return *plan* with the reference to its credentials in each step that has some; they have no fault."""
    if not manifest.credentials:
        return plan
    workflows = tuple(_workflow(workflow, manifest.credentials) for workflow in plan.workflows)
    return plan.model_copy(update={"workflows": workflows})


def _workflow(workflow: WorkflowGroup, credentials: dict[str, str]) -> WorkflowGroup:
    return workflow.model_copy(update={"groups": tuple(_group(group, credentials) for group in workflow.groups)})


def _group(group: PatternGroup, credentials: dict[str, str]) -> PatternGroup:
    steps = tuple(step.model_copy(update={"credentials": credentials.get(step.provider, "")}) for step in group.steps)
    return group.model_copy(update={"steps": steps})
