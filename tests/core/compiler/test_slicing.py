"""Which patterns an execution is about."""

import pytest

from mcop_core.compiler.compiler import compile_manifest
from mcop_core.compiler.slicing import cut
from mcop_core.errors import InvalidDocuments
from tests.core.compiler.objects import manifest_of, objects, view_of

THING = {"kind": "primitive", "name": "thing", "inputs": {"value": {"type": "any", "default": 1}}, "outputs": {"o": {}}}


def chain_of(*patterns):
    """Compile a workflow of patterns; each but the first takes the output of the one before, the last of nobody."""
    documents, uses = [THING], {}
    for number, name in enumerate(patterns):
        given = {"value": "${given}"}
        elements = {"one": {"primitive": "thing", "version": "1.0.0", "inputs": given}}
        documents.append(
            {"kind": "pattern", "name": name, "parameters": {"given": {"default": 1}}, "elements": elements}
        )
        takes = {"given": f"${{{patterns[number - 1]}.one.o}}"} if 0 < number < len(patterns) - 1 else {}
        uses[name] = {"pattern": name, "version": "1.0.0", "inputs": takes}
    backend = {"type": "local", "path": "/state"}
    documents.append({"kind": "workflow", "name": "flow", "patterns": uses, "backend": backend})
    workflows = {"w": {"workflow": "flow", "version": "1.0.0"}}
    documents.append({"kind": "manifest", "name": "app", "namespace": "team", "workflows": workflows})
    found = objects(documents)
    return compile_manifest(manifest_of(found), view_of(found))


def test_a_slice_is_what_was_named():
    """In the plan's order, and no more than that, whatever comes before or after."""
    part = cut(chain_of("a", "b", "c", "d"), ["w.c", "w.a"])
    assert part.groups == ("w.a", "w.c")
    assert part.steps == {"w.a.one", "w.c.one"}


def test_dependants_are_those_that_take_outputs():
    """Through any number of patterns; one that only comes later in the sequence is none."""
    assert cut(chain_of("a", "b", "c", "d"), ["w.a"], with_dependants=True).groups == ("w.a", "w.b", "w.c")


def test_an_unknown_pattern_is_named_with_the_nearest():
    """Every one of them."""
    with pytest.raises(InvalidDocuments) as caught:
        cut(chain_of("network", "data"), ["w.netwrk", "data"])
    assert [fault.suggestion for fault in caught.value.faults] == ["w.network", "w.data"]
