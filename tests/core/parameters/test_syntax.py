import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcop_core.errors import InvalidReference
from mcop_core.parameters.syntax import (
    Reference,
    escape,
    parse,
    readable_references,
    references,
    single_reference,
    texts,
)

TEXTS = {
    "": (),
    "plain": ("plain",),
    "${a}": (Reference(("a",)),),
    "{a}": (Reference(("a",)),),
    "${a-b_1}": (Reference(("a-b_1",)),),
    "${vpc.vpc_id}": (Reference(("vpc", "vpc_id")),),
    "{w.p.e.Out_Put-1}": (Reference(("w", "p", "e", "Out_Put-1")),),
    "x${a}y{b}": ("x", Reference(("a",)), "y", Reference(("b",))),
    "${a}{b}": (Reference(("a",)), Reference(("b",))),
    "$${a}": ("${a}",),
    "{{a}": ("{a}",),
    "{{a}}": ("{a}}",),
    "$$${a}": ("$${a}",),
    "{{{a}": ("{", Reference(("a",))),
    "$ } %{{ $": ("$ } %{ $",),
    "🚀{a}é": ("🚀", Reference(("a",)), "é"),
}


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_read_from_left_to_right(text):
    """References and escapes are found where they stand; everything else is literal."""
    assert TEXTS[text] == parse(text)


BAD = ["${", "{", "${}", "{}", "${ a }", "${A}", "${a.}", "${.a}", "${a..b}", "${a b}", "${a.b.c.d.e}", "${{a}}", "{é}"]


@pytest.mark.parametrize("text", BAD)
def test_a_brace_that_opens_no_reference_is_an_error(text):
    """The error tells the place and how to write the brace itself."""
    with pytest.raises(InvalidReference) as caught:
        parse("ok " + text)

    assert caught.value.position == 3
    assert "For a literal" in caught.value.message


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.sampled_from("${}a.b%é\n"), max_size=20))
def test_escaping_makes_any_text_a_literal(text):
    """What `escape` writes, `parse` reads as the one literal it was."""
    assert "".join(map(str, parse(escape(text)))) == text
    assert not readable_references(escape(text))


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=30))
def test_no_text_is_too_strange(text):
    """Every text is read or refused with InvalidReference."""
    try:
        parts = parse(text)
    except InvalidReference as error:
        assert 0 <= error.position < len(text)
    else:
        assert all(parts)


def test_a_single_reference_has_nothing_around_it():
    """Only a text that is one reference keeps the type of the value."""
    assert single_reference("${a}") == Reference(("a",))
    assert single_reference("${a} ") is None
    assert single_reference("") is None


def test_references_are_found_in_values_of_any_shape():
    """Lists, maps and map keys are walked, each text with its dotted path."""
    value = {"k": ["x", {"${key}": "${a}-{b.c}"}], "n": 1}

    assert [(path, str(ref)) for path, ref in references(value)] == [
        ("k.1.${key}", "key"),
        ("k.1.${key}", "a"),
        ("k.1.${key}", "b.c"),
    ]
    assert ("k.0", "x") in list(texts(value))


def test_texts_that_cannot_be_read_hide_no_others():
    """For dependencies, what can be read counts."""
    assert [str(ref) for ref in readable_references(["${", "${a}"])] == ["a"]
