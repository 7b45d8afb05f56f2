"""Operations through runners, each a process of its own as an apply task starts it; with the CPU that it took."""

from __future__ import annotations

from collections.abc import Mapping

from bench.measure import Cost, cost
from mcop_core.runner import attach
from mcop_core.runner.request import Outcome, RunRequest, RunResult
from mcop_core.settings import Settings


def run_operation(request: RunRequest, settings: Settings, environment: Mapping[str, str]) -> Cost[RunResult]:
    """Have a runner carry out *request*, and return what it did and took; what fails ends the measurement."""

    def follow() -> RunResult:
        result = attach.follow(request, settings, environment, on_line=lambda level, line: None)
        for runner in list(attach._started.values()):  # a process's CPU counts once somebody has waited for it
            runner.wait()
        return result

    done = cost(follow)
    if done.result.outcome is not Outcome.SUCCEEDED:
        raise SystemExit(done.result.error)
    return done
