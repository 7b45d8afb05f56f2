"""
How many operations of one account and region may run at once: Airflow pools, by the setting `MCOP_POOLS`.

Providers' APIs are limited per account and region, and all executions share them. An entry bounds what it names, all
of it together; a step that no entry names waits for no pool.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mcop_core.compiler.plan import DeploymentPlan
from mcop_core.errors import InvalidInput

ANY = "*"
WORKERS = "worker"
"""Stands for the worker's own credentials."""
UNKNOWN = "unknown"
"""Stands for a region that the adapter does not configure, or that only a run knows."""

_PART = re.compile(r"[A-Za-z0-9._-]+|\*", re.ASCII)
_OTHER = re.compile(r"[^A-Za-z0-9._-]+", re.ASCII)
_EXAMPLE = '{"aws/worker/us-east-1": 4, "aws/mcop.team.aws/*": 8}'


@dataclass(frozen=True, slots=True)
class Bound:
    """
    One entry of the setting.

    Attributes:
        where: Provider, credentials and region, each may be `*`.
        slots: How many operations at once.
    """

    where: tuple[str, str, str]
    slots: int

    @property
    def name(self) -> str:
        """The pool's, `mcop.<provider>.<credentials>.<region>`, `all` for each `*`."""
        return ".".join(["mcop", *("all" if part == ANY else part for part in self.where)])

    def names(self, where: Sequence[str]) -> bool:
        """Whether it is about *where*."""
        return all(part in (ANY, found) for part, found in zip(self.where, where, strict=True))


def read_bounds(text: str) -> tuple[Bound, ...]:
    """
    Read the setting, a JSON object; the most exact entries come first.

    Raises:
        InvalidInput: It is something else; says what is wrong with which entry.
    """
    if not text.strip():
        return ()
    try:
        found = json.loads(text)
    except ValueError as error:
        raise InvalidInput(f"MCOP_POOLS is no JSON: {error}; write {_EXAMPLE}") from error
    if not isinstance(found, dict):
        raise InvalidInput(f"MCOP_POOLS is {type(found).__name__}, not an object; write {_EXAMPLE}")
    bounds = [_bound(name, slots) for name, slots in found.items()]
    return tuple(sorted(bounds, key=lambda bound: (bound.where.count(ANY), bound.where)))


def _bound(name: str, slots: Any) -> Bound:
    parts = name.split("/")
    if len(parts) != 3 or not all(map(_PART.fullmatch, parts)):
        raise InvalidInput(f"MCOP_POOLS: {name!r} is not provider/credentials/region, each may be *; write {_EXAMPLE}")
    if not isinstance(slots, int) or isinstance(slots, bool) or slots < 1:
        raise InvalidInput(f"MCOP_POOLS: {name} is {slots!r}: it must be a whole number from 1; write {_EXAMPLE}")
    return Bound((parts[0], parts[1], parts[2]), slots)


def step_pools(plan: DeploymentPlan, bounds: Sequence[Bound]) -> Mapping[str, str]:
    """
    Return step id -> the pool that its operations wait for; a step that no bound names is not there. Pure.

    A region that a run overrides counts as the one that the manifest configures.
    """
    if not bounds:
        return {}
    # Imported here: where nothing is bounded, a task begins without the compiler.
    from mcop_core.compiler.resolution import open_steps

    values = open_steps(plan, overrides={})
    found = {}
    for step in plan.steps:
        where = (step.provider, account_of(step.credentials), _region(values[step.id].configuration))
        bound = next((one for one in bounds if one.names(where)), None)
        if bound is not None:
            found[step.id] = bound.name
    return found


def account_of(credentials: str) -> str:
    """Return what stands for the account: the last part of the reference to its credentials, or the worker's."""
    if not credentials:
        return WORKERS
    path = credentials.rpartition("#")[0] or credentials
    return _OTHER.sub("-", path.rpartition("/")[2])


def _region(configuration: Mapping[str, Any]) -> str:
    region = configuration.get("region", configuration.get("location"))
    return region if isinstance(region, str) and _PART.fullmatch(region) else UNKNOWN
