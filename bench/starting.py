"""
Starting a task: CPU from the fork of an executor's worker until Airflow has the task in its hands.

The tasks of one manifest among 1,000, of one that is alone, and of a hand-written DAG among 1,000 files take turns.
The hand-written one builds the DAG that it is asked for alone, as MCOP does. The workers are those of MCOP's executor.
What MCOP imports for a start is counted under Airflow's own, where all that Airflow imports by itself is there already.
"""

from __future__ import annotations

import compileall
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.by_hand import write_files_by_hand
from bench.measure import Figure, Told, compare
from bench.plans import PROJECT, write_snapshot
from bench.task_process import Start

MANIFESTS = 1_000
ROUNDS = 15
OWN_MS = 50.0
NEEDED_LATER = ("boto3", "botocore", "jinja2", "hcl2", "kubernetes", "azure", "google.cloud", "regopy", "celpy")
"""What only some tasks use, when they work."""
_DAG_FILE = "unusual_prefix_"
"""What Airflow calls a DAG file's module by."""
_NOT_PASSED_ON = ("AIRFLOW", "MCOP_", "AWS_", "PYTHONDONTWRITEBYTECODE")
_MANIFEST, _TASK = "shop0", "main.pattern4.apply_e1"


def run() -> Told:
    """Yield the figures of this measurement."""
    compile_code()
    with tempfile.TemporaryDirectory(prefix="mcop-bench-") as name:
        folder = Path(name)
        hand = write_files_by_hand(folder / "hand", MANIFESTS)
        bundles = [folder_bundle("hand", hand)]
        starts = {"hand": _start("hand", None, "")}
        for count in (1, MANIFESTS):
            bundle = f"catalog{count}"
            version = write_snapshot(folder / "bundles" / bundle, count)
            bundles.append({"name": bundle, "classpath": "mcop_airflow.bundle.CatalogBundle", "kwargs": {}})
            starts[bundle] = _start(bundle, version, "dags/")
        yield from _figures(starts, environment(folder, bundles))


def _start(bundle: str, version: str | None, folder: str) -> Start:
    return Start(bundle, version, f"{folder}{_MANIFEST}.py", f"mcop.{_MANIFEST}", _TASK)


def folder_bundle(name: str, path: Path) -> dict[str, Any]:
    """Return the configuration of a bundle that shows the DAG files in a folder."""
    return {
        "name": name,
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(path)},
    }


def compile_code() -> None:
    """Have the bytecode lie beside the code, as in an installation; an environment may forbid to write it."""
    for folder in ("mcop_core", "plugins/mcop_airflow", "bench"):
        compileall.compile_dir(str(PROJECT / folder), quiet=1)


def environment(folder: Path, bundles: list[dict[str, Any]]) -> dict[str, str]:
    """Return the variables of an Airflow whose home is *folder*, with these bundles, and of an MCOP beside it."""
    base = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_PASSED_ON)}
    return {
        **base,
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "none"),
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(bundles),
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(folder / "bundles"),
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
        "MCOP_ARTIFACT_STORE": f"file://{folder}/store",
    }


def _figures(starts: Mapping[str, Start], variables: Mapping[str, str]) -> Told:
    once = list(starts.values())
    profiled = [Start(**{**starts[f"catalog{MANIFESTS}"].to_json(), "with_profile": True})] * ROUNDS  # type: ignore[arg-type]
    told = _started("mcop", [*once, *once * ROUNDS], variables)
    rounds = [told[at : at + len(once)] for at in range(len(once), len(once) * (ROUNDS + 1), len(once))]
    took = {name: [one[number][0] for one in rounds] for number, name in enumerate(starts)}
    alone, among, hand = took["catalog1"], took[f"catalog{MANIFESTS}"], took["hand"]
    name = f"task start, one manifest of {MANIFESTS}"
    yield compare(f"{name} against one alone (CPU)", list(zip(among, alone, strict=True))).held_to(1.1, "x")
    yield compare(f"{name} (CPU)", list(zip(among, hand, strict=True))).held_to(1.5)
    apart = _started("local", profiled, variables)
    yield from _imports([own_ms for _, own_ms, _ in apart], apart[-1][2])


def _started(worker: str, starts: list[Start], variables: Mapping[str, str]) -> list[Any]:
    given = json.dumps([start.to_json() for start in starts])
    command = [sys.executable, "-m", "bench.task_process", worker]
    done = subprocess.run(command, input=given, env=variables, capture_output=True, text=True, check=False)
    told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith(("[", '"'))]
    failed = [one for one in told if isinstance(one, str)]
    if done.returncode or failed or len(told) != len(starts):
        raise SystemExit("\n".join([*failed[:1], done.stderr[-3000:]]))
    return told


def _imports(profiles: list[dict[str, float]], brought: list[str]) -> Told:
    """Yield what MCOP's own imports cost, the most expensive ones, and which are there too early."""
    modules = [{name: ms for name, ms in profile.items() if not name.startswith(_DAG_FILE)} for profile in profiles]
    own_ms = statistics.median(sum(profile.values()) for profile in modules)
    dearest = sorted(modules[-1].items(), key=lambda item: -item[1])[:6]
    told = f"{len(brought)} modules, {ROUNDS} starts, load {os.getloadavg()[0]:.1f}"
    yield Figure("MCOP's own imports at a task's start", own_ms, OWN_MS, " ms CPU", told)
    yield "the dearest: " + ", ".join(f"{name} {ms:.1f} ms" for name, ms in dearest)
    early = [name for name in NEEDED_LATER if name in brought]
    yield Figure("packages imported at a task's start that only its work may need", len(early), 0, "", ", ".join(early))
