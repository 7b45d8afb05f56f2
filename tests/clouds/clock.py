"""A clock that passes when it is waited for."""

import threading

from mcop_core.clouds.patience import Pace, SystemClock


class QuickClock:
    """Time that costs nothing; *waited* has every wait, seconds."""

    def __init__(self):
        self._now = 0.0
        self._lock = threading.Lock()
        self.waited: list[float] = []

    def monotonic(self) -> float:
        with self._lock:
            return self._now

    def wait(self, seconds: float) -> None:
        with self._lock:
            self._now += max(seconds, 0.0)
            self.waited.append(seconds)


def quick_pace(clock: QuickClock | None = None, **changes) -> Pace:
    """A usual pace on a clock that costs nothing, without jitter."""
    return Pace(**{"clock": clock or QuickClock(), "jitter": lambda: 0.0, **changes})


def hasty_pace(**changes) -> Pace:
    """A pace on the machine's clock for servers next door: a few milliseconds where others take seconds."""
    usual = {"first_s": 0.01, "longest_s": 0.1, "asking_s": 5.0, "appears_s": 2.0, "settles_s": 10.0}
    return Pace(**{"clock": SystemClock(), **usual, **changes})
