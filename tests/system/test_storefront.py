"""The main job, end to end: from YAML files to resources that the cloud's own API lists."""

import pytest

from mcop_core.errors import InvalidInput
from tests.system.conftest import DAG, MANIFEST, LiveStack

pytestmark = pytest.mark.system


def only(items: list) -> dict:
    assert len(items) == 1, items
    return items[0]


def by_manifest(manifest: str = MANIFEST) -> list[dict]:
    return [{"Name": "tag:mcop:manifest", "Values": [f"storefront/{manifest}"]}]


def parameter(stack: LiveStack, name: str) -> str:
    found = stack.client("ssm").get_parameter(Name=f"/storefront/staging/{name}", WithDecryption=True)
    return found["Parameter"]["Value"]


def test_the_first_command_ends_with_what_the_cloud_lists(stack):
    """`make run` deploys the example and says what exists, and how to log in."""
    told = (stack.folder / "up.txt").read_text()

    assert "COMPLETED" in told and "resources, as the cloud lists them" in told
    assert "0 changed, 0 destroyed" in told and "password" in told


def test_the_network_is_as_the_manifest_says(stack):
    """Address range and zones are the manifest's; subnets and firewall lie in that very network."""
    ec2 = stack.client("ec2")
    vpc = only(ec2.describe_vpcs(Filters=by_manifest())["Vpcs"])
    subnets = ec2.describe_subnets(Filters=by_manifest())["Subnets"]
    groups = [
        g for g in ec2.describe_security_groups(Filters=by_manifest())["SecurityGroups"] if g["GroupName"] != "default"
    ]

    assert "10.20.0.0/16" == vpc["CidrBlock"]
    assert {"us-east-1a", "us-east-1b"} == {subnet["AvailabilityZone"] for subnet in subnets}
    assert {vpc["VpcId"]} == {subnet["VpcId"] for subnet in subnets} | {group["VpcId"] for group in groups}


def test_references_reach_across_patterns_and_workflows(stack):
    """A list passed whole, texts with several references, a role used three patterns away."""
    subnets = stack.client("ec2").describe_subnets(Filters=by_manifest())["Subnets"]
    bucket = "acme-storefront-staging-files"
    file = stack.client("s3").get_object(Bucket=bucket, Key="config/storefront.properties")["Body"].read().decode()
    policies = stack.client("iam").list_role_policies(RoleName="storefront-staging-service")["PolicyNames"]

    assert {subnet["SubnetId"] for subnet in subnets} == set(parameter(stack, "subnet_ids").split(","))
    assert "storefront-staging-orders" in file and bucket in file
    assert {"write-logs", "use-data"} == set(policies)
    assert f"s3://{bucket}/config/storefront.properties" == parameter(stack, "config_file")


def test_a_sensitive_output_arrives_and_is_nowhere_else(stack):
    """The password is in the state that made it and in the cloud; not in XCom, logs, artifacts or runner files."""
    password = stack.state("platform.identity.mailer")["outputs"]["smtp_password"]["value"]
    s3 = stack.client("s3")
    artifacts = [
        s3.get_object(Bucket="mcop-artifacts", Key=item["Key"])["Body"].read()
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket="mcop-artifacts")
        for item in page.get("Contents", ())
    ]
    files = [p for f in ("airflow", "runs", "logs") for p in (stack.home.folder / f).rglob("*") if p.is_file()]

    assert password == parameter(stack, "smtp_password")
    assert artifacts and files
    assert [] == [n for n, data in enumerate(artifacts) if password.encode() in data]
    assert [] == [path for path in files if password.encode() in path.read_bytes()]


def test_the_stack_is_healthy_and_nothing_is_settling(stack):
    """As a script asks for it."""
    found = stack.json("status")

    assert {part["state"] for part in found["components"]} == {"healthy"}
    assert found["settling"] == []


def test_the_log_tells_what_terraform_did(stack):
    """One line per resource with its duration, in groups, a summary at the end."""
    execution = stack.json("executions", "list")[-1]
    log = stack.mcop("executions", "logs", execution["id"], "platform.network.apply_vpc").stdout

    assert all(f"::group::{group}" in log for group in ("init", "plan", "apply"))
    assert "aws_vpc.this" in log and "2 added, 0 changed, 0 destroyed" in log


@pytest.mark.parametrize("conf", [{"log_retention_days": 4}, {"zones": "a"}])
def test_a_bad_value_is_refused_at_trigger(stack, conf):
    """The REST API answers 400 and names the key; no run exists afterwards."""
    with stack.api() as api, pytest.raises(InvalidInput, match=next(iter(conf))):
        api.trigger(DAG, run_id="refused", conf=conf)


def test_an_unknown_override_is_refused_before_anything_is_applied(stack):
    """Airflow accepts any key; `admit` does not, and names the nearest."""
    run, tasks = stack.run(DAG, {"log_retention_dayz": 30})
    log = stack.logs(run, "admit")

    assert "failed" == run["state"] and "failed" == tasks["admit"]
    assert {"upstream_failed"} == {state for task, state in tasks.items() if ".apply_" in task}
    assert "log_retention_dayz" in log and "Did you mean" in log
