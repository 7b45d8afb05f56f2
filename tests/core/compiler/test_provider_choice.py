"""The provider that a parameter of a pattern chooses."""

import pytest

from mcop_core.catalog.models import Pattern
from mcop_core.compiler.compiler import compile_manifest
from mcop_core.compiler.plan import LayeredValue
from mcop_core.compiler.provider_choice import choose_provider, with_choices
from mcop_core.parameters.layers import Layer
from tests.core.compiler.objects import manifest_of, read_file, view_of
from tests.core.compiler.test_cases import CASES

PATTERN = Pattern.model_validate(
    {
        "name": "web",
        "version": "1.0.0",
        "provider": "${cloud}",
        "primitive_type": "terraform",
        "parameters": {"cloud": {"type": "string"}, "home": {"type": "string"}},
        "elements": {"one": {"interface": "bucket", "version": "1.0.0"}},
    }
)


def layered(value, layer=Layer.WORKFLOW):
    return LayeredValue(value=value, layer=layer, source="workflow#flow@1.0.0 patterns.p.inputs.cloud")


@pytest.mark.parametrize(
    ("parameters", "scope", "provider", "names"),
    [
        ({"cloud": layered("aws")}, {}, "aws", ("cloud",)),
        ({"cloud": layered("${home}")}, {"home": layered("gcp")}, "gcp", ("cloud", "home")),
        ({"cloud": layered("${cloud}")}, {"cloud": layered("gcp")}, "gcp", ("cloud",)),
        ({"cloud": layered("${home}", Layer.PATTERN_DEFAULT), "home": layered("aws")}, {}, "aws", ("cloud", "home")),
        ({"cloud": layered("${home}")}, {}, "", ("cloud", "home")),
        ({}, {}, "", ("cloud",)),
        ({"cloud": layered("${a}")}, {"a": layered("${b}"), "b": layered("${a}")}, "", ("cloud", "a", "b")),
    ],
)
def test_parameters_are_followed_to_a_name(parameters, scope, provider, names):
    """Through the layers that a value comes from; empty while it is not known, and for a circle."""
    choice = choose_provider(PATTERN, parameters, scope)
    assert (choice.provider, choice.names, choice.faults) == (provider, names, ())


@pytest.mark.parametrize("value", ["my-${home}", "${net.vpc.id}", "", "AWS", 7, None, ["aws"]])
def test_what_is_no_name_is_refused_where_it_is_written(value):
    """It would not be known before something runs, or never be a provider."""
    choice = choose_provider(PATTERN, {"cloud": layered(value)}, {})
    (fault,) = choice.faults
    assert (choice.provider, fault.where, fault.path) == ("", "workflow#flow@1.0.0", "patterns.p.inputs.cloud")


def test_a_manifest_is_compiled_for_another_provider():
    """Only what the provider says differs: the primitives, the adapter, what the plan is pinned to."""
    found = read_file(CASES / "compile" / "a_provider_chosen_through_several_parameters" / "objects.yaml")
    manifest, view = manifest_of(found), view_of(found)
    aws = compile_manifest(manifest, view)
    gcp = compile_manifest(with_choices(manifest, aws, {"home": "gcp", "name": "other"}), view)

    assert [step.primitive for step in aws.steps] == ["primitive#s3-bucket@1.0.0", "primitive#site@1.0.0"]
    assert [step.primitive for step in gcp.steps] == ["primitive#gcs-bucket@1.0.0", "primitive#site-gcp@1.0.0"]
    assert [step.inputs for step in aws.steps] == [step.inputs for step in gcp.steps]
    assert [(step.id, step.after) for step in aws.steps] == [(step.id, step.after) for step in gcp.steps]
