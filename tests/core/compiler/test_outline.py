import json

from mcop_core.compiler.compiler import compile_manifest
from mcop_core.compiler.outline import explain, redacted, to_dot, to_json, to_text
from tests.core.compiler.conftest import SHOP
from tests.core.compiler.objects import manifest_of, read, view_of


def test_a_plan_is_a_tree_of_text(plan):
    """Workflows, patterns, elements, their versions, and what waits for what."""
    lines = to_text(plan).splitlines()

    assert lines[:4] == [
        "manifest#shop@3.1.0 in namespace storefront: 4 steps",
        "├── platform  workflow#platform@1.0.0",
        "│   ├── network  pattern#network@2.0.0",
        "│   │   ├── vpc  primitive#vpc@1.2.0 by adapter#aws-terraform@1.0.0 (terraform)",
    ]
    assert "│   └── data  pattern#data-store@1.0.0  after platform.network" in lines
    assert "  cidr (string), rule#cidr_block@1.0.0" in lines


def test_a_plan_is_a_graph(plan):
    """One node a step, one edge a reference, one dashed edge between groups in sequence."""
    dot = to_dot(plan)

    assert '  "platform.network.vpc" -> "platform.network.subnets";' in dot
    assert '"platform.network.subnets" -> "platform.data.database" [ltail="cluster_platform.network"' in dot
    assert dot.count("{") == dot.count("}")


def test_a_plan_is_json_with_its_digest(plan):
    """For other programs."""
    document = json.loads(to_json(plan))

    assert document["digest"] == plan.digest
    assert document["workflows"][0]["groups"][0]["parameters"]["cidr"]["value"] == "10.20.0.0/16"


def test_every_value_is_explained(plan):
    """With its layer, the names it came through, where it is written; what is to come as its address."""
    rows = {(row.step, row.input): row for row in explain(plan, {"instance_type": "t3.medium"})}
    facts = {key: (row.value, row.layer, row.via) for key, row in rows.items()}

    assert facts["platform.network.vpc", "cidr_block"] == (
        '"10.20.0.0/16"',
        "manifest configuration",
        "cidr_block <- cidr (manifest#shop@3.1.0 configuration.cidr)",
    )
    assert facts["platform.network.vpc", "tags"][:2] == ("{}", "primitive default")
    assert facts["platform.network.subnets", "zones"][:2] == ('["a", "b", "c"]', "manifest override")
    assert facts["platform.data.database", "instance_type"][:2] == ('"t3.medium"', "run override")
    assert facts["platform.data.database", "subnet_ids"] == (
        '"${platform.network.subnets.subnet_ids}"',
        "workflow",
        "subnet_ids (workflow#platform@1.0.0 patterns.data.inputs.subnet_ids)",
    )
    assert facts["application.web.service", "password"][0] == "(sensitive)"


SECRET = (
    SHOP.replace("parameters:\n  host: {type: string}", "parameters:\n  host: {type: string, sensitive: true}")
    .replace('inputs: {host: "${platform.data.database.address}"}', 'inputs: {host: "${vault}"}')
    .replace("{region: us", '{vault: "secret://vault/${token}-hunter2#host", token: "hunter2", region: us')
)


def test_sensitive_values_are_shown_nowhere():
    """Neither in rows nor in JSON, whichever names they came through; the plan itself keeps them."""
    found = read(SECRET)
    plan = compile_manifest(manifest_of(found), view_of(found))

    rows = {(row.step, row.input): row.value for row in explain(plan, {})}

    assert rows["application.web.service", "url"] == "(sensitive)"
    assert "hunter2" not in to_json(plan)
    assert b"hunter2" in plan.to_json()
    assert redacted(plan).workflows[1].scope["token"].value == "(sensitive)"
