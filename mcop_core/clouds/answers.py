"""What many questions come to: answers and failures side by side, since one cloud's failure is not the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from mcop_core import errors
from mcop_core.errors import McopError

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Failure:
    """
    One question that was not answered, or one thing that was not done.

    Attributes:
        what: What was asked: a worker's name, `instances`, `regions`.
        region: Empty where the question was not about one.
    """

    cloud: str
    region: str
    what: str
    error: McopError

    def __str__(self) -> str:
        place = f"{self.cloud}/{self.region}" if self.region else self.cloud
        return f"{place}: {self.what}: {self.error.message}"

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "cloud": self.cloud,
            "region": self.region,
            "what": self.what,
            "error": type(self.error).__name__,
            "message": self.error.message,
        }


def failure_of(document: Mapping[str, Any]) -> Failure:
    """Return what `Failure.to_json` gave as *document*, its error of the same class, as long as that is MCOP's own."""
    kind = getattr(errors, document["error"], None)
    made = kind if isinstance(kind, type) and issubclass(kind, McopError) else McopError
    return Failure(document["cloud"], document["region"], document["what"], made(document["message"]))


@dataclass(frozen=True)
class Answers(Generic[Item]):
    """What was found or done, and what was not."""

    found: tuple[Item, ...] = ()
    failures: tuple[Failure, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether nothing failed."""
        return not self.failures

    def __add__(self, other: Answers[Item]) -> Answers[Item]:
        return Answers(self.found + other.found, self.failures + other.failures)
