"""The store `vault`, against a fake of Vault's API."""

import json

import pytest

from mcop_core.errors import InvalidInput, Refused, SecretNotFound, Unreachable
from mcop_core.secrets.reference import SecretRef
from mcop_core.secrets.vault import VaultStore
from tests.contracts.secret_store import SecretStoreContract, Shelf
from tests.emulators import free_port
from tests.fakes.vault import running_vault

DATABASE = SecretRef("vault", "kv/shop/database", "password")


@pytest.fixture
def vault():
    with running_vault() as running:
        running.put("kv/shop/database", "password", "hunter2")
        yield running


@pytest.fixture
def shelf(vault):
    return Shelf("vault", VaultStore(vault.environment), vault.put, "kv/shop/database")


class TestContract(SecretStoreContract):
    pass


def test_what_is_no_text_is_written_as_json(vault):
    """Vault's fields may be numbers."""
    assert VaultStore(vault.environment).get(SecretRef("vault", "kv/shop/database", "port")) == "5432"


def test_the_token_may_lie_where_the_tools_of_vault_leave_it(vault, tmp_path):
    """`vault login` writes ~/.vault-token; VAULT_NAMESPACE goes along."""
    (tmp_path / ".vault-token").write_text("hvs.fake\n")
    environment = {"VAULT_ADDR": vault.environment["VAULT_ADDR"], "HOME": str(tmp_path), "VAULT_NAMESPACE": "team"}

    assert VaultStore(environment).get(DATABASE) == "hunter2"
    assert vault.asked[-1]["X-Vault-Namespace"] == "team"


def test_an_answer_that_is_lost_is_asked_for_again(vault):
    """Twice; then the store is unreachable, which its caller may try again."""
    vault.fails = 2
    assert VaultStore(vault.environment).get(DATABASE) == "hunter2"

    vault.fails = 3
    with pytest.raises(Unreachable, match="secret://vault/kv/shop/database#password"):
        VaultStore(vault.environment).get(DATABASE)


REFUSALS = {
    "no token": ({"VAULT_TOKEN": "other"}, DATABASE, Refused, "permission denied"),
    "no address": ({"VAULT_ADDR": ""}, DATABASE, InvalidInput, "VAULT_ADDR"),
    "nobody there": ({"VAULT_ADDR": f"http://127.0.0.1:{free_port()}"}, DATABASE, Unreachable, "does not answer"),
    "no path": ({}, SecretRef("vault", "kv", "a"), InvalidInput, "<mount>/<path>"),
    "deleted": ({}, SecretRef("vault", "kv/gone", "a"), SecretNotFound, "deleted"),
    "version 1": ({}, SecretRef("vault", "legacy/a", "a"), InvalidInput, "version 2"),
}


@pytest.mark.parametrize(("changes", "ref", "kind", "says"), REFUSALS.values(), ids=REFUSALS)
def test_what_cannot_be_read_is_told_apart(vault, changes, ref, kind, says):
    """What may mend itself is `Unreachable`; everything else is final."""
    vault.secrets["gone"] = None
    with pytest.raises(kind, match=says) as caught:
        VaultStore({**vault.environment, **changes}).get(ref)

    assert "hunter2" not in str(caught.value)


def test_without_a_key_it_is_all_of_the_secret(vault):
    """As a JSON object, as with every store."""
    found = json.loads(VaultStore(vault.environment).get(SecretRef("vault", "kv/shop/database")))

    assert {"password", "port", "user"} == set(found)
    assert "hunter2" == found["password"]


def test_a_sealed_vault_is_unreachable(vault):
    """It may be unsealed while retries last."""
    vault.status = 503

    with pytest.raises(Unreachable, match="503: Vault is sealed"):
        VaultStore(vault.environment).get(DATABASE)
