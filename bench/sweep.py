"""
Previewing deployed components where one of them is broken; and what the process that does it takes of memory.

A component is a topic, a log group and a parameter, made by the real AWS provider in an emulated cloud; the broken one
reads a parameter that is not there. Terraform's commands are counted where they are started. The memory is the peak of
a process of its own that imports what a task of `mcop_drift` does and previews all components, without its children.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from bench.deployed import DeployedShop
from bench.measure import Figure, Told, cost
from bench.stack import own_settings, running_emulator
from mcop_core.engines.changes import Mode
from mcop_core.settings import Settings

FEW = 8
"""Components, one of them broken."""
MANY = 100
"""Components that one process previews."""
PEAK_MB = 300
"""What that process may take, megabytes of 2**20 bytes, beside Terraform."""
BROKEN_AT_MOST = 2
"""`terraform plan` for the preview with the broken one; without it, it is one."""


def run() -> Told:
    """Yield the figures of this measurement, and what it is doing."""
    with tempfile.TemporaryDirectory(prefix="mcop-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        settings = own_settings(folder)
        with running_emulator(folder / "cloud", settings) as environment:
            commands = Commands(folder / "commands", settings.terraform)
            shop = DeployedShop(MANY, folder / "shop", environment, replace(settings, terraform=commands.program))
            shop.deploy()
            yield f"sweeping: {MANY} components are deployed (load {os.getloadavg()[0]:.1f})"
            yield from _with_one_broken(shop, commands)
            yield from _memory(folder / "shop", environment, settings)


class Commands:
    """
    Terraform, and how often each of its commands was started.

    Attributes:
        program: What is to be run in its place: it notes its command and becomes Terraform.
    """

    def __init__(self, folder: Path, terraform: str) -> None:
        folder.mkdir(parents=True)
        self._noted, program = folder / "noted", folder / "terraform"
        note = f"for word; do case $word in -*) ;; *) echo $word >> '{self._noted}'; break ;; esac; done"
        program.write_text(f"#!/bin/sh\n{note}\nexec '{terraform}' \"$@\"\n")
        program.chmod(0o755)
        self.program = str(program)

    def take(self) -> Counter[str]:
        """Return how often each was started since the last time."""
        noted = self._noted.read_text().split() if self._noted.exists() else []
        self._noted.write_text("")
        return Counter(noted)


def _with_one_broken(shop: DeployedShop, commands: Commands) -> Told:
    names = shop.names[:FEW]
    broken, changed = names[FEW // 2], names[1]
    shop.changes(names, changed)  # fills the cache of provider packages
    commands.take()
    healthy = cost(lambda: shop.changes(names, changed))
    plans = commands.take()["plan"]
    spoiled = cost(lambda: shop.changes(names, changed, broken))
    more = commands.take()["plan"]
    left = {one.step: one.mode for one in spoiled.result if one.mode is not Mode.MERGED}
    needing = names[names.index(broken) + 1]
    if set(left) != {broken, needing} or set(left.values()) != {Mode.DEFERRED}:
        raise SystemExit(f"{broken} is broken and {needing} needs it, but apart are {left}")
    if [one for one in spoiled.result if one.step not in left] != [
        one for one in healthy.result if one.step not in left
    ]:
        raise SystemExit("the sound components are told of in another way where one is broken")
    told = f"{plans} without it; {spoiled.cpu_s:.2f} s CPU against {healthy.cpu_s:.2f} s, load {os.getloadavg()[0]:.1f}"
    yield Figure(f"preview of {FEW} components, one of them broken", more, BROKEN_AT_MOST, " plans", told)


def _memory(folder: Path, environment: Mapping[str, str], settings: Settings) -> Told:
    given = json.dumps({"folder": str(folder), "environment": dict(environment)})
    command = [sys.executable, "-m", "bench.sweep"]
    its = {**os.environ, **settings.to_environment()}
    done = subprocess.run(command, input=given, env=its, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    found = json.loads(done.stdout.splitlines()[-1])
    told = f"{found['imported']:.0f} MB once everything is imported, load {os.getloadavg()[0]:.1f}"
    name = f"memory of the process that previews {MANY} components, Terraform left out"
    yield Figure(name, found["peak"], PEAK_MB, " MB", told)


def sweep(folder: Path, environment: Mapping[str, str], settings: Settings) -> dict[str, float]:
    """Preview everything that lies in *folder*, in this process, and return its memory before and at the peak, MB."""
    import mcop_airflow.operators.drift  # noqa: F401 (what the task of a sweep has imported)

    imported = peak_mb()
    shop = DeployedShop(MANY, folder, environment, settings)
    found = shop.preview(shop.names, shop.names[0])
    if {step for step, _, _ in found} != {shop.names[0]}:
        raise SystemExit(f"one component is changed, found is {sorted(found)}")
    return {"imported": imported, "peak": peak_mb()}


def peak_mb() -> float:
    """
    Return the most memory that this process had at once, megabytes of 2**20 bytes, without its children.

    `getrusage` counts what the process had before it became this program, which is its parent's.
    """
    status = Path("/proc/self/status").read_text()
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    if found is None:
        raise SystemExit("this system does not tell how much memory a process had")
    return int(found[1]) / 1024


if __name__ == "__main__":
    document = json.load(sys.stdin)
    os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
    os.environ["AIRFLOW_HOME"] = str(Path(document["folder"]) / "airflow")
    print(json.dumps(sweep(Path(document["folder"]), document["environment"], Settings.from_environment(os.environ))))
