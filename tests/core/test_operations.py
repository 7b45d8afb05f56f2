"""The notes of operations: written, read for some executions, taken away, settled."""

from dataclasses import replace

import pytest

from mcop_core.artifacts.local import LocalStore
from mcop_core.operations import Ending, HeldLease, OperationNote, Operations, Settlement, latest, with_lease

ENDED = Ending("succeeded", "2026-01-01T00:01:00+00:00", is_settled=True, added=2)


def make_note(id_="a", execution="mcop.shop/one", since="2026-01-01T00:00:00+00:00", **facts):
    return OperationNote(id_, execution, "w.p.apply_e", "w.p.e", "apply", {"x": 1}, {"host": "h"}, since, **facts)


@pytest.fixture
def operations(tmp_path):
    return Operations(LocalStore(tmp_path))


def test_notes_are_found_by_their_execution(operations):
    """The oldest first, with everything in them; those of other executions are not read."""
    later = with_lease(make_note("b", since="2026-01-02T00:00:00+00:00"), HeldLease("file:///s", "k", "l"))
    for note in (later, make_note("a", ended=replace(ENDED, in_doubt=("x.y",))), make_note("c", "mcop.cafe/one")):
        operations.note(note)

    assert [note.id for note in operations.open()] == ["a", "c", "b"]
    assert operations.open(["mcop.shop/one"]) == [make_note("a", ended=replace(ENDED, in_doubt=("x.y",))), later]
    assert operations.get("mcop.shop/one", "b") == later
    assert operations.get("mcop.shop/two", "b") is None
    assert [note.id for note in latest(operations.open())] == ["b", "c"]


def test_only_what_ended_with_nothing_left_is_closed(operations):
    """What still works, or left a lock, stays noted."""
    operations.note(make_note("works"))
    operations.note(make_note("locked", ended=replace(ENDED, is_settled=False)))
    operations.note(make_note("done", ended=ENDED))
    for name in ("works", "locked", "done", "unheard-of"):
        operations.close("mcop.shop/one", name)

    assert {note.id for note in operations.open()} == {"works", "locked"}


def test_a_settlement_stays_and_its_note_goes(operations):
    """Settled twice it is there once; a note that began anew meanwhile is not taken away."""
    note = make_note(ended=ENDED)
    settlement = Settlement(note, "failed", "it succeeded", "2026-01-01T00:02:00+00:00")
    operations.note(note)
    operations.settle(settlement, b"journal")
    assert (operations.open(), operations.settlements("mcop.shop/one")) == ([], (settlement,))

    operations.note(make_note(since="2026-02-01T00:00:00+00:00"))
    operations.settle(settlement, b"journal")
    assert [one.since[:7] for one in operations.open()] == ["2026-02"]
    assert operations.settlements("mcop.shop/one") == (settlement,)
    assert operations.settlements("mcop.cafe/one") == ()
