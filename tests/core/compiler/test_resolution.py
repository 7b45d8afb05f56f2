import itertools
import json

import pytest

from mcop_core.compiler.compiler import compile_manifest
from mcop_core.compiler.resolution import (
    check_overrides,
    effective_overrides,
    needed_outputs,
    resolve_step,
)
from mcop_core.errors import InvalidDocuments, UnknownName
from mcop_core.limits import Limits
from mcop_core.parameters.layers import Layer
from mcop_core.refs import OutputRef
from tests.core.compiler.objects import manifest_of, objects, view_of


def deployment(layers):
    """Return a plan in which each of *layers* sets `value` to its own name, and the run override that belongs to it."""
    has = {layer: layer in layers for layer in Layer}
    given = {layer: {"value": str(layer)} if has[layer] else {} for layer in Layer}
    default = {"default": str(Layer.PRIMITIVE_DEFAULT)} if has[Layer.PRIMITIVE_DEFAULT] else {"required": True}
    above = [layer for layer in layers if layer.beats(Layer.PRIMITIVE_DEFAULT)]
    pattern_default = {"default": str(Layer.PATTERN_DEFAULT)} if has[Layer.PATTERN_DEFAULT] else {}
    found = objects(
        [
            {"kind": "primitive", "name": "thing", "inputs": {"value": {"type": "string", **default}}},
            {
                "kind": "pattern",
                "name": "pattern",
                "parameters": {"value": {"type": "string", **pattern_default}} if above else {},
                "elements": {
                    "one": {"primitive": "thing", "version": "1.0.0", "inputs": given[Layer.PATTERN_ELEMENT]},
                },
            },
            {
                "kind": "workflow",
                "name": "workflow",
                "patterns": {"p": {"pattern": "pattern", "version": "1.0.0", "inputs": given[Layer.WORKFLOW]}},
                "backend": {"type": "local"},
            },
            {
                "kind": "manifest",
                "name": "app",
                "namespace": "team",
                "configuration": given[Layer.MANIFEST_CONFIGURATION],
                "workflows": {
                    "w": {
                        "workflow": "workflow",
                        "version": "1.0.0",
                        "overrides": given[Layer.MANIFEST_OVERRIDE],
                    }
                },
            },
        ]
    )
    return compile_manifest(manifest_of(found), view_of(found)), given[Layer.RUN_OVERRIDE]


BELOW_THE_RUN = [layer for layer in Layer if layer is not Layer.RUN_OVERRIDE]
PAIRS = [
    *itertools.combinations(BELOW_THE_RUN, 2),
    *(
        (layer, Layer.RUN_OVERRIDE)
        for layer in BELOW_THE_RUN
        if layer not in (Layer.PRIMITIVE_DEFAULT, Layer.PATTERN_ELEMENT)
    ),
]


@pytest.mark.parametrize(("weaker", "stronger"), PAIRS, ids=str)
def test_of_two_layers_the_later_wins(weaker, stronger):
    """A value is that of the last layer that sets it, and the step remembers which layer that was."""
    plan, overrides = deployment({weaker, stronger})

    resolved = resolve_step(plan, "w.p.one", overrides=overrides, outputs={})

    assert (str(stronger), stronger) == (resolved.inputs["value"], resolved.provenance["value"].layer)


def test_a_run_override_wins_over_an_elements_literal():
    """An element's plain literal is a layer: a run override of the parameter of this name stands above it."""
    plan, overrides = deployment({Layer.PATTERN_DEFAULT, Layer.PATTERN_ELEMENT, Layer.RUN_OVERRIDE})

    resolved = resolve_step(plan, "w.p.one", overrides=overrides, outputs={})

    assert (resolved.inputs["value"], resolved.provenance["value"].layer) == ("run override", Layer.RUN_OVERRIDE)


@pytest.mark.parametrize("count", range(1, len(BELOW_THE_RUN) + 1))
def test_of_all_layers_up_to_one_that_one_wins(count):
    """With every layer up to one set, that one's value arrives."""
    layers = BELOW_THE_RUN[:count]
    plan, _ = deployment(set(layers))

    resolved = resolve_step(plan, "w.p.one", overrides={}, outputs={})

    assert str(layers[-1]) == resolved.inputs.get("value", str(Layer.PRIMITIVE_DEFAULT))
    assert layers[-1] == resolved.provenance["value"].layer


