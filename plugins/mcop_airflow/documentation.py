"""
A plan as text for Airflow's UI: what a DAG, a group, a task is.

Text from the catalog is data: every character that Markdown or HTML would act on is escaped, values stand in code
blocks that they cannot close. Each page ends in a line break, since Airflow opens a text that ends in `.md` as a file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping

from mcop_core.compiler.plan import DeploymentPlan, PatternGroup, Step, WorkflowGroup

_ACTIVE = re.compile(r"([\\`*_{}\[\]()#+.!|~$:@/-])")
_BREAKS = re.compile(r"\s+")
_PLAIN = re.compile(r"[\w#@.,:/ ~=<>-]+", re.ASCII)
"""Text that is code as it stands; nearly all names and versions are."""
_LONGEST = 2000


def escape(text: str) -> str:
    """Return *text* on one line, so that Markdown shows it as it stands."""
    flat = _BREAKS.sub(" ", text).strip()
    html = flat.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _ACTIVE.sub(r"\\\1", html)


def code(text: str) -> str:
    """Return *text* as an inline code span that it cannot leave, however many backticks it holds."""
    if _PLAIN.fullmatch(text):
        return f"`{text}`"
    flat = _BREAKS.sub(" ", text)
    fence = "`" * (_longest_run(flat) + 1)
    return f"{fence} {flat} {fence}" if "`" in flat else f"{fence}{flat}{fence}"


def code_block(text: str, language: str = "") -> str:
    """Return *text* as a fenced block that it cannot close."""
    fence = "`" * max(3, _longest_run(text) + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall(r"`+", text)), default=0)


def plan_doc(plan: DeploymentPlan, digest: str) -> str:
    """Return the DAG's page: the manifest, its digest, its workflows, patterns and primitives with their versions."""
    return _page(
        *_described(plan.description),
        _facts({"Manifest": plan.manifest, "Namespace": plan.namespace, "Plan": digest}),
        "**What it deploys**",
        "\n".join(line for workflow in plan.workflows for line in _workflow_lines(workflow)),
        "Trigger it with a parameter changed to override that parameter for one run.",
    )


def _workflow_lines(workflow: WorkflowGroup) -> list[str]:
    lines = [f"- {code(workflow.id)}: {code(workflow.workflow)}"]
    for group in workflow.groups:
        lines.append(f"  - {code(group.id)}: {code(group.pattern)}")
        lines.extend(f"    - {code(step.id)}: {code(step.primitive)} on {code(step.adapter)}" for step in group.steps)
    return lines


def workflow_doc(workflow: WorkflowGroup) -> str:
    """Return a workflow group's page."""
    facts = {"Workflow": workflow.workflow, "State backend": str(workflow.backend.get("type", ""))}
    return _page(*_described(workflow.description), _facts(facts))


def pattern_doc(group: PatternGroup) -> str:
    """Return a pattern group's page."""
    layers = [f"- {code(name)}: {escape(value.layer)}" for name, value in sorted(group.parameters.items())]
    listed = ["**Parameters**, and what set them", "\n".join(layers)] if layers else []
    return _page(*_described(group.description), _facts({"Pattern": group.pattern}), *listed)


def render_doc(step: Step) -> str:
    """Return a render task's page: what goes into the step. Sensitive inputs are named, not shown."""
    title = f"Renders {code(step.id)}: the files that its apply task runs. Nothing in the cloud changes."
    return _page(title, _step_facts(step), *_inputs(step))


def apply_doc(step: Step) -> str:
    """Return an apply task's page: what comes out of the step."""
    title = f"Applies {code(step.id)}: makes the cloud what its render task wrote."
    names = [
        f"- {code(name)}{' (sensitive)' if output.sensitive else ''} {escape(output.description)}".rstrip()
        for name, output in sorted(step.interface.outputs.items())
    ]
    return _page(title, _step_facts(step), *(["**Outputs**, one XCom each", "\n".join(names)] if names else []))


def destroy_doc(step: Step) -> str:
    """Return a destroy task's page."""
    title = f"Destroys {code(step.id)} with the files it was deployed with, and nothing that the preview did not name."
    return _page(title, _step_facts(step))


def tooltip(description: str, reference: str) -> str:
    """Return a group's tooltip: plain text, one line."""
    return _BREAKS.sub(" ", f"{reference} {description}").strip()


def _step_facts(step: Step) -> str:
    facts = {"Primitive": step.primitive, "Adapter": step.adapter, "Engine": step.engine, "Provider": step.provider}
    locks = ", ".join(f"{address} {lock.version}" for address, lock in sorted(step.locks.items()))
    exempted = "; ".join(f"{rule}: {reason}" for rule, reason in sorted(step.exemptions.items()))
    facts["Exempted"] = exempted
    return _facts({**facts, "Template": step.template.digest, "Locked": locks, "After": ", ".join(step.after)})


def _facts(facts: Mapping[str, str]) -> str:
    """One line per fact; the names are ours, the values the catalog's."""
    return "\n".join(f"- {name}: {code(value)}" for name, value in facts.items() if value)


def _described(description: str) -> Iterable[str]:
    return [escape(description)] if description.strip() else []


def _inputs(step: Step) -> list[str]:
    if not step.inputs:
        return []
    hidden = {name for name, described in step.interface.inputs.items() if described.sensitive}
    shown = {name: "(sensitive)" if name in hidden else given.value for name, given in step.inputs.items()}
    text = json.dumps(shown, indent=2, sort_keys=True, ensure_ascii=False)
    if len(text) > _LONGEST:
        text = text[:_LONGEST] + "\n… (mcop plan --explain shows all)"
    return ["**Inputs**, before references and run overrides", code_block(text, "json")]


def _page(*parts: str) -> str:
    return "\n\n".join(parts) + "\n"
