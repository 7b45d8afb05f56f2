"""A backup taken while others publish is one that restores, of one revision."""

import threading
import time
from contextlib import suppress

import pytest

from mcop_core.artifacts.local import LocalStore
from mcop_core.backup import back_up, restore
from mcop_core.errors import PreconditionFailed
from tests.contracts.catalog_repository import primitive, publish

pytestmark = pytest.mark.emulator

PAUSE_S = 0.3
"""Between two publications: a reading must fit in between, or the backup is refused and leaves no file."""


def test_a_backup_under_load_is_of_one_revision(open_dynamodb, other_catalog, tmp_path):
    """Each publication adds one version, so that a backup of revision n holds n; it may have to be tried again."""
    writer, reader, done = open_dynamodb(), open_dynamodb(), threading.Event()
    store, file, taken = LocalStore(tmp_path / "store"), tmp_path / "catalog.jsonl", []

    def work() -> None:
        while not done.wait(PAUSE_S):
            publish(writer, primitive(version=f"1.{writer.head().revision}.0"))

    thread = threading.Thread(target=work)
    thread.start()
    ends = time.monotonic() + 60
    try:
        while reader.head().revision < 5 and time.monotonic() < ends:
            with suppress(PreconditionFailed):
                taken.append(back_up(reader, store, file))
    finally:
        done.set()
        thread.join()
    restore(other_catalog, LocalStore(tmp_path / "other"), file)

    assert taken and reader.head().revision >= 5
    assert taken[-1] == other_catalog.head().revision == len(other_catalog.entries())
    assert {primitive(version=f"1.{number}.0").ref for number in range(taken[-1])} == other_catalog.keys()
