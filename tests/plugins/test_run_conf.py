from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, ParamValidationError

from mcop_airflow.run_conf import check_changes, check_in_slice, form_schema, params, requester_of, tasks_left_out
from mcop_core.compiler.plan import ParameterDoor
from mcop_core.compiler.run_conf import RunAction, accepts_null, run_action, run_overrides, run_slice
from mcop_core.errors import InvalidDocuments
from tests.plugins.plans import storefront

ENUM = {"type": "string", "enum": ["a", "b"]}


def door(name="p", **fields):
    return ParameterDoor(name=name, **fields)


def plan_with(*doors):
    return storefront(parameters=doors)


def test_each_parameter_is_a_form_field():
    """A Param carries the parameter's schema, its title and description, and what the plan uses as default."""
    size = params(storefront())["size"]

    assert size.value == "s"
    assert size.schema == {"type": "string", "enum": ["s", "m"], "title": "size"}
    assert size.description == "How big. Type string. Checked by rule#size@1.0.0."


def test_fields_are_sorted_by_name_after_the_action():
    """The form's order does not depend on the plan's."""
    assert list(params(storefront())) == ["action", "only", "with_dependants", "cidr", "size"]


def test_a_run_applies_unless_it_says_otherwise():
    """The action is no override, and neither is who asked."""
    conf = {"action": "preview", "mcop.requested_by": "ann", "size": "m"}

    assert run_action(None) is run_action({"action": None}) is RunAction.APPLY
    assert run_action(conf) is RunAction.PREVIEW
    assert run_overrides(storefront(), conf) == {"size": "m"}


def test_a_run_may_be_about_some_patterns():
    """Those of its form; the tasks of all others are left out, and one that was cleared leaves itself out."""
    plan, conf = storefront(), {"only": ["platform.network"]}

    left_out = tasks_left_out(plan, conf)
    assert "application.web.render_app" in left_out and "platform.data.apply_bucket" in left_out
    assert not any(task.startswith("platform.network.") for task in left_out)
    check_in_slice(plan, "platform.network.vpc", conf)
    with pytest.raises(AirflowSkipException, match=r"about platform\.network only"):
        check_in_slice(plan, "application.web.app", conf)
    for everything in (None, {}, {"only": [], "with_dependants": False}, {"only": None}):
        assert tasks_left_out(plan, everything) == []


@pytest.mark.parametrize(
    ("conf", "says"),
    [
        ({"only": ["platform.netwrk"]}, 'Did you mean "platform.network"'),
        ({"only": "platform.network"}, "conf, only: 'platform.network' is no list of patterns"),
        ({"only": ["platform.network"], "with_dependants": "yes"}, "conf, with_dependants: 'yes' is neither true"),
        ({"with_dependants": True}, "it says nothing without only"),
    ],
)
def test_a_slice_that_cannot_be_is_refused(conf, says):
    """With the key and the nearest right answer."""
    with pytest.raises(InvalidDocuments, match=says):
        run_slice(storefront(), conf)


def test_a_run_that_only_previews_applies_nothing():
    """Also when somebody clears a task that it had skipped."""
    check_changes({})
    with pytest.raises(AirflowFailException, match="only previews"):
        check_changes({"action": "preview"})


@pytest.mark.parametrize(
    ("user", "conf", "requester"),
    [("ann", {}, "ann"), ("ann", {"mcop.requested_by": "bob"}, "ann"), (None, {"mcop.requested_by": "bob"}, "bob")],
)
def test_whoever_triggers_a_run_asked_for_it(user, conf, requester):
    """A conf cannot say that somebody else did; it counts where a task triggered the run."""
    assert requester_of(SimpleNamespace(triggering_user_name=user, conf=conf)) == requester


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (door(schema_=ENUM, default="a", has_default=True), ENUM),
        (door(schema_=ENUM), {"type": ["string", "null"], "enum": ["a", "b", None]}),
        (door(schema_={"type": "string", "const": "x"}), {"type": ["string", "null"], "enum": ["x", None]}),
        (door(schema_={"type": "string"}, default="", has_default=True), {"type": ["string", "null"]}),
        (door(schema_={"anyOf": [{"type": "string"}]}), {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        (door(schema_={"allOf": [ENUM, {}]}), {"allOf": [{"type": ["string", "null"], "enum": ["a", "b", None]}, {}]}),
        (door(schema_={}), {}),
        (door(schema_={"type": ["string", "null"]}), {"type": ["string", "null"]}),
    ],
)
def test_a_field_that_starts_empty_accepts_null(given, wanted):
    """Null is added to a schema where the field starts with null, and only there."""
    assert wanted == form_schema(given)
    assert wanted == form_schema(given) if given.has_default and given.default else accepts_null(form_schema(given))


@pytest.mark.parametrize(
    "given",
    [
        door(schema_=ENUM, default="a", has_default=True),
        door(schema_=ENUM),
        door(schema_={"type": "array", "items": {"type": "string"}}),
        door(schema_={"type": "string", "const": "x"}),
        door(schema_={"type": "integer"}, default=None, has_default=True),
        door(),
    ],
)
def test_every_field_accepts_what_it_starts_with(given):
    """A form that nobody touched is valid."""
    param = params(plan_with(given))["p"]

    assert param.value == param.resolve()


def test_a_value_against_the_rule_is_refused_at_trigger():
    """Airflow itself checks a value by the Param's schema."""
    with pytest.raises(ParamValidationError, match="is not one of"):
        params(storefront())["size"].resolve("huge")


def test_many_fields_are_folded_by_pattern():
    """Up to twelve fields all are open; beyond, each stands in its patterns' section."""
    few = [door(f"p{number}", patterns=("w.a",)) for number in range(12)]

    assert not any("section" in param.schema for param in params(plan_with(*few)).values())
    many = params(plan_with(*few, door("q", patterns=("w.b",))))
    assert {"w.a", "w.b"} == {param.schema["section"] for name, param in many.items() if name in {"p0", "q"}}


@pytest.mark.parametrize(
    ("conf", "overrides"),
    [
        (None, {}),
        ({}, {}),
        ({"size": "s", "cidr": None}, {}),
        ({"size": "m"}, {"size": "m"}),
        ({"cidr": "10.1.0.0/16", "size": "m"}, {"cidr": "10.1.0.0/16", "size": "m"}),
        ({"sise": "m"}, {"sise": "m"}),
        ({"sise": None}, {"sise": None}),
        ({"size": None}, {}),
    ],
)
def test_what_nobody_touched_is_no_override(conf, overrides):
    """Of a run's conf only what differs from the plan overrides; unknown keys stay, to be refused by name."""
    assert overrides == run_overrides(storefront(), conf)


def test_equal_in_python_is_not_equal_in_json():
    """True is no 1 and 1.5 no text: such a value is an override."""
    plan = plan_with(door(schema_={}, default=1, has_default=True))

    assert run_overrides(plan, {"p": True}) == {"p": True}
    assert run_overrides(plan, {"p": 1}) == {}


def test_null_overrides_where_it_is_a_value():
    """Null for a parameter that has a default and allows null is an override."""
    plan = plan_with(door(schema_={"type": ["string", "null"]}, default="x", has_default=True))

    assert run_overrides(plan, {"p": None}) == {"p": None}
