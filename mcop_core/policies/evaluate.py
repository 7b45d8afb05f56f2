"""
Policies and a document -> verdicts.

Fails closed: a policy that cannot be compiled, that fails, or whose result cannot be understood denies.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeAlias

from mcop_core.errors import InvalidDocuments
from mcop_core.policies import cel, rego
from mcop_core.policies.models import Document, Language, Level, Policy, Verdict

MAX_MESSAGE = 1000
"""Characters of a message that are kept: values of any length may be quoted in it."""

Evaluation: TypeAlias = Callable[[Document], Iterable[Verdict]]

COMPILERS: Mapping[Language, Callable[[Policy], Evaluation]] = {
    Language.REGO: rego.compile_policy,
    Language.CEL: cel.compile_policy,
}


def compile_policy(policy: Policy) -> Evaluation:
    """
    Return the function that evaluates *policy*.

    Raises:
        InvalidDocuments: It is broken; each fault has the policy's name and, where known, the line.
    """
    return COMPILERS[policy.language](policy)


def evaluate(policies: Iterable[Policy], document: Document) -> tuple[Verdict, ...]:
    """
    Ask every policy.

    Args:
        document: Plain JSON, see `Document`; it is not changed.

    Returns:
        Every verdict once, by policy, denials before warnings, then by message: the same for the same arguments.
        Empty if no policy has anything against it. Never raises for what a policy does.
    """
    return tuple(sorted({verdict for policy in policies for verdict in _verdicts(policy, document)}))


def _verdicts(policy: Policy, document: Document) -> Iterator[Verdict]:
    try:
        found = tuple(compile_policy(policy)(document))
    except Exception as error:  # whatever an interpreter raises, what was not understood is not allowed
        found = (Verdict(policy.name, Level.DENY, f"the policy cannot be evaluated: {_reason(error)}"),)
    for verdict in found:
        yield Verdict(policy.name, verdict.level, _one_line(verdict.message))


def _reason(error: Exception) -> str:
    if isinstance(error, InvalidDocuments):
        return "; ".join(str(fault) for fault in error.faults)
    return str(error) or type(error).__name__


def _one_line(text: str) -> str:
    """Return *text* without what would forge a line or move a terminal's cursor."""
    kept = text if len(text) <= MAX_MESSAGE else f"{text[:MAX_MESSAGE]}…"
    return "".join(sign if sign.isprintable() else json.dumps(sign)[1:-1] for sign in kept)
