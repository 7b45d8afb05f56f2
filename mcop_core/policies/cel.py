"""
CEL policies: conditions of one line each.

    # Comments are lines of their own.
    deny: preview.counts.destroy > 20
    message: More than 20 resources would be destroyed.

    warn: !preview.complete
    message: A component is left out of the preview.

Each `deny` or `warn` is followed by its `message`. A condition sees `preview` and `execution`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mcop_core.errors import Fault, InvalidDocuments, InvalidInput, closest
from mcop_core.policies.documents import to_text
from mcop_core.policies.models import Document, Level, Policy, Verdict

if TYPE_CHECKING:
    from mcop_core.policies.cel_bounded import Condition

_KEYS = (*Level, "message")


@dataclass(frozen=True, slots=True)
class _Entry:
    """One line `key: value`."""

    key: str
    value: str
    line: int


@dataclass(frozen=True, slots=True)
class _Rule:
    level: Level
    condition: Condition
    message: str


def compile_policy(policy: Policy) -> Callable[[Document], Iterator[Verdict]]:
    """
    Return the function that evaluates *policy*.

    It raises InvalidInput when a condition is neither true nor false of a document (a member is missing: ask with
    `has`; types do not fit), and Refused when it takes too long.

    Raises:
        InvalidDocuments: A line is not of the form above, or a condition is no CEL; with the lines.
    """
    entries = _entries(policy.source)
    faults = list(_faults(entries, policy.name))
    if faults:
        raise InvalidDocuments.of(faults)
    rules = _rules(entries, policy.name)
    return lambda document: _verdicts(policy, rules, document)


def _entries(source: str) -> list[_Entry]:
    found = []
    for number, line in enumerate(source.splitlines(), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            key, _, value = line.partition(":")
            found.append(_Entry(key.strip(), value.strip(), number))
    return found


def _faults(entries: list[_Entry], name: str) -> Iterator[Fault]:
    """Yield what is wrong with the form, up to the first entry out of turn."""
    for number, entry in enumerate(entries):
        expected = ("message",) if number % 2 else tuple(Level)
        if entry.key not in expected:
            near = None if entry.key in _KEYS else closest(entry.key, expected)
            text = f"{entry.key!r} is not what comes here."
            yield Fault(text, name, line=entry.line, allowed=expected, suggestion=near)
            return
        if not entry.value:
            yield Fault(f"this {entry.key} is empty", name, line=entry.line)
    if len(entries) % 2:
        yield Fault(f"this {entries[-1].key} has no message", name, line=entries[-1].line)
    if not entries:
        yield Fault("the policy has no condition", name)


def _rules(entries: list[_Entry], name: str) -> list[_Rule]:
    from mcop_core.policies.cel_bounded import Condition

    found, faults = [], []
    for condition, message in zip(entries[::2], entries[1::2], strict=True):
        try:
            found.append(_Rule(Level(condition.key), Condition(condition.value), message.value))
        except InvalidInput as error:
            faults.append(Fault(error.message, name, line=condition.line))
    if faults:
        raise InvalidDocuments.of(faults)
    return found


def _verdicts(policy: Policy, rules: list[_Rule], document: Document) -> Iterator[Verdict]:
    from mcop_core.policies.cel_bounded import to_context

    context = to_context(json.loads(to_text(document)))
    for rule in rules:
        if rule.condition.holds(context):
            yield Verdict(policy.name, rule.level, rule.message)
