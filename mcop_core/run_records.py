"""
What a run must not be told by its XComs: small JSON records in the artifact store, each bound to its run and name.

Whoever may use Airflow's API may write XComs; nobody writes the store by it. Where `MCOP_RECORD_KEY` is set, a record
also carries a code made with that key, so that whoever may write the store, but is no worker, can make none either.
It proves who wrote a record and for what; that an earlier record of the same run and name was put back, it does not.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mcop_core.catalog.canonical import canonical_json
from mcop_core.errors import InvalidInput, StoredObjectMissing, Tampered

if TYPE_CHECKING:
    from mcop_core.artifacts.store import ObjectStore

MIN_KEY_LENGTH = 32
_CODE = "hmac_sha256"


class RunRecords:
    """
    The records of one run below one folder: `<folder>/<SHA-256 of DAG id and run id>/<name>.json`.

    Args:
        key: Secret of the workers, at least 32 characters; empty: records are bound to their run, but not proved.

    Raises:
        InvalidInput: The key is too short.
    """

    def __init__(self, store: ObjectStore, folder: str, dag_id: str, run_id: str, key: str = "") -> None:
        if key and len(key) < MIN_KEY_LENGTH:
            raise InvalidInput(f"MCOP_RECORD_KEY has {len(key)} characters: it must have {MIN_KEY_LENGTH} or more")
        self._store, self._key = store, key
        self._about = {"dag_id": dag_id, "run_id": run_id}
        run = hashlib.sha256(json.dumps([dag_id, run_id]).encode()).hexdigest()
        self._prefix = f"{folder}/{run}"

    def put(self, name: str, facts: Mapping[str, Any]) -> None:
        """Write the record *name*."""
        record = {**self._about, "name": name, **facts}
        code = {_CODE: self._code(record)} if self._key else {}
        self._store.put(self._place(name), json.dumps({**record, **code}, indent=1).encode())

    def get(self, name: str) -> dict[str, Any] | None:
        """
        Return the record *name*, None if there is none.

        Raises:
            Tampered: It is no record of this run and name, or nobody with the key has written it.
        """
        record = self.look(name)
        if record is not None and bool(self._key) != (_CODE in record):
            said = "carries no code of a worker" if self._key else "carries a code, and MCOP_RECORD_KEY is not set here"
            raise self._tampered(name, said)
        return record

    def look(self, name: str) -> dict[str, Any] | None:
        """Return the record *name* for people: where the key is not known, its code is not checked; else as `get`."""
        try:
            data = self._store.get(self._place(name)).data
        except StoredObjectMissing:
            return None
        record = _json(data)
        if any(record.get(field) != value for field, value in {**self._about, "name": name}.items()):
            raise self._tampered(name, "is no record of this run and name")
        if self._key and _CODE in record and not self._is_ours(record):
            raise self._tampered(name, "carries a code that no worker has made")
        return record

    def delete(self, name: str) -> None:
        """Remove the record *name*; that there is none is no error."""
        self._store.delete(self._place(name))

    def names(self) -> Iterator[str]:
        """Yield the names of all records, sorted."""
        for place in self._store.keys(f"{self._prefix}/"):
            yield place.removeprefix(f"{self._prefix}/").removesuffix(".json")

    def _place(self, name: str) -> str:
        return f"{self._prefix}/{name}.json"

    def _is_ours(self, record: Mapping[str, Any]) -> bool:
        rest = {name: value for name, value in record.items() if name != _CODE}
        return hmac.compare_digest(str(record[_CODE]).encode(), self._code(rest).encode())

    def _code(self, record: Mapping[str, Any]) -> str:
        return hmac.new(self._key.encode(), canonical_json(record), hashlib.sha256).hexdigest()

    def _tampered(self, name: str, said: str) -> Tampered:
        place = f"{self._store.url}: {self._place(name)}"
        return Tampered(f"{place} {said}; nothing is done by it. Clear the task that wrote it", key=self._place(name))


def _json(data: bytes) -> dict[str, Any]:
    try:
        record = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}
