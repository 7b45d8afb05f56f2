"""What Google Cloud's refusals mean: its codes in tables, its errors as MCOP's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mcop_core.clouds.models import Problem
from mcop_core.errors import (
    CloudFailed,
    Conflict,
    CredentialsRefused,
    InvalidInput,
    McopError,
    NoCapacity,
    NotInCloud,
    QuotaExceeded,
    Throttled,
    Unreachable,
)

PROBLEMS: Mapping[str, Problem] = {
    "ZONE_RESOURCE_POOL_EXHAUSTED": Problem.CAPACITY,
    "ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS": Problem.CAPACITY,
    "RESOURCE_POOL_EXHAUSTED": Problem.CAPACITY,
    "QUOTA_EXCEEDED": Problem.QUOTA,
    "quotaExceeded": Problem.QUOTA,
}
"""Code of an operation's error, or reason of a refusal -> why there is no instance."""

_PATIENCE = {"rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED"}
_ERRORS: Mapping[Problem, type[CloudFailed]] = {Problem.CAPACITY: NoCapacity, Problem.QUOTA: QuotaExceeded}


def problem_of(operation: Any) -> tuple[Problem, str, str]:
    """Return why *operation* failed, with Google's code and message; NONE if it did not."""
    for one in operation.error.errors if operation.error else ():
        return PROBLEMS.get(one.code, Problem.OTHER), one.code, one.message
    return Problem.NONE, "", ""


def failure_of(operation: Any) -> Callable[[str], McopError] | None:
    """Return what makes the error of a failed *operation* of what was asked; None if it did not fail."""
    problem, code, message = problem_of(operation)
    if problem is Problem.NONE:
        return None
    kind = _ERRORS.get(problem, CloudFailed)
    return lambda what: kind(f"{what}: {code}: {message}", code=code)


def translated(error: Exception, what: str) -> McopError:
    """
    Return MCOP's error for *error*, of `google.api_core`, `google.auth` or `requests`.

    Args:
        what: The cloud and what it was asked.
    """
    if isinstance(error, ValueError) and getattr(error, "response", None) is None:
        # `requests` calls an answer so that is no JSON.
        return CloudFailed(f"{what}: the answer is no JSON", code="unreadable")
    status, reason = getattr(error, "code", None), _reason(error)
    text = f"{what}: {f'{reason}: ' if reason else ''}{_message(error)}"
    if reason in _PATIENCE or status == 429:
        return Throttled(text, service="Google Cloud", retry_after_s=_retry_after_s(error))
    if kind := _ERRORS.get(PROBLEMS.get(reason, Problem.OTHER)):
        return kind(text, code=reason)
    if status in (401, 403) or _is_of_auth(error):
        return CredentialsRefused(text, code=reason)
    if status is None or status >= 500:
        return Unreachable(text, service="Google Cloud")
    if status == 400:
        return InvalidInput(text, code=reason)
    if status == 404:
        return NotInCloud(text, code=reason)
    if status in (409, 412):
        return Conflict(text, code=reason)
    return CloudFailed(text, code=reason or "unreadable")


def _is_of_auth(error: Exception) -> bool:
    """Whether *error* is that no token was to be had; one that a network kept from asking for it is none."""
    is_auth = type(error).__module__.startswith("google.auth.")
    return is_auth and type(error).__name__ not in ("TransportError", "TimeoutError")


def _reason(error: Any) -> str:
    for one in getattr(error, "errors", None) or ():
        if isinstance(one, Mapping) and one.get("reason"):
            return str(one["reason"])
    return str(getattr(error, "reason", None) or "")


def _message(error: Any) -> str:
    return " ".join(str(getattr(error, "message", None) or error).split())[:500]


def _retry_after_s(error: Any) -> float:
    try:
        return max(float(error.response.headers.get("Retry-After", 0)), 0.0)
    except (AttributeError, ValueError):
        return 0.0
