"""Which plans do nothing but what was approved: by cases, and by what a mutation does to an honest plan."""

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mcop_core.engines.changes import Action, AttributeChange, ComponentChanges, Mode, ResourceChange
from mcop_core.engines.refine import deviation


def change(action="update", *attributes, address="t.n", moved_from=""):
    return ResourceChange(address, "t", Action(action), moved_from=moved_from, attributes=attributes)


def known(path, before, after, **facts):
    return AttributeChange(path, before, after, **facts)


def unknown(path, before=None, **facts):
    return AttributeChange(path, before, is_unknown=True, **facts)


def hidden(path, **facts):
    return AttributeChange(path, is_sensitive=True, **facts)


def component(*changes, mode=Mode.MERGED, adopted=()):
    return ComponentChanges("w.p.e", mode, "", changes, adopted=adopted)


def reasons(planned, *approved):
    found = deviation(component(*planned), [component(*one) for one in approved])
    return {one.address: one.reason for one in found.resources} if found else {}


HONEST = {
    "the same": ([change("update", known("a", 1, 2))], [change("update", known("a", 1, 2))]),
    "an open value filled in": ([change("create", known("a", None, "x"))], [change("create", unknown("a"))]),
    "an open map filled in": ([change("create", known("a.b[0]", None, "x"))], [change("create", unknown("a"))]),
    "still open": ([change("create", unknown("a"))], [change("create", unknown("a"))]),
    "a sensitive value": ([change("update", hidden("a"))], [change("update", hidden("a"))]),
    "an open value that turns out sensitive": ([change("create", hidden("a"))], [change("create", unknown("a"))]),
    "less than approved": ([], [change("destroy"), change("create", address="t.m")]),
    "an attribute less": ([change("update", known("a", 1, 2))], [change("update", known("a", 1, 2), unknown("b"))]),
    "reading data": ([change("read", known("a", None, 1), address="data.t.n")], []),
    "an update where an open value might have forced a replacement": (
        [change("update", known("b", 1, 2))],
        [change("replace", unknown("a", "x", forces_replacement=True), known("b", 1, 2))],
    ),
    "a set whose order changed as its values became known": (
        [change("create", known("s[0].ip", None, "1.1.1.1"), known("s[1].ip", None, "9.9.9.9"))],
        [change("create", known("s[0].ip", None, "9.9.9.9"), unknown("s[1].ip"))],
    ),
}
DEVIANT = {
    "nothing was approved for it": ([change("create")], []),
    "create was approved": ([change("destroy")], [change("create")]),
    "update was approved": ([change("replace", known("a", 1, 2))], [change("update", known("a", 1, 2))]),
    "replace was approved": (
        [change("update", known("b", 1, 2))],
        [change("replace", known("a", 1, 2, forces_replacement=True), known("b", 1, 2))],
    ),
    "other values were approved for a": ([change("update", known("a", 1, 3))], [change("update", known("a", 1, 2))]),
    "other values were approved for b": (
        [change("update", known("a", 1, 2), known("b", 1, 2))],
        [change("update", known("a", 1, 2))],
    ),
    "other values were approved for c": ([change("update", known("c", 9, 2))], [change("update", known("c", 1, 2))]),
    "other values were approved for d": ([change("create", unknown("d"))], [change("create", known("d", None, 1))]),
    "other values were approved for e": ([change("create", known("e", None, 1))], [change("create", hidden("e"))]),
    "other values were approved for f": ([change("create", hidden("f"))], [change("create", known("f", None, 1))]),
    "other values were approved for l[0], l[1]": (
        [change("create", known("l[0]", None, "b"), known("l[1]", None, "a"))],
        [change("create", known("l[0]", None, "a"), known("l[1]", None, "b"))],
    ),
    'other values were approved for tags["a.b"]': (
        [change("create", known('tags["a.b"]', None, 1))],
        [change("create", unknown("tags.a"))],
    ),
    "a move from t.old was approved": (
        [change("update", known("a", 1, 2), moved_from="t.other")],
        [change("update", known("a", 1, 2), moved_from="t.old")],
    ),
}


@pytest.mark.parametrize("name", HONEST)
def test_what_was_approved_may_be_done(name):
    """Also less of it, and with the open values filled in."""
    planned, approved = HONEST[name]
    assert reasons(planned, approved) == {}


