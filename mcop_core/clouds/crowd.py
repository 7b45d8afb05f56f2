"""Many calls at once, bounded, by threads that keep nobody: one that hangs is left behind."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def each(items: Sequence[Item], action: Callable[[Item], Result], *, at_once: int) -> list[Result]:
    """
    Return what *action* gives for each of *items*, in their order; *action* must raise nothing but on purpose.

    Raises:
        BaseException: What the first failing one raised, after all others ended.
    """
    results: dict[int, Result] = {}
    raised: list[BaseException] = []
    waiting: queue.SimpleQueue[tuple[int, Item]] = queue.SimpleQueue()
    for numbered in enumerate(items):
        waiting.put(numbered)

    def work() -> None:
        while not raised:
            try:
                number, item = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                results[number] = action(item)
            except BaseException as error:
                raised.append(error)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(at_once, len(items)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if raised:
        raise raised[0]
    return [results[number] for number in range(len(items))]
