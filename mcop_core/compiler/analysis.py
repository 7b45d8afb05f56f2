"""A draft evaluated with nothing known: every fault of its values, and every edge between its steps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mcop_core.compiler.drafting import SELF, Draft, missing_parameters
from mcop_core.compiler.evaluation import Evaluation, StepValues, index_of, plain_names
from mcop_core.compiler.graph import Cycle, find_plan_cycles, sequence_edges
from mcop_core.compiler.outputs import OutputIndex, World
from mcop_core.compiler.plan import DeploymentPlan, PatternGroup, Step, WorkflowGroup
from mcop_core.compiler.provenance import is_literal
from mcop_core.errors import Fault
from mcop_core.parameters.pending import has_pending, has_sealed, open_outputs
from mcop_core.parameters.validator import placed
from mcop_core.refs import OutputRef
from mcop_core.secrets.reference import FORM


@dataclass(frozen=True, slots=True)
class Analysis:
    """
    What evaluating a draft shows.

    Attributes:
        faults: Each once, in the order of the plan.
        after: Step id -> ids of the steps whose outputs it reads.
        groups_after: Group id -> ids of the groups before it in sequence.
        evaluation: The values, for what is derived from them.
    """

    faults: tuple[Fault, ...]
    after: dict[str, tuple[str, ...]]
    groups_after: dict[str, tuple[str, ...]]
    evaluation: Evaluation


def analyse(draft: Draft, world: World, *, order: str = "sequence") -> Analysis:
    """
    Evaluate *draft* and say everything that is wrong with its values, references and order.

    Args:
        draft: Linked as far as it could be.
        world: How much of a deployment it is; references beyond are not checked.
        order: Of the workflows in the manifest.
    """
    index = index_of(draft.plan, world, draft.unknown)
    evaluation = Evaluation(draft.plan, index, world=world)
    faults: list[Fault] = []
    after: dict[str, tuple[str, ...]] = {}
    for workflow in draft.plan.workflows:
        faults += evaluation.scope_faults(workflow, demanded_names(workflow) | draft.mentioned.get(workflow.id, set()))
        for group in workflow.groups:
            faults += _missing(group, draft.plan.manifest) if world is World.MANIFEST else []
            faults += evaluation.parameter_faults(workflow, group)
            faults += clear_secrets(group, evaluation.parameters(workflow, group).values)
            for step in group.steps:
                values = evaluation.step(workflow, group, step)
                faults += [
                    *values.faults,
                    *misplaced_outputs(workflow, step, values, index),
                    *clear_inputs(step, values),
                ]
                after[step.id] = _edges(values)
    groups_after = sequence_edges(draft.plan, order, draft.orders)
    faults += [_cycle_fault(cycle, draft.plan) for cycle in find_plan_cycles(draft.plan, after, groups_after)]
    return Analysis(tuple(dict.fromkeys(faults)), after, groups_after, evaluation)


def demanded_names(workflow: WorkflowGroup) -> set[str]:
    """Return the manifest names that *workflow* needs itself: parameters of its patterns, backend, adapters."""
    names = {name for group in workflow.groups for name in group.declarations}
    return names | set(fixed_roots(workflow))


def fixed_roots(workflow: WorkflowGroup) -> dict[str, str]:
    """Return the names that the backend and the adapters of *workflow* refer to, and which of them does."""
    roots = dict.fromkeys(plain_names(workflow.backend), f"the backend of workflow {workflow.id}")
    for group in workflow.groups:
        for step in group.steps:
            roots.update(dict.fromkeys(plain_names(step.settings.configuration), f"the provider of {step.adapter}"))
    return roots


def _edges(values: StepValues) -> tuple[str, ...]:
    refs = [*open_outputs(dict(values.inputs)), *open_outputs(dict(values.configuration))]
    return tuple(sorted({str(ref.step) for ref in refs}))


def misplaced_outputs(workflow: WorkflowGroup, step: Step, values: StepValues, index: OutputIndex) -> list[Fault]:
    """Say where what cannot stand there is: any output or secret in a backend, a sensitive one in a provider."""
    backend = [
        Fault(f"${{{ref}}} is an output: where the state lies must be known before anything runs", path="backend")
        for ref in open_outputs(dict(values.backend))
    ]
    configuration = [
        Fault(
            f"${{{ref}}} is sensitive, and a provider's configuration is written to its artifact",
            path="settings.configuration",
        )
        for ref in _sensitive(open_outputs(dict(values.configuration)), index)
    ]
    if has_sealed(dict(values.backend)):
        backend.append(Fault("a secret stands in it, and a backend is written to every artifact", path="backend"))
    if has_sealed(dict(values.configuration)):
        message = "a secret stands in it, and a provider's configuration is written to its artifact"
        configuration.append(Fault(message, path="settings.configuration"))
    return [*placed(backend, workflow.workflow), *placed(configuration, step.adapter)]


def _sensitive(refs: Iterable[OutputRef], index: OutputIndex) -> list[OutputRef]:
    return [ref for ref in refs if index.is_sensitive(ref)]


def clear_secrets(group: PatternGroup, values: Mapping[str, Any]) -> list[Fault]:
    """Say which sensitive parameters of *group* are written down in clear: everybody who reads the catalog has them."""
    return [
        _clear(f"the parameter {name} of {group.pattern}", group.parameters[name].source)
        for name, declaration in group.declarations.items()
        if declaration.sensitive and name in group.parameters and _is_clear(values[name])
    ]


def clear_inputs(step: Step, values: StepValues) -> list[Fault]:
    """Say which sensitive inputs of *step* an element gives in clear."""
    return [
        _clear(f"the input {name} of {step.primitive}", layered.source)
        for name, layered in step.inputs.items()
        if step.interface.inputs[name].sensitive and is_literal(layered) and _is_clear(values.inputs[name])
    ]


def _is_clear(value: Any) -> bool:
    return not has_pending(value) and value not in (None, "", [], {})


def _clear(what: str, source: str) -> Fault:
    where, _, path = source.partition(" ")
    return Fault(f"{what} is sensitive, and what is written here can be read by everybody: give {FORM}", where, path)


def _missing(group: PatternGroup, manifest: str) -> list[Fault]:
    return [
        Fault(
            f"the parameter {name} of {group.pattern} (type {declaration.type}) has no value in {group.id}",
            where=manifest,
            path="configuration",
        )
        for name, declaration in missing_parameters(group)
    ]


def _cycle_fault(cycle: Cycle, plan: DeploymentPlan) -> Fault:
    path = " -> ".join(label(id_) for id_ in cycle.path)
    if len(cycle.path) == 2 and not cycle.by_sequence:
        return Fault(f"{label(cycle.path[0])} refers to its own output", where=plan.manifest)
    if not cycle.by_sequence:
        return Fault(f"elements refer to each other in a circle: {path}", where=plan.manifest)
    hint = "references and sequence contradict each other; move what is read before what reads it"
    return Fault(f"each of these waits for the next: {path} ({hint}, or write order: references)", where=plan.manifest)


def label(id_: str) -> str:
    """Return an id without the parts that only stand for what is around an object checked on its own."""
    return ".".join(part for part in id_.split(".") if part != SELF)
