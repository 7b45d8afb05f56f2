"""What tells a worker of ours from everything else in an account: the tags that it is created with."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from datetime import datetime

from mcop_core.clouds.config import CloudConfig
from mcop_core.clouds.models import Instance, InstanceState, Order, Worker
from mcop_core.clouds.strategy import Tag
from mcop_core.errors import InvalidName

OWNER_TAG = "mcop-owner"
"""Whose it is: `CloudConfig.owner`."""
WORKER_TAG = "mcop-worker"
"""Which worker it is; the cloud's own name may be another, or be changed by anybody."""
PROTECTED_TAG = "mcop-protected"
"""With it, whatever its value, a worker is not deleted until somebody takes it away in the cloud."""

WORKER_NAME = r"[a-z]([a-z0-9-]{0,58}[a-z0-9])?"
"""What every cloud takes as the name of an instance, with room for what its parts are called."""

_PREFERRED = (InstanceState.RUNNING, InstanceState.PENDING, InstanceState.STOPPED, InstanceState.STOPPING)


def check_worker_name(name: str) -> str:
    """
    Return *name* unchanged if a worker can be called so on every cloud.

    Raises:
        InvalidName: It cannot.
    """
    if not re.fullmatch(WORKER_NAME, name, re.ASCII):
        raise InvalidName(f"{name!r} is no name of a worker: it must match {WORKER_NAME}", name=name)
    return name


def owner_tag(config: CloudConfig) -> Tag:
    """Return the tag by which the workers of *config* are looked for."""
    return Tag(OWNER_TAG, config.owner)


def own_tags(config: CloudConfig, name: str) -> dict[str, str]:
    """Return the tags that make an instance the worker *name* of *config*."""
    return {OWNER_TAG: config.owner, WORKER_TAG: name}


def is_ours(instance: Instance, config: CloudConfig) -> bool:
    """Whether MCOP made *instance*, for the owner of *config*."""
    return instance.tags.get(OWNER_TAG) == config.owner and bool(instance.tags.get(WORKER_TAG))


def worker_name(worker: Worker) -> str:
    """Return which worker it is."""
    return worker.tags.get(WORKER_TAG, worker.name)


def name_order(name: str) -> tuple[str | int, ...]:
    """Return what sorts names as people count: `web-2` before `web-10`."""
    # What is split off stands at every second place, so that texts meet texts and numbers numbers.
    return tuple(int(part) if number % 2 else part for number, part in enumerate(re.split(r"([0-9]+)", name)))


def protection_of(worker: Worker, config: CloudConfig) -> str:
    """Return the tag that protects *worker*, as `key=value`; empty if none does."""
    for wanted in (PROTECTED_TAG, *config.protect):
        key, has_value, value = wanted.partition("=")
        if key in worker.tags and (not has_value or worker.tags[key] == value):
            return f"{key}={worker.tags[key]}"
    return ""


def creation_token(order: Order, owner: str, now: datetime, salt: str) -> str:
    """
    Return the token of one creation: the same for the same worker at the same place, 40 hex digits.

    It holds for the hour of *now*: what was created longer ago shows its tags, and clouds remember tokens for a day.

    Args:
        salt: Empty first; where the token is used up, since what it made is gone, something new.
    """
    parts = (owner, order.name, order.region, order.zone, order.size, order.image, order.key)
    text = "\0".join((*parts, now.strftime("%Y-%m-%dT%H"), salt))
    return hashlib.sha256(text.encode()).hexdigest()[:40]


def best_of(doubles: Iterable[Worker]) -> Worker:
    """Return which of several workers of one name stays: the one that runs, else the oldest; the same for everybody."""

    def rank(worker: Worker) -> tuple[int, float, str]:
        state = _PREFERRED.index(worker.state) if worker.state in _PREFERRED else len(_PREFERRED)
        return state, worker.created_at.timestamp() if worker.created_at else float("inf"), worker.id

    return min(doubles, key=rank)
