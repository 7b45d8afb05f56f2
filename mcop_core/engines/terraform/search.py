"""
EDGE boto3: what exists in the cloud and carries the tag of one component; see `provider_block` for the tag.

No single API lists all tagged resources: the Resource Groups Tagging API knows most services, the others are asked
one by one. `KINDS` says for each Terraform type which of them knows it, and how its import id is read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any, TypeVar

from mcop_core.engines.artifact import RenderedArtifact
from mcop_core.engines.terraform.credentials import NONE, OwnCredentials
from mcop_core.engines.terraform.provider_block import ADDRESS_TAG, split_source
from mcop_core.errors import Unreachable

Answer = TypeVar("Answer")
Tagged = tuple[str, Mapping[str, str]]
"""ARN or id of a resource, and its tags."""
Client = Callable[[str], Any]
"""Service name -> boto3 client."""


# -- what a service lists --------------------------------------------------------------------------------


def _everything(client: Client) -> Iterator[Tagged]:
    pages = (
        client("resourcegroupstaggingapi").get_paginator("get_resources").paginate(TagFilters=[{"Key": ADDRESS_TAG}])
    )
    for page in pages:
        for entry in page["ResourceTagMappingList"]:
            if not entry["ResourceARN"].startswith("arn:aws:ec2:"):
                yield entry["ResourceARN"], _tags(entry["Tags"])


def _networks(client: Client) -> Iterator[Tagged]:
    pages = client("ec2").get_paginator("describe_tags").paginate(Filters=[{"Name": "key", "Values": [ADDRESS_TAG]}])
    for page in pages:
        for entry in page["Tags"]:
            yield entry["ResourceId"], {ADDRESS_TAG: entry["Value"]}


def _identities(client: Client) -> Iterator[Tagged]:
    iam = client("iam")
    for page in iam.get_paginator("list_roles").paginate():
        for role in page["Roles"]:
            yield role["Arn"], _tags(iam.list_role_tags(RoleName=role["RoleName"])["Tags"])
    for page in iam.get_paginator("list_users").paginate():
        for user in page["Users"]:
            yield user["Arn"], _tags(iam.list_user_tags(UserName=user["UserName"])["Tags"])
    for page in iam.get_paginator("list_policies").paginate(Scope="Local"):
        for policy in page["Policies"]:
            yield policy["Arn"], _tags(iam.list_policy_tags(PolicyArn=policy["Arn"])["Tags"])


def _parameters(client: Client) -> Iterator[Tagged]:
    ssm = client("ssm")
    for page in ssm.get_paginator("describe_parameters").paginate():
        for entry in page["Parameters"]:
            found = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=entry["Name"])
            yield entry.get("ARN") or f"arn:aws:ssm:::parameter{entry['Name']}", _tags(found["TagList"])


def _secrets(client: Client) -> Iterator[Tagged]:
    for page in client("secretsmanager").get_paginator("list_secrets").paginate():
        for entry in page["SecretList"]:
            yield entry["ARN"], _tags(entry.get("Tags", []))


def _log_groups(client: Client) -> Iterator[Tagged]:
    logs = client("logs")
    for page in logs.get_paginator("describe_log_groups").paginate():
        for entry in page["logGroups"]:
            arn = entry["arn"].removesuffix(":*")
            yield arn, logs.list_tags_for_resource(resourceArn=arn)["tags"]


def _bucket_tags(s3: Any, bucket: str) -> dict[str, str]:
    try:
        return _tags(s3.get_bucket_tagging(Bucket=bucket)["TagSet"])
    except s3.exceptions.ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchTagSet":
            raise
        return {}


def _tags(entries: list[Mapping[str, str]]) -> dict[str, str]:
    return {entry["Key"]: entry["Value"] for entry in entries}


LISTERS: Mapping[str, Callable[[Client], Iterator[Tagged]]] = {
    "Resource Groups Tagging": _everything,
    "EC2": _networks,
    "IAM": _identities,
    "Systems Manager": _parameters,
    "Secrets Manager": _secrets,
    "CloudWatch Logs": _log_groups,
}
"""Service -> what lists its tagged resources; two may list the same one."""


# -- Terraform's types -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Kind:
    """
    How resources of one Terraform type are found by their tag.

    Attributes:
        service: Key of `LISTERS`.
        identity: What the ARN or id looks like; its first group is the import id.
        doubles: For what a creation that is repeated makes twice, since no name has to be unique and no token of the
            request's keeps the cloud from it: EC2's operation that lists what is there, and its filter by id.
    """

    service: str
    identity: re.Pattern[str]
    doubles: tuple[str, str] | None = None


def _ec2(prefix: str, *, doubles: tuple[str, str] | None = None) -> Kind:
    return Kind("EC2", re.compile(rf"({prefix}-[0-9a-z]+)"), doubles)


def _arn(service: str, tail: str, lister: str = "Resource Groups Tagging") -> Kind:
    """Return a kind whose import id is a part of the ARN; *tail* follows region and account, with one group."""
    return Kind(lister, re.compile(rf"arn:[^:]+:{service}:[^:]*:[^:]*:{tail}"))


def _whole_arn(service: str, tail: str, lister: str = "Resource Groups Tagging") -> Kind:
    return Kind(lister, re.compile(rf"(arn:[^:]+:{service}:[^:]*:[^:]*:{tail})"))


KINDS: Mapping[str, Kind] = {
    "aws_vpc": _ec2("vpc", doubles=("describe_vpcs", "vpc-id")),
    "aws_subnet": _ec2("subnet", doubles=("describe_subnets", "subnet-id")),
    "aws_security_group": _ec2("sg"),
    "aws_vpc_security_group_ingress_rule": _ec2("sgr"),
    "aws_vpc_security_group_egress_rule": _ec2("sgr"),
    "aws_route_table": _ec2("rtb", doubles=("describe_route_tables", "route-table-id")),
    "aws_internet_gateway": _ec2("igw", doubles=("describe_internet_gateways", "internet-gateway-id")),
    "aws_egress_only_internet_gateway": _ec2("eigw", doubles=("describe_egress_only_internet_gateways", "")),
    "aws_nat_gateway": _ec2("nat"),
    "aws_eip": _ec2("eipalloc", doubles=("describe_addresses", "allocation-id")),
    "aws_network_acl": _ec2("acl", doubles=("describe_network_acls", "network-acl-id")),
    "aws_network_interface": _ec2("eni", doubles=("describe_network_interfaces", "network-interface-id")),
    "aws_vpc_endpoint": _ec2("vpce"),
    "aws_vpc_peering_connection": _ec2("pcx"),
    "aws_vpc_dhcp_options": _ec2("dopt", doubles=("describe_dhcp_options", "dhcp-options-id")),
    "aws_customer_gateway": _ec2("cgw"),
    "aws_vpn_gateway": _ec2("vgw"),
    "aws_instance": _ec2("i"),
    "aws_ebs_volume": _ec2("vol", doubles=("describe_volumes", "volume-id")),
    "aws_launch_template": _ec2("lt"),
    "aws_s3_bucket": _arn("s3", "([^/]+)"),
    "aws_dynamodb_table": _arn("dynamodb", "table/([^/]+)"),
    "aws_ecr_repository": _arn("ecr", "repository/(.+)"),
    "aws_kms_key": _arn("kms", "key/(.+)"),
    "aws_lambda_function": _arn("lambda", "function:([^:]+)"),
    "aws_db_instance": _arn("rds", "db:(.+)"),
    "aws_sns_topic": _whole_arn("sns", "[^:]+"),
    "aws_lb": _whole_arn("elasticloadbalancing", "loadbalancer/.+"),
    "aws_lb_target_group": _whole_arn("elasticloadbalancing", "targetgroup/.+"),
    "aws_iam_role": _arn("iam", "role/(?:.*/)?([^/]+)", "IAM"),
    "aws_iam_user": _arn("iam", "user/(?:.*/)?([^/]+)", "IAM"),
    "aws_iam_policy": _whole_arn("iam", "policy/.+", "IAM"),
    "aws_ssm_parameter": _arn("ssm", "parameter(/.+)", "Systems Manager"),
    "aws_secretsmanager_secret": _whole_arn("secretsmanager", "secret:.+", "Secrets Manager"),
    "aws_cloudwatch_log_group": _arn("logs", "log-group:([^:]+)", "CloudWatch Logs"),
}
"""Terraform type -> how its resources are found."""


# -- what is made by one request and tagged by the next --------------------------------------------------


def _bare_buckets(client: Client, values: Mapping[str, Any]) -> Iterator[str]:
    """Yield the bucket of the planned name if it is the account's own, has no tag and was never written to."""
    s3, name = client("s3"), str(values.get("bucket"))
    if name in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}:
        held = s3.list_object_versions(Bucket=name, MaxKeys=1)
        if not (held.get("Versions") or held.get("DeleteMarkers") or _bucket_tags(s3, name)):
            yield name


