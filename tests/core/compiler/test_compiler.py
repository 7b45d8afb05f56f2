import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcop_core.catalog.canonical import canonical_json
from mcop_core.catalog.models import Manifest
from mcop_core.compiler.compiler import compile_manifest
from mcop_core.compiler.plan import DeploymentPlan
from mcop_core.compiler.resolution import resolve_step
from mcop_core.errors import InvalidDocuments
from mcop_core.refs import Kind, ObjectRef, OutputRef
from tests.core.compiler.conftest import SHOP
from tests.core.compiler.objects import manifest_of, objects, read, view_of

ROOT = Path(__file__).parents[3]


@settings(max_examples=10, deadline=None)
@given(st.permutations(read(SHOP)))
def test_the_same_objects_in_any_order_compile_to_the_same_bytes(shuffled):
    """Neither the order of the catalog nor a second call changes a byte."""
    ordered = read(SHOP)
    plan = compile_manifest(manifest_of(ordered), view_of(ordered))

    assert plan.to_json() == compile_manifest(manifest_of(shuffled), view_of(shuffled)).to_json()


def test_the_seed_of_hashes_changes_no_byte():
    """Processes with different hash seeds compile the same plan."""
    code = (
        "from tests.core.compiler.conftest import SHOP\n"
        "from tests.core.compiler.objects import *\n"
        "from mcop_core.compiler.compiler import compile_manifest\n"
        "o = read(SHOP); print(compile_manifest(manifest_of(o), view_of(o)).digest)"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }

    assert len(digests) == 1


def test_a_stored_manifest_compiles_as_the_written_one(shop, plan):
    """Storing sorts keys; the sequence of workflows and patterns survives it."""
    stored = [type(item).model_validate_json(canonical_json(item.document())) for item in shop]

    assert plan.to_json() == compile_manifest(manifest_of(stored), view_of(stored)).to_json()


def test_a_plan_reads_back_as_it_was_written(plan):
    """JSON carries the whole plan."""
    again = DeploymentPlan.model_validate_json(plan.to_json())

    assert plan == again
    assert plan.digest == again.digest


def test_pins_hold_whatever_is_published_later(shop, plan):
    """With its pins a manifest compiles to the same plan, newer versions, rules and adapters or not."""
    newer = read(SHOP.replace("version: 1.2.0", "version: 1.9.0"))
    rules = objects(
        [
            {"kind": "rule", "name": "zones", "type": "enum", "values": ["z"]},
            {"kind": "rule", "name": "cidr_block", "version": "2.0.0", "type": "string", "value": "x"},
        ]
    )
    everything = [*newer, *rules, *shop]

    again = compile_manifest(manifest_of(shop), view_of(everything, pins=plan.pins))

    assert plan.to_json() == again.to_json()


def test_without_pins_the_newest_allowed_version_is_chosen(shop):
    """Publishing again picks up what a requirement allows."""
    everything = [
        *shop,
        *objects(
            [
                {
                    "kind": "primitive",
                    "name": "vpc",
                    "version": "1.9.0",
                    "inputs": {"cidr_block": "string"},
                    "outputs": {"vpc_id": {}},
                }
            ]
        ),
    ]

    plan = compile_manifest(manifest_of(shop), view_of(everything))

    assert plan.pins["primitive#vpc@~> 1.2"] == "1.9.0"


def test_pins_reach_revoked_versions(shop, plan):
    """A revoked rule, adapter or primitive is not chosen any more, but what pinned it still compiles."""
    hidden = {
        ObjectRef(Kind.RULE, "instance_type", "1.0.0"),
        ObjectRef(Kind.ADAPTER, "aws-terraform", "1.0.0"),
        ObjectRef(Kind.PRIMITIVE, "vpc", "1.2.0"),
    }

    pinned = compile_manifest(manifest_of(shop), view_of(shop, pins=plan.pins, hidden=hidden))
    with pytest.raises(InvalidDocuments) as caught:
        compile_manifest(manifest_of(shop), view_of(shop, hidden=hidden))

    assert plan.digest == pinned.digest
    assert {"no adapter serves", "there is no version"} <= {
        words for words in ("no adapter serves", "there is no version") if words in str(caught.value)
    }


