"""
Previewing deployed components as one plan, against a loop of `terraform plan` over the root of each.

A component is a topic, a log group and a parameter, made by the real AWS provider in an emulated cloud; every second
one takes an output of the one before it. One is changed, and both sides must find that and nothing else. The peer's
roots are the ones that MCOP renders, its states the ones that the preview reads, its providers installed beforehand.
The second floor is the same merged root, planned alone. That cost grows with resources and not with components is
seen where few components have as many resources as many.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Generator, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bench.deployed import DeployedShop
from bench.measure import Figure, Told, compare, cost
from bench.stack import own_settings, running_emulator
from mcop_core.engines.artifact import RenderedArtifact
from mcop_core.engines.terraform.preparation import CLI_CONFIG, Preparation
from mcop_core.engines.terraform.providers import find_mirror, terraform_environment
from mcop_core.engines.terraform.toolchain import Toolchain
from mcop_core.settings import Settings

SIZES = (8, 32, 100)
"""How many components are previewed at once."""
AT_MOST = 0.5
"""CPU against separate plans; at more components it is less."""
BARE_AT_MOST = 1.3
"""CPU against the plan alone of the root that MCOP merges."""
GROWTH_AT_MOST = 2.0
"""CPU of the most components, against the fewest with as many resources, and against the plan alone of the fewest."""
COPIES = 12
"""How often each of the fewest has its resources, to be as many as those of the most: 288 and 300."""
SAMPLE = 16
"""Of more than `_ALL` components the loop plans this many, evenly spread and the changed one among them."""
_ALL = 32
_PLAN = ("plan", "-input=false", "-lock=false", "-no-color", "-json", "-out=loop.tfplan")

Found = frozenset[tuple[str, str, str]]
"""(step, address in its module, action) of everything that would be done."""


def run() -> Told:
    """Yield the figures of this measurement, and what it is doing."""
    with tempfile.TemporaryDirectory(prefix="mcop-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        settings = own_settings(folder)
        with running_emulator(folder / "cloud", settings) as environment:
            shop = DeployedShop(max(SIZES), folder / "shop", environment, settings)
            shop.deploy()
            yield f"previewing: {max(SIZES)} components are deployed (load {os.getloadavg()[0]:.1f})"
            loop = PlanLoop(folder / "loop", environment, settings)
            spent = {}
            for size in SIZES:
                spent[size] = yield from _compare(shop, loop, size)
        with running_emulator(folder / "other", settings) as environment:
            large = DeployedShop(min(SIZES), folder / "large", environment, settings, COPIES)
            large.deploy()
            few = cost(lambda: large.preview(large.names, large.names[0]))
            if len(few.result) != 1:
                raise SystemExit(f"one component was changed, and found is {sorted(few.result)}")
            yield from _growth(spent, few.cpu_s)


def _growth(spent: Mapping[int, tuple[float, float]], few_large: float) -> Told:
    """Yield how the cost grows: *spent* is size -> CPU seconds of the preview and of the merged plan alone."""
    few, many = min(SIZES), max(SIZES)
    (few_ours, few_bare), (many_ours, many_bare) = spent[few], spent[many]
    for name, against in {
        f"preview of {many} components against {few} with as many resources (CPU)": few_large,
        f"preview of {many} components against the merged plan alone of {few} (CPU)": few_bare,
    }.items():
        yield compare(name, [(many_ours, against)]).held_to(GROWTH_AT_MOST, "x")
    yield (
        f"preview of {many} components against {few} alike: {many_ours / few_ours:.2f}x, "
        f"{many_ours - few_ours:.1f} s more; the merged plan alone: {many_bare / few_bare:.2f}x, "
        f"{many_bare - few_bare:.1f} s more"
    )


def _compare(shop: DeployedShop, loop: PlanLoop, size: int) -> Generator[Figure | str, None, tuple[float, float]]:
    """
    Yield what the preview of *size* components costs against both floors.

    Returns:
        CPU seconds of the preview, and of the merged plan alone.
    """
    names = shop.names[:size]
    changed = names[size // 2]
    artifacts = {step: shop.artifact(step, changed) for step in _sampled(names, changed)}
    loop.install(artifacts, shop)
    shop.preview(names[:1], changed)  # fills the cache of provider packages, as any preview before this one did
    ours, floor = cost(lambda: shop.preview(names, changed)), cost(lambda: loop.plan(artifacts))
    if ours.result != floor.result or {step for step, _, _ in ours.result} != {changed}:
        raise SystemExit(f"the sides find different changes: {sorted(ours.result)} and {sorted(floor.result)}")
    scaled = f"; the floor is {len(artifacts)} of its plans, scaled" if len(artifacts) < size else ""
    times = size / len(artifacts)
    for what, pair in {
        "CPU": (ours.cpu_s, floor.cpu_s * times),
        "wall": (ours.wall_s, floor.wall_s * times),
    }.items():
        name = f"preview of {size} components, separate plans as the floor ({what}{scaled})"
        yield compare(name, [pair]).held_to(AT_MOST)
    yield f"both find the same: {', '.join(' '.join(change) for change in sorted(ours.result))}"
    name = f"preview of {size} components, the merged plan alone as the floor (CPU)"
    bare = cost(shop.plan_merged)
    yield compare(name, [(ours.cpu_s, bare.cpu_s)]).held_to(BARE_AT_MOST)
    return ours.cpu_s, bare.cpu_s


def _sampled(names: list[str], changed: str) -> list[str]:
    if len(names) <= _ALL:
        return names
    spread = names[:: len(names) // (SAMPLE - 1)][: SAMPLE - 1]
    return sorted({*spread, changed})


class PlanLoop:
    """
    What a team without MCOP runs to see what would change: `terraform plan` in one folder after the other.

    Args:
        folder: Gets a folder for each root.
        environment: What leads to the cloud.
        settings: The same Terraform and provider packages as the preview's.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], settings: Settings) -> None:
        self._folder, self._environment, self._settings = folder, environment, settings

    def install(self, artifacts: Mapping[str, RenderedArtifact], shop: DeployedShop) -> None:
        """Write the root of each step with its state, and install its modules and providers."""
        mirror = find_mirror(self._settings.terraform_plugin_mirror)
        tools = Toolchain(self._settings.terraform, mirror, Path(self._settings.cache_dir))
        for step, artifact in artifacts.items():
            root = self._folder / step
            root.mkdir(parents=True, exist_ok=True)
            Preparation(
                artifact.files,
                root,
                tools,
                run=lambda arguments, root=root: self._run(root, arguments),  # type: ignore[misc]
            ).make_ready()
            (root / "terraform.tfstate").write_bytes(shop.state(step))

    def plan(self, steps: Iterable[str]) -> Found:
        """Plan each root, one by one, and return what would be done."""
        return frozenset(change for step in steps for change in self._planned(step))

    def _planned(self, step: str) -> Iterator[tuple[str, str, str]]:
        for line in self._run(self._folder / step, _PLAN).splitlines():
            event: dict[str, Any] = json.loads(line)
            if event["type"] == "planned_change":
                change = event["change"]
                yield step, change["resource"]["addr"].split(".", 2)[2], change["action"]

    def _run(self, root: Path, arguments: Iterable[str]) -> str:
        environment = terraform_environment(self._environment, cli_config_file=root / CLI_CONFIG)
        command = [self._settings.terraform, *arguments]
        done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(done.stdout + done.stderr)
        return done.stdout
