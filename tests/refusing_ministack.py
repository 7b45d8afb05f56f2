"""
ministack that does not make again what EC2 does not; every suite starts this program in its place.

Who hears no answer repeats the request. ministack then has a subnet's association or a route twice, calls the second
rule of a security group a success, and looks at no token of the request's. EC2 says that it is there already, or gives
the same answer again. Only so do the tests show what becomes of a lost answer in a real account.
"""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
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


class Tokens:
    """
    What was answered to requests with a token; kept in *file*, if there is one, as the emulator keeps its world.

    EC2 makes nothing for a token that it has seen: it gives the answer of the first time.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._answers = json.loads(file.read_text()) if file and file.exists() else {}

    def heeded_by(self, handler: Handler) -> Handler:
        """Return *handler*, asked once for each token."""

        def handle(params: Mapping[str, Any]) -> Any:
            token = ec2._p(params, "ClientToken")
            if token not in self._answers:
                answer = handler(params)
                if token and answer[0] == 200:
                    self._keep(token, answer[2].decode())
                return answer
            return 200, {"Content-Type": "application/xml"}, self._answers[token].encode()

        return handle

    def _keep(self, token: str, body: str) -> None:
        self._answers[token] = body
        if self._file:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_text(json.dumps(self._answers))


REFUSALS: Mapping[str, Handler] = {
    "AssociateRouteTable": refuse_a_second_association,
    "CreateRoute": refuse_a_second_route,
    "AuthorizeSecurityGroupIngress": refuse_a_second_rule(ec2._authorize_sg_ingress, is_egress=False),
    "AuthorizeSecurityGroupEgress": refuse_a_second_rule(ec2._authorize_sg_egress, is_egress=True),
}


def main() -> None:
    """Listen, as the environment says, until stopped."""
    keeps = os.environ.get("PERSIST_STATE") == "1"
    tokens = Tokens(Path(os.environ["STATE_DIR"]) / "tokens.json" if keeps else None)
    handlers = {**ec2._ACTION_MAP, **REFUSALS}
    ec2._ACTION_MAP.update({name: tokens.heeded_by(handler) for name, handler in handlers.items()})
    app.main()


if __name__ == "__main__":
    main()