def test_a_pinned_rule_that_vanished_is_a_fault(shop, plan):
    """A rule that was to hold is never passed over in silence."""
    rest = [item for item in shop if item.name != "instance_type"]

    with pytest.raises(InvalidDocuments, match="instance_type"):
        compile_manifest(manifest_of(rest), view_of(rest, pins=plan.pins))


def chain(length):
    """Return a manifest of one pattern whose elements each read the one before."""
    elements = {"e0": {"primitive": "link", "version": "1.0.0", "inputs": {"before": "start"}}}
    for index in range(1, length):
        inputs = {"before": f"${{e{index - 1}.id}}"}
        elements[f"e{index}"] = {"primitive": "link", "version": "1.0.0", "inputs": inputs}
    return objects(
        [
            {"kind": "primitive", "name": "link", "inputs": {"before": "string"}, "outputs": {"id": {}}},
            {"kind": "pattern", "name": "long", "elements": elements},
            {
                "kind": "workflow",
                "name": "workflow",
                "patterns": {"p": {"pattern": "long", "version": "1.0.0"}},
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


def test_thousands_of_elements_in_a_chain_compile():
    """Five thousand elements, each reading the one before, need no recursion."""
    found = chain(5000)

    plan = compile_manifest(manifest_of(found), view_of(found))

    assert [f"w.p.e{index}" for index in range(5000)] == [step.id for step in plan.steps]
    last = resolve_step(plan, "w.p.e4999", overrides={}, outputs={OutputRef.parse("w.p.e4998.id"): "x"})
    assert last.inputs == {"before": "x"}


def test_steps_that_would_be_too_many_are_refused():
    """Before they are made: workflows, patterns and elements multiply."""
    found = chain(100)
    workflow = next(item for item in found if item.kind == "workflow")
    patterns = {f"p{n}": workflow.patterns["p"] for n in range(101)}
    wide = workflow.model_copy(update={"patterns": patterns, "sequence": tuple(patterns)})
    found = [wide if item is workflow else item for item in found]

    with pytest.raises(InvalidDocuments, match="more than 10000 steps, at least 10100"):
        compile_manifest(manifest_of(found), view_of(found))


def test_thousands_of_elements_in_a_circle_are_one_fault():
    """A circle of any length is found and named."""
    found = chain(3000)
    pattern = next(item for item in found if item.kind == "pattern")
    first = pattern.elements["e0"].model_copy(update={"inputs": {"before": "${e2999.id}"}})
    circle = pattern.model_copy(update={"elements": {**pattern.elements, "e0": first}})
    found = [circle if item is pattern else item for item in found]

    with pytest.raises(InvalidDocuments) as caught:
        compile_manifest(manifest_of(found), view_of(found))

    (fault,) = caught.value.faults
    assert fault.message.count(" -> ") == 3000


def test_a_chain_of_parameters_has_any_length():
    """Configuration names that refer to each other three thousand deep are resolved."""
    configuration = {f"n{index}": f"${{n{index + 1}}}" for index in range(3000)} | {"n3000": "end"}
    found = objects(
        [
            {"kind": "primitive", "name": "thing", "inputs": {"value": "string"}},
            {
                "kind": "pattern",
                "name": "pattern",
                "parameters": {"n0": {"type": "string"}},
                "elements": {"one": {"primitive": "thing", "version": "1.0.0", "inputs": {"value": "${n0}"}}},
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
                "configuration": configuration,
                "workflows": {"w": {"workflow": "workflow", "version": "1.0.0"}},
            },
        ]
    )
    plan = compile_manifest(manifest_of(found), view_of(found))

    resolved = resolve_step(plan, "w.p.one", overrides={}, outputs={})

    assert resolved.inputs == {"value": "end"}


def test_a_value_of_any_depth_is_a_fault_and_no_crash(shop):
    """A hostile document ends as a message."""
    deep = json.loads("[" * 900 + "]" * 900)
    manifest = manifest_of(shop)
    hostile = Manifest.model_construct(**{**dict(manifest), "configuration": {**manifest.configuration, "cidr": deep}})

    with pytest.raises(InvalidDocuments, match="nested deeper than 64"):
        compile_manifest(hostile, view_of(shop))
