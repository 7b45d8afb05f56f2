"""How the tests are spread over processes, and which program they take for Terraform."""

import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.opentofu import stand_for_terraform

STACK = "tests/system"
"""The tests here share one big stack."""
LONGEST = (STACK, "tests/plugins", "tests/canaries", "tests/docs", "tests/campaign")
"""Folders of tests that take long, the longest first."""


class ByFile(LoadScopeScheduling):
    """Keep the tests of a file in one process, and all of the big stack's."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return STACK if file.startswith(f"{STACK}/") else file


# What a shell starts in the background ignores Ctrl-C, and so would every process that a test interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--opentofu", action="store_true", help="run OpenTofu (TEST_OPENTOFU) wherever Terraform is run")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("opentofu"):
        folder = tempfile.TemporaryDirectory(prefix="mcop-opentofu-")
        config.add_cleanup(folder.cleanup)
        stand_for_terraform(Path(folder.name))
    if not hasattr(config, "workerinput"):
        before = _pools()
        config.add_cleanup(lambda: [shutil.rmtree(pool, ignore_errors=True) for pool in _pools() - before])


def _pools() -> set[Path]:
    """Return the folders of warm providers; each test that has a cache of its own has one of its own, too."""
    return set(Path(tempfile.gettempdir()).glob(f"mcop-{os.getuid()}-*"))


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Half of what the tests take is waiting, for emulators, for Terraform and for Airflow: two for each processor."""
    return 2 * (os.cpu_count() or 1)


def pytest_xdist_make_scheduler(config, log):
    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have those that take longest begin first."""
    ranks = {folder: rank for rank, folder in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get("/".join(item.nodeid.split("/")[:2]), len(ranks)))
