"""Time, as an argument: how long is waited for a cloud, and how often it is asked."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from mcop_core.clouds.strategy import CloudStrategy
from mcop_core.errors import Cancelled, CloudFailed, McopError, Throttled, Unreachable

T = TypeVar("T")


class Clock(Protocol):
    """What tells the time and lets it pass."""

    def monotonic(self) -> float:
        """Return seconds since some moment."""

    def wait(self, seconds: float) -> None:
        """
        Return after *seconds*.

        Raises:
            Cancelled: A person stopped the operation.
        """


class SystemClock:
    """
    The machine's clock.

    Args:
        stop: Once it is set nothing is waited for any more.
    """

    def __init__(self, stop: threading.Event | None = None) -> None:
        self._stop = stop or threading.Event()

    def monotonic(self) -> float:
        """Return seconds since some moment."""
        return time.monotonic()

    def wait(self, seconds: float) -> None:
        """Return after *seconds*; raises Cancelled as soon as it is stopped."""
        if self._stop.wait(max(seconds, 0.0)):
            raise Cancelled("stopped while waiting for a cloud; what was created carries its tags and can be listed")


@dataclass(frozen=True, slots=True)
class Pace:
    """
    How patient MCOP is.

    Attributes:
        first_s, factor, longest_s: Between two questions: the first pause, how pauses grow, and the longest one.
        asking_s: How long a question is repeated that a cloud did not answer or put off.
        appears_s: How long the cloud may take to show what it has just created, or an answer that was lost.
        settles_s: How long an instance may take to run, or to be gone.
        jitter: Gives a number from 0 to 1; pauses are shortened by up to half of it, so that many do not ask at once.
        now: Gives the time, aware UTC.
        new_id: Gives a text that nobody had before.
    """

    clock: Clock = field(default_factory=SystemClock)
    first_s: float = 1.0
    factor: float = 1.7
    longest_s: float = 20.0
    asking_s: float = 60.0
    appears_s: float = 60.0
    settles_s: float = 900.0
    jitter: Callable[[], float] = random.random
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    new_id: Callable[[], str] = lambda: uuid.uuid4().hex

    def pauses(self) -> Iterator[float]:
        """Yield the seconds of one pause after the other, without end."""
        pause = self.first_s
        while True:
            yield pause * (1.0 - self.jitter() / 2)
            pause = min(pause * self.factor, self.longest_s)

    def until(self, seconds: float) -> Deadline:
        """Return the deadline in *seconds* from now."""
        return Deadline(self.clock, self.clock.monotonic() + seconds)

    def rounds(self, seconds: float) -> Iterator[bool]:
        """Yield True, pause, and so on for *seconds*; then False once: the last look."""
        deadline = self.until(seconds)
        for pause in self.pauses():
            if deadline.has_passed:
                break
            yield True
            self.clock.wait(min(pause, max(deadline.left_s, 0.0)))
        yield False


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment of a clock."""

    clock: Clock
    at_s: float

    @property
    def left_s(self) -> float:
        """Seconds until then; negative afterwards."""
        return self.at_s - self.clock.monotonic()

    @property
    def has_passed(self) -> bool:
        """Whether it is over."""
        return self.left_s <= 0


def ask(strategy: CloudStrategy, pace: Pace, what: str, call: Callable[[], T], *, repeat_unanswered: bool = True) -> T:
    """
    Return what *call*, one question to *strategy*'s cloud, gives; repeat it while the cloud asks for patience.

    Args:
        what: What is asked, for errors: `list the instances of nyc3`.
        repeat_unanswered: Whether a question without an answer may be asked again; one that the cloud put off
            (`Throttled`) always is.

    Raises:
        CloudFailed: What came was no answer that the strategy can read.
        McopError: What the strategy raised, after the last try.
    """
    deadline = pace.until(pace.asking_s)
    for pause in pace.pauses():
        try:
            return call()
        except Throttled as error:
            wait_s = max(error.facts.get("retry_after_s", 0.0), pause)
            if deadline.left_s < wait_s:
                raise
        except Unreachable:
            wait_s = pause
            if not repeat_unanswered or deadline.left_s < wait_s:
                raise
        except McopError:
            raise
        except Exception as error:
            raise unreadable(strategy, what, error) from error
        pace.clock.wait(wait_s)
    raise AssertionError("pauses have no end")


def unreadable(strategy: CloudStrategy, what: str, error: Exception) -> CloudFailed:
    """Return the error for an answer that a strategy could not read."""
    config = strategy.config
    cause = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    return CloudFailed(
        f"cloud {config.name} ({config.provider}): {what}: the answer cannot be read: {cause}", code="unreadable"
    )
