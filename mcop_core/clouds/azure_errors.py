"""What Azure's refusals mean: its codes in tables, its errors as MCOP's."""

from __future__ import annotations

from collections.abc import Mapping
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
    "allocationfailed": Problem.CAPACITY,
    "zonalallocationfailed": Problem.CAPACITY,
    "overconstrainedallocationrequest": Problem.CAPACITY,
    "overconstrainedzonalallocationrequest": Problem.CAPACITY,
    "skunotavailable": Problem.CAPACITY,
    "notavailableforsubscription": Problem.CAPACITY,
    "quotaexceeded": Problem.QUOTA,
    "resourcequotaexceeded": Problem.QUOTA,
}
"""Code in lower case -> why there is no machine."""

_INPUT = {
    "invalidparameter",
    "invalidrequestformat",
    "invalidrequestcontent",
    "invalidresourcereference",
    "imagenotfound",
    "platformimagenotfound",
    "locationnotavailableforresourcetype",
    "noregisteredproviderfound",
    "subscriptionnotfound",
}
"""Codes in lower case of what was asked for in words that Azure does not know."""

_ERRORS: Mapping[Problem, type[CloudFailed]] = {Problem.CAPACITY: NoCapacity, Problem.QUOTA: QuotaExceeded}


def problem_of(code: str, message: str) -> Problem:
    """Return why there is no machine; OTHER if *code* says something else."""
    if code.lower() == "operationnotallowed" and "quota" in message.lower():
        return Problem.QUOTA
    return PROBLEMS.get(code.lower(), Problem.OTHER)


def translated(error: Exception, what: str) -> McopError:
    """
    Return MCOP's error for *error*, one of `azure.core`.

    Args:
        what: The cloud and what it was asked.

    Returns:
        A `Conflict` carries `is_there`: whether it is that something is there that must not be.
    """
    status, code, message = _facts(error)
    text = f"{what}: {f'{code}: ' if code else ''}{message}"
    if status == 429:
        return Throttled(text, service="Azure", retry_after_s=_retry_after_s(error))
    if kind := _ERRORS.get(problem_of(code, message)):
        return kind(text, code=code)
    if type(error).__name__ in ("ClientAuthenticationError", "CredentialUnavailableError") or status in (401, 403):
        return CredentialsRefused(text, code=code)
    if status is None:
        return Unreachable(text, service="Azure")
    if status >= 500:
        return Unreachable(text, service="Azure")
    if code.lower() in _INPUT or status == 400:
        return InvalidInput(text, code=code)
    if status == 404:
        return NotInCloud(text, code=code)
    if status in (409, 412):
        return Conflict(text, code=code, is_there=status == 412)
    return CloudFailed(text, code=code or "unreadable")


def _facts(error: Any) -> tuple[int | None, str, str]:
    """Return HTTP status (None: there was no answer), Azure's code and its message, on one line."""
    told = getattr(error, "error", None)
    message = (getattr(told, "message", None) or getattr(error, "message", None) or str(error)).strip()
    return getattr(error, "status_code", None), getattr(told, "code", None) or "", " ".join(message.split())[:500]


def _retry_after_s(error: Any) -> float:
    try:
        return max(float(error.response.headers.get("Retry-After", 0)), 0.0)
    except (AttributeError, ValueError):
        return 0.0
