"""
EDGE boto3: the resources that exist, as the cloud's own API lists them.

Every taggable resource that MCOP makes carries the tag `mcop:address`, `<namespace>/<manifest>/<workflow>/
<pattern>/<element>`. No single API lists all tagged resources: the Resource Groups Tagging API knows most services,
the others are asked one by one. What one of them does not answer is data, not an exception.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

ADDRESS_TAG = "mcop:address"
Tagged = tuple[str, Mapping[str, str]]
"""ARN or id of a resource, and its tags."""
Client = Callable[[str], Any]
"""Service name -> boto3 client."""


@dataclass(frozen=True, slots=True, order=True)
class Resource:
    """
    One thing that exists in the cloud.

    Attributes:
        address: Address of the step that made it, `<workflow>.<pattern>.<element>`.
        kind: `s3`, `ec2 subnet`, `iam role`, …
        id: Its ARN, or its id where there is no ARN.
    """

    address: str
    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class Listing:
    """
    What was found.

    Attributes:
        resources: By address, kind and id.
        failures: Service -> why it did not answer.
    """

    resources: tuple[Resource, ...]
    failures: Mapping[str, str]


def open_client(service: str) -> Any:
    """Return a boto3 client; region, credentials and endpoint as boto3 finds them."""
    import boto3

    session: Any = boto3.session.Session()
    return session.client(service)


def list_resources(namespace: str, manifest: str, client: Client) -> Listing:
    """Return everything in the cloud that carries the addresses of one manifest."""
    from botocore.exceptions import BotoCoreError, ClientError

    prefix = f"{namespace}/{manifest}/"
    found: set[Resource] = set()
    failures: dict[str, str] = {}
    for service, tagged in LISTERS.items():
        try:
            found |= set(_of_manifest(tagged(client), prefix))
        except (BotoCoreError, ClientError) as error:
            failures[service] = str(error)
    return Listing(tuple(sorted(found)), failures)


def _of_manifest(tagged: Iterable[Tagged], prefix: str) -> Iterator[Resource]:
    for identity, tags in tagged:
        address = tags.get(ADDRESS_TAG, "")
        if address.startswith(prefix):
            yield Resource(address.removeprefix(prefix).replace("/", "."), kind_of(identity), identity)


def kind_of(identity: str) -> str:
    """Return service and type of an ARN, `iam role`; of an EC2 id its type, `ec2 vpc`."""
    if not identity.startswith("arn:"):
        return f"ec2 {identity.rpartition('-')[0]}"
    service, resource = identity.split(":", 5)[2], identity.split(":", 5)[5]
    kind = resource.replace(":", "/").partition("/")[0] if service in ("iam", "dynamodb", "logs", "ecr") else ""
    return f"{service} {kind}".strip()


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


def _tags(entries: Iterable[Mapping[str, str]]) -> dict[str, str]:
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
