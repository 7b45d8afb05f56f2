"""
A preview for people, in the signs that Terraform's users know.

Values are written as JSON, so that no text of a user's or a cloud's can forge a line or move a terminal's cursor.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from mcop_core.engines.changes import (
    COUNTED,
    Action,
    AttributeChange,
    ComponentChanges,
    Mode,
    Objection,
    OutputChange,
    Preview,
    ResourceChange,
)

MAX_ALIKE = 20
"""How many resources of one type and action a component shows; the document has all."""
MAX_ATTRIBUTES = 30
MAX_VALUE = 300

_SIGNS = {
    Action.CREATE: "+",
    Action.UPDATE: "~",
    Action.REPLACE: "-/+",
    Action.DESTROY: "-",
    Action.READ: "<=",
    Action.MOVE: "->",
    Action.FORGET: ".",
}
_WORDS = {Action.CREATE: "add", Action.UPDATE: "change"}


@dataclass(frozen=True, slots=True)
class Line:
    """
    One line.

    Attributes:
        action: What it tells of; None for what is no change.
        is_title: Whether it names a component, or sums up.
    """

    text: str
    action: Action | None = None
    is_title: bool = False


def to_lines(preview: Preview) -> Iterator[Line]:
    """Yield the preview, component by component; those that stay as they are only count."""
    for component in preview.components:
        if component.resources or component.outputs or component.moved_from or component.mode is not Mode.MERGED:
            yield from component_lines(component)
            yield Line("")
    for sentence in conclusion(preview):
        yield Line(sentence, is_title=True)


def conclusion(preview: Preview) -> list[str]:
    """Return what it comes to: the counts, whether something is left out, and what policies have against it."""
    counts = preview.counts
    told = ", ".join(f"{counts[action]} to {_WORDS.get(action, action)}" for action in COUNTED)
    others = "".join(f", {number} to {name}" for name, number in counts.items() if name not in COUNTED)
    many, moved = len(preview.components), sum(1 for one in preview.components if one.moved_from)
    renamed = f", {moved} moved" if moved else ""
    lines = [f"Preview: {told}{others}, in {many} component{'' if many == 1 else 's'}{renamed}."]
    if preview.only:
        lines.append(f"A slice: {', '.join(preview.only)}. Everything else stays as it is, and was not looked at.")
    if preview.deferred:
        left_out = ", ".join(one.step for one in preview.deferred)
        lines.append(f"INCOMPLETE: what would be done to {left_out} cannot be told.")
    return [*lines, *(_objection(one) for one in preview.objections)]


def _objection(objection: Objection) -> str:
    return f"{'DENIED' if objection.denies else 'Warning'} by policy {objection.policy}: {_escaped(objection.message)}"


def component_lines(component: ComponentChanges) -> Iterator[Line]:
    """Yield one component: its name, each change, its outputs."""
    how = f" ({component.mode}: {_escaped(component.reason)})" if component.reason else ""
    moved = f", moved from {component.moved_from}" if component.moved_from else ""
    yield Line(f"{component.step}{moved}{how}", is_title=True)
    alike = sorted(component.resources, key=lambda change: (change.action, change.type))
    for (action, type_), group in groupby(alike, key=lambda change: (change.action, change.type)):
        changes = list(group)
        for change in changes[:MAX_ALIKE]:
            yield from _resource(change)
        if len(changes) > MAX_ALIKE:
            yield Line(f"  {_SIGNS[action]} … and {len(changes) - MAX_ALIKE} more {type_}", action)
    for output in component.outputs:
        yield Line(f"  output {output.name}: {_change(output)}")


def _resource(change: ResourceChange) -> Iterator[Line]:
    moved = f", moved from {_escaped(change.moved_from)}" if change.moved_from else ""
    notes = [change.reason, f"protected by {change.protection}" if change.protection else ""]
    reason = "".join(f"  # {note}" for note in notes if note)
    sign = _SIGNS[change.action]
    yield Line(f"  {sign} {_escaped(change.address)}{moved}{reason}", change.action)
    for attribute in change.attributes[:MAX_ATTRIBUTES]:
        yield Line(f"      {_attribute(attribute, change.action)}", change.action)
    if len(change.attributes) > MAX_ATTRIBUTES:
        yield Line(f"      … and {len(change.attributes) - MAX_ATTRIBUTES} more attributes", change.action)


def _attribute(change: AttributeChange, action: Action) -> str:
    told = _after(change) if action is Action.CREATE else _change(change)
    return f"{_escaped(change.path)}: {told}" + ("  # forces replacement" if change.forces_replacement else "")


def _change(change: AttributeChange | OutputChange) -> str:
    return _after(change) if change.is_sensitive else f"{_value(change.before)} -> {_after(change)}"


def _after(change: AttributeChange | OutputChange) -> str:
    if change.is_sensitive:
        return "(sensitive value)"
    return "(known after apply)" if change.is_unknown else _value(change.after)


def _value(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return _escaped(text if len(text) <= MAX_VALUE else f"{text[:MAX_VALUE]}…")


def _escaped(text: str) -> str:
    """Return *text* on one line, without what a terminal would act on."""
    return "".join(sign if sign.isprintable() else json.dumps(sign)[1:-1] for sign in text)
