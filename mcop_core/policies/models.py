"""What goes through this room's doors: a policy in, verdicts out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias, TypedDict

Document: TypeAlias = Mapping[str, Any]
"""What a policy decides on, as plain JSON: `{"preview": <Preview.to_json>, "execution": <Execution>}`."""


class Execution(TypedDict):
    """What a policy is told of an execution: names, `apply`, `destroy` or `preview`, who asked, and its overrides."""

    manifest: str
    namespace: str
    action: str
    requested_by: str
    overrides: Mapping[str, Any]


MEMBERS = ("preview", "execution")


class Language(StrEnum):
    """What a policy is written in."""

    REGO = "rego"
    CEL = "cel"


class Level(StrEnum):
    """How grave a verdict is: what is denied must not be done, what is warned of is shown to who approves."""

    DENY = "deny"
    WARN = "warn"


@dataclass(frozen=True, slots=True)
class Policy:
    """
    One policy.

    Attributes:
        name: Unique in its folder; the file's name without its ending.
        source: Its whole text.
    """

    name: str
    language: Language
    source: str


@dataclass(frozen=True, slots=True, order=True)
class Verdict:
    """
    One thing that a policy has against a preview; who has nothing against it gives none.

    Attributes:
        policy: Name of the policy.
        message: One printable line.
    """

    policy: str
    level: Level
    message: str