ADDRESS = OutputRef.parse("platform.data.database.address")
PASSWORD = OutputRef.parse("platform.data.database.password")


def test_a_step_needs_the_outputs_its_values_wait_for(plan):
    """References through parameters and workflow inputs count, in any scope."""
    needed = {step.id: needed_outputs(plan, step.id, {}) for step in plan.steps}

    assert needed["application.web.service"] == (ADDRESS, PASSWORD)
    assert (OutputRef.parse("platform.network.subnets.subnet_ids"),) == needed["platform.data.database"]


def test_the_value_of_a_sensitive_output_that_is_null_is_null(plan):
    """A sensitive output without a value needs no pointer."""
    resolved = resolve_step(plan, "application.web.service", overrides={}, outputs={ADDRESS: "db", PASSWORD: None})

    assert resolved.inputs == {"url": "https://db:443", "password": None}


def test_an_output_cannot_pose_as_a_pointer(plan):
    """A pointer inside an output's value would let a module read another state; it is refused."""
    pointer = {"mcop_sensitive": {"state": "s3://other", "output": "p"}}
    subnets = OutputRef.parse("platform.network.subnets.subnet_ids")

    for forged in (pointer, [pointer]):
        with pytest.raises(InvalidDocuments, match="reserved"):
            resolve_step(plan, "platform.data.database", overrides={}, outputs={subnets: forged})


def test_backend_and_configuration_are_concrete(plan):
    """Every step gets its workflow's backend and its provider's configuration with all names replaced."""
    resolved = resolve_step(plan, "platform.network.vpc", overrides={}, outputs={})

    assert resolved.backend == {
        "type": "s3",
        "bucket": "acme-us-east-1-state",
        "region": "us-east-1",
        "use_lockfile": True,
    }
    assert resolved.configuration == {"region": "us-east-1"}


def test_a_step_that_is_not_there_is_named_with_the_nearest(plan):
    """An unknown step id lists the steps and the nearest one."""
    with pytest.raises(UnknownName, match=r"platform\.network\.vpc"):
        needed_outputs(plan, "platform.network.vcp", {})


OVERRIDES = {
    "unknown": ({"zone": ["a"]}, ("zone", "has no parameter 'zone'")),
    "fixed": ({"region": "eu-west-1"}, ("region", "cannot be overridden")),
    "type": ({"zones": "a"}, ("zones", "a list(string) is wanted")),
    "rule": ({"cidr": "10.0.0.0"}, ("cidr", "as a whole (rule cidr_block@1.0.0)")),
    "enum": ({"instance_type": "t3.smaller"}, ("instance_type", 'Did you mean "t3.small"')),
    "null": ({"instance_type": None}, ("instance_type", "null is not allowed")),
    "reference": ({"zones": ["${cidr}"]}, ("zones.0", "plain data")),
    "reference in a key": ({"host": {"${cidr}": 1}}, ("host.${cidr}", "plain data")),
    "too big": ({"host": "x" * 70_000}, ("host", "allowed are 65536 (MCOP_LIMIT_VALUE_BYTES)")),
    "too deep": ({"host": json.loads("[" * 70 + "]" * 70)}, ("host", "nested deeper")),
    "control": ({"host": "a\0"}, ("host", "U+0000")),
    "no JSON": ({"host": float("nan")}, ("host", "no number that JSON can carry")),
    "pointer": ({"host": {"mcop_sensitive": {}}}, ("host.mcop_sensitive", "reserved")),
}


@pytest.mark.parametrize("name", OVERRIDES)
def test_a_bad_override_is_refused_by_name(plan, name):
    """Each override that may not be is one fault at its name, before anything runs."""
    overrides, (path, words) = OVERRIDES[name]

    (fault,) = check_overrides(plan, overrides)

    assert ("overrides", path) == (fault.where, fault.path)
    assert words in str(fault)