@pytest.mark.parametrize("reason", DEVIANT)
def test_what_was_not_approved_may_not_be_done(reason):
    """Each deviation is told by its resource, with the reason."""
    planned, approved = DEVIANT[reason]
    assert reasons(planned, approved) == {"t.n": reason}


def test_only_the_deviation_is_told():
    """What was approved beside it is left out, so that a person is asked about the difference alone."""
    planned = [change("update", known("a", 1, 2)), change("destroy", address="t.gone")]
    assert reasons(planned, [planned[0]]) == {"t.gone": "nothing was approved for it"}


def test_a_deviation_that_was_approved_counts_beside_the_preview():
    """Asked once about the difference, the step goes on when its plan is that."""
    planned = [change("update", known("a", 1, 3)), change("create", address="t.m")]
    assert reasons(planned, [change("update", known("a", 1, 2))], [planned[0]]) == {
        "t.m": "nothing was approved for it"
    }
    assert reasons(planned, [change("update", known("a", 1, 2))], planned) == {}


def test_a_deferred_component_was_approved_as_a_whole():
    """Nobody could say what it would do, and that was approved."""
    assert deviation(component(change("destroy")), [component(mode=Mode.DEFERRED)]) is None


CREATION = change("create", known("a", None, 1), unknown("id"), known("tags.own", None, "x"))


@pytest.mark.parametrize(
    ("rest", "reason"),
    [
        (change("update", known("a", None, 1)), ""),
        (change("update", known("a", 9, 1), known("id", "old", "new")), ""),
        (change("update", known("a", 9, 1), known("limit", 30, None)), ""),
        (change("update", known("a", 1, 2)), "other values were approved for a"),
        (change("update", known("b", None, 1)), "other values were approved for b"),
        (change("replace", known("a", None, 1)), "create was approved"),
        (change("destroy"), "create was approved"),
    ],
)
def test_the_rest_of_a_creation_that_was_cut_off_was_approved_with_it(rest, reason):
    """What it comes to is compared, whatever is there by now; and only of what this operation itself had begun."""
    found = deviation(component(rest, adopted=("t.n",)), [component(CREATION)])
    assert reason == ("" if found is None else found.resources[0].reason)

    (strange,) = deviation(component(rest, adopted=("t.other",)), [component(CREATION)]).resources
    assert ("create was approved", rest.action) == (strange.reason, strange.action)


SCALARS = st.none() | st.booleans() | st.integers(0, 5) | st.sampled_from(["", "a", "b"])
PATHS = st.sampled_from(["a", "b", "b.c", "l[0]", "l[1].x", 'm["k.e"]'])
ATTRIBUTES = st.builds(known, PATHS, SCALARS, SCALARS) | st.builds(unknown, PATHS) | st.builds(hidden, PATHS)
CHANGES = st.lists(
    st.builds(
        lambda action, address, attributes: change(action, *attributes.values(), address=address),
        st.sampled_from(["create", "update", "replace", "destroy"]),
        st.sampled_from(["t.a", "t.b", "t.c"]),
        st.lists(ATTRIBUTES, max_size=4).map(lambda found: {one.path: one for one in found}),
    ),
    max_size=3,
    unique_by=lambda one: one.address,
)


@given(CHANGES, st.data())
def test_every_plan_refines_itself_with_values_filled_in(changes, data):
    """No honest run is stopped."""
    filled = [
        replace(
            one,
            attributes=tuple(
                replace(a, is_unknown=False, after=data.draw(SCALARS)) if a.is_unknown else a for a in one.attributes
            ),
        )
        for one in changes
    ]
    assert reasons(filled, changes) == {}


@given(CHANGES, st.data())
def test_no_plan_with_another_known_value_or_action_refines(changes, data):
    """No deviation is applied: one value or one action that differs is always seen."""
    assume(changes)
    number = data.draw(st.integers(0, len(changes) - 1))
    victim = changes[number]
    told = [a for a in victim.attributes if not (a.is_unknown or a.is_sensitive or "[" in a.path or "b" in a.path)]
    if told and data.draw(st.booleans()):
        one = data.draw(st.sampled_from(told))
        mutated = replace(one, after=[one.after])
        changed = replace(victim, attributes=tuple(mutated if a is one else a for a in victim.attributes))
    else:
        others = [action for action in ("create", "update", "replace", "destroy") if action != victim.action]
        changed = replace(victim, action=Action(data.draw(st.sampled_from(others))))
    assert victim.address in reasons([*changes[:number], changed, *changes[number + 1 :]], changes)
