"""Which provider a pattern is for, where a parameter says so: known before anything is linked, or not yet; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mcop_core.catalog.models import Manifest, Pattern
from mcop_core.compiler.plan import DeploymentPlan, LayeredValue
from mcop_core.errors import Fault, InvalidReference, closest
from mcop_core.parameters.layers import Layer
from mcop_core.parameters.syntax import single_reference
from mcop_core.refs import NAME_PATTERN


@dataclass(frozen=True, slots=True)
class Choice:
    """
    A pattern's provider.

    Attributes:
        provider: Empty if it is not known: the parameter has no value yet, or a wrong one.
        names: The parameters that say so, the pattern's own first, then the manifest's; a run cannot change them.
    """

    provider: str
    names: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()


def choose_provider(
    pattern: Pattern, parameters: Mapping[str, LayeredValue], scope: Mapping[str, LayeredValue]
) -> Choice:
    """
    Follow the parameter that *pattern* names as its provider to the name of one.

    Args:
        parameters: The pattern's, as far as they have a value.
        scope: The manifest's; empty for a pattern by itself.
    """
    name = _parameter(pattern.provider)
    if not name:
        return Choice(pattern.provider)
    if name not in pattern.parameters:
        return Choice("", (), (_undeclared(name, pattern),))
    names, value = [name], parameters.get(name)
    while value is not None and (name := _parameter(value.value)):
        if name in names[1:]:
            return Choice("", tuple(names))  # a circle, which is told of as such
        names.append(name)
        value = (parameters if value.layer == Layer.PATTERN_DEFAULT else scope).get(name)
    if value is None:
        return Choice("", tuple(names))
    if not isinstance(value.value, str) or not re.fullmatch(NAME_PATTERN, value.value, re.ASCII):
        return Choice("", tuple(names), (_no_name(value),))
    return Choice(value.value, tuple(dict.fromkeys(names)))


def with_choices(manifest: Manifest, plan: DeploymentPlan, values: Mapping[str, str]) -> Manifest:
    """
    Return *manifest* with *values* for parameters that choose a provider, as overrides of the workflows that have them.

    Args:
        plan: What *manifest* compiles to as it is.
        values: Parameter -> provider; names that choose none are left out.
    """
    uses = dict(manifest.workflows)
    for workflow in plan.workflows:
        chosen = {name: value for name, value in values.items() if name in workflow.chosen_by}
        overrides = {**uses[workflow.id].overrides, **chosen}
        uses[workflow.id] = uses[workflow.id].model_copy(update={"overrides": overrides})
    return manifest.model_copy(update={"workflows": uses})


def _parameter(template: Any) -> str:
    """Return the parameter that *template* is, with nothing around it; else nothing."""
    try:
        reference = single_reference(template) if isinstance(template, str) else None
    except InvalidReference:
        return ""
    return str(reference) if reference and not reference.is_output else ""


def _undeclared(name: str, pattern: Pattern) -> Fault:
    known = tuple(sorted(pattern.parameters))
    message = f"the pattern declares no parameter {name!r}."
    return Fault(message, str(pattern.ref), "provider", allowed=known, suggestion=closest(name, known))


def _no_name(value: LayeredValue) -> Fault:
    where, _, path = value.source.partition(" ")
    message = "it chooses the provider, which must be known when the manifest is compiled: write a provider's name"
    return Fault(message, where, path)
