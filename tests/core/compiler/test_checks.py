import pytest

from mcop_core.compiler.checks import check_object
from tests.core.compiler.objects import objects, view_of

PRIMITIVE = {
    "kind": "primitive",
    "name": "thing",
    "inputs": {"value": "string", "size": {"type": "number", "default": 1}},
    "outputs": {"id": {}},
}


def pattern(**fields):
    element = {"primitive": "thing", "version": "1.0.0", "inputs": {"value": "v"}}
    return {"kind": "pattern", "name": "pattern", "elements": {"one": element}, **fields}


def element(**inputs):
    return {"primitive": "thing", "version": "1.0.0", "inputs": inputs}


def workflow(**fields):
    uses = {"p": {"pattern": "given", "version": "1.0.0", "inputs": {"name": "${app}"}}}
    return {"kind": "workflow", "name": "workflow", "patterns": uses, "backend": {"type": "local"}, **fields}


GIVEN = pattern(name="given", parameters={"name": {"type": "string"}}, elements={"one": element(value="${name}")})
RULE = {"kind": "rule", "name": "size", "type": "enum", "values": [1, 2]}


def check(document):
    (item, *_) = found = objects([document])
    return check_object(item, view_of([*objects([PRIMITIVE, GIVEN, RULE]), *found]))


GOOD = {
    "primitive": PRIMITIVE,
    "pattern": pattern(
        parameters={"name": {"type": "string"}, "size": {"type": "number", "default": 2}},
        elements={
            "one": element(value="${name}-${elsewhere.p.e.id}", size="${size}"),
            "two": element(value="${one.id}"),
        },
    ),
    "workflow": workflow(
        patterns={
            "p": {"pattern": "given", "version": "latest", "inputs": {"name": "${app}-${other.w.e.id}"}},
            "q": {"pattern": "given", "version": "~> 1.0", "inputs": {"name": "${p.one.id}"}},
        },
        backend={"type": "s3", "bucket": "${bucket}"},
    ),
    "rule": RULE,
    "adapter": {
        "kind": "adapter",
        "name": "other",
        "provider": "gcp",
        "primitive_type": "terraform",
        "engine": "terraform",
        "settings": {"configuration": {"project": "${project}"}},
    },
    "manifest": {
        "kind": "manifest",
        "name": "app",
        "namespace": "t",
        "configuration": {},
        "workflows": {"w": {"workflow": "workflow", "version": "1.0.0"}},
    },
}


@pytest.mark.parametrize("kind", [kind for kind in GOOD if kind != "manifest"])
def test_what_may_be_published_has_no_fault(kind):
    """What only a manifest can know is left open: its names, other workflows, required parameters."""
    assert check(GOOD[kind]) == []


