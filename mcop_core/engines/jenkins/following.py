"""One build from the request for it to its end: asked for once, found again, followed, stopped."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from mcop_core.engines.jenkins.client import Build, Console, Controller, QueueItem
from mcop_core.engines.jenkins.job_state import BUILD, BUILD_ADDRESS, Pending
from mcop_core.engines.workspace import Reporter
from mcop_core.errors import Cancelled, EngineFailed, UnknownOutcome, Unreachable, Waiting

Answer = TypeVar("Answer")
LAST_LINES = 20
TAIL_BYTES = 8_192
"""How much of a console's end is read to show its last lines."""
LONGEST_REST = 4_096
"""How many signs of a line that has not ended are kept from one look to the next."""
SOONEST_S, LATEST_S = 5.0, 300.0
"""Between these lies the time from one look to the next, seconds."""


@dataclass(frozen=True, slots=True)
class Timing:
    """
    How long things may take, seconds.

    Attributes:
        poll_s: The shortest pause between two questions; it grows up to *slowest_poll_s* while nothing happens.
        patience_s: How long a controller that does not answer is waited for.
        settle_s: How long a build is looked for whose request was not answered, once the controller answers.
        looks: How often it is looked for, at least.
        stop_again_s: After how long a build that does not end is asked to stop once more.
        stay_s: How long a build is waited for at a stretch; one that takes longer is looked at from time to time.
    """

    poll_s: float = 0.5
    slowest_poll_s: float = 5.0
    patience_s: float = 300.0
    settle_s: float = 10.0
    looks: int = 3
    stop_again_s: float = 60.0
    stay_s: float = 60.0


def pauses(timing: Timing) -> Iterator[float]:
    """Yield how long to wait before each next question, seconds, without an end."""
    pause_s = timing.poll_s
    while True:
        yield pause_s
        pause_s = min(pause_s * 1.5, timing.slowest_poll_s)


def next_look_s(waited_s: float) -> float:
    """Return when to look again at what was waited for so long, seconds: after a fifth of that, within bounds. Pure."""
    return min(max(waited_s / 5, SOONEST_S), LATEST_S)


def ask_again(ask: Callable[[], Answer], timing: Timing, report: Reporter, check: Callable[[], None]) -> Answer:
    """
    Return what *ask* gives, again as long as the controller does not answer.

    Args:
        check: Asked before each repetition; raises if this process must not go on.

    Raises:
        Unreachable: It did not for `Timing.patience_s`.
    """
    ends = time.monotonic() + timing.patience_s
    for pause_s in pauses(timing):
        try:
            return ask()
        except Unreachable as error:
            if time.monotonic() >= ends:
                raise
            report.log(f"{error}; trying for another {max(0, ends - time.monotonic()):.0f} s", level="warning")
        check()
        time.sleep(pause_s)
    raise AssertionError("pauses do not end")


