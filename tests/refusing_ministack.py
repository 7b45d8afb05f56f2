"""
ministack that refuses to make again what EC2 refuses; every suite starts this program in its place.

Who hears no answer repeats the request. ministack then has a subnet's association, a route, a rule of a security group
twice, or calls the second one a success; EC2 says that it is there already. Only with the refusal do the tests show
what becomes of a lost answer in a real account.
"""

from collections.abc import Callable, Mapping
from typing import Any

from ministack import app
from ministack.services import ec2

Handler = Callable[[Mapping[str, Any]], Any]
"""Parameters of a request -> status, headers and body of the answer."""


def refuse_a_second_association(params: Mapping[str, Any]) -> Any:
    """A subnet is associated with one route table, once."""
    subnet = ec2._p(params, "SubnetId")
    there = [one.get("SubnetId") for table in ec2._route_tables.values() for one in table["Associations"]]
    if not subnet or subnet not in there:
        return ec2._associate_route_table(params)
    table = ec2._p(params, "RouteTableId")
    said = f"the specified association for route table {table} conflicts with an existing association"
    return ec2._error("Resource.AlreadyAssociated", said, 400)


def refuse_a_second_route(params: Mapping[str, Any]) -> Any:
    """A route table has one route to a range of addresses."""
    destination = ec2._p(params, "DestinationCidrBlock")
    routes = ec2._route_tables.get(ec2._p(params, "RouteTableId"), {}).get("Routes", [])
    if not destination or destination not in [route["DestinationCidrBlock"] for route in routes]:
        return ec2._create_route(params)
    return ec2._error("RouteAlreadyExists", f"The route identified by {destination} already exists.", 400)


def refuse_a_second_rule(authorize: Handler, *, is_egress: bool) -> Handler:
    """A security group has a rule once."""

    def handle(params: Mapping[str, Any]) -> Any:
        group = ec2._p(params, "GroupId")
        rules = ec2._security_groups.get(group, {}).get("IpPermissionsEgress" if is_egress else "IpPermissions", [])
        there = {ec2._sg_rule_id(group, is_egress, rule) for rule in rules}
        wanted = {
            ec2._sg_rule_id(group, is_egress, rule) for rule in ec2._parse_ip_permissions(params, "IpPermissions")
        }
        if not there & wanted:
            return authorize(params)
        return ec2._error("InvalidPermission.Duplicate", "the specified rule already exists", 400)

    return handle


ec2._ACTION_MAP |= {
    "AssociateRouteTable": refuse_a_second_association,
    "CreateRoute": refuse_a_second_route,
    "AuthorizeSecurityGroupIngress": refuse_a_second_rule(ec2._authorize_sg_ingress, is_egress=False),
    "AuthorizeSecurityGroupEgress": refuse_a_second_rule(ec2._authorize_sg_egress, is_egress=True),
}

if __name__ == "__main__":
    app.main()
