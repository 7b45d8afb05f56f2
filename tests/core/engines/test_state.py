"""Which state an operation goes on from, and how a state gets there."""

import json
from pathlib import Path

import pytest

from mcop_core.artifacts.local import LocalStore
from mcop_core.engines.state import (
    NOTHING,
    Leftover,
    StateAddress,
    StateFile,
    patiently,
    pull,
    push,
    read_outputs,
    settle,
)
from mcop_core.errors import InvalidInput, StateConflict, StoredObjectMissing, Unreachable
from tests.core.engines.terraform.operations import FailingStore


def version(serial: int, *names: str, lineage: str = "one", outputs: dict | None = None) -> StateFile:
    resources = [
        {"mode": "managed", "type": "aws_vpc", "name": name, "instances": [{"attributes": {"id": f"id-{name}"}}]}
        for name in names
    ]
    document = {"version": 4, "serial": serial, "lineage": lineage, "outputs": outputs or {}, "resources": resources}
    return StateFile.parse(json.dumps(document).encode(), "test")


def left(base: StateFile | None, found: StateFile | None, *doubtful: str, planned: tuple[str, ...] = ()) -> Leftover:
    return Leftover("copy", base.digest if base else NOTHING, found, doubtful, planned)


OLD, NEW = version(4, "a"), version(5, "a", "b")


def test_the_order_of_sensitive_paths_is_no_content():
    """Terraform writes them in any order, so that a state with another one is no new version."""
    paths = [[{"type": "get_attr", "value": name}] for name in ("value", "value_wo")]

    def of(*sensitive):
        instance = {"attributes": {"id": "i"}, "sensitive_attributes": list(sensitive)}
        return StateFile.of({"version": 4, "serial": 1, "resources": [{"type": "a", "instances": [instance]}]})

    assert of(*paths).content() == of(*reversed(paths)).content() != of(paths[0]).content()


SETTLED = {
    "nothing was left": (OLD, [], OLD, False),
    "there is nothing at all": (None, [], None, False),
    "a copy that grew from the state is newer": (OLD, [left(OLD, NEW)], NEW, True),
    "the first copy, when there was no state": (None, [left(None, NEW)], NEW, True),
    "the nearest of two copies": (OLD, [left(OLD, NEW), left(OLD, version(5, "a"))], NEW, True),
    "a copy that was pushed already": (NEW, [left(OLD, NEW)], NEW, False),
    "a copy with another serial and the same content": (NEW, [left(OLD, version(9, "a", "b"))], NEW, False),
    "an old copy of what is in the state by now": (version(9, "a", "b", "c"), [left(OLD, NEW)], None, False),
    "nothing was written yet": (OLD, [left(OLD, None)], OLD, False),
    "a destroyed resource": (OLD, [left(OLD, version(5))], version(5), True),
}


def test_what_was_destroyed_is_taken_out_of_a_state_that_does_not_say_so_yet():
    """Each instance by address and id; what was made anew under the address stays, a deposed one goes."""
    instances = [
        {"index_key": 0, "attributes": {"id": "old"}},
        {"index_key": 1, "attributes": {"id": "new"}},
        {"index_key": 1, "deposed": "d1", "attributes": {"id": "old-1"}},
    ]
    network = {"mode": "managed", "module": "module.m", "type": "aws_vpc", "name": "n", "instances": instances}
    data = {"mode": "data", "type": "aws_vpc", "name": "a", "instances": [{"attributes": {"id": "id-a"}}]}
    found = StateFile.of({**OLD.document, "resources": [*OLD.document["resources"], network, data]})

    gone = {"module.m.aws_vpc.n[0]": {"old"}, "module.m.aws_vpc.n[1]": {"old-1"}, "aws_vpc.a": {"id-a"}}
    less = found.without(gone)

    assert {"module.m.aws_vpc.n[1]": "new"} == less.instances()
    assert less.serial == found.serial + 1 and data in less.document["resources"]
    assert found.without({"aws_vpc.a": {"another"}, "aws_vpc.b": {"id-a"}}) is found


def test_a_state_that_opentofu_encrypted_is_refused_by_name():
    """It has a serial and a lineage, and no version."""
    document = {"serial": 1, "lineage": "one", "meta": {}, "encrypted_data": "8YZ=", "encryption_version": "v0"}

    with pytest.raises(StateConflict, match="s3://b#k is encrypted by OpenTofu, and MCOP has no key"):
        StateFile.parse(json.dumps(document).encode(), "s3://b#k")


@pytest.mark.parametrize(("remote", "leftovers", "wanted", "is_new"), SETTLED.values(), ids=SETTLED)
def test_an_operation_goes_on_from_the_newest_state_that_grew_from_the_stored_one(remote, leftovers, wanted, is_new):
    """What is in the store already is not pushed; what grew from it is."""
    settled = settle(remote, leftovers)

    assert settled.is_new is is_new
    assert settled.state == (wanted or remote)


FORKED = {
    "the state moved": (version(6, "a", "x"), left(OLD, NEW), "aws_vpc.b"),
    "the state has another lineage": (version(4, "a", lineage="two"), left(OLD, NEW), "aws_vpc.b"),
    "the state is gone": (None, left(OLD, NEW), "aws_vpc.a"),
}


@pytest.mark.parametrize(("remote", "leftover", "lost"), FORKED.values(), ids=FORKED)
def test_a_copy_that_forked_from_the_state_stops_everything_and_is_named(remote, leftover, lost):
    """Resources that no state would hold are named, not dropped."""
    with pytest.raises(StateConflict, match=lost) as caught:
        settle(remote, [leftover])

    assert lost in caught.value.resources


