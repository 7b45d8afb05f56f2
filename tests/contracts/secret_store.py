"""What every `SecretStore` does: inherit `SecretStoreContract` and give the fixture `shelf`."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from mcop_core.errors import SecretNotFound
from mcop_core.secrets.reference import SecretRef
from mcop_core.secrets.stores import SecretStore

VALUES = ["hunter2", "", "  two\nlines \n", 'quotes " and \\', "äöü ✓ 😀", "${x} %{y} $(id)", "x" * 4000]


@dataclass(frozen=True)
class Shelf:
    """
    A store and a way to fill it.

    Attributes:
        put: (path, key, value) -> nothing: what `secret://<name>/<path>#<key>` is to give.
        path: A path that the store can hold.
    """

    name: str
    store: SecretStore
    put: Callable[[str, str, str], None]
    path: str = "shop/database"

    def get(self, key: str, path: str | None = None) -> str:
        return self.store.get(SecretRef(self.name, path or self.path, key))


class SecretStoreContract:
    @pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
    def test_a_value_comes_back_as_it_is(self, shelf: Shelf, value):
        """Character by character."""
        shelf.put(shelf.path, "password", value)

        assert shelf.get("password") == value

    def test_a_secret_that_was_changed_is_read_anew(self, shelf: Shelf):
        """Nothing is kept between reads."""
        shelf.put(shelf.path, "password", "old")
        shelf.get("password")
        shelf.put(shelf.path, "password", "new")

        assert shelf.get("password") == "new"

    def test_a_secret_that_is_not_there_is_named_by_its_reference(self, shelf: Shelf):
        """The reference says store, path and key."""
        missing = shelf.path + "s"
        with pytest.raises(SecretNotFound) as caught:
            shelf.get("password", missing)

        assert f"secret://{shelf.name}/{missing}#password" in str(caught.value)

    def test_a_key_that_is_not_there_is_told_with_the_nearest_and_without_values(self, shelf: Shelf):
        """Names of keys are no secret, values are."""
        shelf.put(shelf.path, "password", "hunter2")
        with pytest.raises(SecretNotFound) as caught:
            shelf.get("passwrod")

        assert 'Did you mean "#password"?' in str(caught.value)
        assert "hunter2" not in str(caught.value)
