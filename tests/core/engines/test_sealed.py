"""How sealed inputs are put together from what they point at."""

import json

from mcop_core.artifacts.local import LocalStore
from mcop_core.engines.sealed import unseal
from mcop_core.engines.values import SensitivePointer


def test_pointers_are_replaced_anywhere_and_each_state_is_read_once(tmp_path):
    """Whole values keep their type; inside text they become text; a missing output is null."""
    store, opened = LocalStore(tmp_path), []
    outputs = {"p": {"value": "secret"}, "port": {"value": 5432}, "list": {"value": ["a"]}}
    store.put("k", json.dumps({"version": 4, "outputs": outputs}).encode())

    def point(output: str) -> dict:
        return SensitivePointer(f"{store.url}#k", output).to_json()

    def open_store(url: str) -> LocalStore:
        opened.append(url)
        return store

    sealed = {
        "whole": point("port"),
        "deep": {"a": [point("p"), "${plain}", None]},
        "text": {"mcop_sealed_text": ["pg://", point("p"), ":", point("port"), "/", point("list")]},
        "null": point("none"),
    }

    assert unseal(sealed, open_store) == {
        "whole": 5432,
        "deep": {"a": ["secret", "${plain}", None]},
        "text": 'pg://secret:5432/["a"]',
        "null": None,
    }
    assert opened == [store.url]
