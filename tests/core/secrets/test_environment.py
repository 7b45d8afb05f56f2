"""The store `env`."""

import json

import pytest

from mcop_core.errors import InvalidInput, SecretNotFound
from mcop_core.secrets.environment import EnvironmentStore
from mcop_core.secrets.reference import SecretRef
from mcop_core.settings import Settings
from tests.contracts.secret_store import SecretStoreContract, Shelf


class Filled:
    """The environment of a worker that was started anew after each change."""

    def __init__(self):
        self.variables = {}

    def put(self, path, key, value):
        self.variables[f"MCOP_SECRET_{path}"] = json.dumps({key: value})

    def get(self, ref):
        return EnvironmentStore(self.variables).get(ref)


@pytest.fixture
def shelf():
    filled = Filled()
    return Shelf("env", filled, filled.put, "DATABASE")


class TestContract(SecretStoreContract):
    pass


def test_without_a_key_the_whole_variable_is_meant():
    """Whether it is JSON or not."""
    store = EnvironmentStore({"MCOP_SECRET_TOKEN": '{"a": 1}', "MCOP_SECRET_PLAIN": "x"})

    assert [store.get(SecretRef("env", name)) for name in ("TOKEN", "PLAIN")] == ['{"a": 1}', "x"]
    with pytest.raises(SecretNotFound, match="leave #a out"):
        store.get(SecretRef("env", "PLAIN", "a"))


def test_no_other_variable_can_be_read():
    """A manifest must not get at the worker's own credentials."""
    with pytest.raises(SecretNotFound, match="no variable MCOP_SECRET_AWS_SECRET_ACCESS_KEY"):
        EnvironmentStore({"AWS_SECRET_ACCESS_KEY": "hunter2"}).get(SecretRef("env", "AWS_SECRET_ACCESS_KEY"))


def test_secrets_in_the_environment_are_no_settings():
    """Settings that nobody knows are refused; these belong to the store."""
    assert Settings.from_environment({"MCOP_SECRET_A": "hunter2"}) == Settings()
    with pytest.raises(InvalidInput, match="MCOP_SECRETS is no setting"):
        Settings.from_environment({"MCOP_SECRETS": "hunter2"})
