"""Which elements of a merged root Terraform's failure is about; pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from mcop_core.engines.terraform.merge import MergedRoot
from mcop_core.errors import EngineFailed

_ALIAS = re.compile(r"provider\[.*\]\.(c[0-9]+)")
_MODULE = re.compile(r"module\.([A-Za-z0-9_-]+)")
_VARIABLE = re.compile(r"var\.e([0-9]+)-")
_NOT_PLANNED = frozenset({"version", "log", "diagnostic"})
"""Types of what Terraform says before it plans: of a faulty configuration it says nothing else."""


class PlanFailed(EngineFailed):
    """
    Terraform could not plan a root.

    Attributes:
        steps: The elements that it blames.
        is_exact: Whether each of its errors stands in an element, or in the provider of some.
        was_planned: Whether it came to planning, and wrote what it planned; else the configuration is wrong.
        versions: Tool -> version; see `read_plan`.
    """

    steps: frozenset[str]
    is_exact: bool
    was_planned: bool
    versions: Mapping[str, str]


def blame(lines: Iterable[str], root: MergedRoot) -> dict[str, Any]:
    """Return `steps`, `is_exact` and `was_planned` of the `PlanFailed` of a plan that said *lines*, JSON each."""
    steps: set[str] = set()
    inexact = planned = False
    for line in lines:
        with suppress(ValueError, AttributeError):
            event = json.loads(line)
            planned = planned or event.get("type") not in _NOT_PLANNED
            diagnostic = event.get("diagnostic") or {}
            if diagnostic.get("severity") == "error":
                exact = _placed(diagnostic, root)
                inexact = inexact or not exact
                steps |= exact or _mentioned(diagnostic, root)
    return {"steps": frozenset(steps), "is_exact": bool(steps) and not inexact, "was_planned": planned}


def named(text: str, root: MergedRoot) -> frozenset[str]:
    """Return the steps that *text*, an error of `init` or `get`, is about: it names a file or a provider of theirs."""
    said = partial(_says, text)
    files = {step for name, step in root.modules.items() if said(name)}
    return frozenset(files.union(*(steps for source, steps in root.providers.items() if said(source))))


def _says(text: str, name: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text) is not None


def _placed(diagnostic: Mapping[str, Any], root: MergedRoot) -> set[str]:
    """Return the step in which an error stands, or those whose provider it is about; none if it is of the root."""
    address, span = str(diagnostic.get("address") or ""), diagnostic.get("range") or {}
    alias = _ALIAS.fullmatch(address)
    if alias:
        return set(root.aliases.get(alias[1], ()))
    call = str((diagnostic.get("snippet") or {}).get("context") or "")
    places = [*_MODULE.findall(address)[:1], str(span.get("filename", "")).split("/")[0], *_MODULE.findall(call)[:1]]
    return {root.modules[name] for name in [next((one for one in places if one in root.modules), "")] if name}


def _mentioned(diagnostic: Mapping[str, Any], root: MergedRoot) -> set[str]:
    """Return the steps that the words of an error name."""
    words = json.dumps([diagnostic.get("detail"), diagnostic.get("snippet")])
    named = {root.modules[name] for name in _MODULE.findall(words) if name in root.modules}
    steps = list(root.modules.values())
    return named | {steps[int(number)] for number in _VARIABLE.findall(words) if int(number) < len(steps)}
