"""Many elements as one root: what stands where, and states under new addresses."""

import json

import pytest

from mcop_core.catalog.models import AdapterSettings, Interface, ProviderLock, ProviderRequirement
from mcop_core.engines.base import Component, RenderRequest
from mcop_core.engines.state import StateFile
from mcop_core.engines.terraform.merge import Scope, draft, merge, module_names, sensitive_outputs
from mcop_core.errors import InvalidDocuments, StateConflict
from mcop_core.refs import OutputRef

AWS = "registry.terraform.io/hashicorp/aws"
LOCK = ProviderLock(version="5.100.0", hashes=("h1:" + "a" * 43 + "=",))
INTERFACE = Interface.model_validate(
    {
        "inputs": {"size": {"type": "number", "required": True}},
        "outputs": {"id": {}, "password": {"sensitive": True}},
        "providers": {"aws": {"source": "hashicorp/aws", "version": ">= 5"}},
    }
)


def component(element, *, size=1, region="eu-west-1", interface=INTERFACE):
    return Component(
        f"w.p.{element}",
        RenderRequest(
            address=("shop", "store", "w", "p", element),
            files={"main.tf": element.encode()},
            interface=interface,
            inputs={"size": size},
            settings=AdapterSettings(source="hashicorp/aws", version="~> 5", configuration={"region": region}),
            locks={AWS: LOCK},
            backend={"type": "local", "path": "/states"},
        ),
    )


def merged(*components, states=None):
    scope = Scope(module_names(one.step for one in components), sensitive_outputs(components))
    return merge([draft(one, scope, (states or {}).get(one.step)) for one in components])


def document(root, path):
    return json.loads(root.files[path])


def state_of(*resources, outputs=None):
    text = json.dumps({"version": 4, "serial": 3, "lineage": "x", "outputs": outputs or {}, "resources": resources})
    return StateFile.parse(text.encode(), "here")


def resource(module, provider=f'provider["{AWS}"]', **instance):
    return {
        "module": module,
        "mode": "managed",
        "type": "t",
        "name": "n",
        "provider": provider,
        "instances": [instance],
    }


def test_elements_of_one_account_and_region_share_a_provider():
    """One provider process for each configuration, not for each element."""
    root = merged(component("a"), component("b"), component("c", region="us-east-1"))
    blocks = document(root, "main.tf.json")["provider"]["aws"]
    calls = document(root, "modules.tf.json")["module"]

    assert ["c1", "c2"] == [block["alias"] for block in blocks]
    assert ["aws.c1", "aws.c1", "aws.c2"] == [calls[name]["providers"]["aws"] for name in ("w-p-a", "w-p-b", "w-p-c")]
    assert {"c1": {"w.p.a", "w.p.b"}, "c2": {"w.p.c"}} == dict(root.aliases)


def test_a_shared_provider_neither_sets_nor_sees_the_tag_of_an_element():
    """Else every resource would seem to change."""
    values = document(merged(component("a")), "terraform.tfvars.json")

    assert {"mcop:manifest": "shop/store"} == values["c1-provider_default_tags_tags"]
    assert ["mcop:address"] == values["c1-provider_ignore_tags_keys"]


def test_providers_are_locked():
    """The plan is made by the very version that apply will use."""
    root = merged(component("a"), component("b"))

    assert {"source": "hashicorp/aws", "version": "5.100.0"} == document(root, "main.tf.json")["terraform"][
        "required_providers"
    ]["aws"]
    assert root.files[".terraform.lock.hcl"].count(b"provider ") == 1


def test_providers_of_one_type_and_two_owners_have_names_that_terraform_takes():
    """Letters, digits and hyphens, none of them at an end."""
    other = INTERFACE.model_copy(update={"providers": {"aws": ProviderRequirement(source="acme/aws", version="1.0.0")}})
    root = merged(component("a"), component("b", interface=other))
    required = document(root, "main.tf.json")["terraform"]["required_providers"]

    assert {"aws": "hashicorp/aws", "aws-2": "acme/aws"} == {name: entry["source"] for name, entry in required.items()}
    assert {"aws": "aws-2"} == document(root, "modules.tf.json")["module"]["w-p-b"]["providers"]


