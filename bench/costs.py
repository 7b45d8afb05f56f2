"""
What one component and one manifest cost, in CPU seconds: the figures that `bench.scale_model` rests on.

A component is a topic, a log group and a parameter, made by the real AWS provider in an emulated cloud. CPU seconds of
this process and of all that it waited for, so that other work on the machine hardly changes them.
"""

from __future__ import annotations

import os
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.deployed import DeployedShop
from bench.measure import cost, cpu_s
from bench.plans import ELEMENTS, PATTERNS, write_plans
from bench.runners import run_operation
from bench.stack import own_settings, running_emulator
from mcop_core.artifacts.local import LocalStore
from mcop_core.runner.request import Operation, RunRequest
from mcop_core.settings import Settings

SIZES = (1, 40, 100)
"""How many components are planned as one."""
REPEATS = 3
OPERATIONS = 3
MANIFESTS = 20


def run() -> Iterator[str]:
    """Yield the lines of this measurement."""
    with tempfile.TemporaryDirectory(prefix="mcop-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        yield from _dags(folder)
        settings = own_settings(folder)
        with running_emulator(folder / "cloud", settings) as environment:
            shop = DeployedShop(max(SIZES), folder / "shop", environment, settings)
            shop.deploy()
            yield from _sweeps(shop)
            yield from _operations(shop, folder, environment, settings)


def _sweeps(shop: DeployedShop) -> Iterator[str]:
    shop.preview(shop.names[:1], "")  # fills the cache of provider packages
    for size in SIZES:
        took = statistics.median(cost(lambda: shop.preview(shop.names[:size], "")).cpu_s for _ in range(REPEATS))  # noqa: B023
        yield f"planning {size} deployed components as one: {took:.2f} CPU s"


def _operations(shop: DeployedShop, folder: Path, environment: dict[str, str], settings: Settings) -> Iterator[str]:
    store = LocalStore(folder / "artifacts")
    for what, changed in (("nothing to do", False), ("one resource changed", True)):
        took = []
        for number in range(OPERATIONS):
            step = shop.names[2 * number]
            rendering = cost(lambda: shop.artifact(step, step if changed else ""))  # noqa: B023
            artifact = rendering.result
            store.put(artifact.key, artifact.to_json())
            request = RunRequest(Operation.APPLY, artifact.digest, f"d/{what}{number}/t", "bench", store.url)
            took.append(run_operation(request, settings, environment).cpu_s)
        yield f"applying a component through the runner, {what}: {statistics.median(took):.2f} CPU s"
    yield f"rendering a component: {rendering.cpu_s:.3f} CPU s, {len(artifact.to_json())} bytes"


def _dags(folder: Path) -> Iterator[str]:
    """Build and serialise the DAGs of manifests, as the DAG processor does with one file of each."""
    os.environ["AIRFLOW_HOME"] = str(folder / "airflow")
    os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
    from airflow.serialization.serialized_objects import DagSerialization

    from mcop_airflow.dag_factory import build_dags_from_file

    (folder / "plans").mkdir()
    files = write_plans(folder / "plans", MANIFESTS)
    dags: list[Any] = []
    building = cpu_s(lambda: dags.extend(dag for path in files for dag in build_dags_from_file(path).values()))
    documents: list[Any] = []
    serialising = cpu_s(lambda: documents.extend(DagSerialization.to_dict(dag) for dag in dags))
    components = PATTERNS * ELEMENTS
    yield f"building both DAGs of a manifest of {components}: {building / MANIFESTS:.4f} CPU s"
    size = sum(len(str(one)) for one in documents) / MANIFESTS
    yield f"serialising both: {serialising / MANIFESTS:.4f} CPU s, {size:.0f} bytes"
    yield f"its plan: {files[0].stat().st_size} bytes"
