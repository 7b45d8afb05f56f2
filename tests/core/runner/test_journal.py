"""The journal: what was written is there, whatever happened in between."""

import stat

from mcop_core.runner.journal import Journal, in_flight, read_journal


def test_records_come_back_in_order(tmp_path):
    """Each with its time and facts; a second opening appends."""
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        journal.append("one", address="a")
    with Journal(path) as journal:
        journal.append("two", number=2)

    records = read_journal(path)
    assert [(record["event"], record.get("address"), record.get("number")) for record in records] == [
        ("one", "a", None),
        ("two", None, 2),
    ]
    assert all(record["at"].endswith("+00:00") for record in records)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_line_cut_off_by_a_crash_harms_no_other(tmp_path):
    """It is left out, and the next record stands on a line of its own."""
    path = tmp_path / "journal.jsonl"
    path.write_text('{"at": "x", "event": "one"}\n{"at": "x", "ev')
    with Journal(path) as journal:
        journal.append("two")

    assert [record["event"] for record in read_journal(path)] == ["one", "two"]
    assert read_journal(tmp_path / "none") == []


def test_a_line_cut_off_by_a_full_disk_harms_no_other(tmp_path):
    """The same while the journal is open."""
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        journal.append("one")
        with path.open("a") as stream:
            stream.write('{"at": "x", "ev')
        journal.append("two")
        journal.append("three")

    assert [record["event"] for record in read_journal(path)] == ["one", "two", "three"]


def test_what_was_started_and_did_not_end_is_in_flight():
    """Finished and failed ones are not, nor anything once the state is settled."""
    started = [{"event": "resource_started", "address": name} for name in "abc"]

    assert in_flight(started) == ("a", "b", "c")
    ended = [{"event": "resource_finished", "address": "a"}, {"event": "resource_failed", "address": "b"}]
    assert in_flight([*started, *ended]) == ("c",)
    assert in_flight([*started, {"event": "settled"}]) == ()