def test_good_overrides_have_no_fault(plan):
    """What the doors offer is accepted; null for a name without default changes nothing."""
    overrides = {"cidr": "10.9.0.0/16", "zones": ["x"], "instance_type": "t3.medium", "host": None}

    assert check_overrides(plan, overrides) == []
    assert {"cidr", "zones", "instance_type"} == set(effective_overrides(plan, overrides))


def test_all_overrides_together_have_a_limit(plan):
    """Values that are small enough one by one are refused when they are too many."""
    doors = {f"p{i}": "x" * 60_000 for i in range(5)}
    wide = plan.model_copy(
        update={"parameters": tuple(plan.parameters[1].model_copy(update={"name": name}) for name in doors)}
    )

    (fault,) = check_overrides(wide, doors)

    assert "the overrides have 300041 bytes: allowed are 262144 (MCOP_LIMIT_OVERRIDES_BYTES)" == fault.message
    assert [] == check_overrides(wide, doors, Limits(overrides_bytes=300_041))


def test_a_value_computed_from_an_override_is_checked_too():
    """An override that makes another value break its rule is refused at the override's own time."""
    found = objects(
        [
            {"kind": "primitive", "name": "thing", "inputs": {"value": "string"}},
            {
                "kind": "pattern",
                "name": "pattern",
                "parameters": {"value": {"default": "${size}-x"}, "size": {"default": "s"}},
                "elements": {"one": {"primitive": "thing", "version": "1.0.0"}},
            },
            {"kind": "rule", "name": "value", "type": "enum", "values": ["s-x", "m-x"]},
            {
                "kind": "workflow",
                "name": "workflow",
                "patterns": {"p": {"pattern": "pattern", "version": "1.0.0"}},
                "backend": {"type": "local"},
            },
            {
                "kind": "manifest",
                "name": "app",
                "namespace": "t",
                "workflows": {"w": {"workflow": "workflow", "version": "1.0.0"}},
            },
        ]
    )
    plan = compile_manifest(manifest_of(found), view_of(found))

    (fault,) = check_overrides(plan, {"size": "l"})

    assert '"l-x" is not allowed' in str(fault)


def test_sensitive_parameters_take_references_to_secrets_alone():
    """A run's values are stored in clear, so a secret itself is refused, and never shown in the fault."""
    found = objects(
        [
            {"kind": "primitive", "name": "thing", "inputs": {"value": "string"}},
            {
                "kind": "pattern",
                "name": "pattern",
                "parameters": {"value": {"type": "string", "sensitive": True, "default": "secret://env/A#b"}},
                "elements": {"one": {"primitive": "thing", "version": "1.0.0"}},
            },
            {
                "kind": "workflow",
                "name": "workflow",
                "patterns": {"p": {"pattern": "pattern", "version": "1.0.0"}},
                "backend": {"type": "local"},
            },
            {
                "kind": "manifest",
                "name": "app",
                "namespace": "t",
                "workflows": {"w": {"workflow": "workflow", "version": "1.0.0"}},
            },
        ]
    )
    plan = compile_manifest(manifest_of(found), view_of(found))

    (fault,) = check_overrides(plan, {"value": "hunter2"})

    assert "secret://" in str(fault)
    assert "hunter2" not in str(fault)
    assert check_overrides(plan, {"value": "secret://vault/app#key"}) == []
    assert [f.suggestion or str(f) for f in check_overrides(plan, {"value": "secret://Vault/app#key"})] == [
        "overrides, value: 'secret://Vault/app#key' is no reference to a secret: the store 'Vault' must match "
        '[a-z][a-z0-9-]{0,62}. Did you mean "secret://vault/app#key"?'
    ]
    assert plan.parameters[0].default == "secret://env/A#b"


def test_a_run_gives_no_secrets_to_what_is_not_sensitive(plan):
    """Whoever may trigger a run could have any secret of the worker written where everybody reads it."""
    (fault,) = check_overrides(plan, {"zones": ["a", "secret://vault/app#key"]})

    assert (fault.path, "zones is not sensitive" in str(fault)) == ("zones.1", True)
