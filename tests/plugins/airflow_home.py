"""
Airflow's settings for these tests: a home of its own, set before airflow is imported.

Importing this module is what does it; the conftest files of the folders whose tests import airflow do so first.
"""

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

if "airflow.configuration" in sys.modules:
    raise ImportError("airflow was imported before its settings were set: it reads and writes the user's own home")

HOME = Path(tempfile.mkdtemp(prefix="mcop-airflow-"))
DAGS = HOME / "dags"
DAGS.mkdir()
atexit.register(shutil.rmtree, HOME, ignore_errors=True)

os.environ.update(
    {
        "AIRFLOW_HOME": str(HOME),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(HOME / "plugins"),
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(HOME / "bundles"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{HOME}/airflow.db",
        "AIRFLOW__API_AUTH__JWT_SECRET": "only-for-tests-" * 5,
    }
)
