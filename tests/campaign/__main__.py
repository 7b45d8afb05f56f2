"""
`python -m tests.campaign`: run the kill campaign, print the table, exit 0 only for zeros.

CAMPAIGN_MINUTES bounds it (about: what has begun is ended), CAMPAIGN_SEED replays its choices, CAMPAIGN_LEVEL is 1 for
runners alone, 2 for whole stacks, else both; CAMPAIGN_FOLDER keeps the raw table and every log.
"""

import os
import secrets
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mcop_core.runner.request import Operation
from tests.campaign.runs import Row, campaign
from tests.campaign.stacks import stack_campaign

P95_S = 60.0
"""The longest that the 95th percentile of settling may take, seconds."""

LEVELS = [campaign, stack_campaign]


def main() -> int:
    minutes = float(os.environ.get("CAMPAIGN_MINUTES", "5"))
    seed = int(os.environ.get("CAMPAIGN_SEED") or secrets.randbelow(100_000))
    folder = Path(os.environ.get("CAMPAIGN_FOLDER") or tempfile.mkdtemp(prefix="mcop-campaign-"))
    folder.mkdir(parents=True, exist_ok=True)
    print(f"CAMPAIGN_SEED={seed} CAMPAIGN_MINUTES={minutes:g}; raw table: {folder / 'rows.jsonl'}", flush=True)
    levels = {"1": [campaign], "2": [stack_campaign]}.get(os.environ.get("CAMPAIGN_LEVEL", ""), LEVELS)
    rows: list[Row] = []
    for level in levels:
        rows += level(folder, seed=seed, minutes=minutes / len(levels), tell=lambda line: print(line, flush=True))
    print(table(rows))
    return 0 if is_zero(rows) else 1


def is_zero(rows: Sequence[Row]) -> bool:
    """Whether everything of the campaign ended clean, something was killed, and records settled in time."""
    return bool(rows) and all(row.is_clean for row in rows) and any(row.kills for row in rows) and p95(rows) <= P95_S


def p95(rows: Sequence[Row]) -> float:
    """Return the 95th percentile of the time from "parts up" to the settled record; infinite if one never settled."""
    times = sorted(float("inf") if row.settled_s is None else row.settled_s for row in rows)
    if len(times) < 2 or times[-1] == float("inf"):
        return times[-1]
    return statistics.quantiles(times, n=20, method="inclusive")[-1]


def table(rows: Sequence[Row]) -> str:
    """Return what was killed and what was found, for people."""
    kills = Counter(kill["part"] for row in rows for kill in row.kills)
    parts = [f"  {part:20} {count:4}" for part, count in sorted(kills.items())]
    of = Counter(row.work for row in rows)
    works = f"{of[Operation.APPLY]} applies and {of[Operation.DESTROY]} destructions"
    counted = {
        name: sum(len(row.findings[name]) for row in rows)
        for name in ("lost", "phantom", "duplicated", "locks", "wrong_record", "undecided")
    }
    found = [f"  {name:20} {count:4}" for name, count in counted.items()]
    return "\n".join(
        [
            f"{works}, {sum(kills.values())} kills:",
            *parts,
            "found:",
            *found,
            f"  {'not succeeded':20} {sum(row.outcome != 'succeeded' for row in rows):4}",
            f"  {'two at once':20} {sum(row.two_at_once for row in rows):4}",
            f"adopted: {sum(row.adopted for row in rows)}; settled after parts were up, p95: {p95(rows):.1f} s",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
