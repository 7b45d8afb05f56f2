"""Plans for the tests of the Airflow side, made by hand: what the compiler would write, in its smallest form."""

from mcop_core.catalog.models import Input, Interface, Output, Template
from mcop_core.compiler.plan import (
    DeploymentPlan,
    LayeredValue,
    ParameterDoor,
    PatternGroup,
    Step,
    WorkflowGroup,
)
from mcop_core.executions import naming

TEMPLATE = Template(prefix="terraform/local/thing/1.0.0", digest="0" * 64, files={})
INTERFACE = Interface(
    inputs={"name": Input(type="string"), "password": Input(type="string", sensitive=True)},
    outputs={"id": Output(description="Its id."), "token": Output(sensitive=True)},
)


def dags_of(*manifests):
    """Ids of the DAGs of *manifests*: each has one that deploys and one that destroys."""
    return {make(manifest) for manifest in manifests for make in (naming.dag_id, naming.destroy_dag_id)}


def layered(value):
    return LayeredValue(value=value, layer="pattern element")


def step(step_id, *after, **fields):
    defaults = {
        "primitive": "primitive#thing@1.0.0",
        "adapter": "adapter#local-terraform@1.0.0",
        "engine": "terraform",
        "provider": "local",
        "template": TEMPLATE,
        "interface": INTERFACE,
    }
    return Step(id=step_id, after=tuple(sorted(after)), **{**defaults, **fields})


def group(group_id, *steps, after=(), **fields):
    return PatternGroup(id=group_id, pattern="pattern#network@2.0.0", steps=steps, after=tuple(after), **fields)


def workflow(name, *groups, **fields):
    return WorkflowGroup(
        id=name, workflow="workflow#platform@1.0.0", backend={"type": "local"}, groups=groups, **fields
    )


def plan_of(*workflows, **fields):
    defaults = {"manifest": "manifest#storefront@3.1.0", "namespace": "shop"}
    return DeploymentPlan(workflows=workflows, **{**defaults, **fields})


def storefront(**fields):
    """Return two workflows, three patterns in sequence, references inside and across them."""
    network = group(
        "platform.network",
        step("platform.network.vpc", inputs={"name": layered("${cidr}"), "password": layered("hunter2")}),
        step("platform.network.subnets", "platform.network.vpc"),
        step("platform.network.gateway", "platform.network.vpc"),
        parameters={"cidr": layered("10.0.0.0/16")},
        description="Addresses and subnets.",
    )
    data = group(
        "platform.data",
        step("platform.data.table"),
        step("platform.data.bucket", "platform.network.subnets"),
        after=("platform.network",),
    )
    application = group(
        "application.web",
        step("application.web.app", "platform.data.table"),
        after=("platform.network", "platform.data"),
    )
    defaults = {
        "parameters": (
            ParameterDoor(
                name="size",
                type="string",
                description="How big.",
                schema_={"type": "string", "enum": ["s", "m"]},
                default="s",
                has_default=True,
                rule="rule#size@1.0.0",
                patterns=("platform.data",),
            ),
            ParameterDoor(name="cidr", type="string", schema_={"type": "string"}, patterns=("platform.network",)),
        ),
        "pins": {
            "adapter#local/terraform": "local-terraform@1.0.0",
            "pattern#network@~> 2.0": "2.0.0",
            "primitive#thing@1.0.0": "1.0.0",
            "rule#size": "1.0.0",
            "workflow#platform@latest": "1.0.0",
        },
    }
    return plan_of(workflow("platform", network, data), workflow("application", application), **{**defaults, **fields})
