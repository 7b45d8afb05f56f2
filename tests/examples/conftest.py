"""The example engine, installed."""

import pytest

from tests.examples.installing import EXAMPLE, found, install


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    """The folder into which the package is installed."""
    return install(EXAMPLE, tmp_path_factory.mktemp("installed"))


@pytest.fixture(scope="module")
def third_party(installed):
    """The same, where packages are looked for."""
    with found(installed):
        yield installed
