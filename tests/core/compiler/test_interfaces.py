"""What a primitive must be to implement an interface, and what a pattern sees of it."""

import pytest

from mcop_core.catalog.models import PrimitiveInterface
from mcop_core.compiler.checks import check_object
from mcop_core.compiler.interfaces import as_interface, check_implementation, check_interface_types, stand_in
from tests.core.compiler.objects import primitive, read, view_of

BUCKET = PrimitiveInterface.model_validate(
    {
        "name": "bucket",
        "version": "1.2.0",
        "inputs": {
            "name": {"type": "string", "description": "Unique."},
            "tags": {"type": "map(string)", "required": False},
            "key": {"type": "string", "required": False, "sensitive": True},
        },
        "outputs": {"url": {"type": "string"}, "password": {"sensitive": True}},
    }
)
INPUTS = {
    "name": "string",
    "tags": {"type": "map( string )", "default": {}},
    "key": {"type": "string", "default": "", "sensitive": True},
}
OUTPUTS = {"url": {}, "password": {"sensitive": True}}


def bucket(inputs, outputs):
    document = {"name": "s3", "implements": {"bucket": "~> 1.0"}, "inputs": inputs, "outputs": outputs}
    return primitive(document)


@pytest.mark.parametrize(
    ("inputs", "outputs", "says"),
    [
        ({}, {}, []),
        ({"name": "any"}, {}, []),
        ({"more": {"type": "string", "default": "x"}}, {"arn": {}}, []),
        ({"key": {"type": "string", "default": ""}}, {"password": {}}, []),
        ({"name": None}, {}, ["the module has no input 'name', which interface#bucket@1.2.0 promises"]),
        ({"name": "number"}, {}, ["the input name has the type number; interface#bucket@1.2.0 promises string"]),
        ({"tags": "map(string)"}, {}, ["the input tags must have a default"]),
        ({"name": {"type": "string", "sensitive": True}}, {}, ["the input name is sensitive"]),
        ({"more": "string"}, {}, ["interface#bucket@1.2.0 has no input 'more', which the module requires"]),
        ({}, {"url": None}, ["the module has no output 'url'"]),
        ({}, {"url": {"sensitive": True}}, ["the output url is sensitive"]),
        ({}, {"url": {"type": "string"}, "password": {"type": "number"}}, []),
        (
            {},
            {"url": {"type": "number"}},
            ["the output url has the type number; interface#bucket@1.2.0 promises string"],
        ),
        ({"name": None, "nam": "string"}, {"url": None, "ur": {}}, ["Did you mean", "has no input 'nam'", "Did you"]),
    ],
)
def test_every_difference_is_told(inputs, outputs, says):
    """None of them is left for an apply; what a primitive has more does not matter."""
    own_inputs = {name: value for name, value in {**INPUTS, **inputs}.items() if value is not None}
    own_outputs = {name: value for name, value in {**OUTPUTS, **outputs}.items() if value is not None}
    faults = check_implementation(bucket(own_inputs, own_outputs), BUCKET)

    assert [(fault.where, fault.path) for fault in faults] == [("primitive#s3@1.0.0", "implements.bucket")] * len(says)
    assert [words for words, fault in zip(says, faults, strict=True) if words not in str(fault)] == []


def test_a_pattern_sees_no_more_than_the_interface():
    """Whichever primitive is taken; what it is called and where its files lie stays."""
    own = bucket({**INPUTS, "more": {"type": "string", "default": "x"}}, {**OUTPUTS, "arn": {}})
    seen = as_interface(own, BUCKET)

    assert (set(seen.interface.inputs), set(seen.interface.outputs)) == (set(BUCKET.inputs), set(BUCKET.outputs))
    assert {name: one.type for name, one in seen.interface.outputs.items()} == {"url": "string", "password": "any"}
    assert (seen.ref, seen.template) == (own.ref, own.template)
    assert check_implementation(stand_in(BUCKET, "terraform"), BUCKET) == []


def test_types_of_an_interface_can_be_read():
    """With the input's path."""
    wrong = BUCKET.model_copy(
        update={
            "inputs": {"n": BUCKET.inputs["name"].model_copy(update={"type": "strin"})},
            "outputs": {"u": BUCKET.outputs["url"].model_copy(update={"type": "list("})},
        }
    )
    assert [fault.path for fault in check_interface_types(wrong)] == ["inputs.n.type", "outputs.u.type"]


PORTABLE = """
kind: interface
name: bucket
inputs: {name: {type: string}}
outputs: {url: {}, zones: {type: list(string)}}
---
kind: pattern
name: web
provider: ${provider}
parameters: {provider: {type: string}}
elements:
  one: {interface: bucket, version: 1.0.0, inputs: {name: one}}
  two: {interface: bucket, version: 1.0.0, inputs: {name: "${one.arn}", colour: red}}
  three: {interface: bucket, version: 1.0.0, inputs: {name: "${one.zones}"}}
---
kind: primitive
name: s3
implements: {bucket: 1.0.0, buckt: 1.0.0}
inputs: {name: string}
outputs: {url: {}, arn: {}, zones: {}}
"""


def test_a_pattern_is_checked_before_its_provider_is_known():
    """What only one provider's primitive has is refused where the pattern is published."""
    found = read(PORTABLE)
    pattern, s3 = (next(item for item in found if item.kind == kind) for kind in ("pattern", "primitive"))

    told = [(fault.path, str(fault)) for fault in check_object(pattern, view_of(found))]
    names = ["two.inputs.colour", "three.inputs.name", "two.inputs.name"]
    assert [path for path, _ in told] == [f"elements.{name}" for name in names]
    assert "interface#bucket@1.0.0 has no input 'colour'" in told[0][1] and "no output 'arn'" in told[2][1]
    assert "a string is wanted, and ${" in told[1][1] and "one.zones} is a list(string)" in told[1][1]

    unknown = check_object(s3, view_of(found))
    assert [(fault.path, fault.suggestion) for fault in unknown] == [("implements.buckt", "bucket")]
