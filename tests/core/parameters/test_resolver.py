import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcop_core.errors import Fault
from mcop_core.parameters.pending import BROKEN, PendingText, Sealed
from mcop_core.parameters.resolver import Resolved, Surroundings, resolve, resolve_scope
from mcop_core.parameters.syntax import escape
from mcop_core.parameters.text import check_hygiene
from mcop_core.refs import OutputRef

REF = OutputRef.parse("w.p.e.id")
POINTER = Sealed("s", "pw")


def surroundings(names=None, outputs=None, **options):
    return Surroundings(names or {}, lambda _: REF, outputs or {}, **options)


NAMES = {
    "t": "text",
    "n": 3,
    "f": 2.0,
    "b": True,
    "l": [1],
    "m": {"k": 1},
    "z": None,
    "o": REF,
    "s": POINTER,
    "x": BROKEN,
}
VALUES = [
    ("${l}", [1]),
    ("{z}", None),
    ("${n}${b}{f}-{t}", "3true2-text"),
    (["${t}", 1, None], ["text", 1, None]),
    ({"{t}": {"${n}": "$${t}"}}, {"text": {"3": "${t}"}}),
    ("${e.id}", REF),
    ("a-${e.id}", PendingText(("a-", REF))),
    ("${o}{t}", PendingText((REF, "text"))),
    ("${s}", POINTER),
    ("<${s}>${t}", PendingText(("<", POINTER, ">text"))),
    ({"${o}": 1}, {PendingText((REF,)): 1}),
    ("${x}", BROKEN),
    ("a${x}", BROKEN),
]


@pytest.mark.parametrize(("template", "expected"), VALUES)
def test_references_become_values(template, expected):
    """A whole value keeps its type; in longer text and in keys it becomes text; what is not known stays."""
    resolved = resolve(template, surroundings(NAMES))

    assert resolved == Resolved(expected)


@pytest.mark.parametrize("twice", ["${%s}${%s}", ["${%s}", "${%s}"], {"a": "${%s}", "b": "${%s}"}])
def test_values_that_double_each_other_end(twice):
    """A few dozen lines would be gigabytes; the one that goes too far is named before it is made."""
    text = json.dumps(twice)
    templates = {"n0": "x" * 1000} | {f"n{i}": json.loads(text % (f"n{i - 1}", f"n{i - 1}")) for i in range(1, 60)}

    resolved = resolve_scope(templates, lambda _, values: surroundings(values), lambda _, value: Resolved(value))

    first = min(int(name[1:]) for name in resolved.faults)
    assert first in (12, 13)
    assert "allowed are 4194304" in resolved.faults[f"n{first}"][0].message


def test_known_outputs_stand_in_their_places():
    """With all types an output can have, null included."""
    assert resolve("${e.id}", surroundings(outputs={REF: [1]})).value == [1]
    assert resolve("${e.id}", surroundings(outputs={REF: None})).value is None
    assert resolve("x${e.id}", surroundings(outputs={REF: 5})).value == "x5"


FAULTS = [
    ("${tt}", "", "there is no parameter 'tt'"),
    (["a", "x${l}"], "1", "is a list"),
    ({"k": {"${m}": 1}}, "k.${m}", "is a map"),
    ("${z}!", "", "is null"),
    ({"{t}": 1, "text": 2}, "text", "become the same text"),
    ("${", "", "is no reference"),
    ({"${s}": 1}, "${s}", "cannot be a map key"),
    ("e\u0301", "", "NFC"),
]


@pytest.mark.parametrize(("template", "path", "words"), FAULTS)
def test_what_cannot_be_replaced_is_a_fault_with_its_path(template, path, words):
    """And the value is broken, so that nothing else is told of it."""
    resolved = resolve(template, surroundings(NAMES))

    (fault,) = resolved.faults
    assert (fault.path, resolved.value) == (path, BROKEN)
    assert words in fault.message


def test_an_unknown_name_has_the_nearest():
    """With all names of the scope, and its name."""
    (fault,) = resolve("${regionn}", surroundings({"region": 1, "zone": 2}, scope="the configuration")).faults

    assert (fault.allowed, fault.suggestion) == (("region", "zone"), "region")
    assert "in the configuration" in fault.message


def test_in_an_open_world_an_unknown_name_may_be_elsewhere():
    """An object checked on its own is not told off for what a manifest gives."""
    assert resolve("${region}", surroundings(open_world=True)) == Resolved(BROKEN)


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**63), max_value=2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
).filter(lambda value: not check_hygiene(value))


@settings(max_examples=60, deadline=None)
@given(JSON_VALUES)
def test_a_whole_reference_is_the_value_itself(value):
    """Whatever the value is, `${name}` is it, type and all."""
    assert resolve("${name}", surroundings({"name": value})) == Resolved(value)


def escaped(value):
    if isinstance(value, str):
        return escape(value)
    if isinstance(value, list):
        return [escaped(item) for item in value]
    if isinstance(value, dict):
        return {escape(key): escaped(item) for key, item in value.items()}
    return value


@settings(max_examples=60, deadline=None)
@given(JSON_VALUES)
def test_an_escaped_value_stays_as_it_is(value):
    """Escaping and resolving give back any value."""
    assert resolve(escaped(value), surroundings()) == Resolved(value)


def plain(name, value):
    return Resolved(value)


def test_names_of_a_scope_refer_to_each_other_in_any_order():
    """Each is evaluated once, after what it refers to; what is given already wins."""
    templates = {"a": "${b}-{c}", "b": "${c}{c}", "c": "x", "d": "unused"}

    found = resolve_scope(templates, lambda _, values: surroundings(values), plain, known={"c": Resolved("y")})

    assert found.values == {"a": "yy-y", "b": "yy", "c": "y", "d": "unused"}
    assert found.faults == {}


def test_a_circle_is_one_fault_and_breaks_what_leans_on_it():
    """The path is named once; names behind it are not told off."""
    templates = {"a": "${b}", "b": "${a}", "c": "x${a}", "me": "${me}", "ok": 1}

    found = resolve_scope(templates, lambda _, values: surroundings(values), plain)

    assert found.values["c"] is BROKEN
    assert found.values["ok"] == 1
    assert {name: faults[0].message for name, faults in found.faults.items()} == {
        "a": "parameters refer to each other in a circle: a -> b -> a",
        "me": "the parameter me refers to itself",
    }


def test_names_that_see_an_outer_scope_make_no_circle():
    """A workflow may hand a name on under the same name."""
    outer = surroundings({"region": "eu"})

    found = resolve_scope({"region": "${region}"}, lambda *_: outer, plain, inner=lambda _: False)

    assert found.values == {"region": "eu"}


def test_what_finishing_refuses_is_broken():
    """Type and rule are checked before others see the value."""

    def finish(name, value):
        return Resolved(value, (Fault("no"),)) if name == "a" else Resolved(value)

    found = resolve_scope({"a": 1, "b": "${a}"}, lambda _, values: surroundings(values), finish)

    assert found.values == {"a": BROKEN, "b": BROKEN}
    assert found.faults == {"a": (Fault("no"),)}
