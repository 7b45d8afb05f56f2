"""What a change comes to, decided on values."""

import pytest

from mcop_core.catalog.changes import check_restorable, decide, missing, touched
from mcop_core.catalog.repository import CatalogEntry, Change, Head, Standing
from mcop_core.errors import ObjectNotFound, PreconditionFailed, VersionConflict
from tests.contracts.catalog_repository import NOON, manifest, primitive, ref, rule

HEAD = Head(3, "snapshot")


def decided(change, *objects, active=None):
    known = {item.ref: CatalogEntry(item, NOON) for item in objects}
    return decide(change, head=HEAD, known=known, active=active or {}, now=NOON)


def test_a_change_touches_everything_that_it_names():
    """What is put, pinned, judged, rewritten and activated."""
    change = Change(
        expected_revision=3,
        snapshot="",
        put=[rule()],
        pins={ref("manifest#a@1.0.0"): {}},
        standings={ref("primitive#b@1.0.0"): (Standing.REVOKED, "")},
        activate={"c": "1.0.0"},
        rewrite={ref("rule#d@1.0.0"): rule("d")},
    )
    names = ["manifest#a@1.0.0", "manifest#c@1.0.0", "primitive#b@1.0.0", "rule#d@1.0.0", "rule#size@1.0.0"]

    assert sorted(map(str, touched(change))) == names
    assert [str(address) for address in missing(change, {})] == names[:4]


def test_only_what_differs_is_written():
    """A version that is there is left alone, its neighbour in the same change is written."""
    decision = decided(Change(3, "next", put=[rule(), primitive()]), rule())

    assert (decision.head, set(decision.entries)) == (Head(4, "next"), {primitive().ref})


def test_a_change_that_changes_nothing_keeps_the_head():
    """Whatever revision it was computed on."""
    change = Change(0, "snapshot", put=[rule()], activate={"shop": "1.0.0"})
    decision = decided(change, rule(), manifest(), active={"shop": "1.0.0"})

    assert (decision.head, decision.entries, decision.active) == (HEAD, {}, {})


def test_pins_and_standing_meet_in_one_entry():
    """Everything said of one version is in the one entry that is written."""
    item = manifest()
    change = Change(
        3, "next", put=[item], pins={item.ref: {"a#b": "1"}}, standings={item.ref: (Standing.DEPRECATED, "old")}
    )

    assert decided(change).entries == {
        item.ref: CatalogEntry(item, NOON, Standing.DEPRECATED, "old", {"a#b": "1"}),
    }


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (Change(2, "next", put=[primitive(source="other")], activate={"x": "1.0.0"}), VersionConflict),
        (Change(2, "next", activate={"x": "1.0.0"}), PreconditionFailed),
        (Change(3, "next", activate={"x": "1.0.0"}), ObjectNotFound),
    ],
)
def test_the_worst_is_told_first(change, error):
    """A conflict, which computing again would not mend; then a lost race; then a wrong name."""
    with pytest.raises(error):
        decided(change, primitive())


@pytest.mark.parametrize(
    ("found", "strangers"), [(Head(2, "snapshot"), []), (Head(3, "other"), []), (Head(), [rule().ref])]
)
def test_a_restore_wants_an_empty_catalog(found, strangers):
    """Or the very same one."""
    with pytest.raises(VersionConflict, match="restore into an empty one"):
        check_restorable(found, HEAD, strangers)
    check_restorable(Head(), HEAD, [])
    check_restorable(HEAD, HEAD, [])
