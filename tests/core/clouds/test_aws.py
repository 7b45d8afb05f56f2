"""The strategy of AWS, against two emulators behind a proxy that has requests go wrong."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path

import pytest

from mcop_core.clouds.aws import AwsStrategy
from mcop_core.clouds.aws_session import meaning_of
from mcop_core.clouds.config import CloudConfig
from mcop_core.clouds.context import CloudContext
from mcop_core.clouds.models import ClusterState, InstanceState, Problem
from mcop_core.errors import CredentialsRefused, InvalidDocuments, InvalidInput, NotInCloud, Unreachable
from tests.clouds.clock import hasty_pace
from tests.clouds.real import real_contract
from tests.contracts.cloud_strategy import Call, CloudStrategyContract, Does, Scene
from tests.emulators import Emulator, free_port, running
from tests.fault_proxy import Does as Meets
from tests.fault_proxy import FaultProxy, proxied

pytestmark = pytest.mark.emulator

IMAGE = "ami-12c6146b"
KEYS = {"login": "test", "password": "test"}
CALLS = {
    Call.LIST: "DescribeInstances",
    Call.GET: "DescribeInstances",
    Call.CREATE: "RunInstances",
    Call.DELETE: "TerminateInstances",
}
MEETS = {
    Does.THROTTLE: (Meets.THROTTLE, ""),
    Does.FAIL: (Meets.FAIL, ""),
    Does.LOSE: (Meets.DROP_ANSWER, ""),
    Does.GARBLE: (Meets.GARBLE, ""),
    Does.REFUSE: (Meets.REFUSE, "AuthFailure"),
    Does.NO_CAPACITY: (Meets.REFUSE, "InsufficientInstanceCapacity"),
    Does.NO_QUOTA: (Meets.REFUSE, "VcpuLimitExceeded"),
}
REGION, OTHER = "us-east-1", "eu-west-1"


def aws_config(url: str, **changes) -> CloudConfig:
    usual = {"name": "amazon", "provider": "aws", "region": REGION, "size": "t3.micro", "image": IMAGE}
    return CloudConfig(**{**usual, "endpoint": url, "regions": (REGION, OTHER), **changes})


class Account:
    """An emulator behind a proxy, emptied."""

    def __init__(self, emulator: Emulator, proxy: FaultProxy):
        self.emulator, self.proxy = emulator, proxy
        self.strategy = AwsStrategy(aws_config(proxy.url, options={"page_size": 5}), KEYS)

    def client(self, service: str, region: str):
        import boto3

        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return boto3.client(service, endpoint_url=self.emulator.url, region_name=region, **keys)

    def empty(self) -> None:
        self.proxy.clear()
        self.proxy.seen.clear()
        for region in (REGION, OTHER):
            ids = [one["InstanceId"] for one in self._there(region)]
            if ids:
                self.client("ec2", region).terminate_instances(InstanceIds=ids)

    def put(self, name: str, region: str, tags) -> str:
        given = [{"Key": key, "Value": value} for key, value in {"Name": name, **tags}.items()]
        made = self.client("ec2", region).run_instances(
            ImageId=IMAGE,
            InstanceType="t3.micro",
            MinCount=1,
            MaxCount=1,
            TagSpecifications=[{"ResourceType": "instance", "Tags": given}],
        )
        return made["Instances"][0]["InstanceId"]

    def ids(self) -> set[str]:
        return {one["InstanceId"] for region in (REGION, OTHER) for one in self._there(region)}

    def _there(self, region: str) -> Iterator[dict]:
        for page in self.client("ec2", region).get_paginator("describe_instances").paginate():
            for group in page["Reservations"]:
                yield from (
                    one for one in group["Instances"] if one["State"]["Name"] not in ("terminated", "shutting-down")
                )

    def obey(self, does: Does, call: Call, times: int) -> None:
        meets, code = MEETS[does]
        self.proxy.add(meets, service="ec2", operation=CALLS[call], times=times, code=code)

    def put_cluster(self, name: str, region: str) -> None:
        eks = self.client("eks", region)
        role = "arn:aws:iam::000000000000:role/eks"
        eks.create_cluster(name=name, version="1.31", roleArn=role, resourcesVpcConfig={"subnetIds": ["a", "b"]})
        eks.create_nodegroup(
            clusterName=name,
            nodegroupName="workers",
            subnets=["a", "b"],
            nodeRole=role,
            instanceTypes=["t3.large"],
            scalingConfig={"minSize": 1, "maxSize": 3, "desiredSize": 2},
        )


@contextmanager
def started_account(name: str, folder: Path) -> Iterator[Account]:
    with running(name, folder) as emulator, proxied(emulator.port) as proxy:
        yield Account(emulator, proxy)


@pytest.fixture(scope="module")
def started(tmp_path_factory) -> Iterator[Account]:
    """ministack heeds tokens, and has add-ons; it does not page."""
    with started_account("ministack", tmp_path_factory.mktemp("ministack")) as account:
        yield account


@pytest.fixture
def account(started) -> Account:
    started.empty()
    return started


class TestContract(CloudStrategyContract):
    @pytest.fixture
    def scene(self, account) -> Scene:
        return Scene(
            account.strategy,
            REGION,
            OTHER,
            hasty_pace(),
            account.put,
            account.ids,
            account.obey,
            frozenset(MEETS),
            page_size=5,
            put_cluster=account.put_cluster,
            says_how_long=False,
            says_ca=False,
        )


TestRealCloud = real_contract("aws", AwsStrategy)


def test_pages_of_ec2_are_read_to_the_last(tmp_path):
    """Of moto's, which pages as EC2 does; by region, each instance once."""
    with started_account("moto_server", tmp_path) as account:
        scene = Scene(account.strategy, REGION, OTHER, hasty_pace(), account.put, account.ids, page_size=5)
        CloudStrategyContract().test_lists_are_read_to_their_last_page(scene)
        account.put("elsewhere", OTHER, {})
        found = scene.context.list_instances()

        assert found.is_whole
        assert [OTHER] + [REGION] * 11 == [one.region for one in found.found]


