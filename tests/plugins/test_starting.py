"""What a task's process loads before its work begins: in processes of their own, since this one has loaded it all."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.plans import write_snapshot
from bench.starting import NEEDED_LATER, environment

PROJECT = Path(__file__).parents[2]
NEVER = ("mcop_core.compiler.compiler", "mcop_core.catalog.models", "mcop_core.catalog.dynamodb", *NEEDED_LATER)

BEGIN = """
import json, sys
import airflow.sdk.execution_time.task_runner, airflow.dag_processing.dagbag
before = set(sys.modules)
from mcop_airflow.bundle import CatalogBundle
bundle = CatalogBundle(name="catalog", version=sys.argv[1])
bundle.initialize()
from mcop_airflow.dag_factory import build_dags_from_file
dags = build_dags_from_file(bundle.path / "plans" / "shop0.json", "mcop.shop0")
print(json.dumps([sorted(dags), sorted(set(sys.modules) - before)]))
"""
PRELOAD = """
import json, sys
from mcop_airflow.preloading import load_code
load_code()
before = set(sys.modules)
from mcop_airflow.dag_factory import build_dags_from_file
from mcop_core.compiler.plan import DeploymentPlan
print(json.dumps([DeploymentPlan.__pydantic_complete__, sorted(set(sys.modules) - before)]))
"""


@pytest.fixture
def run(tmp_path):
    """Run a script in an Airflow with no database, beside a snapshot of one manifest that no store holds."""
    version = write_snapshot(tmp_path / "bundles" / "catalog", 1)
    bundle = {"name": "catalog", "classpath": "mcop_airflow.bundle.CatalogBundle", "kwargs": {}}

    def runner(script):
        command = [sys.executable, "-c", script, version]
        variables = environment(tmp_path, [bundle])
        done = subprocess.run(command, env=variables, cwd=PROJECT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return runner


def test_a_task_begins_without_what_only_its_work_needs(run):
    """Its snapshot lies on the machine: neither the catalog nor a store is opened, and no compiler is loaded."""
    dags, brought = run(BEGIN)

    assert dags == ["mcop.shop0"]
    assert [name for name in NEVER if name in brought] == []
    assert "mcop_core.compiler.plan" in brought


def test_the_parent_of_tasks_and_files_has_all_the_code(run):
    """Nothing is left to import, and the plan's checks are built."""
    assert run(PRELOAD) == [True, []]
