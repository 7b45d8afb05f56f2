"""Whether clouds answer: credentials, reachability, latency and quotas, by cloud and region; a failure is a finding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from mcop_core.clouds.answers import Failure
from mcop_core.clouds.models import Quota
from mcop_core.clouds.patience import Pace, ask
from mcop_core.clouds.strategy import Capability, CloudStrategy
from mcop_core.clouds.sweep import Question, Scope, sweep
from mcop_core.errors import CredentialsRefused, McopError, Throttled, Unreachable

SHORT_SHARE = 0.1
"""Of a quota: what is left below it is short."""


class Verdict(StrEnum):
    """How a cloud is, in one region, from best to worst."""

    OK = "ok"
    SHORT = "short of quota"
    THROTTLED = "throttled"
    FAILED = "failed"
    REFUSED = "credentials refused"
    UNREACHABLE = "unreachable"


_VERDICTS: Mapping[type[McopError], Verdict] = {
    Throttled: Verdict.THROTTLED,
    Unreachable: Verdict.UNREACHABLE,
    CredentialsRefused: Verdict.REFUSED,
    McopError: Verdict.FAILED,
}
"""The first that fits counts."""


@dataclass(frozen=True, slots=True)
class Health:
    """
    What one look found.

    Attributes:
        region: Empty where one answer is for all of them.
        latency_ms: How long the answer took, milliseconds; None: there was none.
        detail: Why it is not OK; empty otherwise.
    """

    cloud: str
    provider: str
    region: str
    verdict: Verdict
    latency_ms: float | None
    checked_at: datetime
    quotas: tuple[Quota, ...] = ()
    detail: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self) | {"checked_at": self.checked_at.isoformat(), "verdict": str(self.verdict)}


@dataclass(frozen=True, slots=True)
class Change:
    """How a cloud is other than at the look before."""

    cloud: str
    region: str
    before: Verdict
    after: Verdict
    detail: str = ""

    def __str__(self) -> str:
        place = f"{self.cloud}/{self.region}" if self.region else self.cloud
        return f"{place}: {self.before} -> {self.after}" + (f": {self.detail}" if self.detail else "")


def check_clouds(
    strategies: Sequence[CloudStrategy],
    *,
    regions: Iterable[str] = (),
    pace: Pace | None = None,
    deadline_s: float = 60.0,
) -> tuple[Health, ...]:
    """
    Return how each of *strategies* is, by cloud and region; nothing is asked twice, and nothing raised.

    One that says nothing until the deadline is unreachable.
    """
    # A look tells how it is now: what is put off or unanswered is a finding, and not asked for again.
    used = replace(pace or Pace(), asking_s=0.0)
    providers = {one.config.name: one.config.provider for one in strategies}
    found: list[Health] = []
    for event in sweep(strategies, _HEALTH, regions=regions, pace=used, deadline_s=deadline_s):
        if isinstance(event, tuple):
            found.append(event[1])
        elif isinstance(event, Failure):
            found.append(_failed(event, providers[event.cloud], used))
    return tuple(sorted(found, key=lambda one: (one.cloud, one.region)))


def changes(before: Iterable[Health], after: Iterable[Health]) -> tuple[Change, ...]:
    """Return what is other in *after*; what was not looked at before counts as OK then."""
    known = {(one.cloud, one.region): one.verdict for one in before}
    return tuple(
        Change(one.cloud, one.region, known.get((one.cloud, one.region), Verdict.OK), one.verdict, one.detail)
        for one in after
        if known.get((one.cloud, one.region), Verdict.OK) is not one.verdict
    )


def health_of(document: Mapping[str, Any]) -> Health:
    """Return what `Health.to_json` gave as *document*."""
    quotas = tuple(Quota(**one) for one in document["quotas"])
    at = datetime.fromisoformat(document["checked_at"])
    return Health(**{**document, "verdict": Verdict(document["verdict"]), "quotas": quotas, "checked_at": at})


def _look(strategy: CloudStrategy, pace: Pace, scope: Scope, regions: Sequence[str]) -> Iterator[Health]:
    region = scope or strategy.config.region
    started = pace.clock.monotonic()
    quotas = ask(strategy, pace, f"check {region}", lambda: strategy.check(region))
    latency_ms = round((pace.clock.monotonic() - started) * 1000, 1)
    short = [one for one in quotas if one.headroom < one.limit * SHORT_SHARE]
    detail = "; ".join(f"{one.what}: {one.used} of {one.limit}" for one in short)
    verdict = Verdict.SHORT if short else Verdict.OK
    config = strategy.config
    yield Health(config.name, config.provider, scope or "", verdict, latency_ms, pace.now(), quotas, detail)


def _failed(failure: Failure, provider: str, pace: Pace) -> Health:
    verdict = next(verdict for kind, verdict in _VERDICTS.items() if isinstance(failure.error, kind))
    return Health(failure.cloud, provider, failure.region, verdict, None, pace.now(), (), failure.error.message)


_HEALTH: Question[Health] = Question("health", Capability.LIST_INSTANCES, _look)
