"""
Deploying the example through MCOP on Airflow, against a shell loop of `terraform init` and `terraform apply`.

The same roots, the same order, the same Terraform and provider, each time a fresh emulator of the same kind. First
everything is created; then everything runs again and nothing changes, MCOP three times, of which the median counts.
MCOP does all that with a provider for each operation, with as many warm ones as it has workers, and through a gate, a
policy that has nothing against anything: as for an approval, each apply plans, has the plan looked at, and applies it.
"""

from __future__ import annotations

import os
import statistics
import tempfile
from pathlib import Path

from bench.measure import Told, compare
from bench.shell_loop import ShellLoop
from bench.stack import running_emulator, running_stack
from mcop_core.compiler.plan import DeploymentPlan
from mcop_core.executions.record import ExecutionRecord
from mcop_core.settings import Settings

MANIFEST = "storefront-staging"
WORKERS = 2
TIMES_AGAIN = 3
AT_MOST = {"cold": 1.2, "warm": 0.7}
"""Wall time against the loop that works on as many steps at a time as MCOP does, and starts its providers itself."""
GATED_AT_MOST = 1.3
"""Wall time through a gate, against the same without one."""
_OPEN = "deny: preview.counts.destroy > 1000000\nmessage: Never.\n"


def run() -> Told:
    """Yield the figures of this measurement, and what it is doing."""
    with tempfile.TemporaryDirectory(prefix="mcop-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        ours: dict[str, tuple[float, float]] = {}
        for kind, own in _kinds(folder).items():
            with running_stack(folder / kind, own) as stack:
                plan, settings = stack.plan(MANIFEST), stack.settings
                yield f"deploying {MANIFEST}, {len(plan.steps)} steps: a stack is up (load {os.getloadavg()[0]:.1f})"
                first = _wall_s(stack.execute(MANIFEST))
                again = statistics.median(_wall_s(stack.execute(MANIFEST)) for _ in range(TIMES_AGAIN))
                ours[kind] = first, again
                yield f"MCOP, {kind}: {first:.1f} s, again {again:.1f} s (load {os.getloadavg()[0]:.1f})"
        one = _loop(folder / "one", plan, settings, together=False)
        yield f"loop, one by one: {one[0]:.1f} s, again {one[1]:.1f} s (load {os.getloadavg()[0]:.1f})"
        two = _loop(folder / "two", plan, settings, together=True)
        yield f"loop, {WORKERS} at a time: {two[0]:.1f} s, again {two[1]:.1f} s (load {os.getloadavg()[0]:.1f})"
    for what, number in (("deploying", 0), ("deploying again, no changes", 1)):
        for kind, at_most in AT_MOST.items():
            took = ours[kind][number]
            yield f"{what}, {kind}: {took / one[number]:.2f}x the loop one by one"
            against = f"x the loop {WORKERS} at a time"
            yield compare(f"{what}, {kind} (wall)", [(took, two[number])]).held_to(at_most, against)
        gated = ours["gated"][number], ours["cold"][number]
        yield compare(f"{what}, through a gate (wall)", [gated]).held_to(GATED_AT_MOST, "x without it")


def _kinds(folder: Path) -> dict[str, dict[str, str]]:
    """Return kind of stack -> its own settings."""
    policies = folder / "policies"
    policies.mkdir()
    (policies / "open.cel").write_text(_OPEN)
    return {"cold": {}, "warm": {"MCOP_WARM_PROVIDERS": str(WORKERS)}, "gated": {"MCOP_POLICIES": str(policies)}}


def _wall_s(execution: ExecutionRecord) -> float:
    """Return the seconds from the trigger to the end."""
    if execution.queued_at is None or execution.ended_at is None:
        raise SystemExit(f"{execution.id} has no times")
    return (execution.ended_at - execution.queued_at).total_seconds()


def _loop(folder: Path, plan: DeploymentPlan, settings: Settings, *, together: bool) -> tuple[float, float]:
    """Return the seconds of a first and of a second pass."""
    from mcop_airflow.dag_factory import predecessors

    with running_emulator(folder / "cloud", settings) as environment:
        loop = ShellLoop(plan, folder / "roots", environment, settings)
        if not together:
            return loop.one_by_one(), loop.one_by_one()
        after = predecessors(plan)
        return loop.at_once(after, workers=WORKERS), loop.at_once(after, workers=WORKERS)
