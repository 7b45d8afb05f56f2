import shutil
import signal
import sys

import pytest

from mcop_core.embedded.home import Home
from mcop_core.embedded.processes import Component, Register


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    (folder / "dags").mkdir(parents=True)
    (folder / "plugins").mkdir()
    (folder / "dags" / "mcop_manifests.py").write_text("")
    return folder


@pytest.fixture
def home(project):
    made = Home.of(project)
    made.create()
    return made


@pytest.fixture
def register(tmp_path):
    """A register whose components are stopped at the end, whatever the test did."""
    made = Register(tmp_path / "stack.json")
    yield made
    for name in list(made.components):
        made.stop(name)


@pytest.fixture
def python(tmp_path):
    """Return what makes a component of a Python program."""

    def component(program, *, name="part", **facts):
        command = (sys.executable, "-c", program)
        surroundings = {"PATH": "/usr/bin:/bin"}
        return Component(name, command, facts.pop("environment", {}), surroundings, tmp_path / f"{name}.log", **facts)

    return component


@pytest.fixture(scope="session")
def real_terraform():
    found = shutil.which("terraform")
    if found is None:
        pytest.skip("there is no Terraform on PATH")
    return found


SLEEP = "import time; time.sleep(600)"
IGNORE = f"import signal; signal.signal({int(signal.SIGTERM)}, signal.SIG_IGN); print('deaf', flush=True); {SLEEP}"
