"""The checker finds what is planted: a checker that cannot fail proves nothing."""

import json
from dataclasses import replace

import pytest

from tests.campaign.__main__ import is_zero, p95
from tests.campaign.checker import Expected, check
from tests.campaign.runs import Row
from tests.emulators import running

pytestmark = pytest.mark.emulator

TAG = "campaign/kills/w/p/one"
EXPECTED = Expected(
    TAG, "one", {"aws_vpc": 1, "aws_route_table": 1, "aws_route": 1, "aws_ssm_parameter": 1}, "states", "k"
)


@pytest.fixture(scope="module")
def emulator(tmp_path_factory):
    with running("ministack", tmp_path_factory.mktemp("ministack")) as cloud:
        cloud.client("s3").create_bucket(Bucket=EXPECTED.bucket)
        yield cloud


@pytest.fixture
def vpc(emulator):
    """A network as the module makes it, recorded in a state; gone afterwards."""
    ec2 = emulator.client("ec2")
    made = create_vpc(ec2)
    table = ec2.create_route_table(VpcId=made, TagSpecifications=tags("route-table"))["RouteTable"]["RouteTableId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    emulator.client("ssm").put_parameter(Name="/one/url", Type="String", Value="x", Overwrite=True)
    put_state(
        emulator,
        aws_vpc={"id": made},
        aws_route_table={"id": table},
        aws_route={"id": "r", "route_table_id": table, "destination_cidr_block": "0.0.0.0/0"},
        aws_ssm_parameter={"id": "/one/url"},
    )
    yield made
    ec2.delete_route_table(RouteTableId=table)
    for one in ec2.describe_vpcs(Filters=[{"Name": "tag:mcop:address", "Values": [TAG]}])["Vpcs"]:
        ec2.delete_vpc(VpcId=one["VpcId"])
    for key in ("k", "k.tflock", "k.mcop-lease", "k.mcop-inflight"):
        emulator.client("s3").delete_object(Bucket=EXPECTED.bucket, Key=key)


def tags(kind):
    return [{"ResourceType": kind, "Tags": [{"Key": "mcop:address", "Value": TAG}]}]


def create_vpc(ec2):
    return ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=tags("vpc"))["Vpc"]["VpcId"]


def put_state(emulator, **resources):
    entries = [
        {"mode": "managed", "type": type_, "name": "x", "instances": [{"attributes": attributes}]}
        for type_, attributes in resources.items()
    ]
    put(emulator, "k", {"version": 4, "resources": entries})


def put(emulator, key, document):
    emulator.client("s3").put_object(Bucket=EXPECTED.bucket, Key=key, Body=json.dumps(document).encode())


def test_nothing_is_found_where_nothing_is_wrong(emulator, vpc):
    """A complete apply is clean, a child without tags and a released lease included."""
    put(emulator, "k.mcop-lease", {"holder": None})

    assert check(EXPECTED, "succeeded", emulator.client).is_clean


def test_a_destruction_leaves_nothing(emulator, vpc):
    """What is in the cloud or in the state after one is found; no state, and an empty one, are as good."""
    destroyed = replace(EXPECTED, counts={})
    assert len(check(destroyed, "succeeded", emulator.client).wrong_record) == 2

    empty = replace(destroyed, tag="another", prefix="another", key="another")
    assert check(empty, "succeeded", emulator.client).is_clean
    assert check(empty, "failed", emulator.client).wrong_record


def test_an_orphan_and_a_duplicate_are_found(emulator, vpc):
    """A second network that no state knows is lost, and one too many."""
    orphan = create_vpc(emulator.client("ec2"))

    found = check(EXPECTED, "succeeded", emulator.client)

    assert (f"aws_vpc {orphan}",) == found.lost
    assert {"aws_vpc": 1} == found.duplicated


def test_a_rule_of_a_security_group_is_found(emulator, vpc):
    """One with tags is a resource of another type than one without; both are lost here, as their group is."""
    ec2 = emulator.client("ec2")
    group = ec2.create_security_group(
        VpcId=vpc, GroupName="app", Description="x", TagSpecifications=tags("security-group")
    )["GroupId"]
    for port, tagged in ((80, {}), (443, {"TagSpecifications": tags("security-group-rule")})):
        rule = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule], **tagged)

    lost = check(EXPECTED, "succeeded", emulator.client).lost
    ec2.delete_security_group(GroupId=group)

    kinds = [entry.split()[0] for entry in lost]
    assert ["aws_security_group", "aws_security_group_rule", "aws_vpc_security_group_ingress_rule"] == kinds


def test_what_is_in_the_state_alone_is_found(emulator, vpc):
    """A recorded parameter that the cloud does not hold is a phantom."""
    emulator.client("ssm").delete_parameter(Name="/one/url")

    assert ("aws_ssm_parameter /one/url",) == check(EXPECTED, "succeeded", emulator.client).phantom


@pytest.mark.parametrize(
    ("key", "document"),
    [("k.tflock", {"ID": "1"}), ("k.mcop-lease", {"holder": {"pid": 7}}), ("k.mcop-inflight", {"base": ""})],
)
def test_whatever_still_guards_the_state_is_found(emulator, vpc, key, document):
    """A lock, a lease with a holder, a copy in flight."""
    put(emulator, key, document)

    (found,) = check(EXPECTED, "succeeded", emulator.client).locks
    assert found.startswith(key)


def test_a_wrong_record_is_found(emulator, vpc):
    """Success with something missing, and failure with nothing missing."""
    more = replace(EXPECTED, counts={**EXPECTED.counts, "aws_eip": 1})

    assert check(more, "succeeded", emulator.client).wrong_record
    assert check(EXPECTED, "failed", emulator.client).wrong_record


def test_a_checker_that_cannot_ask_says_so(emulator, vpc):
    """A state that is none, and a bucket that is not there, leave the run undecided, and undecided is not clean."""
    missing = check(replace(EXPECTED, bucket="nowhere"), "succeeded", emulator.client)
    emulator.client("s3").put_object(Bucket=EXPECTED.bucket, Key="k", Body=b"{")
    torn = check(EXPECTED, "succeeded", emulator.client)

    assert missing.undecided and not missing.is_clean
    assert torn.undecided and not torn.is_clean


def test_a_campaign_is_zero_only_if_every_apply_is():
    """One that is not clean, one that never settled, one too slow, or none killed at all: not zero."""
    good = Row(1, 0, kills=[{"part": "runner"}], settled_s=10.0, is_clean=True)

    assert is_zero([good, good])
    assert not is_zero([])
    assert not is_zero([good, replace(good, is_clean=False)])
    assert not is_zero([good, replace(good, settled_s=None)])
    assert not is_zero([replace(good, settled_s=100.0)] * 3)
    assert not is_zero([replace(good, kills=[])])
    assert p95([replace(good, settled_s=float(second)) for second in range(101)]) == 95.0