def test_add_ons_and_pools_are_read_to_the_end(account):
    """Each is a question of its own at EKS."""
    account.put_cluster("grapes", OTHER)
    account.client("eks", OTHER).create_addon(clusterName="grapes", addonName="vpc-cni", addonVersion="v1.19.0")
    (cluster,) = CloudContext(account.strategy, pace=hasty_pace()).list_clusters([OTHER]).found

    assert [("vpc-cni", "v1.19.0", ClusterState.ACTIVE)] == [
        (one.name, one.version, one.state) for one in cluster.addons
    ]
    (pool,) = cluster.node_pools
    assert ("workers", "t3.large", 2, 1, 3) == (pool.name, pool.size, pool.nodes, pool.minimum, pool.maximum)
    assert cluster.created_at.tzinfo is UTC


def test_a_login_names_region_and_cluster_and_no_secret(account):
    """The token is made when kubectl needs it."""
    account.put_cluster("login-ministack", REGION)
    cluster = account.strategy.get_cluster(
        next(ref for ref in account.strategy.cluster_page(REGION, None).items if ref.name.startswith("login-"))
    )
    login = account.strategy.cluster_login(cluster)

    assert ("aws", ("--region", REGION, "eks", "get-token")) == (login.command, login.arguments[:4])
    assert cluster.name in login.arguments
    assert {} == login.environment


def test_a_region_that_does_not_answer_is_unreachable():
    """And nothing is asked twice by the SDK itself: who repeats is `ask` alone."""
    strategy = AwsStrategy(aws_config(f"http://127.0.0.1:{free_port()}"), KEYS)

    with pytest.raises(Unreachable, match="cloud amazon: zones of us-east-1: no answer"):
        strategy.check(REGION)


