"""
What hostile input costs before it is refused, or taken: CPU and memory of each variant, the most per door.

Each variant goes through its door in a process of its own, forked when everything was imported; what is measured is
the CPU of that process and how far its memory grew over what it began with. What was there before is kept from the
garbage collector, which would look through all of it in whatever variant its turn falls into.
"""

from __future__ import annotations

import gc
import os
import pickle
import resource
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bench.measure import Figure, Told
from mcop_core.cli.overrides import read_overrides
from mcop_core.compiler.resolution import check_overrides
from mcop_core.engines.terraform.module_interface import read_interface
from mcop_core.errors import McopError
from mcop_core.settings import Settings
from tests.core.hostile.catalog import Door
from tests.core.hostile.tables import Case, cases
from tests.core.hostile.test_values import FIRST, SECOND, outputs_of, rendered

CPU_MS, MEMORY_MB = 50.0, 50.0
"""What a hostile value may cost."""
TRIES = 3
"""How often a variant that took too much CPU is measured: other work on the machine only adds to it."""

_NO_TEXTS = ("link", "pipe")


@dataclass(frozen=True)
class Spent:
    """What one variant took."""

    name: str
    cpu_s: float
    memory_bytes: int

    @property
    def cpu_ms(self) -> float:
        """Milliseconds of CPU."""
        return self.cpu_s * 1000

    @property
    def memory_mb(self) -> float:
        """Megabytes, of 2**20 bytes, that the process grew by."""
        return self.memory_bytes / 2**20


def run() -> Told:
    """Yield two figures per door: the CPU and the memory of its most expensive variants."""
    with tempfile.TemporaryDirectory(prefix="mcop-hostile-") as folder:
        door = Door(Path(folder))
        door.publish()
        gc.collect()
        gc.freeze()
        for name, through in _doors(door).items():
            yield from _figures(name, [_least(case, through) for case in cases(name.split()[0])])


def _doors(door: Door) -> dict[str, Callable[[Case], object]]:
    plan = door.plan()
    types = {one.name: one.schema_ for one in plan.parameters}

    def override(case: Case) -> None:
        given = {case.says["parameter"]: case.variant}
        if "override" in case.says and not check_overrides(plan, given):
            rendered(door, plan, FIRST, overrides=given)

    def output(case: Case) -> None:
        if "output" in case.says and case.says.get("output_name", "anything") == "anything":
            rendered(door, plan, SECOND, outputs=outputs_of(anything=case.variant))

    def files(case: Case) -> None:
        texts = {name: text for name, text in case.variant.items() if name not in _NO_TEXTS}
        read_interface({name: text if isinstance(text, bytes) else text.encode() for name, text in texts.items()})

    return {
        "values as overrides": override,
        "values as outputs": output,
        "set": lambda case: check_overrides(plan, read_overrides(case.variant, types)),
        "settings": lambda case: Settings.from_environment(case.variant),
        "templates": files,
    }


def measure(case: Case, through: Callable[[Case], object]) -> Spent:
    """Carry one variant through its door in a process of its own."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        with suppress(BaseException):
            os.write(writing, pickle.dumps(_spent(case, through)))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        spent: Spent = pickle.loads(answer.read())
    os.waitpid(pid, 0)
    return spent


def _spent(case: Case, through: Callable[[Case], object]) -> Spent:
    before, began = _peak_bytes(), time.process_time()
    with suppress(McopError):
        through(case)
    return Spent(case.name, time.process_time() - began, _peak_bytes() - before)


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _least(case: Case, through: Callable[[Case], object]) -> Spent:
    tries = [measure(case, through)]
    while tries[-1].cpu_ms > CPU_MS and len(tries) < TRIES:
        tries.append(measure(case, through))
    return min(tries, key=lambda one: one.cpu_s)


def _figures(door: str, spent: list[Spent]) -> Told:
    slowest, biggest = max(spent, key=lambda one: one.cpu_s), max(spent, key=lambda one: one.memory_bytes)
    over = [one.name for one in spent if one.cpu_ms > CPU_MS or one.memory_mb > MEMORY_MB]
    told = f"{len(spent)} variants, over what is allowed: {', '.join(over) or 'none'}"
    yield Figure(f"hostile {door}, {slowest.name}", slowest.cpu_ms, CPU_MS, " ms CPU", told)
    yield Figure(f"hostile {door}, {biggest.name}", biggest.memory_mb, MEMORY_MB, " MB", told)
