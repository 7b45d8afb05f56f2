"""A state that moves to another place: cut off anywhere, nothing is lost and nothing is there twice."""

import json
from dataclasses import replace

import pytest

from mcop_core.engines.artifact import RenderedArtifact
from mcop_core.engines.base import Component
from mcop_core.engines.lock import TableLock
from mcop_core.engines.state import MOVED_FROM, MOVED_TO, StateAddress, StateFile, held, read_outputs
from mcop_core.engines.terraform import moving
from mcop_core.engines.terraform.operate import open_session
from mcop_core.engines.terraform.toolchain import Toolchain
from mcop_core.errors import PreconditionFailed, StateConflict, StateLocked, UnknownOutcome
from tests.core.engines.terraform.operations import SWIFT, Bench, Recorder, artifact, chain

OLD, NEW = "shop/storefront/platform/network/old.tfstate", "shop/storefront/platform/network/new.tfstate"


class Killed(BaseException):
    """What a killed process does at the write it never made: nothing more."""


class Mover(Bench):
    """A bench with one deployed component and the artifact of the same under another id."""

    def __init__(self, folder):
        super().__init__(folder)
        module = chain(folder / "made", "ab")
        self.old = artifact(self.url, module, outputs=("ids",), key=OLD)
        self.new = self.called("new", artifact(self.url, module, outputs=("ids",), key=NEW))

    def called(self, name, made: RenderedArtifact) -> RenderedArtifact:
        """Return *made* with another name of its module, as rendering would give it one."""
        text = (
            made.files["module.tf.json"]
            .decode()
            .replace('"this"', f'"{name}"')
            .replace("module.this", f"module.{name}")
        )
        return replace(made, files={**made.files, "module.tf.json": text.encode()})

    def deploy(self):
        (self.folder / "made").touch()
        return self.apply(self.old)

    def move(self, report=None, origin=None, target=None):
        moving.move(origin or self.old, target or self.new, self.workspace(), report or Recorder(), SWIFT)

    def killed_at_write(self, number):
        """Move, and die instead of the state write with this number, from 1; return that write if there was one."""
        left, put, unmade = [number], self.store.put, []

        def counted(key, data, **condition):
            if key in (OLD, NEW):
                left[0] -= 1
                if not left[0]:
                    unmade.append(lambda: put(key, data, **condition))
                    raise Killed
            return put(key, data, **condition)

        self.store.put = counted
        try:
            self.move()
        except Killed:
            for key in (OLD, NEW):
                self.store.delete(f"{key}.tflock")  # as the next holder of the lease breaks it
        finally:
            self.store.put = put
        return unmade[0] if unmade else None

    def before_next_write(self, late):
        """Let *late* happen when the next state write is on its way."""
        put = self.store.put

        def after_the_late_one(key, data, **condition):
            if key in (OLD, NEW):
                self.store.put = put
                late()
            return put(key, data, **condition)

        self.store.put = after_the_late_one

    def counting(self, key):
        """Return how many resources count at *key*."""
        state = held(lambda url: self.store, StateAddress(self.url, key)).state
        return len(state.instances()) if state else 0


@pytest.fixture
def mover(tmp_path):
    return Mover(tmp_path)


@pytest.mark.terraform
def test_what_has_moved_is_not_touched(mover):
    """The resources are the same, under the new name of the module; Terraform has nothing to do."""
    ids = mover.deploy().outputs["ids"]
    mover.move()

    assert mover.apply(mover.new).is_empty
    assert mover.apply(mover.new).outputs["ids"] == ids
    assert mover.state(OLD)["resources"] == [] and mover.state(OLD)[MOVED_TO] == f"{mover.url}#{NEW}"
    assert MOVED_FROM not in mover.state(NEW)
    assert {one["module"] for one in mover.state(NEW)["resources"]} == {"module.new"}
    assert [key for key in mover.stored() if key.endswith(".tflock")] == []


@pytest.mark.terraform
@pytest.mark.parametrize("number", [1, 2, 3])
def test_killed_at_any_write_nothing_is_lost(mover, number):
    """At every moment exactly one of the two places counts; the next attempt goes on, and nothing is made twice."""
    mover.deploy()
    assert mover.killed_at_write(number)
    assert sorted([mover.counting(OLD), mover.counting(NEW)]) == [0, 2]

    mover.move()

    assert (mover.counting(OLD), mover.counting(NEW)) == (0, 2)
    assert mover.apply(mover.new).is_empty
    assert not mover.killed_at_write(1)
    assert (mover.folder / "made").read_text().split() == ["a", "b"]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_write_that_arrives_late_is_that_of_who_goes_on(mover, number):
    """The dead runner's write happens between what the next attempt reads and what it writes."""
    place(mover, OLD)
    mover.before_next_write(mover.killed_at_write(number))

    mover.move()

    assert (mover.counting(OLD), mover.counting(NEW)) == (0, 1)


@pytest.mark.terraform
def test_a_copy_that_does_not_count_destroys_nothing(mover):
    """Killed before the state had moved, the new component is given up: the old one stays whole."""
    mover.deploy()
    assert mover.killed_at_write(2)

    assert mover.destroy(mover.new).is_empty

    assert mover.apply(mover.old).is_empty
    assert mover.counting(OLD) == 2


@pytest.mark.terraform
def test_back_again(mover):
    """A state that moved away can come back, also over a copy that does not count."""
    mover.deploy()
    mover.move()
    mover.move(origin=mover.new, target=mover.old)
    assert mover.apply(mover.old).is_empty
    assert mover.killed_at_write(2)
    mover.move()
    assert (mover.counting(OLD), mover.counting(NEW)) == (0, 2)