def test_what_nobody_saw_end_is_handed_on():
    """Creations in doubt come out, whether or not the copy itself is news."""
    assert settle(OLD, [left(OLD, NEW, "aws_vpc.c")]).doubtful == ("aws_vpc.c",)
    assert settle(OLD, [left(OLD, None, "aws_vpc.c")]).doubtful == ("aws_vpc.c",)


def test_a_note_of_doubt_outlives_the_copies():
    """What was noted without a state stays in doubt beside any other leftover, until the state records it."""
    note = left(NEW, None, "aws_vpc.b", "aws_vpc.c")

    assert settle(NEW, [left(NEW, NEW), note]).doubtful == ("aws_vpc.c",)
    assert settle(OLD, [left(OLD, NEW, "aws_vpc.d"), note]).doubtful == ("aws_vpc.d", "aws_vpc.c")


def test_what_was_planned_counts_where_a_copy_is_all_that_is_left():
    """The workspace knows what of it began, and has none."""
    copy = left(OLD, NEW, "aws_vpc.c", planned=("aws_vpc.b", "aws_vpc.c", "aws_vpc.d"))

    assert settle(OLD, [copy]).planned == ("aws_vpc.d",)
    assert settle(OLD, [left(OLD, NEW), copy]).planned == ()


def test_a_copy_in_flight_reads_as_it_was_written():
    """State bytes, base, doubts and plans survive; anything else is refused."""
    copy = left(OLD, NEW, "aws_vpc.c", planned=("aws_vpc.d",))

    assert Leftover.from_json(copy.to_json(), "copy") == copy
    assert Leftover.from_json(left(OLD, NEW).to_json(), "copy") == left(OLD, NEW)
    for data in (b"", b"[]", b"{}", b'{"base": "", "state": "{}", "doubtful": []}'):
        with pytest.raises(StateConflict):
            Leftover.from_json(data, "copy")


def test_addresses_name_modules_keys_and_deposed_instances():
    """An instance is called what Terraform calls it."""
    resources = [
        {
            "mode": "managed",
            "module": "module.this",
            "type": "t",
            "name": "n",
            "instances": [
                {"index_key": 0, "attributes": {"id": "1"}},
                {"index_key": "k", "attributes": {}},
                {"deposed": "dead", "attributes": {"id": "3"}},
            ],
        },
        {"mode": "data", "type": "d", "name": "n", "instances": [{"attributes": {"id": "4"}}]},
    ]
    found = StateFile.parse(json.dumps({"version": 4, "resources": resources}).encode(), "")

    expected = {"module.this.t.n[0]": "1", 'module.this.t.n["k"]': "", "module.this.t.n (deposed dead)": "3"}
    assert found.instances() == expected


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"version": 3}'])
def test_what_is_no_state_is_refused_by_place(data):
    """An empty or cut-off state is never taken for an empty one."""
    with pytest.raises(StateConflict, match="s3://b#k"):
        StateFile.parse(data, "s3://b#k")


def test_an_address_is_split_at_its_last_hash():
    """Store and key survive being one text."""
    address = StateAddress("s3://bucket?region=us-east-1", "a/b.tfstate")

    assert StateAddress.parse(str(address)) == address
    for text in ("", "#k", "s3://b#", "s3://b/k"):
        with pytest.raises(InvalidInput):
            StateAddress.parse(text)


# -- store ---------------------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> FailingStore:
    return FailingStore(LocalStore(tmp_path / "store"))


def free() -> None:
    """A lease that is still ours."""


def test_a_push_needs_the_etag_that_was_pulled(store):
    """The state of somebody faster is never overwritten."""
    etag = push(store, "k", OLD.data, None, check=free)

    assert pull(store, "k") == (OLD, etag)
    with pytest.raises(StateConflict, match="moved"):
        push(store, "k", NEW.data, None, check=free)
    with pytest.raises(StateConflict, match="moved"):
        push(store, "k", NEW.data, "another", check=free)
    push(store, "k", NEW.data, etag, check=free)
    assert pull(store, "k")[0] == NEW


def test_a_push_under_a_lost_lease_writes_nothing(store):
    """The token is asked for before the write."""

    def taken() -> None:
        raise StateConflict("the lease was taken away")

    with pytest.raises(StateConflict, match="taken away"):
        push(store, "k", OLD.data, None, check=taken)
    assert pull(store, "k") == (None, None)


def test_what_does_not_answer_is_asked_again_and_then_given_up():
    """Patience has an end; each try is told of."""
    answers, told = [Unreachable("no"), Unreachable("no"), "yes"], []

    def act() -> str:
        answer = answers.pop(0)
        if isinstance(answer, Unreachable):
            raise answer
        return answer

    assert patiently(act, patience_s=30, tell=told.append) == "yes"
    assert len(told) == 2
    answers[:] = [Unreachable("no")]
    with pytest.raises(Unreachable):
        patiently(act, patience_s=0)


def test_outputs_are_read_from_a_named_state(store):
    """A state that is not there is named by its address."""
    store.put("k", version(1, outputs={"password": {"value": "s", "type": "string", "sensitive": True}}).data)

    assert read_outputs(lambda url: store, StateAddress(store.url, "k")) == {"password": "s"}
    with pytest.raises(StoredObjectMissing, match="#missing"):
        read_outputs(lambda url: store, StateAddress(store.url, "missing"))
