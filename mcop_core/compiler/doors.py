"""What a run may override: one door per name, its default, and the JSON schema of its values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mcop_core.catalog.canonical import canonical_json
from mcop_core.catalog.models import Manifest, ValidationRule
from mcop_core.compiler.analysis import fixed_roots
from mcop_core.compiler.evaluation import reachable, read_type
from mcop_core.compiler.plan import Declaration, DeploymentPlan, LayeredValue, ParameterDoor, PatternGroup
from mcop_core.compiler.provenance import is_literal
from mcop_core.parameters.pending import to_template
from mcop_core.parameters.resolver import Surroundings, resolve
from mcop_core.parameters.schema import json_schema
from mcop_core.parameters.syntax import readable_references
from mcop_core.parameters.types import ANY, Type
from mcop_core.secrets.reference import is_reference

SECRET_SCHEMA: dict[str, Any] = {"type": ["string", "null"], "pattern": "^secret://[^/]+/[^#]+(#.+)?$"}
"""A sensitive parameter takes a reference to a secret, never the secret: a run's conf is stored in clear."""

RUN_OPTIONS: Mapping[str, str] = {
    "action": "in a run's conf it says what the run is to do",
    "only": "in a run's conf it says which patterns the run is about",
    "with_dependants": "in a run's conf it says which patterns the run is about",
}
"""Keys of a run's conf that are no parameters -> why a parameter of that name cannot be overridden."""


def declared_names(plan: DeploymentPlan, manifest: Manifest) -> set[str]:
    """Return every name that a run might override: the configuration's and the patterns' parameters."""
    groups = (group for workflow in plan.workflows for group in workflow.groups)
    return {*manifest.configuration, *(name for group in groups for name in group.declarations)}


def fixed_names(plan: DeploymentPlan) -> dict[str, str]:
    """Return the names that a run may not override, and what uses them: backends and providers."""
    fixed: dict[str, str] = {}
    for workflow in plan.workflows:
        templates = {name: layered.value for name, layered in workflow.scope.items()}
        for root, user in fixed_roots(workflow).items():
            fixed.update(dict.fromkeys(reachable([root], templates), user))
        for group in workflow.groups:
            fixed.update(dict.fromkeys(group.chosen_by, f"the choice of a provider for {group.id}"))
    return dict(sorted(fixed.items()))


def parameter_doors(plan: DeploymentPlan, manifest: Manifest, descriptions: dict[str, str]) -> list[ParameterDoor]:
    """
    Return the doors of *plan*, by name: every parameter of a pattern, every name of the configuration.

    A default is offered only where giving it back changes nothing: a plain value, the same everywhere.
    A form that sends all its fields must not turn computed values, or an element's own, into overrides.

    Args:
        plan: With its `fixed` names and rules.
        manifest: What it was compiled from.
        descriptions: Parameter -> what the patterns say of it.
    """
    groups: dict[str, list[PatternGroup]] = {name: [] for name in manifest.configuration}
    for workflow in plan.workflows:
        for group in workflow.groups:
            for name in group.declarations:
                groups.setdefault(name, []).append(group)
    return [
        _door(name, found, plan, descriptions.get(name, ""))
        for name, found in sorted(groups.items())
        if name not in plan.fixed
    ]


def _door(name: str, groups: list[PatternGroup], plan: DeploymentPlan, description: str) -> ParameterDoor:
    declarations = list(dict.fromkeys(group.declarations[name] for group in groups)) or [_undeclared(name, plan)]
    defaults = _plain_defaults(name, groups, plan)
    sensitive = any(declaration.sensitive for declaration in declarations)
    if sensitive and not all(is_reference(value) for value in defaults or ()):
        defaults = None
    has_default = defaults is not None
    default = defaults[0] if defaults else None
    nullable = not has_default or default is None
    rules = {declaration.rule for declaration in declarations}
    return ParameterDoor(
        name=name,
        type=declarations[0].type if len(declarations) == 1 else "any",
        description=description,
        schema_=SECRET_SCHEMA if sensitive else _schema(declarations, plan, default, nullable=nullable),
        default=default,
        has_default=has_default,
        rule=_rule_ref(rules.pop(), plan) if len(rules) == 1 else "",
        patterns=tuple(sorted(group.id for group in groups)),
        is_sensitive=sensitive,
    )


def _undeclared(name: str, plan: DeploymentPlan) -> Declaration:
    return Declaration(rule=name if name in plan.rules else "")


def _rule_ref(name: str, plan: DeploymentPlan) -> str:
    return str(ValidationRule.model_validate(plan.rules[name]).ref) if name else ""


def _schema(declarations: list[Declaration], plan: DeploymentPlan, default: Any, *, nullable: bool) -> dict[str, Any]:
    schemas: list[dict[str, Any]] = []
    for declaration in declarations:
        document = plan.rules.get(declaration.rule)
        rule = ValidationRule.model_validate(document) if document else None
        wanted = _shaped(read_type(declaration.type), default)
        schema = json_schema(wanted, rule, nullable=nullable or declaration.nullable)
        if schema not in schemas:
            schemas.append(schema)
    return schemas[0] if len(schemas) == 1 else {"allOf": schemas}


def _shaped(wanted: Type, default: Any) -> Type:
    """A parameter of any type whose value is a list or map takes a list or map."""
    if wanted is ANY or wanted.name == "any":
        shape = "list" if isinstance(default, list) else "map" if isinstance(default, dict) else ""
        return Type(shape, of=ANY) if shape else wanted
    return wanted


def _plain_defaults(name: str, groups: Iterable[PatternGroup], plan: DeploymentPlan) -> list[Any] | None:
    """Return the one plain value that the plan has for *name* wherever it has one, in a list; else None."""
    layers: list[LayeredValue | None] = []
    for group in groups:
        layers.append(group.parameters.get(name))
        layers += [step.inputs[name] for step in group.steps if name in step.inputs and is_literal(step.inputs[name])]
    layers += [workflow.scope[name] for workflow in plan.workflows if name in workflow.scope]
    values = [layered.value for layered in layers if layered is not None and not readable_references(layered.value)]
    if not values or len(values) < len(layers) or len({canonical_json(value) for value in values}) > 1:
        return None
    return [_unescaped(values[0])]


def _unescaped(template: Any) -> Any:
    """Return a template without references as the value that it is."""
    nothing = Surroundings({}, lambda reference: _never(str(reference)))
    return to_template(resolve(template, nothing).value)


def _never(reference: str) -> Any:
    raise ValueError(f"{reference} is a reference in a plain value")