BAD = {
    "a pin": (pattern(elements={"one": {"primitive": "thing", "version": "2.0.0"}}), "elements.one.version", "1.0.0"),
    "a name": (
        pattern(elements={"one": {"primitive": "thingg", "version": "1.0.0"}}),
        "elements.one.primitive",
        'Did you mean "thing"',
    ),
    "an input": (
        pattern(elements={"one": element(value="v", sizze=1)}),
        "elements.one.inputs.sizze",
        'Did you mean "size"',
    ),
    "a required input": (pattern(elements={"one": element()}), "elements.one.inputs", "needs the input 'value'"),
    "a parameter": (
        pattern(parameters={"name": {}}, elements={"one": element(value="${namee}")}),
        "elements.one.inputs.value",
        'Did you mean "name"',
    ),
    "an output": (
        pattern(elements={"one": element(value="a"), "two": element(value="${one.ip}")}),
        "elements.two.inputs.value",
        "Allowed: id",
    ),
    "an element": (
        pattern(elements={"one": element(value="a"), "two": element(value="${on.id}")}),
        "elements.two.inputs.value",
        'Did you mean "one"',
    ),
    "a circle": (
        pattern(elements={"one": element(value="${two.id}"), "two": element(value="${one.id}")}),
        "",
        "one -> two -> one",
    ),
    "itself": (pattern(elements={"one": element(value="${one.id}")}), "", "one refers to its own output"),
    "parameters in a circle": (
        pattern(parameters={"a": {"default": "${b}"}, "b": {"default": "${a}"}}),
        "parameters.a.default",
        "a -> b -> a",
    ),
    "a literal's type": (
        pattern(elements={"one": element(value="v", size="big")}),
        "elements.one.inputs.size",
        "a number is wanted",
    ),
    "a default's type": (
        pattern(parameters={"n": {"type": "number", "default": "x"}}),
        "parameters.n.default",
        "a number is wanted",
    ),
    "a default's rule": (
        pattern(parameters={"size": {"default": 3}}),
        "parameters.size.default",
        "3 is not allowed (rule size@1.0.0). Allowed: 1, 2.",
    ),
    "a literal's rule": (
        pattern(parameters={"size": {"default": 1}}, elements={"one": element(value="v", size=3)}),
        "elements.one.inputs.size",
        "3 is not allowed",
    ),
    "a rule": (
        pattern(parameters={"n": {"default": 1, "rule": "sizex"}}),
        "parameters.n.rule",
        'Did you mean "size"',
    ),
    "a type": (pattern(parameters={"n": {"default": 1, "type": "int"}}), "parameters.n.type", "'int' is no type"),
    "a provider": (pattern(provider="gcp", elements={"one": element(value="v")}), "provider", "no adapter serves"),
    "a workflow's input": (
        workflow(patterns={"p": {"pattern": "given", "version": "1.0.0", "inputs": {"namex": 1}}}),
        "patterns.p.inputs.namex",
        'Did you mean "name"',
    ),
    "a workflow's reference": (
        workflow(patterns={"p": {"pattern": "given", "version": "1.0.0", "inputs": {"name": "${q.one.id}"}}}),
        "patterns.p.inputs.name",
        "there is no pattern 'q'",
    ),
    "a workflow's order": (
        workflow(
            patterns={
                "p": {"pattern": "given", "version": "1.0.0", "inputs": {"name": "${q.one.id}"}},
                "q": {"pattern": "given", "version": "1.0.0"},
            }
        ),
        "",
        "references and sequence contradict",
    ),
    "a backend": (workflow(backend={"type": "s3", "bucket": "${p.one.id}"}), "backend", "before anything runs"),
    "an adapter's text": (
        {**GOOD["adapter"], "settings": {"configuration": {"project": "${"}}},
        "settings.configuration.project",
        "For a literal",
    ),
    "a pattern of a rule": ({"kind": "rule", "name": "r", "type": "regex", "pattern": "(?!x)"}, "pattern", "RE2"),
    "a module's type": ({**PRIMITIVE, "inputs": {"value": "listt"}}, "interface.inputs.value.type", "is no type"),
    "a module's adapter": ({**PRIMITIVE, "provider": "azure"}, "provider", "Allowed: aws/terraform"),
    "a text": (pattern(description="e\u0301"), "description", "NFC"),
}


@pytest.mark.parametrize("name", BAD)
def test_each_mistake_is_told_where_it_stands(name):
    """With the object, the path in it, and what would have been right."""
    document, path, words = BAD[name]

    faults = check(document)

    matching = [fault for fault in faults if fault.path == path]
    assert matching, faults
    assert {fault.where for fault in matching} == {f"{document['kind']}#{document['name']}@1.0.0"}
    if name != "a pattern of a rule":
        assert words in str(matching[0])


def test_all_mistakes_are_told_at_once():
    """One mistake does not hide another."""
    faults = check(
        pattern(
            parameters={"a": {"default": "x", "type": "number"}, "b": {"default": "${c}"}},
            elements={"one": element(valuee="${one.nope}"), "two": element(value="${", size=[])},
        )
    )

    assert {fault.path for fault in faults} == {
        "parameters.a.default",
        "parameters.b.default",
        "elements.one.inputs.valuee",
        "elements.one.inputs",
        "elements.two.inputs.value",
        "elements.two.inputs.size",
    }


def test_a_manifest_is_compiled():
    """Its faults are those of compiling it."""
    found = objects([PRIMITIVE, GIVEN, workflow(), GOOD["manifest"]])

    faults = check_object(found[3], view_of(found))

    assert [f.message for f in faults] == ["there is no parameter 'app' in the configuration of manifest#app@1.0.0."]
