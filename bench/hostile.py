"""
What hostile input costs before it is refused, or taken: CPU and memory of each variant, the most per door.

Each variant goes through its door in a process of its own, forked when everything was imported; what is measured is
the CPU of that process and how far its memory grew over what it began with.
"""

from __future__ import annotations

import os
import pickle
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mcop_core.cli.overrides import read_overrides
from mcop_core.compiler.resolution import check_overrides
from mcop_core.engines.terraform.module_interface import read_interface
from mcop_core.errors import McopError
from mcop_core.settings import Settings
from tests.core.hostile.catalog import Door
from tests.core.hostile.tables import Case, cases
from tests.core.hostile.test_values import FIRST, SECOND, outputs_of, rendered

CPU_S, MEMORY_BYTES = 0.050, 50 * 2**20
"""What a hostile value may cost."""

_NO_TEXTS = ("link", "pipe")


@dataclass(frozen=True)
class Spent:
    """What one variant took."""

    name: str
    cpu_s: float
    memory_bytes: int


def run() -> Iterator[str]:
    """Yield a line per door: how many variants, the most expensive ones, and which are over what is allowed."""
    with tempfile.TemporaryDirectory(prefix="mcop-hostile-") as folder:
        door = Door(Path(folder))
        door.publish()
        for name, through in _doors(door).items():
            yield _line(name, [measure(case, through) for case in cases(name.split()[0])])


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


def _line(door: str, spent: list[Spent]) -> str:
    slowest, biggest = max(spent, key=lambda one: one.cpu_s), max(spent, key=lambda one: one.memory_bytes)
    over = [one.name for one in spent if one.cpu_s > CPU_S or one.memory_bytes > MEMORY_BYTES]
    return (
        f"hostile {door}: {len(spent)} variants, at most {slowest.cpu_s * 1000:.0f} ms CPU ({slowest.name}) and "
        f"{biggest.memory_bytes / 2**20:.0f} MB ({biggest.name}); over 50 ms or 50 MB: {', '.join(over) or 'none'}"
    )