def test_an_output_is_a_reference_and_a_value_a_variable():
    """Every value is in the variables' file; sensitive outputs stay sensitive."""
    root = merged(component("a"), component("b", size=OutputRef.parse("w.p.a.id")))
    document_ = document(root, "modules.tf.json")

    assert "${module.w-p-a.id}" == document_["module"]["w-p-b"]["size"]
    assert {"type": "number"} == document_["variable"]["e0-size"]
    assert 1 == document(root, "terraform.tfvars.json")["e0-size"]
    assert document_["output"]["w-p-a-password"]["sensitive"]
    assert ("w.p.a", "password") == root.outputs["w-p-a-password"]


def test_a_providers_configuration_is_data():
    """Text that looks like an expression is none; an output in it is a reference, and such a provider is its own."""
    plain = component("b", region="${module.w-p-a.id}")
    taking = component("c", region=OutputRef.parse("w.p.a.id"))
    root = merged(component("a"), plain, taking)
    regions = [block["region"] for block in document(root, "main.tf.json")["provider"]["aws"]]

    assert ["${var.c1-provider_region}", "${var.c2-provider_region}", "${module.w-p-a.id}"] == regions
    assert "${module.w-p-a.id}" == document(root, "terraform.tfvars.json")["c2-provider_region"]


def test_a_sensitive_reference_keeps_its_mark():
    """From a module beside it by function, from one that is not in the root by variable."""
    password = OutputRef.parse("w.p.a.password")
    user = component("b", size=password)
    inside = document(merged(component("a"), user), "modules.tf.json")
    scope = Scope({"w.p.b": "w-p-b"}, frozenset({password}), {password: "hunter2"})
    alone = document(merge([draft(user, scope, None)]), "modules.tf.json")

    assert "${sensitive(module.w-p-a.password)}" == inside["module"]["w-p-b"]["size"]
    assert {"type": "any", "sensitive": True} == alone["variable"]["e0-size"]


def test_names_that_would_meet_are_told_apart():
    """`a-b.c` and `a.b-c` are two modules."""
    names = module_names(["a-b.c.d", "a.b-c.d", "a.b.c-d"])

    assert 3 == len(set(names.values()))


def test_states_are_joined_under_the_modules_names():
    """Modules inside, dependencies, providers and outputs move with their element."""
    one = state_of(
        resource("module.a", dependencies=["module.a.t.x", "module.a.module.inner.t.y"], schema_version=1),
        resource("module.a.module.inner[0]", provider=f'module.a.module.inner.provider["{AWS}"].other'),
        resource("module.a", provider='provider["terraform.io/builtin/terraform"]'),
        outputs={"id": {"value": "i-1", "type": "string"}},
    )
    state = json.loads(merged(component("a"), component("b"), states={"w.p.a": one}).state)
    first, second, third = state["resources"]

    assert ["module.w-p-a.t.x", "module.w-p-a.module.inner.t.y"] == first["instances"][0]["dependencies"]
    assert (first["module"], first["provider"]) == ("module.w-p-a", f'provider["{AWS}"].c1')
    assert "module.w-p-a.module.inner[0]" == second["module"]
    assert f'module.w-p-a.module.inner.provider["{AWS}"].other' == second["provider"]
    assert 'provider["terraform.io/builtin/terraform"]' == third["provider"]
    assert {"w-p-a-id": {"value": "i-1", "type": "string"}} == state["outputs"]


@pytest.mark.parametrize("module", ["", "module.ab", "module.b"])
def test_a_state_of_something_else_does_not_join(module):
    """A resource outside of the element's module cannot be given an address."""
    with pytest.raises(StateConflict, match=r"w\.p\.a"):
        merged(component("a"), states={"w.p.a": state_of(resource(module))})


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        ({}, "needs a value"),
        ({"sice": 1, "size": 1}, "no such input"),
        ({"size": OutputRef.parse("w.p.z.id")}, "w.p.z.id"),
    ],
)
def test_what_cannot_be_carried_is_told(inputs, told):
    """The same faults as in rendering, and an output of a component that is not there."""
    one = component("a")
    wrong = Component(one.step, RenderRequest(**{**vars_of(one.request), "inputs": inputs}))

    with pytest.raises(InvalidDocuments, match=told):
        draft(wrong, Scope({"w.p.a": "w-p-a"}), None)


def vars_of(request):
    return {name: getattr(request, name) for name in request.__dataclass_fields__}
