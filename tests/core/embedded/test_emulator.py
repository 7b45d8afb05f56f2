import boto3
import pytest

from mcop_core.catalog.models import Manifest, Workflow
from mcop_core.embedded.emulator import emulator_component, is_ready, prepare_cloud, state_buckets
from mcop_core.embedded.processes import choose_ports, wait_until_healthy
from mcop_core.embedded.resources import Resource, list_resources
from mcop_core.embedded.surroundings import cloud_environment, local_environment
from mcop_core.settings import Settings


def manifest(name, configuration, overrides=None):
    use = {"workflow": "platform", "version": "1.0.0", "overrides": overrides or {}}
    return Manifest(
        name=name, version="1.0.0", namespace="shop", configuration=configuration, workflows={"platform": use}
    )


def workflow(backend):
    patterns = {"network": {"pattern": "network", "version": "1.0.0"}}
    return Workflow(name="platform", version="1.0.0", patterns=patterns, backend=backend)


BY_NAME = {"type": "s3", "bucket": "${state_bucket}", "region": "{region}"}


@pytest.mark.parametrize(
    ("backend", "configuration", "overrides", "expected"),
    [
        (BY_NAME, {"state_bucket": "a", "region": "eu-west-1"}, {}, {"a": "eu-west-1"}),
        (BY_NAME, {"state_bucket": "a", "region": "eu-west-1"}, {"state_bucket": "b"}, {"b": "eu-west-1"}),
        ({"type": "s3", "bucket": "fixed", "region": "us-west-2"}, {}, {}, {"fixed": "us-west-2"}),
        ({"type": "s3", "bucket": "fixed"}, {}, {}, {"fixed": "us-east-1"}),
        (BY_NAME, {}, {}, {}),
        ({"type": "s3", "bucket": "${a}-${b}"}, {"a": "x", "b": "y"}, {}, {}),
        ({"type": "local", "path": "/states"}, {}, {}, {}),
    ],
)
def test_state_buckets_are_those_that_backends_name(backend, configuration, overrides, expected):
    """A bucket is written down, or one configuration value of the manifest; what is neither is left to its user."""
    assert state_buckets([workflow(backend), manifest("shop", configuration, overrides)]) == expected


@pytest.fixture
def emulator(home, register):
    """Return what starts the emulator, on the port it had before, and makes clients for it."""

    def start():
        register.ports = choose_ports(["emulator"], register.ports)
        port = register.ports["emulator"]
        started = register.start(emulator_component(home, port, local_environment({"PATH": "/usr/bin:/bin"})))
        wait_until_healthy([started], lambda: is_ready(port), timeout_s=60)
        cloud = cloud_environment(port)

        def client(service):
            return boto3.client(
                service,
                endpoint_url=cloud["AWS_ENDPOINT_URL"],
                region_name="us-east-1",
                aws_access_key_id="test",
                aws_secret_access_key="test",
            )

        return port, client

    return start


def tag(step):
    return [{"Key": "mcop:address", "Value": f"shop/staging/{step}"}]


@pytest.mark.emulator
def test_a_restarted_emulator_has_its_world_again(emulator, register):
    """Tables, objects and networks survive a stop; resources are listed by the address they carry."""
    port, client = emulator()
    prepare_cloud(Settings(), port, {"mcop-artifacts": "us-east-1", "states": "eu-west-1"})
    client("s3").put_object(Bucket="states", Key="a/b", Body=b"state")
    vpc = client("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    client("ec2").create_tags(Resources=[vpc], Tags=tag("platform/network/vpc"))
    client("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}", Tags=tag("platform/identity/role"))
    client("ssm").put_parameter(Name="/p", Value="v", Type="String", Tags=tag("platform/config/parameter"))
    client("secretsmanager").create_secret(Name="s", SecretString="x", Tags=tag("platform/config/secret"))
    client("logs").create_log_group(logGroupName="/l", tags={"mcop:address": "shop/staging/platform/logging/logs"})
    topic = client("sns").create_topic(Name="t", Tags=tag("application/messaging/topic"))["TopicArn"]
    other = [{"Key": "mcop:address", "Value": "shop/production/application/messaging/topic"}]
    client("sns").create_topic(Name="other", Tags=other)

    before = list_resources("shop", "staging", client)
    register.stop("emulator")
    again, client = emulator()
    after = list_resources("shop", "staging", client)

    assert again == port
    assert before.failures == {}
    assert Resource("application.messaging.topic", "sns", topic) in before.resources
    assert Resource("platform.network.vpc", "ec2 vpc", vpc) in before.resources
    assert {found.kind for found in before.resources} == {
        *("sns", "secretsmanager", "ssm", "iam role", "logs log-group", "ec2 vpc"),
    }
    assert len(before.resources) == 6
    assert after == before
    assert client("s3").get_object(Bucket="states", Key="a/b")["Body"].read() == b"state"
    assert {"mcop-objects", "mcop-validation-rules"} <= set(client("dynamodb").list_tables()["TableNames"])


@pytest.mark.emulator
def test_preparing_twice_changes_nothing(emulator):
    """What exists is left as it is."""
    port, client = emulator()
    prepare_cloud(Settings(), port, {"mcop-artifacts": "us-east-1"})
    client("s3").put_object(Bucket="mcop-artifacts", Key="k", Body=b"v")
    prepare_cloud(Settings(), port, {"mcop-artifacts": "us-east-1"})

    assert client("s3").get_object(Bucket="mcop-artifacts", Key="k")["Body"].read() == b"v"
