"""The emulator makes nothing again that EC2 does not: it says that it is there, or gives the same answer again."""

from collections.abc import Callable

import pytest
from botocore.exceptions import ClientError

from tests.campaign.machine import Cloud
from tests.emulators import running

pytestmark = pytest.mark.emulator


@pytest.fixture(scope="module")
def ec2(tmp_path_factory):
    with running("ministack", tmp_path_factory.mktemp("ministack")) as cloud:
        yield cloud.client("ec2")


@pytest.fixture(scope="module")
def vpc(ec2) -> str:
    return ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]


@pytest.fixture
def table(ec2, vpc) -> str:
    return ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]


def code_of(call: Callable[..., object], **arguments: object) -> str:
    """Return the code that *call* is refused with."""
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return refused.value.response["Error"]["Code"]


def test_a_subnet_is_associated_with_one_route_table_once(ec2, vpc, table):
    """With the same one and with another; once it is free it may be associated again."""
    other = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    made = ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)["AssociationId"]

    for one in (table, other):
        assert "Resource.AlreadyAssociated" == code_of(ec2.associate_route_table, RouteTableId=one, SubnetId=subnet)
    ec2.disassociate_route_table(AssociationId=made)
    ec2.associate_route_table(RouteTableId=other, SubnetId=subnet)


def test_a_route_table_has_one_route_to_a_range_of_addresses(ec2, table):
    """To another range, and in another table, there may be one."""
    route = {"RouteTableId": table, "GatewayId": "igw-1"}
    ec2.create_route(DestinationCidrBlock="0.0.0.0/0", **route)
    ec2.create_route(DestinationCidrBlock="10.1.0.0/16", **route)

    assert "RouteAlreadyExists" == code_of(ec2.create_route, DestinationCidrBlock="0.0.0.0/0", **route)


@pytest.mark.parametrize("direction", ["ingress", "egress"])
def test_a_security_group_has_a_rule_once(ec2, vpc, direction):
    """In each direction for itself; of another port there may be one."""
    group = ec2.create_security_group(VpcId=vpc, GroupName=direction, Description="x")["GroupId"]
    authorize = getattr(ec2, f"authorize_security_group_{direction}")
    http, https = (
        [{"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}]
        for port in (80, 443)
    )
    authorize(GroupId=group, IpPermissions=http)
    authorize(GroupId=group, IpPermissions=https)

    assert "InvalidPermission.Duplicate" == code_of(authorize, GroupId=group, IpPermissions=http)


def test_for_a_token_it_is_made_once_before_and_after_the_cloud_was_stopped(tmp_path):
    """Another token, and none, make another one."""
    cloud = Cloud(tmp_path)
    try:
        cloud.start()
        vpc = cloud.client("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]

        def make(**token: str) -> str:
            return cloud.client("ec2").create_route_table(VpcId=vpc, **token)["RouteTable"]["RouteTableId"]

        first, again, other = make(ClientToken="one"), make(ClientToken="one"), make(ClientToken="other")
        cloud.stop_emulator()
        cloud.start()
        later = make(ClientToken="one")
    finally:
        cloud.stop()

    assert first == again == later
    assert first != other
