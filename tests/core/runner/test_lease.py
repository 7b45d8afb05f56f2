"""Who may hold a lease, for how long, and from whom it is taken."""

import json
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mcop_core.artifacts.local import LocalStore
from mcop_core.errors import Cancelled, StateConflict, StateLocked
from mcop_core.runner.holder import Holder, Proof
from mcop_core.runner.lease import (
    LeaseDocument,
    Step,
    break_lease,
    has_run_out,
    hold_lease,
    lease_key,
    next_step,
    successor,
)
from tests.core.engines.terraform.operations import FailingStore

NOW = datetime(2026, 5, 4, 10, 0, 0, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> FailingStore:
    return FailingStore(LocalStore(tmp_path / "store"))


@pytest.fixture
def here(tmp_path: Path) -> Holder:
    return Holder.here(owner="mcop.shop", operation="op", workspace=tmp_path / "workspace")


def dead(here: Holder, **changes: object) -> Holder:
    """A holder on this machine whose process is gone."""
    return replace(here, started="long ago", workspace="/gone", **changes)


def holding(store, holder: Holder, *, lease_s: float = 30, told: list | None = None):
    return hold_lease(store, "k", holder=holder, lease_s=lease_s, tell=(told if told is not None else []).append)


def document(store) -> LeaseDocument:
    return LeaseDocument.from_json(store.get(lease_key("k")).data)


def plant(store, holder: Holder, *, lease_s: float, age_s: float = 0) -> LeaseDocument:
    """A lease that *holder* took *age_s* seconds ago and never renewed."""
    began = datetime.now(UTC) - timedelta(seconds=age_s)
    planted = successor(None, holder, lease_id="planted", lease_s=lease_s, now=began)
    store.put(lease_key("k"), planted.to_json())
    return planted


def test_a_lease_is_given_back_and_its_token_grows(store, here):
    """Each holding has a higher token than all before it."""
    with holding(store, here) as first:
        first.check()
        assert document(store).holder == here
    with holding(store, here) as second:
        second.check()

    assert (first.token, second.token) == (1, 2)
    assert document(store).holder is None
    assert second.abandoned == ()


def test_a_live_holder_is_named_and_left_alone(store, here):
    """A lease that has run out is still its holder's while that lives."""
    plant(store, here, lease_s=1, age_s=100)

    with pytest.raises(StateLocked, match="It is alive") as caught, holding(store, here):
        pass

    assert caught.value.holder["pid"] == here.pid
    assert document(store).id == "planted"


def test_a_dead_holders_lease_is_taken_only_once_it_has_run_out(store, here):
    """Its id and workspace come with it, so that its lock can be broken and its state found."""
    told: list[str] = []
    plant(store, dead(here), lease_s=0.6)
    began = time.monotonic()

    with holding(store, here, told=told) as lease:
        waited_s = time.monotonic() - began

    assert waited_s >= 0.5
    assert (lease.token, lease.abandoned, lease.left) == (2, ("planted",), (Path("/gone"),))
    assert "waiting for its lease" in told[0]
    assert "taking over" in told[1]


def test_a_holder_on_another_machine_is_never_proved_dead(store, here):
    """Run out or not, a person must decide; the error says how."""
    elsewhere = dead(here, host="elsewhere", operation="another")
    plant(store, elsewhere, lease_s=1, age_s=100)

    with pytest.raises(StateLocked, match=r"cannot prove that it is dead.*planted"), holding(store, here):
        pass
    with pytest.raises(StateConflict):
        break_lease(store, "k", lease_id="another")
    break_lease(store, "k", lease_id="planted")
    with holding(store, here) as lease:
        assert lease.abandoned == ("planted",)
        assert lease.token == 2


def test_a_holder_that_was_robbed_knows_it_before_it_writes(store, here):
    """The check asks the store; a renewal finds it out by itself."""
    with holding(store, here, lease_s=0.3) as lease:
        thief = successor(document(store), here, lease_id="thief", lease_s=30, now=datetime.now(UTC))
        store.put(lease_key("k"), thief.to_json())
        ends = time.monotonic() + 20
        while not lease.is_lost and time.monotonic() < ends:
            time.sleep(0.02)
        with pytest.raises(StateConflict, match="token 1 was taken away"):
            lease.check()

    assert document(store).id == "thief"


def test_a_lease_is_renewed_while_it_is_held(store, here):
    """Its end moves on, over an outage of the store and a lost answer."""
    with holding(store, here, lease_s=0.3) as lease:
        before = document(store).expires_at
        store.is_down = True
        time.sleep(0.3)
        store.is_down, store.deaf_for = False, "mcop-lease"
        ends = time.monotonic() + 20
        while document(store).expires_at <= before or store.deaf_for != "-":
            assert time.monotonic() < ends
            time.sleep(0.02)
        time.sleep(0.2)
        assert not lease.is_lost
        lease.check()

    assert document(store).holder is None


def test_a_kept_lease_runs_out_by_itself(store, here):
    """What is unsettled stays the last holder's."""
    with holding(store, here) as lease:
        lease.keep()

    assert document(store).holder == here


def test_taking_a_lease_whose_answer_was_lost_succeeds(store, here):
    """The document with our id is ours."""
    store.deaf_for = "mcop-lease"

    with holding(store, here) as lease:
        lease.check()
        assert lease.token == 1


RUN_OUT = {
    "just taken": (0, 0, False),
    "past its end by the wall clock": (0, 32, True),
    "within the margin": (0, 30.5, False),
    "watched for its whole time, whatever the wall clock says": (30, -1000, True),
}


@pytest.mark.parametrize(("watched_s", "later_s", "expected"), RUN_OUT.values(), ids=RUN_OUT)
def test_a_lease_runs_out_by_watching_or_by_the_clock(here, watched_s, later_s, expected):
    """Either is enough; a margin is left for the clock."""
    taken = successor(None, here, lease_id="x", lease_s=30, now=NOW)

    assert has_run_out(taken, watched_s=watched_s, now=NOW + timedelta(seconds=later_s)) is expected


def test_dead_holders_are_remembered_over_a_release_up_to_a_number(here):
    """What they left may still lie there; the document does not grow for ever."""
    found = None
    for number in range(30):
        holder = replace(here, workspace=f"/w{number}")
        found = successor(found, holder, lease_id=str(number), lease_s=1, now=NOW)
    released = successor(replace(found, holder=None), here, lease_id="last", lease_s=1, now=NOW)

    assert released.token == 31
    assert released.abandoned == tuple(str(number) for number in range(9, 29))
    assert released.left[-1] == "/w28"


def test_the_document_reads_as_it_was_written(here):
    """It is JSON for people, too."""
    taken = successor(None, here, lease_id="x", lease_s=30, now=NOW)

    assert LeaseDocument.from_json(taken.to_json()) == taken
    assert json.loads(taken.to_json())["holder"]["owner"] == "mcop.shop"


NEXT_STEPS = {
    "alive: it is never robbed": (Proof.ALIVE, 0, 1000, False, True, Step.REFUSE),
    "dead, not run out": (Proof.DEAD, 0, 1, False, False, Step.WAIT),
    "dead, run out": (Proof.DEAD, 0, 10, False, False, Step.TAKE),
    "elsewhere, no fence, somebody else's": (Proof.UNKNOWN, 0, 1, False, False, Step.REFUSE),
    "elsewhere, no fence, the same operation": (Proof.UNKNOWN, 0, 1, False, True, Step.WAIT),
    "elsewhere, no fence, the same operation, run out": (Proof.UNKNOWN, 0, 1000, False, True, Step.REFUSE),
    "elsewhere, fenced, not heard of yet": (Proof.UNKNOWN, 30, 20, False, False, Step.WAIT),
    "elsewhere, fenced, renewed, somebody else's": (Proof.UNKNOWN, 30, 2, True, False, Step.REFUSE),
    "elsewhere, fenced, renewed, the same operation": (Proof.UNKNOWN, 30, 2, True, True, Step.WAIT),
    "elsewhere, fenced, within the margin": (Proof.UNKNOWN, 30, 30.5, False, False, Step.WAIT),
    "elsewhere, fenced, has ended itself": (Proof.UNKNOWN, 30, 31, False, False, Step.TAKE),
    "elsewhere, fenced, renewed once and then not": (Proof.UNKNOWN, 30, 31, True, True, Step.TAKE),
}


@pytest.mark.parametrize(
    ("proof", "fence_s", "watched_s", "is_renewed", "is_same", "expected"), NEXT_STEPS.values(), ids=NEXT_STEPS
)
def test_what_is_done_about_a_held_lease(here, proof, fence_s, watched_s, is_renewed, is_same, expected):
    """By what is known of the holder, and for how long it was watched; another machine's clock is not asked."""
    taken = successor(None, here, lease_id="x", lease_s=10, now=NOW, fence_s=fence_s)

    found = next_step(taken, proof, watched_s=watched_s, is_renewed=is_renewed, is_same=is_same, now=NOW)

    assert found is expected


def test_a_fenced_holder_on_another_machine_is_taken_over_from(store, here):
    """After the time that its lease promises, however long ago it was by the wall clock."""
    told: list[str] = []
    began = datetime.now(UTC) - timedelta(seconds=1000)
    elsewhere = replace(here, host="elsewhere", operation="another")
    planted = successor(None, elsewhere, lease_id="planted", lease_s=0.2, now=began, fence_s=0.6)
    store.put(lease_key("k"), planted.to_json())
    watched = time.monotonic()

    with holding(store, here, told=told) as lease:
        waited_s = time.monotonic() - watched

    assert waited_s >= 1.6
    assert lease.abandoned == ("planted",)
    assert "has ended itself" in told[-1]


def test_the_next_attempt_on_another_machine_waits_for_the_last_ones_runner(store, here):
    """It gets the lease when that runner gives it back, and takes nothing from it."""
    told: list[str] = []
    taken = plant(store, replace(here, host="elsewhere"), lease_s=30)
    given_back = threading.Timer(0.5, lambda: store.put(lease_key("k"), replace(taken, holder=None).to_json()))
    given_back.start()

    with holding(store, here, told=told) as lease:
        given_back.join()

    assert lease.abandoned == ()
    assert "works on this: waiting for it" in told[0]


def test_who_waits_can_be_stopped(store, here):
    """Nothing was begun, and the lease is the other's."""
    plant(store, replace(here, host="elsewhere"), lease_s=30)
    told: list[str] = []

    with (
        pytest.raises(Cancelled, match="nothing was done here"),
        hold_lease(store, "k", holder=here, lease_s=30, tell=told.append, is_stopped=lambda: True),
    ):
        pass

    assert document(store).id == "planted"
