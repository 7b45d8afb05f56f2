"""
Applying what was approved, held to its preview, against applying the same without asking.

A component is a topic, a log group and a parameter, made by the real AWS provider in an emulated cloud, and each apply
a runner of its own, as a task starts it. Held to an approval it plans, compares the plan with the preview, and applies
that plan; else Terraform plans and applies at once. The two take turns, each on components of its own that are alike.
Making the preview and asking people is left out: that is done once for a whole manifest.

Where something changes this is two Terraform commands against one, and what it costs is told without a target: that of
a deployment through a gate is held in `deploy`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bench.deployed import DeployedShop
from bench.measure import Comparison, Cost, Told, compare
from bench.runners import run_operation
from bench.stack import own_settings, running_emulator
from mcop_core.artifacts.local import LocalStore
from mcop_core.engines.changes import Preview, preview_key
from mcop_core.runner.request import Approval, Operation, RunRequest, RunResult
from mcop_core.settings import Settings

PAIRS = 4
AT_MOST = 1.3
"""CPU and wall of an apply that is held to an approval and has nothing to do, against one that is not held to any."""
AGAINST = "x without it"

Pair = tuple[Cost[RunResult], Cost[RunResult]]
"""Held to an approval, and not."""


def run() -> Told:
    """Yield the figures of this measurement, and what it is doing."""
    with tempfile.TemporaryDirectory(prefix="mcop-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        settings = own_settings(folder)
        with running_emulator(folder / "cloud", settings) as environment:
            shop = DeployedShop(4 * PAIRS, folder / "shop", environment, settings)
            applies = Applies(shop, LocalStore(folder / "artifacts"), settings, environment)
            alone = shop.names[::2]  # every second one takes an output of the one before it
            yield from _told("creating a component", applies.pairs("create", alone, (3, 0, 0)))
            # What the cloud made of it by itself is read and written to the state now, which is not measured.
            list(applies.pairs("settle", alone, (0, 0, 0)))
            for found in _compared("a component with nothing to do", applies.pairs("again", alone, (0, 0, 0))):
                yield found.held_to(AT_MOST, AGAINST)
            changed = applies.pairs("change", alone, (0, 1, 0), is_changed=True)
            yield from _told("changing a resource of a component", changed)


def _told(name: str, pairs: Iterator[Pair]) -> Iterator[str]:
    for found in _compared(name, pairs):
        yield f"{found.name}: {found.ratio:.2f}{AGAINST} ({found.subject:.2f} s against {found.floor:.2f} s)"


def _compared(name: str, pairs: Iterator[Pair]) -> Iterator[Comparison]:
    found = list(pairs)
    for what, measured in {
        "CPU": [(held.cpu_s, free.cpu_s) for held, free in found],
        "wall": [(held.wall_s, free.wall_s) for held, free in found],
    }.items():
        yield compare(f"{name}, held to an approval ({what})", measured)


class Applies:
    """
    Applies of components of *shop*, through runners.

    Args:
        store: Gets artifacts and previews.
        environment: What leads to the cloud.
    """

    def __init__(
        self, shop: DeployedShop, store: LocalStore, settings: Settings, environment: Mapping[str, str]
    ) -> None:
        self._shop, self._store, self._settings, self._environment = shop, store, settings, environment

    def pairs(
        self, name: str, steps: Sequence[str], expected: tuple[int, int, int], *, is_changed: bool = False
    ) -> Iterator[Pair]:
        """
        Apply *steps* in turns, the first held to its approval, the second not; yield what each two took.

        Args:
            name: Of the executions.
            expected: Resources that each creates, changes and destroys.
            is_changed: Whether a resource of each component is to be changed.
        """
        for held, free in zip(steps[::2], steps[1::2], strict=True):
            approval = self._approved(held, held if is_changed else "")
            pair = tuple(
                self._apply(name, step, step if is_changed else "", given, expected)
                for step, given in ((held, approval), (free, None))
            )
            yield pair[0], pair[1]

    def _approved(self, step: str, changed: str) -> Approval:
        preview = Preview("manifest#shop@1.0.0", "", self._shop.changes([step], changed))
        self._store.put(preview_key(preview.digest), preview.to_json())
        return Approval(preview.digest)

    def _apply(
        self, name: str, step: str, changed: str, approval: Approval | None, expected: tuple[int, int, int]
    ) -> Cost[RunResult]:
        artifact = self._shop.artifact(step, changed)
        self._store.put(artifact.key, artifact.to_json())
        request = RunRequest(
            Operation.APPLY, artifact.digest, f"d/{name}/t/{step}", "bench", self._store.url, step, approval=approval
        )
        done = run_operation(request, self._settings, self._environment)
        counts = (done.result.added, done.result.changed, done.result.destroyed)
        if counts != expected:
            raise SystemExit(f"{step} was to change {expected} of its resources, but changed {counts}")
        return done