def test_the_sdk_repeats_nothing(account):
    """Two retries of two layers are four, and a deadline that nobody keeps."""
    account.proxy.add(Meets.FAIL, service="ec2", operation="DescribeInstances", times=None)
    with pytest.raises(Unreachable):
        account.strategy.instance_page(REGION, None, None)

    assert 1 == account.proxy.seen.count("ec2 DescribeInstances")


BAD_CREDENTIALS = [{"login": "AKIA"}, {"password": "x"}, {"conn_type": "aws"}]


@pytest.mark.parametrize("credentials", BAD_CREDENTIALS, ids=str)
def test_credentials_that_are_none_are_refused_without_a_value(credentials):
    """By the names of their fields."""
    strategy = AwsStrategy(aws_config("http://127.0.0.1:1"), {**credentials, "note": "hunter2"})
    with pytest.raises(InvalidInput, match="need login and password, or role_arn") as caught:
        strategy.check(REGION)

    assert "hunter2" not in str(caught.value)


def test_a_role_is_taken_with_the_keys(account):
    """By STS, and its own keys sign what follows."""
    role = {"role_arn": "arn:aws:iam::000000000000:role/fleet", **KEYS}
    os.environ["AWS_ENDPOINT_URL_STS"] = account.proxy.url
    try:
        AwsStrategy(aws_config(account.proxy.url), role).check(REGION)
    finally:
        del os.environ["AWS_ENDPOINT_URL_STS"]

    assert ["sts AssumeRole", "ec2 DescribeAvailabilityZones"] == account.proxy.seen[-2:]
    assert account.proxy.keys[-1] not in ("", "test")


def test_options_are_checked_as_a_whole():
    """Every fault at once, each with what was allowed."""
    with pytest.raises(InvalidDocuments) as caught:
        AwsStrategy(aws_config("", options={"subnet": "a", "page_size": 4}), {})

    assert 'Did you mean "subnets"?' in str(caught.value)
    assert "page_size" in str(caught.value)


WORDS = [
    ("running", "", InstanceState.RUNNING, Problem.NONE),
    ("terminated", "Client.UserInitiatedShutdown", InstanceState.DELETED, Problem.NONE),
    ("terminated", "Server.InsufficientInstanceCapacity", InstanceState.DELETED, Problem.CAPACITY),
    ("terminated", "Client.InvalidSnapshot.NotFound", InstanceState.DELETED, Problem.OTHER),
    ("dreaming", "", InstanceState.UNKNOWN, Problem.NONE),
]


@pytest.mark.parametrize(("word", "code", "state", "problem"), WORDS)
def test_states_are_words_of_one_table(word, code, state, problem):
    """A word that is in none is kept."""
    raw = {"InstanceId": "i-1", "State": {"Name": word}, "StateReason": {"Code": code, "Message": "why"}}
    found = AwsStrategy(aws_config(""), {})._instance(REGION, raw)

    assert (state, problem, word, "why") == (found.state, found.problem, found.native_state, found.detail)


def test_errors_of_the_way_to_aws_are_told_apart():
    """No credentials, nothing there, and what no table knows."""
    from botocore.exceptions import ClientError, NoCredentialsError, ReadTimeoutError

    def coded(code: str, status: int):
        told = {"Error": {"Code": code, "Message": "m"}, "ResponseMetadata": {"HTTPStatusCode": status}}
        return ClientError(told, "DescribeInstances")

    assert isinstance(meaning_of(NoCredentialsError(), "x"), CredentialsRefused)
    assert isinstance(meaning_of(ReadTimeoutError(endpoint_url="http://x"), "x"), Unreachable)
    assert isinstance(meaning_of(coded("InvalidInstanceID.NotFound", 400), "x"), NotInCloud)
    assert isinstance(meaning_of(coded("InvalidAMIID.NotFound", 400), "x"), InvalidInput)
    assert isinstance(meaning_of(coded("Whatever", 503), "x"), Unreachable)
    assert isinstance(meaning_of(coded("Whatever", 403), "x"), CredentialsRefused)
    assert meaning_of(KeyError("x"), "x") is None
