import jsonschema
import pytest

from mcop_core.compiler.doors import fixed_names
from mcop_core.compiler.resolution import needed_outputs, resolve_step


def test_backend_and_provider_names_are_fixed_with_what_they_are_made_of(plan):
    """A run that could move the state would lose it."""
    assert set(fixed_names(plan)) == {"region", "state_bucket"}
    assert set(plan.fixed) == {"region", "state_bucket"}


def test_every_default_keeps_its_own_schema(plan):
    """A form that sends its fields untouched is accepted."""
    for door in plan.parameters:
        jsonschema.validate(door.default, door.schema_)


@pytest.mark.parametrize("step_id", ["platform.network.vpc", "platform.network.subnets"])
def test_giving_all_defaults_back_changes_no_value(plan, step_id):
    """What a trigger form sends without being touched is the same run."""
    outputs = dict.fromkeys(needed_outputs(plan, step_id, {}), "x")
    form = {door.name: door.default for door in plan.parameters}

    untouched = resolve_step(plan, step_id, overrides=form, outputs=outputs)

    assert untouched.inputs == resolve_step(plan, step_id, overrides={}, outputs=outputs).inputs


def test_a_door_tells_what_it_reaches(plan):
    """Type, description, rule, and the groups."""
    cidr = plan.parameters[0]

    assert (cidr.name, cidr.type, cidr.rule) == ("cidr", "string", "rule#cidr_block@1.0.0")
    assert cidr.description == "Address range of the network."
    assert cidr.patterns == ("platform.network",)
