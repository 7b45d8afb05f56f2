"""The copy of a state that changes."""

import time
from collections.abc import Mapping
from pathlib import Path

from mcop_core.engines import state
from mcop_core.engines.mask import Mask
from mcop_core.engines.state import Leftover, StateAddress
from mcop_core.engines.terraform import work_copy
from mcop_core.engines.terraform.log import EventReader
from mcop_core.engines.terraform.shipper import Shipper
from tests.core.engines.terraform.operations import FailingStore
from tests.core.engines.test_state import NEW, OLD, left, store, version

__all__ = ["store"]


class Said(EventReader):
    """Of a Terraform that is creating a network, and has destroyed others."""

    def __init__(self, gone: Mapping[str, set[str]] | None = None) -> None:
        super().__init__(Mask())
        self.gone = gone or {}

    def doubtful(self, recorded=()):
        return ("aws_vpc.c",)

    def corrected(self, state):
        return state.without(self.gone)


def shipper(store: FailingStore, directory: Path, told: list[str], reader: EventReader | None = None) -> Shipper:
    return Shipper(
        store,
        StateAddress(store.url, "k"),
        directory,
        base=OLD.digest,
        reader=reader or Said(),
        tell=told.append,
        every_s=0.02,
    )


def wait(condition) -> None:
    ends = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.01)


def test_a_changed_state_is_shipped_with_its_base_and_doubts(store, tmp_path):
    """A copy follows each change; a store that is away is told of once, and caught up with."""
    told: list[str] = []
    work_copy.place(tmp_path, OLD, OLD.digest)
    with shipper(store, tmp_path, told):
        state.write_durably(tmp_path / work_copy.STATE_FILE, NEW.data)
        wait(lambda: "k.mcop-inflight" in list(store.keys("")))
        store.is_down = True
        state.write_durably(tmp_path / work_copy.STATE_FILE, version(6, "a", "b", "c").data)
        wait(lambda: told)
        store.is_down = False
        wait(lambda: len(told) == 2)

    copy = Leftover.from_json(store.get("k.mcop-inflight").data, "")
    assert (copy.base, copy.doubtful) == (OLD.digest, ("aws_vpc.c",))
    assert "aws_vpc.c" in copy.state.instances()
    assert "answers again" in told[1]


def test_what_is_destroyed_is_not_shipped_and_an_empty_file_is_no_state(store, tmp_path):
    """OpenTofu opens its file when it begins, and writes it 20 seconds later: doubts do not wait for that."""
    (tmp_path / work_copy.STATE_FILE).touch()
    with shipper(store, tmp_path, [], Said({"aws_vpc.a": {"id-a"}})):
        wait(lambda: "k.mcop-inflight" in list(store.keys("")))
        first = Leftover.from_json(store.get("k.mcop-inflight").data, "")
        state.write_durably(tmp_path / work_copy.STATE_FILE, NEW.data)
        wait(lambda: Leftover.from_json(store.get("k.mcop-inflight").data, "").state)

    assert (None, ("aws_vpc.c",)) == (first.state, first.doubtful)
    copy = Leftover.from_json(store.get("k.mcop-inflight").data, "")
    assert {"aws_vpc.b": "id-b"} == copy.state.instances()
    assert NEW == work_copy.StateFile.parse((tmp_path / work_copy.COPY_FILE).read_bytes(), "")


def test_a_shipper_stops_when_somebody_else_writes_the_copy(store, tmp_path):
    """The copy of a successor is not overwritten by one who does not know that it was succeeded."""
    work_copy.place(tmp_path, OLD, OLD.digest)
    with shipper(store, tmp_path, []) as shipping:
        wait(lambda: "k.mcop-inflight" in list(store.keys("")))
        store.put("k.mcop-inflight", left(OLD, version(7, "z")).to_json())
        state.write_durably(tmp_path / work_copy.STATE_FILE, NEW.data)
        wait(lambda: shipping.is_fenced)

    assert Leftover.from_json(store.get("k.mcop-inflight").data, "").state == version(7, "z")


def test_a_disk_that_takes_no_copy_keeps_the_state_from_no_store(store, tmp_path):
    """Where the copy beside the state cannot be written, the one in the store is all the same."""
    work_copy.place(tmp_path, OLD, OLD.digest)
    (tmp_path / work_copy.COPY_FILE).mkdir()
    with shipper(store, tmp_path, []):
        state.write_durably(tmp_path / work_copy.STATE_FILE, NEW.data)
        wait(lambda: "k.mcop-inflight" in list(store.keys("")))

    assert Leftover.from_json(store.get("k.mcop-inflight").data, "").state == NEW
