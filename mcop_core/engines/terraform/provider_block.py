"""
An adapter's provider configuration -> a provider block whose every leaf is a variable, and the tags MCOP adds.

The tag `mcop:address` says which element made a resource; after a crash, it is how one that no state knows is found.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from mcop_core.engines.backend import Address

ADDRESS_TAG = "mcop:address"
MANIFEST_TAG = "mcop:manifest"
_MAX_TAG = 256
"""Characters of a tag's value. Source: docs.aws.amazon.com/tag-editor, "Tag naming limits and requirements"."""

_NAME = re.compile(r"[a-z_][a-z0-9_]*", re.ASCII)
_LITERAL_ONLY = ("alias", "version", "for_each")

Source = tuple[str, str, str]
"""(registry host or empty, namespace, type)."""


@dataclass(frozen=True, slots=True)
class ProviderName:
    """A provider's local name in a root, and its source."""

    local: str
    source: Source


@dataclass(frozen=True, slots=True)
class Configured:
    """
    A configured provider; empty if there is none.

    Attributes:
        block: Local name -> the block, its leaves `${var.…}`.
        variables: Name of each variable -> what it is.
        values: Variable -> value, for `terraform.tfvars.json`.
    """

    block: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)


def split_source(source: str) -> Source:
    """Return `hashicorp/aws`, `aws` or `registry.example.org/hashicorp/aws` as (host or empty, namespace, type)."""
    parts = source.lower().split("/")
    host = parts[-3] if len(parts) > 2 else ""
    return host, parts[-2] if len(parts) > 1 else "hashicorp", parts[-1]


def address_tag(address: Address) -> str:
    """Return the value of `mcop:address`: the address; if that is over 256 characters, its start and digest."""
    text = "/".join(address)
    if len(text) <= _MAX_TAG:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:32]
    return f"{text[: _MAX_TAG - len(digest) - 1]}.{digest}"


def configure_provider(
    name: ProviderName,
    configuration: Mapping[str, Any],
    address: Address,
    taken: AbstractSet[str],
    *,
    unseen: AbstractSet[str] = frozenset(),
) -> tuple[Configured, list[str]]:
    """
    Return the provider's block, and what is wrong with *configuration*, one sentence each.

    Each leaf becomes a variable. A map whose keys are not all argument names becomes one variable as a whole,
    as do lists of plain values; a list of maps is a list of blocks.

    Args:
        taken: Names of the module's inputs; no variable gets one of these.
        unseen: Those of MCOP's tags that are neither set nor seen, since what they name differs among those who plan
            through this one configuration.
    """
    problems = [f"{key} cannot be configured" for key in _LITERAL_ONLY if key in configuration]
    problems += [f"{key!r} is no argument of a provider" for key in configuration if not _NAME.fullmatch(key)]
    add_tags = _TAGGED.get("/".join(name.source[1:]))
    if add_tags:
        configuration, wrong = add_tags(configuration, address, unseen)
        problems += wrong
    if problems:
        return Configured(), problems
    leaves = _Leaves(_free_prefix(taken))
    block = {key: leaves.place(value, key) for key, value in sorted(configuration.items())}
    return Configured({name.local: block}, leaves.variables, leaves.values), []


def _free_prefix(taken: AbstractSet[str]) -> str:
    prefix = "provider_"
    while any(name.startswith(prefix) for name in taken):
        prefix = f"mcop_{prefix}"
    return prefix


class _Leaves:
    """Collects the leaves of a configuration as variables."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.variables: dict[str, str] = {}
        self.values: dict[str, Any] = {}

    def place(self, value: Any, path: str) -> Any:
        """Return what stands in the block for *value*: blocks for maps, an empty one too, references for the rest."""
        if value == {}:
            return {}
        if isinstance(value, dict) and value and all(_NAME.fullmatch(key) for key in value):
            return {key: self.place(item, f"{path}.{key}") for key, item in sorted(value.items())}
        if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
            return [self.place(item, f"{path}.{position}") for position, item in enumerate(value)]
        name = self._prefix + path.replace(".", "_")
        if name in self.variables:
            name += f"_{len(self.variables)}"
        self.variables[name] = f"Provider configuration: {path}"
        self.values[name] = value
        return f"${{var.{name}}}"


# -- tags ----------------------------------------------------------------------------------------------


def _aws_tags(
    configuration: Mapping[str, Any], address: Address, unseen: AbstractSet[str]
) -> tuple[dict[str, Any], list[str]]:
    """Put MCOP's tags over the configured `default_tags`."""
    default, wrong = _block(configuration, "default_tags", ("tags",))
    given = default.get("tags") or {}
    if wrong or not isinstance(given, dict):
        return dict(configuration), ["default_tags must be a map with the field tags, a map of text"]
    own = {MANIFEST_TAG: "/".join(address[:2]), ADDRESS_TAG: address_tag(address)}
    kept = {tag: value for tag, value in own.items() if tag not in unseen}
    tagged = {**configuration, "default_tags": {"tags": {**given, **kept}}}
    return _aws_blind(tagged, unseen) if unseen else (tagged, [])


def _aws_blind(configuration: dict[str, Any], unseen: AbstractSet[str]) -> tuple[dict[str, Any], list[str]]:
    """Have the provider overlook the tags *unseen*, beside what is ignored already."""
    ignored, wrong = _block(configuration, "ignore_tags", ("keys", "key_prefixes"))
    keys = ignored.get("keys") or []
    if wrong or not isinstance(keys, list):
        return configuration, ["ignore_tags must be a map with the lists keys and key_prefixes"]
    return {**configuration, "ignore_tags": {**ignored, "keys": [*keys, *sorted(unseen)]}}, []


def _block(configuration: Mapping[str, Any], name: str, fields: tuple[str, ...]) -> tuple[dict[str, Any], bool]:
    """Return a block that may be written as a map or a list of one, and whether it is something else."""
    given = configuration.get(name) or {}
    block = given[0] if isinstance(given, list) and len(given) == 1 else given
    return (block, bool(set(block) - set(fields))) if isinstance(block, dict) else ({}, True)


_TAGGED: Mapping[str, Callable[[Mapping[str, Any], Address, AbstractSet[str]], tuple[dict[str, Any], list[str]]]] = {
    "hashicorp/aws": _aws_tags,
}
"""Provider -> how its configuration tags every taggable resource. A provider that is not here tags nothing."""
