"""
The DAG processor over 1,000 manifests: CPU of a whole cycle, its memory, and the longest file.

`airflow dag-processor` looks once at every file and ends: at the catalog's bundle, and at a folder with the same DAGs
as a person would write them, one file each. Both begin with an empty database; the CPU is that of the processor and
of all that it forked, the memory the most that the processor itself had.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.by_hand import write_files_by_hand
from bench.measure import Figure, Told, children_cpu_s, compare
from bench.plans import PROJECT
from bench.published import manifest, published_catalog
from bench.starting import compile_code, environment, folder_bundle

MANIFESTS = 1_000
DAGS_EACH = 2
LIMIT_S = 50.0
"""Airflow's `dag_file_processor_timeout`."""
_CATALOG = {"name": "catalog", "classpath": "mcop_airflow.bundle.CatalogBundle", "kwargs": {"refresh_interval": 5}}


@dataclass(frozen=True)
class Cycle:
    """What one cycle took; *longest_s* is the wall time of its longest file."""

    cpu_s: float
    memory_mb: float
    longest_s: float


def run(manifests: int = MANIFESTS) -> Told:
    """Yield the figures of this measurement."""
    compile_code()
    with tempfile.TemporaryDirectory(prefix="mcop-bench-") as name, published_catalog(Path(name) / "cloud") as catalog:
        folder = Path(name)
        catalog.publish({f"{number}.yaml": manifest(f"shop{number}") for number in range(manifests)})
        hand = folder_bundle("hand", write_files_by_hand(folder / "hand", manifests))
        cloud = {name: value for name, value in os.environ.items() if name.startswith(("MCOP_", "AWS_"))}
        empty = _migrated(folder / "empty.db", environment(folder / "migration", [hand]))
        ours, floor = (
            _cycle(folder / bundle["name"], empty, environment(folder / bundle["name"], [bundle]) | cloud, manifests)
            for bundle in (_CATALOG, hand)
        )
    what = f"DAG processor's cycle over {manifests} manifests"
    yield compare(f"{what} (CPU)", [(ours.cpu_s, floor.cpu_s)]).held_to(1.3)
    yield compare(f"{what} (memory)", [(ours.memory_mb, floor.memory_mb)], "MB").held_to(1.3)
    told = f"a tenth of the {LIMIT_S:.0f} s after which it is killed; by hand {floor.longest_s:.2f} s"
    yield Figure("the DAG processor's longest file", ours.longest_s, LIMIT_S / 10, " s", told)


def _migrated(database: Path, variables: Mapping[str, str]) -> Path:
    command = [sys.executable, "-m", "airflow", "db", "migrate"]
    done = subprocess.run(command, env=_on(database, variables), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])
    return database


def _on(database: Path, variables: Mapping[str, str]) -> dict[str, str]:
    paced = {
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{database}",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "2",
        "AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": str(int(LIMIT_S)),
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(database.parent / "logs"),
        "AIRFLOW__LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(database.parent / "logs" / "files"),
    }
    return {**variables, **paced, "PYTHONPATH": f"{PROJECT}:{PROJECT / 'plugins'}"}


def _cycle(folder: Path, empty: Path, variables: Mapping[str, str], manifests: int) -> Cycle:
    folder.mkdir(parents=True, exist_ok=True)
    database = Path(shutil.copy(empty, folder / "airflow.db"))
    before, memory_mb = children_cpu_s(), 0.0
    with (folder / "processor.log").open("wb") as log:
        command = [sys.executable, "-m", "airflow", "dag-processor", "--num-runs", "1"]
        process = subprocess.Popen(command, env=_on(database, variables), stdout=log, stderr=log)
        while process.poll() is None:
            memory_mb = max(memory_mb, _peak_mb(process.pid))
            time.sleep(0.2)
    found, longest_s = _stored(database)
    if process.returncode or found != DAGS_EACH * manifests:
        text = (folder / "processor.log").read_text(errors="replace")
        raise SystemExit(f"{found} DAGs were stored, exit code {process.returncode}: {text[-3000:]}")
    return Cycle(children_cpu_s() - before, memory_mb, longest_s)


def _peak_mb(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), 0.0)


def _stored(database: Path) -> tuple[int, float]:
    connection = sqlite3.connect(database)
    try:
        (found,) = connection.execute("SELECT count(*) FROM serialized_dag").fetchone()
        (longest_s,) = connection.execute("SELECT max(last_parse_duration) FROM dag").fetchone()
    finally:
        connection.close()
    return found, longest_s or 0.0
