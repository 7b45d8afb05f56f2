"""
EDGE boto3: the resources that exist, as the cloud's own API lists them.

Every taggable resource that MCOP makes carries the tag `mcop:address`, `<namespace>/<manifest>/<workflow>/
<pattern>/<element>`. What a service does not answer is data, not an exception.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from mcop_core.engines.terraform.provider_block import ADDRESS_TAG
from mcop_core.engines.terraform.search import LISTERS, Client, Tagged


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
