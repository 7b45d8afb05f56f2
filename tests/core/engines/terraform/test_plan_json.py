"""Reading a plan's JSON: what changes, and that nothing sensitive gets out."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcop_core.engines.changes import ComponentChanges, Mode, Preview
from mcop_core.engines.summary import to_lines
from mcop_core.engines.terraform.plan_json import read_changes
from mcop_core.errors import EngineFailed


def resource(actions=("update",), *, address="module.m.t.n", **facts):
    change = {"actions": list(actions), "before": None, "after": None, "after_unknown": {}}
    change |= {"before_sensitive": False, "after_sensitive": False}
    outer = {name: facts.pop(name) for name in ("action_reason", "previous_address", "deposed") if name in facts}
    return {"address": address, "mode": "managed", "type": "t", "name": "n", "change": change | facts, **outer}


def read(*resources, **output_changes):
    document = {"format_version": "1.2", "resource_changes": list(resources), "output_changes": output_changes}
    return read_changes(document, {"m": "w.p.e"}, {name: ("w.p.e", name) for name in output_changes})["w.p.e"]


def attributes(entry):
    """Path -> (before, after, is_unknown, is_sensitive, forces_replacement)."""
    return {
        a.path: (a.before, a.after, a.is_unknown, a.is_sensitive, a.forces_replacement)
        for a in read(entry)[0][0].attributes
    }


def test_only_what_differs_is_listed():
    """Maps and lists are compared element by element."""
    found = attributes(
        resource(
            before={"same": 1, "tags": {"a": "x", "b": "y"}, "rules": [{"port": 1}, {"port": 2}]},
            after={"same": 1, "tags": {"a": "x", "b": "z"}, "rules": [{"port": 1}, {"port": 3}, {"port": 4}]},
        )
    )

    assert {"tags.b", "rules[1].port", "rules[2].port"} == set(found)
    assert (2, 3, False, False, False) == found["rules[1].port"]
    assert (None, 4, False, False, False) == found["rules[2].port"]


def test_what_is_known_after_apply_has_no_value():
    """Unknowns are found by the plan's mask, inside lists too, and where the value itself leaves them out."""
    found = attributes(
        resource(
            before={"id": "i-1", "list": ["a", "b"]},
            after={"list": ["a", None]},
            after_unknown={"id": True, "list": [False, True], "new": True},
        )
    )

    assert {"id", "list[1]", "new"} == set(found)
    assert ("i-1", None, True, False, False) == found["id"]
    assert ("b", None, True, False, False) == found["list[1]"]


def test_a_sensitive_value_is_left_out():
    """By either mask, whole or inside; that it changes is told."""
    found = attributes(
        resource(
            before={"password": "old", "block": [{"key": "k1", "name": "a"}], "was": "secret", "same": "s"},
            after={"password": "new", "block": [{"key": "k2", "name": "b"}], "was": "open", "same": "s"},
            before_sensitive={"was": True, "same": True},
            after_sensitive={"password": True, "block": [{"key": True}], "same": True},
        )
    )

    assert {"password", "block[0].key", "block[0].name", "was"} == set(found)
    assert {(None, None, False, True, False)} == {found[path] for path in ("password", "block[0].key", "was")}
    assert ("a", "b", False, False, False) == found["block[0].name"]


def test_a_value_of_another_shape_hides_what_is_masked_inside():
    """Where two values cannot be compared by their parts, a mask inside covers the whole."""
    found = attributes(resource(before={"x": "text"}, after={"x": {"a": "secret"}}, after_sensitive={"x": {"a": True}}))

    assert {"x": (None, None, False, True, False)} == found


