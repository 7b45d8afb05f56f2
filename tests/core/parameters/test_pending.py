from mcop_core.engines.values import SENSITIVE_KEY as ENGINES_KEY
from mcop_core.engines.values import SensitivePointer
from mcop_core.parameters.pending import (
    BROKEN,
    RESERVED_KEYS,
    PendingText,
    Sealed,
    has_pending,
    has_sealed,
    is_pending,
    open_outputs,
    to_json,
    to_template,
)
from mcop_core.refs import OutputRef

REF = OutputRef.parse("w.p.e.id")
POINTER = Sealed("s3://b/k", "pw")


def test_a_pointer_has_the_engines_form():
    """What engines write as a pointer is read as one, and written again the same."""
    document = SensitivePointer("s3://b/k", "pw").to_json()

    assert Sealed.read(document) == POINTER
    assert POINTER.to_json() == document
    assert ENGINES_KEY in RESERVED_KEYS


def test_what_only_looks_like_a_pointer_is_none():
    """A pointer is exactly its two texts under its one key."""
    for value in ({}, {ENGINES_KEY: 1}, {ENGINES_KEY: {"state": "s"}}, {ENGINES_KEY: {}, "x": 1}, "text", None):
        assert Sealed.read(value) is None


def test_open_outputs_are_found_anywhere():
    """Also in longer text and in map keys."""
    value = {PendingText(("k", REF)): [REF, {"x": PendingText(("a", REF, "b"))}], "n": 1}

    assert open_outputs(value) == [REF, REF, REF]
    assert has_pending(value)
    assert not has_sealed(value)
    assert not has_pending({"a": [1, None]})
    assert is_pending(BROKEN)


def test_sealed_values_become_pointers_and_sealed_text():
    """What only the runner may know is written in the engines' form."""
    value = {"a": [POINTER], "t": PendingText(("x", POINTER, "y"))}

    assert has_sealed(value)
    assert to_json(value) == {"a": [POINTER.to_json()], "t": {"mcop_sealed_text": ["x", POINTER.to_json(), "y"]}}


def test_people_see_addresses_and_no_secrets():
    """An output to come is shown as its reference, a sensitive one not at all."""
    value = {PendingText(("k-", REF)): [REF, POINTER, BROKEN, PendingText(("x", POINTER))]}

    assert to_template(value) == {
        "k-${w.p.e.id}": ["${w.p.e.id}", "(sensitive)", "(invalid)", "x(sensitive)"],
    }
