"""
What is really there: the cloud by its own API, the state's bytes, the lock, and the record, compared.

It shares no code with what it checks. What it cannot ask is a finding too.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

Client = Callable[[str], Any]
Found = set[tuple[str, str]]
"""(Terraform type, id) of each resource."""


@dataclass(frozen=True)
class Expected:
    """
    What one apply is to leave, or one destruction: nothing.

    Attributes:
        tag: Value of `mcop:address` of its resources.
        prefix: What the names of its named resources begin with.
        counts: Terraform type -> how many of it the module declares.
        bucket, key: Where its state lies.
    """

    tag: str
    prefix: str
    counts: Mapping[str, int]
    bucket: str
    key: str


@dataclass(frozen=True)
class Findings:
    """
    What is wrong; empty if nothing is.

    Attributes:
        lost: In the cloud, not in the state.
        phantom: In the state, not in the cloud.
        duplicated: Type -> how many more there are than declared.
        locks: Lock and lease that nobody should hold any more.
        wrong_record: What the record says that is not so.
        undecided: What could not be asked.
    """

    lost: tuple[str, ...] = ()
    phantom: tuple[str, ...] = ()
    duplicated: Mapping[str, int] = field(default_factory=dict)
    locks: tuple[str, ...] = ()
    wrong_record: tuple[str, ...] = ()
    undecided: tuple[str, ...] = ()

    @property
    def is_clean(self) -> bool:
        return not any(vars(self).values())


def check(expected: Expected, outcome: str, client: Client) -> Findings:
    """
    Compare what one settled apply left.

    Args:
        outcome: What the record says: `succeeded`, or how else it ended.
    """
    try:
        cloud = set(in_cloud(expected, client))
        state = in_state(read_state(expected, client))
        locks = tuple(held(expected, client))
    except (BotoCoreError, ClientError, ValueError, KeyError) as error:
        return Findings(undecided=(f"{type(error).__name__}: {error}",))
    counts = Counter(kind for kind, _ in cloud)
    more = {kind: number - expected.counts.get(kind, 0) for kind, number in counts.items()}
    return Findings(
        lost=_texts(cloud - state),
        phantom=_texts(state - cloud),
        duplicated={kind: number for kind, number in more.items() if number > 0},
        locks=locks,
        wrong_record=tuple(_lies(expected, outcome, state, cloud)),
    )


def _texts(found: Found) -> tuple[str, ...]:
    return tuple(sorted(f"{kind} {id_}" for kind, id_ in found))


def _lies(expected: Expected, outcome: str, state: Found, cloud: Found) -> Iterator[str]:
    for where, found in (("state", state), ("cloud", cloud)):
        is_whole = Counter(kind for kind, _ in found) == Counter(expected.counts)
        if (outcome == "succeeded") != is_whole:
            yield f"recorded as {outcome}, and the {where} is {'complete' if is_whole else 'not complete'}"


# -- the cloud -------------------------------------------------------------------------------------------


def in_cloud(expected: Expected, client: Client) -> Iterator[tuple[str, str]]:
    """Yield every resource of this apply that the cloud lists."""
    yield from _tagged(expected.tag, client("ec2"))
    yield from _named(expected.prefix, client)


def _tagged(tag: str, ec2: Any) -> Iterator[tuple[str, str]]:
    """Yield what carries the tag; it is compared here, since an emulator may overlook a filter."""

    def ours(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [one for one in entries if {"Key": "mcop:address", "Value": tag} in one.get("Tags", [])]

    yield from (("aws_vpc", one["VpcId"]) for one in ours(ec2.describe_vpcs()["Vpcs"]))
    yield from (("aws_subnet", one["SubnetId"]) for one in ours(ec2.describe_subnets()["Subnets"]))
    for group in ours(ec2.describe_security_groups()["SecurityGroups"]):
        yield "aws_security_group", group["GroupId"]
        yield from _rules(group["GroupId"], ec2)
    yield from (("aws_eip", one["AllocationId"]) for one in ours(ec2.describe_addresses()["Addresses"]))
    yield from (("aws_ebs_volume", one["VolumeId"]) for one in ours(ec2.describe_volumes()["Volumes"]))
    gateways = ours(ec2.describe_internet_gateways()["InternetGateways"])
    yield from (("aws_internet_gateway", one["InternetGatewayId"]) for one in gateways)
    for table in ours(ec2.describe_route_tables()["RouteTables"]):
        yield "aws_route_table", table["RouteTableId"]
        for route in table["Routes"]:
            if route.get("Origin") == "CreateRoute":
                yield "aws_route", f"{table['RouteTableId']} {route['DestinationCidrBlock']}"
        for association in table["Associations"]:
            if not association.get("Main"):
                yield "aws_route_table_association", association["RouteTableAssociationId"]


def _rules(group: str, ec2: Any) -> Iterator[tuple[str, str]]:
    """
    Yield what a security group lets in; a rule that is no resource with tags has none.

    What it lets out is left aside: the emulator keeps the rule that each group begins with.
    """
    found = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])
    for rule in found["SecurityGroupRules"]:
        kind = "aws_vpc_security_group_ingress_rule" if rule.get("Tags") else "aws_security_group_rule"
        if not rule["IsEgress"]:
            yield kind, rule["SecurityGroupRuleId"]


def _named(prefix: str, client: Client) -> Iterator[tuple[str, str]]:
    buckets = [one["Name"] for one in client("s3").list_buckets()["Buckets"] if one["Name"].startswith(prefix)]
    yield from (("aws_s3_bucket", name) for name in buckets)
    tables = client("dynamodb").get_paginator("list_tables").paginate()
    yield from (
        ("aws_dynamodb_table", name) for page in tables for name in page["TableNames"] if name.startswith(prefix)
    )
    iam = client("iam")
    for page in iam.get_paginator("list_roles").paginate():
        for role in page["Roles"]:
            if role["RoleName"].startswith(prefix):
                yield "aws_iam_role", role["RoleName"]
                for policy in iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]:
                    yield "aws_iam_role_policy", f"{role['RoleName']}:{policy}"
    for page in client("ssm").get_paginator("describe_parameters").paginate():
        for parameter in page["Parameters"]:
            if parameter["Name"].startswith(f"/{prefix}"):
                yield "aws_ssm_parameter", parameter["Name"]


# -- the state and its guards ----------------------------------------------------------------------------


def read_state(expected: Expected, client: Client) -> dict[str, Any]:
    """Return the state's document; one without resources if there is none."""
    s3 = client("s3")
    if expected.key not in _keys(expected, s3):
        return {"resources": []}
    return json.loads(s3.get_object(Bucket=expected.bucket, Key=expected.key)["Body"].read())


