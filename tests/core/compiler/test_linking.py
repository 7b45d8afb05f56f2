from mcop_core.catalog.models import Parameter, Pattern, Primitive, Workflow
from mcop_core.compiler.linking import Linker, check_document, check_interface
from mcop_core.refs import Kind
from tests.core.compiler.objects import manifest_of, objects, view_of


def test_what_is_found_is_pinned(shop):
    """By name and requirement; adapters by provider and primitive type; rules by name."""
    linker, user = Linker(view_of(shop)), manifest_of(shop)

    linker.find(Kind.WORKFLOW, "platform", "latest", Workflow, user=user, path="workflows.w")
    linker.adapter("aws", "terraform", user=user)
    linker.rule("instance_type", user=user, path="x", required=False)

    assert linker.pins == {
        "workflow#platform@latest": "1.0.0",
        "adapter#aws/terraform": "aws-terraform@1.0.0",
        "rule#instance_type": "1.0.0",
    }
    assert linker.rules["instance_type"]["values"] == ["t3.small", "t3.medium"]


def test_what_is_not_found_is_a_fault_with_the_nearest(shop):
    """An unknown name at the name, an unknown version at the version."""
    linker, user = Linker(view_of(shop)), manifest_of(shop)

    assert linker.find(Kind.WORKFLOW, "platformm", "1.0.0", Workflow, user=user, path="workflows.w") is None
    assert linker.find(Kind.WORKFLOW, "platform", "2.0.0", Workflow, user=user, path="workflows.w") is None
    assert linker.rule("none", user=user, path="x", required=False) is None

    assert [(fault.path, fault.suggestion, fault.allowed) for fault in linker.faults] == [
        ("workflows.w.workflow", "platform", ()),
        ("workflows.w.version", None, ("1.0.0",)),
    ]


def test_a_parameter_has_the_rule_it_names_or_that_of_its_own_name(shop):
    """A rule that is named must be there; one of the own name may."""
    pattern = next(item for item in shop if isinstance(item, Pattern))
    linker = Linker(view_of(shop))

    named = linker.declaration("cidr", Parameter(rule="cidr_block"), pattern)
    own = linker.declaration("instance_type", Parameter(default=None), pattern)
    none = linker.declaration("zones", Parameter(), pattern)

    assert (named.rule, own.rule, none.rule) == ("cidr_block", "instance_type", "")
    assert (named.nullable, own.nullable) == (False, True)


def test_a_primitive_must_suit_its_pattern(shop):
    """Provider, type, and stored files."""
    pattern = next(item for item in shop if isinstance(item, Pattern))
    wrong = {"provider": "gcp", "template": None}
    others = [item.model_copy(update=wrong) if isinstance(item, Primitive) else item for item in shop]
    linker = Linker(view_of(others))

    linker.element(pattern, next(iter(pattern.elements)), pattern.provider)

    assert ["has the provider 'gcp'" in fault.message for fault in linker.faults] == [True, False]
    assert "no stored files" in linker.faults[1].message


def test_types_that_cannot_be_read_are_told_for_each_input():
    """With the input's name."""
    (item, _) = objects([{"kind": "primitive", "name": "p", "inputs": {"a": "string", "b": "stringg"}}])

    assert [fault.path for fault in check_interface(item)] == ["interface.inputs.b.type"]


def test_documents_are_checked_whole(shop):
    """Text anywhere in them."""
    manifest = manifest_of(shop).model_copy(update={"configuration": {"a": ["\0"]}})

    assert [fault.path for fault in check_document(manifest)] == ["configuration.a.0"]
