"""
Version order, pins, and what `latest` means.

Versions are semantic versions without build metadata. Requirements are Terraform's: `1.2.0`, `~> 1.2`,
`>= 1.0, < 2.0`, `!= 1.4.1`, and `latest`.
Source: semver.org 2.0.0, section 11; developer.hashicorp.com/terraform/language/expressions/version-constraints.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

from semantic_version import Version

LATEST = "latest"
VERSION_PATTERN = r"^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$"
"""A version's form, for editors; `check_version` decides."""

_MAX_DIGITS = 10
_MAX_LENGTH = 128
_TERM = re.compile(r"(=|!=|>=|<=|>|<|~>)?\s*v?(\d+(?:\.\d+){0,2}(?:-[0-9A-Za-z.-]+)?)", re.ASCII)


def check_version(text: str) -> str:
    """
    Return *text* unchanged if it is a version.

    Raises:
        ValueError: It is no semantic version, carries build metadata, has a number of over ten digits or over
            128 characters.
    """
    parse_version(text)
    return text


@lru_cache(maxsize=4096)
def parse_version(text: str) -> Version:
    """Return *text* as a version; raises as `check_version`."""
    if not (text.isascii() and text.isprintable()) or len(text) > _MAX_LENGTH:
        raise ValueError(f"{text[:_MAX_LENGTH]!r} is no version: up to {_MAX_LENGTH} visible ASCII characters are")
    try:
        version = Version(text)
    except ValueError:
        raise ValueError(f"{text!r} is no version: it must be MAJOR.MINOR.PATCH, for example 1.2.0") from None
    if version.build:
        raise ValueError(f"{text!r} is no version here: build metadata has no order, leave out +{version.build[0]}")
    if max(version.major, version.minor, version.patch) >= 10**_MAX_DIGITS:
        raise ValueError(f"{text!r} is no version: a number has more than {_MAX_DIGITS} digits")
    return version


def version_key(text: str) -> str:
    """
    Encode a version so that text order is version order.

    `1.10.0` comes after `1.9.0`, a pre-release before its release, `rc.2` before `rc.10`.
    """
    version = parse_version(text)
    numbers = ".".join(f"{part:0{_MAX_DIGITS}d}" for part in (version.major, version.minor, version.patch))
    if not version.prerelease:
        return f"{numbers}~"
    return f"{numbers}-" + "".join(f"{_prerelease_key(part)}!" for part in version.prerelease)


def _prerelease_key(part: str) -> str:
    return f"0{len(part):03d}{part}" if part.isdigit() else f"1{part}"


def check_requirement(text: str) -> str:
    """
    Return *text* unchanged if it is a requirement.

    Raises:
        ValueError: It is neither `latest` nor a comma-separated list of constraints.
    """
    _tests(text)
    return text


def is_exact(requirement: str) -> bool:
    """Whether *requirement* names one version."""
    try:
        parse_version(requirement)
    except ValueError:
        return False
    return True


def satisfies(version: str, requirement: str) -> bool:
    """
    Whether *version* is allowed by *requirement*.

    A pre-release is allowed only by a requirement that names it exactly, as in Terraform.
    """
    parsed = parse_version(version)
    if parsed.prerelease:
        return requirement.lstrip("= v") == version
    return all(test(parsed) for test in _tests(requirement))


def best_version(versions: Iterable[str], requirement: str) -> str | None:
    """Return the highest of *versions* that *requirement* allows, or None."""
    allowed = [version for version in versions if satisfies(version, requirement)]
    return max(allowed, key=version_key, default=None)


@lru_cache(maxsize=4096)
def _tests(requirement: str) -> tuple[Callable[[Version], bool], ...]:
    if requirement.strip() == LATEST:
        return ()
    return tuple(_test(term.strip(), requirement) for term in requirement.split(","))


def _test(term: str, requirement: str) -> Callable[[Version], bool]:
    match = _TERM.fullmatch(term)
    if match is None:
        raise ValueError(f"{requirement!r} is no version requirement: write 1.2.0, ~> 1.2, >= 1.0, < 2.0 or {LATEST}")
    operator, text = match.group(1) or "=", match.group(2)
    bound = parse_version(_padded(text))
    if operator == "~>":
        ceiling = _pessimistic_ceiling(text)
        return lambda version: bound <= version < ceiling
    compare: dict[str, Callable[[Version], bool]] = {
        "=": lambda version: version == bound,
        "!=": lambda version: version != bound,
        ">=": lambda version: version >= bound,
        "<=": lambda version: version <= bound,
        ">": lambda version: version > bound,
        "<": lambda version: version < bound,
    }
    return compare[operator]


def _padded(text: str) -> str:
    numbers, dash, rest = text.partition("-")
    parts = [*numbers.split("."), "0", "0"]
    return ".".join(parts[:3]) + dash + rest


def _pessimistic_ceiling(text: str) -> Version:
    numbers = [int(part) for part in text.partition("-")[0].split(".")]
    raised = numbers[:-1] if len(numbers) > 1 else numbers
    raised[-1] += 1
    return parse_version(_padded(".".join(map(str, raised))))