def _keys(expected: Expected, s3: Any) -> set[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=expected.bucket, Prefix=expected.key)
    return {one["Key"] for page in pages for one in page.get("Contents", [])}


def in_state(document: Mapping[str, Any]) -> Found:
    """Return every managed resource of a state by the id that the cloud knows it by."""
    found: list[tuple[str, str]] = []
    for resource in document["resources"]:
        if resource["mode"] == "managed":
            found += [(resource["type"], _id(resource["type"], one["attributes"])) for one in resource["instances"]]
    if len(set(found)) != len(found):
        raise ValueError(f"the state holds a resource twice: {Counter(found).most_common(1)}")
    return set(found)


def _id(kind: str, attributes: Mapping[str, Any]) -> str:
    if kind == "aws_route":
        return f"{attributes['route_table_id']} {attributes['destination_cidr_block']}"
    return str(attributes["security_group_rule_id" if kind == "aws_security_group_rule" else "id"])


def held(expected: Expected, client: Client) -> Iterator[str]:
    """Yield what still guards the state: Terraform's lock, a lease with a holder, a copy in flight."""
    s3 = client("s3")
    for key in sorted(_keys(expected, s3)):
        if key.endswith((".tflock", ".mcop-inflight")):
            yield key
        elif key.endswith(".mcop-lease"):
            lease = json.loads(s3.get_object(Bucket=expected.bucket, Key=key)["Body"].read())
            if lease["holder"] is not None:
                yield f"{key} held by process {lease['holder']['pid']}"