@pytest.mark.terraform
def test_two_states_are_not_made_one(mover):
    """Both stay as they are, and the error names both."""
    mover.deploy()
    mover.apply(mover.new)
    before = [mover.store.get(key).data for key in (OLD, NEW)]

    with pytest.raises(StateConflict, match=f"{NEW}, .*{OLD}"):
        mover.move()

    assert before == [mover.store.get(key).data for key in (OLD, NEW)]


def test_nothing_moves_where_nothing_was_applied(mover):
    """Neither place gets a state."""
    mover.move()
    assert [key for key in mover.stored() if key.endswith(".tfstate")] == []


@pytest.mark.parametrize("key", [OLD, NEW])
def test_a_state_that_somebody_holds_does_not_move(mover, key):
    """Either lock is enough, and the other is given back."""
    place(mover, OLD)
    mover.store.put(f"{key}.tflock", json.dumps({"ID": "x", "Who": "ann"}).encode())
    with pytest.raises(StateLocked, match="ann"):
        mover.move()
    assert [one for one in mover.stored() if one.endswith(".tflock")] == [f"{key}.tflock"]
    assert mover.counting(OLD) == 1


def place(mover, key, lineage="one", **more):
    """Write a state of one resource."""
    provider, module = 'provider["terraform.io/builtin/terraform"]', "module.this"
    made = {"mode": "managed", "type": "terraform_data", "name": "a", "module": module, "provider": provider}
    made["instances"] = [{"schema_version": 0, "attributes": {"id": "1"}}]
    outputs = {"ids": {"value": ["1"], "type": ["list", "string"]}}
    document = {"version": 4, "serial": 1, "lineage": lineage, "resources": [made], "outputs": outputs, **more}
    mover.store.put(key, StateFile.of(document).data)
    return document


def test_what_a_dead_operation_left_is_settled_first(mover):
    """A creation whose outcome nobody knows moves nowhere until somebody has looked."""
    state = place(mover, OLD)
    left = {"base": "", "doubtful": ["module.this.b"], "state": StateFile.of(state).data.decode()}
    mover.store.put(f"{OLD}.mcop-inflight", json.dumps(left).encode())
    with pytest.raises(UnknownOutcome, match=r"module\.this\.b"):
        mover.move()
    assert (mover.counting(OLD), mover.counting(NEW)) == (1, 0)


def test_a_pointer_to_the_old_place_finds_the_new_one(mover):
    """What was rendered before the move still reads its sensitive outputs."""
    place(mover, OLD)
    mover.move()
    assert read_outputs(lambda url: mover.store, StateAddress(mover.url, OLD)) == {"ids": ["1"]}


def test_a_component_made_anew_in_the_old_place_is_another(mover):
    """Killed before its last write, what has moved stays what it is, whatever becomes of the old place."""
    place(mover, OLD)
    assert mover.killed_at_write(3)
    place(mover, OLD, lineage="two")
    assert (mover.counting(OLD), mover.counting(NEW)) == (1, 1)


@pytest.mark.terraform
def test_the_preview_reads_the_state_where_it_lies(mover, tmp_path):
    """Nothing changes, nothing is written, and the component says what it was."""
    from mcop_core.catalog.models import AdapterSettings, Interface
    from mcop_core.engines.base import RenderRequest
    from mcop_core.engines.terraform.preview import preview

    mover.deploy()
    files = {path.removeprefix("module/"): data for path, data in mover.new.files.items() if path.startswith("module/")}
    address = ("shop", "storefront", "platform", "network", "new")
    backend = {"type": "local", "path": str(tmp_path / "states")}
    request = RenderRequest(address, files, Interface(), {}, AdapterSettings(), {}, backend)
    component = Component("platform.network.new", request, {"platform.network.old": mover.old})
    before = mover.stored()

    (found,) = preview([component], mover.workspace(), Recorder(), tools=Toolchain("terraform"))

    assert (found.resources, found.moved_from) == ((), "platform.network.old")
    assert mover.stored() == before


class Table:
    """A `LockTable` in a dict, that forgets nothing."""

    def __init__(self):
        self.items = {}

    def get(self, lock_id):
        return self.items.get(lock_id)

    def put(self, item, *, if_absent=False):
        if if_absent and item["LockID"] in self.items:
            raise PreconditionFailed("taken")
        self.items[item["LockID"]] = dict(item)

    def delete(self, lock_id, *, info):
        self.items.pop(lock_id, None)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_the_digests_of_a_lock_table_follow(mover, monkeypatch, number):
    """Killed at any write, no digest disagrees with what lies there; in the end both are right."""
    table = Table()
    locks = {key: TableLock(table, f"states/{key}") for key in (OLD, NEW)}
    monkeypatch.setattr("mcop_core.engines.lock.open_lock", lambda home, store: locks[home["key"]])
    document = place(mover, OLD)
    locks[OLD].note_digest(StateFile.of(document).data)
    assert mover.killed_at_write(number)
    for key in (OLD, NEW):
        table.items.pop(f"states/{key}", None)

    mover.move()
    with open_session("apply", mover.new, mover.workspace(), Recorder(), SWIFT) as session:
        session.settle()

    for key in (OLD, NEW):
        locks[key].check_digest(mover.store.get(key).data)
        assert table.items[f"states/{key}-md5"]["Digest"]
