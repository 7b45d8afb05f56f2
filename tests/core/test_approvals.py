"""Who is asked, who may answer, and what answers come to."""

import pytest

from mcop_core.approvals import (
    APPROVE,
    APPROVE_INCOMPLETE,
    REJECT,
    Decision,
    Person,
    judge,
    may_answer,
    options_for,
    why_nobody_is_needed,
)
from mcop_core.catalog.models import ApprovalPolicy
from mcop_core.engines.changes import Action, ComponentChanges, Mode, OutputChange, Preview, ResourceChange

ANN, BOB = Person("ann", "Ann"), Person("bob", "Bob")


def preview(*actions, deferred=False):
    changes = tuple(ResourceChange(f"t.r{number}", "t", Action(action)) for number, action in enumerate(actions))
    mode = Mode.DEFERRED if deferred else Mode.MERGED
    return Preview("manifest#shop@1.0.0", "a" * 64, (ComponentChanges("w.p.e", mode, "", changes),))


def policy(**fields):
    return ApprovalPolicy(**{"when": "always", **fields})


@pytest.mark.parametrize(
    ("when", "actions", "deferred", "is_asked"),
    [
        ("always", ["create"], False, True),
        ("always", [], False, False),
        ("always", [], True, True),
        ("destructive", ["create", "update", "read"], False, False),
        ("destructive", ["create", "replace"], False, True),
        ("destructive", ["destroy"], False, True),
        ("destructive", ["forget"], False, True),
        ("destructive", ["create"], True, True),
        ("never", ["destroy"], False, False),
    ],
)
def test_somebody_is_asked_by_what_would_be_done(when, actions, deferred, is_asked):
    """What cannot be told counts as the worst."""
    assert bool(why_nobody_is_needed(policy(when=when), preview(*actions, deferred=deferred))) is not is_asked


@pytest.mark.parametrize("change", [{"moved_from": "w.p.old"}, {"outputs": (OutputChange("url", "a", "b"),)}])
def test_always_asks_for_what_touches_no_resource_too(change):
    """A renamed component's state moves, and an output that changes reaches whoever takes it."""
    found = Preview("manifest#shop@1.0.0", "a" * 64, (ComponentChanges("w.p.e", Mode.MERGED, **change),))

    assert "" == why_nobody_is_needed(policy(when="always"), found)
    assert "" != why_nobody_is_needed(policy(when="destructive"), found)


def test_an_incomplete_preview_is_only_approved_by_saying_so():
    """There is no plain approval of it."""
    assert options_for(preview("create")) == [APPROVE, REJECT]
    assert options_for(preview(deferred=True)) == [APPROVE_INCOMPLETE, REJECT]


@pytest.mark.parametrize(
    ("fields", "person", "requester", "before", "decision", "reason"),
    [
        ({}, ANN, "bob", (), "approved", "approved by Ann"),
        ({}, ANN, "", (), "approved", "approved by Ann"),
        ({}, ANN, "ann", (), "ask_on", "Ann asked for this execution and may not approve it"),
        ({}, ANN, "Ann", (), "ask_on", "Ann asked for this execution and may not approve it"),
        ({"requester": True}, ANN, "ann", (), "approved", "approved by Ann"),
        ({"users": ("bob",)}, ANN, "", (), "ask_on", "Ann may not approve; the manifest names bob"),
        ({"users": ("bob",), "groups": ("owners",)}, ANN, "", (), "approved", "approved by Ann"),
        ({"groups": ("owners",)}, ANN, "ann", (), "ask_on", "Ann asked for this execution and may not approve it"),
        ({"count": 2}, ANN, "", (), "ask_on", "approved by Ann, 1 more must approve"),
        ({"count": 2}, ANN, "", (ANN,), "ask_on", "Ann has approved already; somebody else must, too"),
        ({"count": 2}, BOB, "", (ANN,), "approved", "approved by Ann, Bob"),
    ],
)
def test_an_approval_counts_from_whoever_may_give_it(fields, person, requester, before, decision, reason):
    """Others are told why not, and the question stays open."""
    verdict = judge(policy(**fields), APPROVE, person, requester=requester, people=before)
    assert (verdict.decision, verdict.reason) == (decision, reason)
    assert verdict.people == ((*before, person) if reason.startswith("approved") else before)


def test_whoever_may_answer_may_reject():
    """Also whoever asked for the execution."""
    verdict = judge(policy(), REJECT, ANN, requester="ann", people=())
    assert (verdict.decision, verdict.reason) == (Decision.REJECTED, "rejected by Ann")


def test_the_question_is_for_those_the_manifest_names():
    """Without whoever asked for the execution, unless they may approve it."""
    named = policy(users=("ann", "bob"))
    assert may_answer(named, "ann") == ("bob",)
    assert may_answer(named.model_copy(update={"requester": True}), "ann") == ("ann", "bob")
    assert may_answer(policy(), "ann") == ()
    assert may_answer(policy(users=("ann",), groups=("owners",)), "ann") == ("group:owners",)


def test_a_policy_is_one_word_or_in_full():
    """More people than are named cannot approve."""
    assert ApprovalPolicy.model_validate("destructive").when == "destructive"
    assert not ApprovalPolicy().is_asked
    with pytest.raises(ValueError, match="2 people must approve, and users names 1"):
        ApprovalPolicy(when="always", users=("ann",), count=2)