_OF_A_RULE = {
    "ip_protocol": "IpProtocol",
    "cidr_ipv4": "CidrIpv4",
    "cidr_ipv6": "CidrIpv6",
    "prefix_list_id": "PrefixListId",
    "referenced_security_group_id": "GroupId",
}
_PORTS = {"from_port": "FromPort", "to_port": "ToPort"}
"""Arguments of a rule -> what EC2 calls them."""


def _bare_rules(client: Client, values: Mapping[str, Any], *, is_egress: bool) -> Iterator[str]:
    """Yield the rules of the planned security group that let the same through and have no tag."""
    group = values.get("security_group_id")
    if not group:
        return
    pages = client("ec2").get_paginator("describe_security_group_rules")
    for page in pages.paginate(Filters=[{"Name": "group-id", "Values": [group]}]):
        for rule in page["SecurityGroupRules"]:
            if rule["IsEgress"] == is_egress and not rule.get("Tags") and _lets_through(rule, values):
                yield rule["SecurityGroupRuleId"]


def _lets_through(rule: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    flat = {**rule, "GroupId": rule.get("ReferencedGroupInfo", {}).get("GroupId")}
    same = all(flat.get(theirs) == values.get(ours) for ours, theirs in _OF_A_RULE.items())
    # A rule for all ports has none in the plan, and -1 in EC2's answer.
    return same and all(rule.get(theirs, -1) == values.get(ours, -1) for ours, theirs in _PORTS.items())


TAGGED_LATER: Mapping[str, Callable[[Client, Mapping[str, Any]], Iterator[str]]] = {
    "aws_s3_bucket": _bare_buckets,
    "aws_vpc_security_group_ingress_rule": partial(_bare_rules, is_egress=False),
    "aws_vpc_security_group_egress_rule": partial(_bare_rules, is_egress=True),
}
"""Terraform type -> what finds, by planned values, what was made and not tagged yet; other types are tagged at once."""


@dataclass(frozen=True, slots=True)
class Search:
    """
    Looks for what carries one component's tag, with the provider's own region and credentials.

    Each service is asked once: who wants to know again opens another.

    Attributes:
        tag: Value of `mcop:address`.
        client: Service name -> boto3 client.
    """

    tag: str
    client: Client
    _listed: dict[str, list[str]] = field(default_factory=dict)

    def __call__(self, type_: str) -> list[str]:
        """
        Return the import ids of all resources of a type in `KINDS` that carry the tag, sorted.

        Raises:
            Unreachable: The cloud does not answer, or does not let this be asked.
        """
        kind = KINDS[type_]
        matches = (kind.identity.fullmatch(identity) for identity in self._carriers(kind.service))
        found = sorted({match.group(1) for match in matches if match})
        return self._still_there(kind.service, *kind.doubles, found) if kind.doubles and found else found

    def _still_there(self, service: str, operation: str, by_id: str, found: list[str]) -> list[str]:
        """Leave out what was deleted: a cloud may list its tags for longer than it is there."""
        wanted = {"Filters": [{"Name": by_id, "Values": found}]} if by_id else {}
        listed = json.dumps(self._ask(service, lambda: getattr(self.client("ec2"), operation)(**wanted)), default=str)
        return [one for one in found if json.dumps(one) in listed]

    def half_made(self, type_: str, values: Mapping[str, Any]) -> list[str]:
        """
        Return the import ids of what is as *values* say and carries no tag: made by one request, tagged by the next.

        Args:
            values: What its creation was planned with, as far as that is known.

        Raises:
            Unreachable: The cloud does not answer, or does not let this be asked.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        if type_ not in TAGGED_LATER:
            return []
        try:
            return list(TAGGED_LATER[type_](self.client, values))
        except (BotoCoreError, ClientError) as error:
            message = f"the cloud cannot be asked for {type_} that was made and not tagged: {error}"
            raise Unreachable(message, service=KINDS[type_].service) from error

    def _carriers(self, service: str) -> list[str]:
        if service not in self._listed:
            found = self._ask(service, lambda: list(LISTERS[service](self.client)))
            self._listed[service] = [one for one, tags in found if tags.get(ADDRESS_TAG) == self.tag]
        return self._listed[service]

    def _ask(self, service: str, ask: Callable[[], Answer]) -> Answer:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return ask()
        except (BotoCoreError, ClientError) as error:
            raise Unreachable(
                f"{service} cannot be asked which resources of {self.tag} exist: {error}", service=service
            ) from error


_UNDERSTOOD = re.compile(
    r"region|profile|access_key|secret_key|token|assume_role|max_retries|retry_mode|(default|ignore)_tags|skip_.*|s3_.*"
    r"|.*_account_ids"
)
"""Arguments of the AWS provider under which `open_search` asks the same cloud, as the same identity."""
_ROLE = {"role_arn": "RoleArn", "external_id": "ExternalId", "session_name": "RoleSessionName"}
"""Arguments of the provider's block `assume_role` -> those of STS."""


def open_search(artifact: RenderedArtifact, own: OwnCredentials = NONE) -> Search | None:
    """
    Return what finds the resources of *artifact*; nothing is asked yet.

    None: they carry no tag, or the provider speaks to another cloud, or as somebody else, than can be asked here.

    Args:
        own: The credentials that its manifest names.
    """
    configuration = aws_configuration(artifact)
    tag = ((configuration.get("default_tags") or {}).get("tags") or {}).get(ADDRESS_TAG)
    role = _role(configuration.get("assume_role"))
    if not tag or role is None or not all(_UNDERSTOOD.fullmatch(name) for name in configuration):
        return None
    if own.variables and not own.aws_keys:
        return None  # a token of a workload's identity is exchanged by the provider alone
    configuration |= own.aws_keys
    session = cache(lambda: _session(configuration, role))
    return Search(tag, lambda service: session().client(service))


def _role(block: Any) -> dict[str, str] | None:
    """Return the arguments for STS, none without a role; None if a role is assumed in a way that is not understood."""
    if not block:
        return {}
    found = block[0] if isinstance(block, list) and len(block) == 1 else block
    if not isinstance(found, dict) or not {"role_arn"} <= set(found) <= set(_ROLE):
        return None
    return {"RoleSessionName": "mcop", **{_ROLE[name]: str(value) for name, value in found.items()}}


def _session(configuration: Mapping[str, Any], role: Mapping[str, str]) -> Any:
    import boto3

    names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    given = [configuration.get(name) for name in ("access_key", "secret_key", "token")]
    region = configuration.get("region")
    session: Any = boto3.session.Session(
        profile_name=configuration.get("profile"), region_name=region, **dict(zip(names, given, strict=True))
    )
    if not role:
        return session
    known = session.client("sts").assume_role(**role)["Credentials"]
    assumed = [known[name] for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")]
    return boto3.session.Session(region_name=region, **dict(zip(names, assumed, strict=True)))


def aws_configuration(artifact: RenderedArtifact) -> dict[str, Any]:
    """Return the AWS provider's configuration in an artifact, its variables replaced by their values. Pure."""
    main = json.loads(artifact.files.get("main.tf.json", b"{}"))
    values = json.loads(artifact.files.get("terraform.tfvars.json", b"{}"))
    required = (main.get("terraform") or {}).get("required_providers") or {}
    local = next((name for name, entry in required.items() if split_source(entry["source"])[1:] == _AWS), "")
    found: dict[str, Any] = _filled_in((main.get("provider") or {}).get(local) or {}, values)
    return found


_AWS = ("hashicorp", "aws")
_REFERENCE = re.compile(r"\$\{var\.([a-z0-9_]+)\}")


def _filled_in(block: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(block, dict):
        return {name: _filled_in(part, values) for name, part in block.items()}
    if isinstance(block, list):
        return [_filled_in(part, values) for part in block]
    match = _REFERENCE.fullmatch(block) if isinstance(block, str) else None
    return values.get(match.group(1)) if match else block
