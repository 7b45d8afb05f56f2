"""What importing a module costs: CPU of each module that it brings, without those that this brings in turn."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.machinery import ExtensionFileLoader, ModuleSpec, SourceFileLoader
from types import ModuleType


@contextmanager
def profiled() -> Iterator[dict[str, float]]:
    """Give module -> its own milliseconds of CPU, of every module that is imported inside the block."""
    own_ms: dict[str, float] = {}
    below: list[float] = [0.0]

    def timed(name: str, work: Callable[[], object]) -> object:
        below.append(0.0)
        start = time.process_time()
        try:
            return work()
        finally:
            took_ms = (time.process_time() - start) * 1000
            own_ms[name] = own_ms.get(name, 0.0) + took_ms - below.pop()
            below[-1] += took_ms

    source, create = SourceFileLoader.exec_module, ExtensionFileLoader.create_module

    def exec_source(loader: SourceFileLoader, module: ModuleType) -> None:
        timed(module.__name__, lambda: source(loader, module))

    def create_extension(loader: ExtensionFileLoader, spec: ModuleSpec) -> object:
        return timed(spec.name, lambda: create(loader, spec))

    SourceFileLoader.exec_module, ExtensionFileLoader.create_module = exec_source, create_extension  # type: ignore[assignment,method-assign]
    try:
        yield own_ms
    finally:
        SourceFileLoader.exec_module, ExtensionFileLoader.create_module = source, create  # type: ignore[assignment,method-assign]


def new_modules(before: set[str]) -> list[str]:
    """Return the modules that were not there *before*."""
    return sorted(set(sys.modules) - before)
