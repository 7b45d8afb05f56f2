"""
Building DAGs: 100 and 1,000 manifests of 10 primitives in 5 patterns, two DAGs each, against the same by hand.

MCOP reads a plan per manifest, which counts; the floor reads nothing. What both give to Airflow is compared first.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Any

from bench.measure import TIMES, Figure, Told, compare, cpu_s
from bench.plans import write_plans

PAIRS = {100: 7, 1_000: 3}
"""How many manifests, and how often both sides build them."""
AT_MOST = 1.2
_OWN = ("task_type", "_task_module", "params", "fileloc")
"""What must differ, since other classes and files stand behind it; and the copies of Params in the floor's tasks."""


def run() -> Told:
    """Yield the figures of this measurement."""
    with tempfile.TemporaryDirectory(prefix="mcop-bench-") as name:
        os.environ["AIRFLOW_HOME"] = name
        os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
        files = write_plans(Path(name), max(PAIRS))
        for manifests, pairs in PAIRS.items():
            yield from measure(files[:manifests], pairs)


def measure(files: list[Path], pairs: int) -> Told:
    """Yield the figures for the plans in *files*; raises `SystemExit` where the floor is not what MCOP builds."""
    from bench.floor import build_by_hand
    from mcop_airflow.admit import AdmitOperator
    from mcop_airflow.dag_factory import build_dags_from_file
    from mcop_airflow.operators.approve import ApproveOperator
    from mcop_airflow.operators.destroy import RemoveOperator
    from mcop_airflow.operators.preview import PreviewOperator

    operators = {
        "admit": AdmitOperator,
        "preview": PreviewOperator,
        "approve": ApproveOperator,
        "remove": RemoveOperator,
    }
    pages = {task: operator.__doc__ or "" for task, operator in operators.items()}
    known = [(path.stem, hashlib.sha256(path.read_bytes()).hexdigest()) for path in files]

    def ours() -> list[Any]:
        return [dag for path in files for dag in build_dags_from_file(path).values()]

    def floor() -> list[Any]:
        return [dag for name, digest in known for dag in build_by_hand(name, digest, pages)]

    sizes = [_compare_what_they_say(mine, theirs) for mine, theirs in zip(ours()[:2], floor()[:2], strict=True)]
    took = [(cpu_s(ours), cpu_s(floor)) for _ in range(pairs)]
    yield compare(f"building DAGs, {len(files)} manifests of 10 primitives (CPU)", took).held_to(AT_MOST)
    yield from sizes


def _compare_what_they_say(ours: Any, floor: Any) -> Figure:
    from airflow.serialization.serialized_objects import DagSerialization

    mine, theirs = DagSerialization.to_dict(ours), DagSerialization.to_dict(floor)
    if said(mine) != said(theirs) or said(mine["dag"]["params"]) != said(theirs["dag"]["params"]):
        raise SystemExit("the floor does not build the DAG that MCOP builds: the ratio would mean nothing")
    sizes = len(str(mine)), len(str(theirs))
    told = f"{sizes[0]} bytes against {sizes[1]}"
    return Figure(f"serialised size of {ours.dag_id}", sizes[0] / sizes[1], AT_MOST, TIMES, told)


def said(value: Any) -> Any:
    """Return a serialised DAG without what must differ, lists of tasks in one order."""
    if isinstance(value, dict):
        return {name: said(part) for name, part in value.items() if name not in _OWN}
    if isinstance(value, (list, tuple)):
        return sorted((said(part) for part in value), key=str)
    return value
