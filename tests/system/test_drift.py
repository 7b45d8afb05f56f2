"""Drift on a real stack: the guide as it is written, in a cloud that somebody changes by hand."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.docs.blocks import blocks
from tests.system.conftest import MANIFEST, ROOT, LiveStack
from tests.system.guide import shell

pytestmark = pytest.mark.system

PARAMETER = "/storefront/staging/config_file"
FOUND = {
    "platform.network.vpc": "  ~ aws_vpc.this  # it was changed outside of MCOP",
    "platform.logging.logs": "  ~ aws_cloudwatch_log_group.this  # it was changed outside of MCOP",
    "application.data.files": "  + aws_s3_bucket_public_access_block.this  # it was deleted outside of MCOP\n",
    "application.service.settings": '  + aws_ssm_parameter.text["config_file"]  # it was deleted outside of MCOP',
}
"""Component -> the line that tells what somebody did."""


@contextmanager
def changed_by_hand(stack: LiveStack) -> Iterator[None]:
    """Five kinds of drift: a value, a tag, a setting switched off, a resource and a child of one deleted."""
    logs, ec2, s3, ssm = (stack.client(service) for service in ("logs", "ec2", "s3", "ssm"))
    group = logs.describe_log_groups(logGroupNamePrefix="/storefront/staging")["logGroups"][0]
    vpc = ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": [MANIFEST]}])["Vpcs"][0]["VpcId"]
    bucket = next(one["Name"] for one in s3.list_buckets()["Buckets"] if one["Name"].endswith("staging-files"))
    access = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    parameter = ssm.get_parameter(Name=PARAMETER)["Parameter"]
    tags = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=PARAMETER)["TagList"]
    owner = {"Resources": [vpc], "Tags": [{"Key": "Owner", "Value": "somebody"}]}

    logs.put_retention_policy(logGroupName=group["logGroupName"], retentionInDays=14)
    ec2.create_tags(**owner)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    s3.delete_public_access_block(Bucket=bucket)
    ssm.delete_parameter(Name=PARAMETER)
    yield
    logs.put_retention_policy(logGroupName=group["logGroupName"], retentionInDays=group["retentionInDays"])
    ec2.delete_tags(**owner)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=access)
    ssm.put_parameter(Name=PARAMETER, Value=parameter["Value"], Type=parameter["Type"], Tags=tags)


def test_drift_is_found_and_an_untouched_deployment_is_silent(stack, checkout):
    """The command and the DAG find what was changed and nothing else, say from what to what, and write nothing."""
    look, in_airflow = (block.text for block in blocks(ROOT / "docs/guides/drift.md") if block.language == "bash")
    states = [stack.state(step) for step in FOUND]
    with changed_by_hand(stack):
        found = stack.mcop("drift", MANIFEST, check=False)
        ran = shell(in_airflow, checkout)

    assert found.returncode == 9
    assert [step for step, told in FOUND.items() if f"{step}\n{told}" not in found.stdout] == []
    assert "retention_in_days: 14 -> 7" in found.stdout and 'tags.Owner: "somebody" -> null' in found.stdout
    assert 'versioning_configuration[0].status: "Suspended" -> "Enabled"' in found.stdout
    assert "5 resources drifted, in 4 of 14 components" in found.stdout
    assert "success" in ran
    with stack.api() as api:
        run = next(iter(api.runs("mcop_drift")))
    log = stack.logs(run, "report")
    assert "retention_in_days: 14 -> 7" in log and "5 resources drifted" in log
    assert states == [stack.state(step) for step in FOUND]

    assert "0 resources drifted, in 0 of 14 components" in shell(look, checkout)
