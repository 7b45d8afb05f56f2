"""
Which providers of a root may be served by a process that serves others, too, and by which one. Pure.

A provider's process holds one configuration, works in one folder and speaks with one environment. Terraform's own
child is never asked for more; a process that outlives it must not be. So one is lent only to a root

* that configures the provider once: a second configuration would replace the first for all that comes;
* none of whose other programs can write a file that the provider is then told to read by a relative path;
* whose version, checksums, environment and configuration are those that the process was started for.

And only where there is something to gain: the provider must be large.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mcop_core.engines.terraform.blocks import Block
from mcop_core.engines.terraform.module_files import is_configuration
from mcop_core.engines.terraform.outline import outline_file
from mcop_core.engines.terraform.preparation import LOCK_FILE
from mcop_core.engines.terraform.provider_block import split_source
from mcop_core.engines.terraform.providers import Locked, read_lock_file
from mcop_core.errors import InvalidDocuments

_LENT = frozenset({"hashicorp/aws", "hashicorp/azurerm", "hashicorp/google", "digitalocean/digitalocean"})
"""Providers whose process takes long to start and that work on nothing but their cloud."""
_BESIDE = _LENT | {"hashicorp/random", "hashicorp/time", "hashicorp/tls", "hashicorp/null"}
"""Providers that write no file."""
_PER_RUN = ("TF_CLI_CONFIG_FILE",)
"""Variables that differ from one operation to the next and that no provider reads."""
_PER_COMPONENT = ("alias", "default_tags", "ignore_tags")
"""Arguments of a configuration that say nothing about as whom and where a provider works."""


@dataclass(frozen=True, slots=True)
class Lendable:
    """
    A provider that may be lent to a root.

    Attributes:
        address: `registry.terraform.io/hashicorp/aws`.
        key: Digest of all in which two roots must agree to be served by one process.
    """

    address: str
    lock: Locked
    key: str


def lendable(files: Mapping[str, bytes], environment: Mapping[str, str]) -> tuple[Lendable, ...]:
    """
    Return what of the providers of a root may be lent to it.

    Args:
        files: The root's, its lock file among them.
        environment: All that Terraform is given, but for the inputs.
    """
    locks = read_lock_file(files.get(LOCK_FILE, b"").decode())
    if not any(_short(address) in _LENT for address in locks) or not all(_short(one) in _BESIDE for one in locks):
        return ()
    try:
        root = _Root.of(files)
    except InvalidDocuments:  # Terraform will say so
        return ()
    if root.runs_commands:
        return ()
    found = []
    for address, lock in sorted(locks.items()):
        configuration = root.sole_configuration(address) if _short(address) in _LENT else None
        if configuration is not None:
            found.append(Lendable(address, lock, _key(address, lock, environment, configuration)))
    return tuple(found)


def _short(address: str) -> str:
    return "/".join(split_source(address)[1:])


def _key(address: str, lock: Locked, environment: Mapping[str, str], configuration: Mapping[str, Any]) -> str:
    same = {name: text for name, text in environment.items() if name not in _PER_RUN}
    told = [address, lock.version, sorted(lock.hashes), same, configuration]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class _Root:
    """
    A rendered root: its own documents, which are JSON, as one, and the blocks of its modules.

    Attributes:
        documents: Top-level name, as `provider` or `module` -> what the root's documents hold under it.
        values: Variable -> value.
    """

    documents: Mapping[str, Mapping[str, Any]]
    values: Mapping[str, Any]
    blocks: tuple[Block, ...]

    @classmethod
    def of(cls, files: Mapping[str, bytes]) -> _Root:
        documents: dict[str, dict[str, Any]] = {}
        blocks: list[Block] = []
        for path, data in files.items():
            if is_configuration(path) and "/" not in path:
                for name, held in json.loads(data).items():
                    documents.setdefault(name, {}).update(held)
            elif is_configuration(path):
                blocks += outline_file(path, data)
        return cls(documents, json.loads(files.get("terraform.tfvars.json", b"{}")), tuple(blocks))

    @property
    def runs_commands(self) -> bool:
        """Whether a resource of a module has a provisioner, which can write files."""
        return any(inner.type == "provisioner" for block in self.blocks for inner in block.blocks)

    def sole_configuration(self, address: str) -> dict[str, Any] | None:
        """Return the one configuration of a provider in the whole tree, without MCOP's tags; None if there are more."""
        required = self.documents.get("terraform", {}).get("required_providers", {})
        wanted = _short(address)
        names = [name for name, entry in required.items() if _short(entry["source"]) == wanted]
        if len(names) != 1 or any(block.type == "provider" for block in self.blocks):
            return None
        given = self.documents.get("provider", {}).get(names[0], {})
        found = given if isinstance(given, list) else [given]
        if len(found) != 1 or not self._reaches_all(names[0], found[0].get("alias", "")):
            return None
        resolved = {name: self._resolved(item) for name, item in found[0].items() if name not in _PER_COMPONENT}
        return None if any(_is_open(item) for item in _leaves(resolved)) else resolved

    def _reaches_all(self, name: str, alias: str) -> bool:
        """Whether no module takes the configuration that Terraform makes up where there is none without an alias."""
        calls = self.documents.get("module", {}).values()
        return not alias or all(f"{name}.{alias}" in call.get("providers", {}).values() for call in calls)

    def _resolved(self, item: Any) -> Any:
        if isinstance(item, Mapping):
            return {key: self._resolved(inner) for key, inner in item.items()}
        if isinstance(item, list):
            return [self._resolved(inner) for inner in item]
        if isinstance(item, str) and item.startswith("${var.") and item.endswith("}"):
            return self.values.get(item[len("${var.") : -1], item)
        return item


def _leaves(item: Any) -> Iterator[Any]:
    inner: Iterable[Any] = item.values() if isinstance(item, Mapping) else item if isinstance(item, list) else ()
    for one in inner:
        yield from _leaves(one)
    if not isinstance(item, Mapping | list):
        yield item


def _is_open(leaf: Any) -> bool:
    """Whether a leaf is an expression that only Terraform can tell the value of."""
    return isinstance(leaf, str) and "${" in leaf
