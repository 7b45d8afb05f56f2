"""The permissions of MCOP's roles, as the modules have them, for one account; and what of them is needed."""

import fnmatch
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any

import yaml

from tests.asked import ACCOUNT, REGION, Asked
from tests.deploy.installing import GIVEN, MODULES

_HERE = f"{REGION}:{ACCOUNT}"
_TABLES = f"arn:aws:dynamodb:{_HERE}:table"
BUCKETS = f"mcop-{ACCOUNT}-{REGION}"
NAMES = {
    "objects_table": f"{_TABLES}/mcop-objects",
    "rules_table": f"{_TABLES}/mcop-validation-rules",
    "lock_tables": json.dumps([f"{_TABLES}/mcop-locks"]),
    **{store: f"arn:aws:s3:::{BUCKETS}-{store}" for store in ("artifacts", "state", "logs")},
    "templates": json.dumps([f"arn:aws:s3:::{BUCKETS}-artifacts/{type_}/*" for type_ in ("terraform", "jenkins")]),
    "key": f"arn:aws:kms:{_HERE}:key/of-the-installation",
    "record_key": f"arn:aws:secretsmanager:{_HERE}:secret:mcop/record-key-AbCdEf",
    "secrets": json.dumps(GIVEN["secret_arns"]),
    "parameters": json.dumps(GIVEN["parameter_arns"]),
    "execution_roles": json.dumps([f"arn:aws:iam::{id_}:role/mcop-execution" for id_ in GIVEN["account_ids"]]),
    "cluster": f"arn:aws:ecs:{_HERE}:cluster/mcop",
    "tasks": f"arn:aws:ecs:{_HERE}:task/mcop/*",
    "task_definition": f"arn:aws:ecs:{_HERE}:task-definition/mcop-worker:*",
    "repository": f"arn:aws:ecr:{_HERE}:repository/mcop",
    "worker_logs": f"arn:aws:logs:{_HERE}:log-group:/mcop/mcop/workers:*",
    "roles_of_the_task": json.dumps([f"arn:aws:iam::{ACCOUNT}:role/mcop-{role}" for role in ("worker", "launcher")]),
    "partition": "aws",
}
"""What the modules put in, for an installation called `mcop` and the inputs `GIVEN`."""


@dataclass(frozen=True)
class Statement:
    """One of a role's statements, see `permissions.yaml`."""

    sid: str
    actions: list[str]
    resources: list[str]
    condition: dict[str, Any] = field(default_factory=dict)
    unasked: dict[str, str] = field(default_factory=dict)

    def allows(self, asked: Asked) -> bool:
        return asked.action in self.actions and any(_matches(asked.resource, one) for one in self.resources)

    def document(self) -> dict[str, Any]:
        """Return it as IAM has it."""
        condition = {"Condition": self.condition} if self.condition else {}
        return {"Sid": self.sid, "Effect": "Allow", "Action": self.actions, "Resource": self.resources, **condition}


def read_permissions(module: str) -> dict[str, list[Statement]]:
    """Return role -> statements of a module, `aws` or `aws-account`."""
    text = Template(Path(MODULES / module / "permissions.yaml").read_text()).substitute(NAMES)
    return {role: [Statement(**one) for one in its] for role, its in yaml.safe_load(text).items()}


def refused(statements: Iterable[Statement], asked: Iterable[Asked]) -> list[str]:
    """Return what was asked and is not allowed."""
    return sorted({f"{one.action} on {one.resource}" for one in asked if not any(s.allows(one) for s in statements)})


def needless(statements: Iterable[Statement], asked: Iterable[Asked]) -> Iterator[str]:
    """Yield what is allowed and was never asked, and what is said to be never asked and was."""
    for statement in statements:
        used = [one for one in asked if statement.allows(one)]
        actions = {one.action for one in used}
        for action in statement.actions:
            if (action in actions) == (action in statement.unasked):
                yield f"{statement.sid}: {action} was {'asked' if action in actions else 'never asked'}"
        if set(statement.actions) == set(statement.unasked):
            continue
        for pattern in statement.resources:
            if not any(_matches(one.resource, pattern) for one in used):
                yield f"{statement.sid}: nothing was asked of {pattern}"


def _matches(resource: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(resource, pattern.replace("[", "[[]"))
