"""How the tests are spread over processes."""

from pathlib import Path

import pytest

TESTS = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a file together, and those of the one big stack; that group takes longest, so it is first."""
    items.sort(key=lambda item: group_of(item) != "system")
    for item in items:
        item.add_marker(pytest.mark.xdist_group(group_of(item)))


def group_of(item: pytest.Item) -> str:
    path = item.path.relative_to(TESTS)
    return "system" if path.parts[0] == "system" else path.with_suffix("").as_posix()
