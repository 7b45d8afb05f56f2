"""What was asked of AWS, in IAM's words: a proxy that keeps every request, as action and resource."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

from tests.fault_proxy import FaultProxy, Request

REGION, ACCOUNT = "us-east-1", "000000000000"
_OF_A_TRANSACTION = {"Put": "PutItem", "Delete": "DeleteItem", "Update": "UpdateItem", "ConditionCheck": ""}
_PREFIXES = {"tagging": "tag", "elasticloadbalancing": "elasticloadbalancing"}
"""Service as the signature names it -> as IAM does, where they differ."""
_OF_A_BUCKET = {"tagging": "s3:GetBucketTagging", "versions": "s3:ListBucketVersions", "list-type": "s3:ListBucket"}
_OF_AN_OBJECT = {"GET": "s3:GetObject", "HEAD": "s3:GetObject", "PUT": "s3:PutObject", "DELETE": "s3:DeleteObject"}
_FREE = {"sts:GetCallerIdentity"}
"""What AWS answers whoever asks, without any permission."""


@dataclass(frozen=True, order=True)
class Asked:
    """
    What IAM decides about.

    Attributes:
        key: Id of the access key that signed the request.
        resource: ARN, `*` where AWS knows none.
    """

    key: str
    action: str
    resource: str


class RecordingProxy(FaultProxy):
    """
    A `FaultProxy` that keeps what was asked.

    Attributes:
        requests: In order.
    """

    def __init__(self, target: int) -> None:
        self.requests: list[Request] = []
        super().__init__(target)

    def fault_for(self, request: Request):
        self.requests.append(request)
        return super().fault_for(request)


@contextmanager
def recorded(target: int) -> Iterator[RecordingProxy]:
    """A recording proxy to the port *target* for as long as the block."""
    proxy = RecordingProxy(target)
    try:
        yield proxy
    finally:
        proxy.stop()


def asked_by(requests: Iterable[Request]) -> set[Asked]:
    """Return everything that somebody had to be allowed for *requests*."""
    found = (Asked(request.key, action, resource) for request in requests for action, resource in of(request))
    return {one for one in found if one.action not in _FREE}


def of(request: Request) -> Iterator[tuple[str, str]]:
    """Yield action and resource of everything that *request* needs to be allowed; nothing if nobody signed it."""
    if request.service == "s3":
        yield _of_s3(request)
    elif request.service == "dynamodb":
        yield from _of_dynamodb(request.operation, json.loads(request.body))
    elif request.service:
        yield f"{_PREFIXES.get(request.service, request.service)}:{request.operation}", _resource(request)


def _of_s3(request: Request) -> tuple[str, str]:
    parts = urlsplit(request.path)
    bucket, _, key = unquote(parts.path).strip("/").partition("/")
    query = parse_qs(parts.query, keep_blank_values=True)
    if not bucket:
        return "s3:ListAllMyBuckets", "*"
    if key:
        return _OF_AN_OBJECT[request.method], f"arn:aws:s3:::{bucket}/{key}"
    (action,) = (action for name, action in _OF_A_BUCKET.items() if name in query)
    return action, f"arn:aws:s3:::{bucket}"


def _of_dynamodb(operation: str, body: dict) -> Iterator[tuple[str, str]]:
    if operation == "TransactWriteItems":
        for item in body["TransactItems"]:
            ((kind, one),) = item.items()
            yield f"dynamodb:{_OF_A_TRANSACTION[kind] or 'ConditionCheckItem'}", _table(one["TableName"])
    elif operation == "BatchGetItem":
        for table in body["RequestItems"]:
            yield "dynamodb:BatchGetItem", _table(table)
    else:
        index = f"/index/{body['IndexName']}" if "IndexName" in body else ""
        yield f"dynamodb:{operation}", _table(body["TableName"]) + index


def _table(name: str) -> str:
    return f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}"


def _resource(request: Request) -> str:
    body = json.loads(request.body) if request.is_json else {}
    here = f"{REGION}:{ACCOUNT}"
    match request.service, request.operation:
        case "sts", "AssumeRole":
            return parse_qs(request.body.decode())["RoleArn"][0]
        case "secretsmanager", "GetSecretValue":
            return f"arn:aws:secretsmanager:{here}:secret:{body['SecretId']}-AbCdEf"
        case "ssm", "GetParameter":
            return f"arn:aws:ssm:{here}:parameter/{body['Name'].lstrip('/')}"
        case "ecs", "RunTask":
            return f"arn:aws:ecs:{here}:task-definition/{body['taskDefinition']}:1"
        case "ecs", "DescribeTasks":
            return body["tasks"][0]
        case "ecs", "StopTask":
            task = body["task"]
            return task if task.startswith("arn:") else f"arn:aws:ecs:{here}:task/{body['cluster']}/{task}"
    return "*"
