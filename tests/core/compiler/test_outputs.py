import pytest

from mcop_core.catalog.models import Output
from mcop_core.compiler.outputs import OUT_OF_SIGHT, OutputIndex, Place, World
from mcop_core.errors import Fault
from mcop_core.parameters.syntax import Reference
from mcop_core.refs import OutputRef

OUTPUTS = {"w.p.e": {"id": Output(), "pw": Output(sensitive=True)}, "w.q.e": {}, "v.p.e": {"id": Output()}}
HERE = Place("w", "p")
FOUND = {"e.id": "w.p.e.id", "p.e.id": "w.p.e.id", "v.p.e.id": "v.p.e.id"}


@pytest.mark.parametrize("text", FOUND)
def test_a_short_address_counts_from_where_it_stands(text):
    """Two parts in the same pattern, three in the same workflow, four anywhere."""
    found = OutputIndex(OUTPUTS).locate(Reference(tuple(text.split("."))), HERE)

    assert found == OutputRef.parse(FOUND[text])


MISSING = {
    "f.id": "no element 'f'",
    "e.ip": "no output 'ip'",
    "r.e.id": "no pattern 'r'",
    "x.p.e.id": "no workflow 'x'",
}


@pytest.mark.parametrize("text", MISSING)
def test_the_first_part_that_is_wrong_is_named(text):
    """With what there is instead."""
    found = OutputIndex(OUTPUTS).locate(Reference(tuple(text.split("."))), HERE)

    assert isinstance(found, Fault)
    assert MISSING[text] in found.message
    assert found.allowed


def test_two_parts_need_a_pattern_around_them():
    """Outside, the fault says what to write."""
    found = OutputIndex(OUTPUTS).locate(Reference(("e", "id")), Place("w"))

    assert "${pattern.e.id}" in found.message


def test_what_is_out_of_sight_is_not_judged():
    """Beyond the world that is checked, and behind what could not be linked."""
    small = OutputIndex(OUTPUTS, World.PATTERN)
    holed = OutputIndex(OUTPUTS, unknown={"w.p.gone", "u"})

    assert small.locate(Reference(("x", "y", "z")), HERE) is OUT_OF_SIGHT
    assert holed.locate(Reference(("gone", "id")), HERE) is OUT_OF_SIGHT
    assert holed.locate(Reference(("u", "p", "e", "id")), HERE) is OUT_OF_SIGHT


def test_an_index_knows_what_is_sensitive():
    """As the module says."""
    index = OutputIndex(OUTPUTS)

    assert index.is_sensitive(OutputRef.parse("w.p.e.pw"))
    assert not index.is_sensitive(OutputRef.parse("w.p.e.id"))
