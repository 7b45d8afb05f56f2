"""The reference implementation keeps the contract."""

import pytest

from mcop_core.catalog.memory import MemoryRepository
from tests.contracts.catalog_repository import CatalogRepositoryContract


class TestMemoryRepository(CatalogRepositoryContract):
    @pytest.fixture
    def open_catalog(self, now):
        repository = MemoryRepository(now)
        return lambda: repository

    @pytest.fixture
    def other_catalog(self, now):
        return MemoryRepository(now)
