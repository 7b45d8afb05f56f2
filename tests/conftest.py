"""How the tests are spread over processes."""

import os
import signal

import pytest
from xdist.scheduler import LoadScopeScheduling

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


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Half of what the tests take is waiting, for emulators, for Terraform and for Airflow: two for each processor."""
    return 2 * (os.cpu_count() or 1)


def pytest_xdist_make_scheduler(config, log):
    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have those that take longest begin first."""
    ranks = {folder: rank for rank, folder in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get("/".join(item.nodeid.split("/")[:2]), len(ranks)))
