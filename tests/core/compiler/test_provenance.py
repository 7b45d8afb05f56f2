import pytest

from mcop_core.compiler.plan import LayeredValue
from mcop_core.compiler.provenance import is_literal, origin, trace
from mcop_core.compiler.resolution import find_step

ORIGINS = {
    ("platform.network.vpc", "cidr_block"): ("manifest configuration", "cidr_block <- cidr"),
    ("platform.network.vpc", "tags"): ("primitive default", "tags"),
    ("platform.network.subnets", "zones"): ("manifest override", "zones"),
    ("platform.data.database", "instance_type"): ("pattern default", "instance_type"),
    ("platform.data.database", "subnet_ids"): ("workflow", "subnet_ids"),
    ("application.web.service", "url"): ("pattern element", "url"),
}


@pytest.mark.parametrize("key", ORIGINS, ids=" ".join)
def test_a_value_is_traced_to_where_it_is_written(plan, key):
    """Through every name that only hands it on."""
    workflow, group, step = find_step(plan, key[0])

    found = origin(key[1], step, workflow, group, {})

    assert (str(found.layer), found.via) == ORIGINS[key]


def test_an_override_ends_the_trace(plan):
    """At whatever name on the way it is given."""
    workflow, group, step = find_step(plan, "platform.network.vpc")

    found = origin("cidr_block", step, workflow, group, {"cidr": "x"})

    assert (str(found), found.via) == ("run override (overrides cidr)", "cidr_block <- cidr")


def test_a_trace_follows_the_manifests_own_references(plan):
    """A parameter that the configuration computes from one other name is that name's value."""
    workflow, group, step = find_step(plan, "platform.network.vpc")
    handed_on = LayeredValue(value="${net}", layer="manifest configuration", source="m configuration.cidr")
    net = LayeredValue(value="10/8", layer="manifest override", source="m overrides.net")
    group = group.model_copy(update={"parameters": {"cidr": handed_on}})
    workflow = workflow.model_copy(update={"scope": {"cidr": handed_on, "net": net}})

    hops = trace("cidr_block", step.inputs["cidr_block"], workflow, group, {})

    assert [hop.name for hop in hops] == ["cidr_block", "cidr", "net"]
    assert hops[-1].layered == net


def test_only_a_plain_literal_of_an_element_is_a_layer():
    """A reference is a computation, and other layers are not the element's."""
    assert is_literal(LayeredValue(value=[1], layer="pattern element"))
    assert not is_literal(LayeredValue(value=["${a}"], layer="pattern element"))
    assert not is_literal(LayeredValue(value=1, layer="workflow"))