def test_what_forces_a_replacement_is_marked():
    """By path, also when the path ends above or below what is listed."""
    entry = resource(
        ("delete", "create"),
        before={"cidr": "a", "block": [{"name": "x"}], "other": 1},
        after={"cidr": "b", "block": [{"name": "y"}], "other": 2},
        replace_paths=[["cidr"], ["block"]],
        action_reason="replace_because_cannot_update",
    )
    found = attributes(entry)

    assert [True, True, False] == [found[path][4] for path in ("cidr", "block[0].name", "other")]
    assert "cannot be changed in place" in read(entry)[0][0].reason


@pytest.mark.parametrize(
    ("actions", "facts", "expected"),
    [
        (["create"], {}, "create"),
        (["delete"], {"action_reason": "delete_because_each_key"}, "destroy"),
        (["create", "delete"], {}, "replace"),
        (["read"], {"action_reason": "read_because_config_unknown"}, "read"),
        (["forget"], {}, "forget"),
        (["no-op"], {"previous_address": "module.m.t.old"}, "move"),
    ],
)
def test_every_action_has_a_word(actions, facts, expected):
    """A move without another change is one too; a reason is a sentence."""
    change = read(resource(actions, **facts))[0][0]

    assert expected == change.action
    assert "because" not in change.reason
    assert ("t.old" if expected == "move" else "") == change.moved_from


def test_what_stays_does_not_occur():
    """No-op resources and outputs are left out."""
    assert ((), ()) == read(resource(["no-op"]), out={"actions": ["no-op"], "before": 1, "after": 1})


def test_outputs_hide_what_is_sensitive():
    """Known, unknown and sensitive outputs."""
    changes = {
        "a": {"actions": ["update"], "before": 1, "after": 2, "after_unknown": False},
        "b": {"actions": ["update"], "before": 1, "after_unknown": True},
        "c": {"actions": ["create"], "after": "secret", "after_sensitive": True, "after_unknown": False},
    }
    found = read(**changes)[1]

    assert [(1, 2), (1, None), (None, None)] == [(output.before, output.after) for output in found]
    assert [False, True, False] == [output.is_unknown for output in found]
    assert [False, False, True] == [output.is_sensitive for output in found]


def test_another_format_is_refused():
    """What cannot be read is not guessed."""
    with pytest.raises(EngineFailed, match=r"2\.0"):
        read_changes({"format_version": "2.0"}, {}, {})


LEAF = st.booleans()
SHAPE = st.recursive(
    LEAF,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3), st.dictionaries(st.sampled_from("abcd"), inner, min_size=1, max_size=3)
    ),
    max_leaves=8,
)


def valued(shape, word, numbers):
    """Return a value of *shape* whose leaves are unique words, and its mask: the leaves that are true."""
    if isinstance(shape, dict):
        pairs = {key: valued(part, word, numbers) for key, part in shape.items()}
        return {key: value for key, (value, _) in pairs.items()}, {key: mask for key, (_, mask) in pairs.items()}
    if isinstance(shape, list):
        parts = [valued(part, word, numbers) for part in shape]
        return [value for value, _ in parts], [mask for _, mask in parts]
    return f"{'SECRET' if shape else word}{next(numbers)}", shape


@given(SHAPE, SHAPE)
def test_no_masked_value_gets_out(before, after):
    """Whatever the shapes of two values are and wherever their masks lie."""
    numbers = iter(range(1000))
    old, hidden_old = valued({"x": before}, "old", numbers)
    new, hidden_new = valued({"x": after}, "new", numbers)
    entry = resource(before=old, after=new, before_sensitive=hidden_old, after_sensitive=hidden_new)
    output = {"actions": ["update"], "before": old, "after": new}
    output |= {"before_sensitive": hidden_old, "after_sensitive": hidden_new, "after_unknown": False}
    preview = Preview("m", "p", (ComponentChanges("w.p.e", Mode.MERGED, "", *read(entry, out=output)),))

    assert b"SECRET" not in preview.to_json()
    assert "SECRET" not in "\n".join(line.text for line in to_lines(preview))
    assert json.loads(preview.to_json())["components"]