@dataclass(frozen=True, slots=True)
class Trace:
    """What there is of a build that was asked for: items that wait, and builds."""

    items: tuple[QueueItem, ...] = ()
    builds: tuple[Build, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing of it."""
        return not (self.items or self.builds)


@dataclass(slots=True)
class Following:
    """
    One build.

    Attributes:
        is_cancelled: Asked often; once it is true the build is stopped.
        check: Asked often; raises if this process must not go on.
        mask: Hides secrets in the console's lines.
        last_lines: The end of its console.
        was_stopped: Whether it was asked to stop.
        was_asked_twice: Whether a request for it may still be on its way beside the one that was answered.
    """

    controller: Controller
    pending: Pending
    timing: Timing
    report: Reporter
    is_cancelled: Callable[[], bool]
    check: Callable[[], None]
    mask: Callable[[str], str]
    last_lines: deque[str] = field(default_factory=lambda: deque(maxlen=LAST_LINES))
    was_stopped: bool = False
    was_asked_twice: bool = False
    _item: int | None = None
    _number: int | None = None
    _told: int = 0
    _unfinished: str = ""

    def __post_init__(self) -> None:
        self.was_asked_twice = self.was_asked_twice or self.pending.is_repeated
        self._item, self._number = self.pending.item, self.pending.build
        self._told, self._unfinished = self.pending.told, self.pending.rest

    @property
    def waited_s(self) -> float:
        """For how long it has been waited for, seconds, earlier looks included."""
        if not self.pending.since:
            return 0.0
        return (datetime.now(UTC) - datetime.fromisoformat(self.pending.since)).total_seconds()

    @property
    def seen(self) -> Pending:
        """What the next look goes on from."""
        return replace(
            self.pending,
            is_repeated=self.was_asked_twice,
            item=self._item,
            build=self._number,
            told=self._told,
            rest=self._unfinished,
        )

    # -- asked for once -----------------------------------------------------------------------------

    def trigger(self) -> None:
        """
        Have the build queued. A request that was not answered is repeated only if it left nothing.

        Raises:
            Unreachable: The controller does not answer; nothing was asked for.
            Cancelled: A person stopped it before it was asked for.
            UnknownOutcome: Whether it was asked for cannot be told.
        """
        ends = time.monotonic() + self.timing.patience_s
        for pause_s in pauses(self.timing):
            self.check()
            self._stop_before_it_begins()
            try:
                self._item = self.controller.trigger(self.pending.job, self.pending.operation)
                return
            except Unreachable as error:
                if error.facts.get("is_sent") and self._was_queued(error):
                    return
                if time.monotonic() >= ends:
                    raise
                self._warn(f"{error}; trying for another {ends - time.monotonic():.0f} s")
            time.sleep(pause_s)

    def _stop_before_it_begins(self) -> None:
        if self.is_cancelled():
            raise Cancelled(f"cancelled before a build of {self.pending.job} was asked for")

    def _was_queued(self, error: Unreachable) -> bool:
        """Look for what a request whose answer was lost may have left."""
        self._warn(f"{error}, and may have queued the build: looking for it before asking again")
        try:
            found = self.look()
        except Unreachable as gone:
            raise UnknownOutcome(
                f"whether a build of {self.pending.job} was queued cannot be told: {gone}. It would carry "
                f"{self.pending.operation}. Run the step again: it is looked for first",
                resources=(self.name,),
            ) from gone
        self.was_asked_twice = self.was_asked_twice or found.is_empty
        return not found.is_empty

    def look(self) -> Trace:
        """
        Look for the build by its parameter, several times, since a build may stand nowhere for a moment.

        Raises:
            Unreachable: The controller does not answer.
        """
        looks = max(self.timing.looks, 1)
        for remaining in reversed(range(looks)):
            found = self.asked(self._trace)
            if not found.is_empty or not remaining:
                return found
            time.sleep(self.timing.settle_s / looks)
        raise AssertionError("the last look returns")

    def _trace(self) -> Trace:
        # The queue first: what leaves it in between is a build already when builds are asked for.
        items = self.controller.queued(self.pending.operation)
        return Trace(items, self.controller.builds(self.pending.job, self.pending.operation))

    @property
    def name(self) -> str:
        """The build, for people."""
        return f"{self.controller.job_url(self.pending.job)} (MCOP_OPERATION {self.pending.operation})"

    # -- followed -----------------------------------------------------------------------------------

    def follow(self) -> Build | None:
        """
        Wait for the build, its console told line by line; None if it was taken out of the queue.

        Raises:
            Waiting: It takes longer than `Timing.stay_s`; `seen` is what the next look goes on from.
            Unreachable: The controller does not answer any more; the build goes on.
            UnknownOutcome: It is nowhere, or there are two of them.
        """
        goes_on = self._number is not None
        number = self._number = self._known_number() if goes_on else self._await_number()
        if number is None:
            return None
        self.report.record("resource_started", address=BUILD_ADDRESS, type=BUILD, id=str(number))
        verb, continued = ("goes on", ", continued") if goes_on else ("runs", "")
        self.report.log(f"Build {number} {verb}: {self.controller.job_url(self.pending.job, number)}")
        self.report.log(f"::group::console of build {number}{continued}")
        try:
            build = self._await_end(number)
        finally:
            self.report.log("::endgroup::")
        self._recall(number)
        self.report.record("resource_finished", address=BUILD_ADDRESS, id=str(number), result=build.result)
        self._hold_single(number)
        return build

    def _known_number(self) -> int:
        """Return the number of the build that an earlier look saw, once it is the same build still."""
        number = self._number or 0
        if self.asked(lambda: self._build(number)).operation != self.pending.operation:
            raise self._lost(f"was deleted, and build {number} is another one now")
        return number

    def _await_number(self) -> int | None:
        told = ""
        for pause_s in pauses(self.timing):
            self.check()
            item = self.asked(self._where)
            if item.build is not None:
                return item.build
            if item.is_cancelled:
                return None
            if item.why and item.why != told:
                told = item.why
                self.report.log(f"Waiting in the queue: {self.mask(_plain(told))}")
            if self.is_cancelled():
                self._leave_queue(item)
            self._item = item.id
            self._pause(pause_s, "stands in the queue")
        raise AssertionError("pauses do not end")

    def _leave_queue(self, item: QueueItem) -> None:
        if not self.was_stopped:
            self.report.log("Cancelled: taking the build out of the queue", level="warning")
        self.was_stopped, self._item = True, item.id
        self.asked(lambda: self.controller.cancel_item(item.id))

    def _where(self) -> QueueItem:
        """Return the queue item as it is now; of one that Jenkins has forgotten, the build that it became."""
        known = None if self._item is None else self.controller.queue_item(self._item)
        if known is not None:
            return known
        if self._item is not None and self.was_stopped and self._trace().is_empty:
            return QueueItem(self._item, is_cancelled=True)
        found = self.look()
        if found.builds:
            return QueueItem(self._item or 0, build=found.builds[-1].number)
        if not found.items and self.pending.item is not None:
            return QueueItem(self.pending.item, is_cancelled=True)  # left since the last look, and Jenkins forgot how
        if not found.items:
            raise self._lost("is neither in the queue nor among the builds")
        self._item = found.items[0].id
        return found.items[0]

    def _await_end(self, number: int) -> Build:
        stop_at = 0.0
        waits = pauses(self.timing)
        while True:
            self.check()
            if self.is_cancelled() and time.monotonic() >= stop_at:
                self._stop(number)
                stop_at = time.monotonic() + self.timing.stop_again_s
            piece = self.asked(partial(self._console, number, self._told))
            waits = pauses(self.timing) if piece.end != self._told else waits
            self._tell(piece.text)
            self._told = piece.end
            self._drop_late()
            build = None if piece.has_more else self.asked(lambda: self._build(number))
            if build is not None and not build.is_running:
                self._tell(self.asked(partial(self._console, number, self._told)).text)
                self._tell("\n" if self._unfinished else "")
                return build
            self._pause(next(waits), f"runs as build {number}")

    def _pause(self, pause_s: float, how: str) -> None:
        """Sleep; or leave it alone until the next look, unless it is being stopped."""
        waited_s = self.waited_s
        if waited_s < self.timing.stay_s or self.is_cancelled() or self.was_stopped:
            time.sleep(pause_s)
            return
        if len(self._unfinished) > LONGEST_REST:
            self._tell("\n")
        url = self.controller.job_url(self.pending.job, self._number)
        raise Waiting(
            f"the build of {self.pending.job} {how}, {waited_s:.0f} s after it was asked for: {url}",
            look_again_s=next_look_s(waited_s),
        )

    def _recall(self, number: int) -> None:
        """Have the last lines whole, of which earlier looks told some."""
        if not self.pending.told or len(self.last_lines) == LAST_LINES:
            return
        start = max(0, self._told - TAIL_BYTES)
        lines = self.asked(partial(self._console, number, start)).text.replace("\r\n", "\n").split("\n")
        self.last_lines.clear()
        self.last_lines.extend(self.mask(_plain(line)) for line in lines[1 if start else 0 :] if line)

    def _build(self, number: int) -> Build:
        found = self.controller.build(self.pending.job, number)
        if found is None:
            raise self._lost(f"was deleted while it was followed (build {number})")
        return found

    def _console(self, number: int, start: int) -> Console:
        try:
            return self.controller.console(self.pending.job, number, start)
        except EngineFailed as error:
            if error.facts.get("status") != 404:
                raise
            raise self._lost(f"was deleted while it was followed (build {number})") from error

    def _stop(self, number: int) -> None:
        again = " again" if self.was_stopped else ""
        self.report.log(f"Cancelled: asking build {number} to stop{again}", level="warning")
        self.was_stopped = True
        self.asked(lambda: self.controller.stop(self.pending.job, number))

    def _hold_single(self, number: int) -> None:
        """Where a request was repeated, see that the first had not only been late."""
        others = [build.number for build in self._drop_late().builds if build.number != number]
        if others:
            urls = tuple(self.controller.job_url(self.pending.job, other) for other in others)
            raise UnknownOutcome(
                f"Jenkins ran one request twice: {', '.join(urls)} beside build {number}. Look at what they did, "
                "then run the step again",
                resources=urls,
            )

    def _drop_late(self) -> Trace:
        """Where a request was repeated, take out of the queue what the first one has put there after all."""
        if not self.was_asked_twice:
            return Trace()
        found = self.asked(self._trace)
        for item in found.items:
            self.report.log("The request that got no answer arrived late: taken out of the queue", level="warning")
            self.asked(partial(self.controller.cancel_item, item.id))
        return found

    def _lost(self, what: str) -> UnknownOutcome:
        return UnknownOutcome(f"the build of {self.name} {what}: what it did cannot be told", resources=(self.name,))

    # -- asked again --------------------------------------------------------------------------------

    def asked(self, ask: Callable[[], Answer]) -> Answer:
        """Return what *ask* gives, again as long as the controller does not answer; see `ask_again`."""
        return ask_again(ask, self.timing, self.report, self.check)

    def _tell(self, text: str) -> None:
        """Tell the whole lines of the console; each behind a bar, so that none can pass for MCOP's own."""
        *lines, self._unfinished = (self._unfinished + text.replace("\r\n", "\n")).split("\n")
        for line in lines:
            shown = self.mask(_plain(line))
            self.last_lines.append(shown)
            self.report.log(f"| {shown}")

    def _warn(self, line: str) -> None:
        self.report.log(line, level="warning")


def _plain(line: str) -> str:
    return "".join(sign if sign.isprintable() or sign == "\t" else "\ufffd" for sign in line)
