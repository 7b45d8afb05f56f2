"""The fault proxy does what it says, and nothing else: a proxy that injects nothing would prove everything."""

import time

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from tests.emulators import CREDENTIALS, free_port, running
from tests.fault_proxy import Does, proxied

pytestmark = pytest.mark.emulator

ONCE = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
TWICE = Config(retries={"total_max_attempts": 2, "mode": "standard"}, s3={"addressing_style": "path"})


@pytest.fixture(scope="module")
def emulator(tmp_path_factory):
    with running("ministack", tmp_path_factory.mktemp("ministack")) as cloud:
        cloud.client("s3").create_bucket(Bucket="bucket")
        yield cloud


@pytest.fixture
def proxy(emulator):
    with proxied(emulator.port) as started:
        yield started


def client(proxy, service, config=ONCE):
    return boto3.client(service, endpoint_url=proxy.url, config=config, **CREDENTIALS)


def networks(emulator, cidr):
    return [one for one in emulator.client("ec2").describe_vpcs()["Vpcs"] if one["CidrBlock"] == cidr]


def test_without_a_fault_everything_passes(emulator, proxy):
    """Bodies, lengths, missing things and lists of four services; and what was asked is noted."""
    s3, body = client(proxy, "s3"), bytes(range(256)) * 5000
    s3.put_object(Bucket="bucket", Key="a b/é", Body=body)

    assert body == s3.get_object(Bucket="bucket", Key="a b/é")["Body"].read()
    assert len(body) == s3.head_object(Bucket="bucket", Key="a b/é")["ContentLength"]
    with pytest.raises(ClientError, match="NoSuchKey"):
        s3.get_object(Bucket="bucket", Key="nothing")
    assert client(proxy, "dynamodb").list_tables()["TableNames"] == []
    assert client(proxy, "ec2").describe_vpcs()["Vpcs"]
    assert client(proxy, "sts").get_caller_identity()["Account"]
    assert ["s3 PUT", "s3 GET", "s3 HEAD", "s3 GET"] == proxy.seen[:4]
    assert ["dynamodb ListTables", "ec2 DescribeVpcs", "sts GetCallerIdentity"] == proxy.seen[4:]


def test_a_dropped_request_was_never_made(emulator, proxy):
    """The emulator has not heard of it, and the next one passes."""
    fault = proxy.add(Does.DROP_REQUEST, service="ec2", operation="CreateVpc")
    with pytest.raises(ConnectionClosedError):
        client(proxy, "ec2").create_vpc(CidrBlock="10.1.0.0/16")

    assert [] == networks(emulator, "10.1.0.0/16")
    client(proxy, "ec2").create_vpc(CidrBlock="10.1.0.0/16")
    assert (1, 1) == (fault.hits, len(networks(emulator, "10.1.0.0/16")))


def test_a_dropped_answer_was_done(emulator, proxy):
    """A client that repeats what it heard no answer to makes it twice."""
    proxy.add(Does.DROP_ANSWER, operation="CreateVpc")
    client(proxy, "ec2", TWICE).create_vpc(CidrBlock="10.2.0.0/16")

    assert 2 == len(networks(emulator, "10.2.0.0/16"))


def test_a_rule_meets_what_it_names_after_what_it_skips(proxy):
    """Another service, operation or path passes, and so do those before its turn and after its number."""
    fault = proxy.add(Does.FAIL, service="s3", operation="PUT", path=r"\.tfstate", skip=1, times=2)
    s3, met = client(proxy, "s3"), []
    s3.put_object(Bucket="bucket", Key="other", Body=b"")
    client(proxy, "dynamodb").list_tables()
    for number in range(4):
        try:
            s3.put_object(Bucket="bucket", Key="a.tfstate", Body=b"")
        except ClientError:
            met.append(number)

    assert ([1, 2], 2) == (met, fault.hits)


def test_a_fault_without_number_lasts_until_it_is_cleared(proxy):
    """So a service is away, and comes back."""
    proxy.add(Does.DROP_REQUEST, service="dynamodb", times=None)
    for _ in range(2):
        with pytest.raises(ConnectionClosedError):
            client(proxy, "dynamodb").list_tables()
    client(proxy, "s3").list_buckets()
    proxy.clear()

    assert [] == client(proxy, "dynamodb").list_tables()["TableNames"]


def test_a_delay_delays(proxy):
    """The answer comes, later."""
    proxy.add(Does.DELAY, delay_s=0.5)
    began = time.monotonic()
    client(proxy, "s3").list_buckets()

    assert time.monotonic() - began >= 0.5


@pytest.mark.parametrize(
    ("does", "codes"),
    [
        (Does.FAIL, ("InternalError", "InternalServerError", "Unavailable", "InternalFailure")),
        (Does.THROTTLE, ("SlowDown", "ThrottlingException", "RequestLimitExceeded", "Throttling")),
        (Does.EXPIRE, ("ExpiredToken", "ExpiredTokenException", "RequestExpired", "ExpiredToken")),
    ],
)
def test_errors_are_read_as_aws_writes_them(proxy, does, codes):
    """S3, a JSON service, EC2 and another query service, each in the shape that its SDK reads the code from."""
    asked = [
        lambda: client(proxy, "s3").list_buckets(),
        lambda: client(proxy, "dynamodb").list_tables(),
        lambda: client(proxy, "ec2").describe_vpcs(),
        lambda: client(proxy, "iam").list_roles(),
    ]
    for ask, code in zip(asked, codes, strict=True):
        proxy.add(does)
        with pytest.raises(ClientError) as caught:
            ask()
        assert code == caught.value.response["Error"]["Code"]


def test_a_cloud_that_is_not_there_hangs_up():
    """The proxy answers for nobody."""
    with proxied(free_port()) as proxy, pytest.raises(ConnectionClosedError):
        client(proxy, "s3").list_buckets()
