"""What serving an adapter with Terraform takes: the program, the provider, its credentials."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mcop_core.catalog.models import Adapter, Interface, ProviderRequirement
from mcop_core.engines.base import Need
from mcop_core.engines.terraform.command import run
from mcop_core.engines.terraform.providers import CREDENTIALS, terraform_environment
from mcop_core.errors import EngineFailed, InvalidDocuments

if TYPE_CHECKING:
    from mcop_core.engines.base import Engine


def needs_of(adapter: Adapter, engine: Engine, binary: str, environment: Mapping[str, str]) -> list[Need]:
    """
    Say what serving *adapter* takes, and whether this machine has it.

    Args:
        engine: Asked to lock the provider, as it is when the adapter is published.
        environment: Of this process, in which credentials are looked for by name.
    """
    return [_program(binary, environment), *_provider(adapter, engine), *_credentials(adapter, environment)]


def _program(binary: str, environment: Mapping[str, str]) -> Need:
    try:
        done = run(binary, ["version", "-json"], cwd=Path("/"), environment=terraform_environment(environment))
        return Need(f"program {binary}", True, str(json.loads(done.stdout)["terraform_version"]))
    except EngineFailed as error:
        return Need(f"program {binary}", False, error.message)
    except (ValueError, KeyError):
        return Need(f"program {binary}", False, "it does not tell its version")


def _provider(adapter: Adapter, engine: Engine) -> Iterator[Need]:
    source, version = adapter.settings.source, adapter.settings.version
    if not source:
        return
    requirement = ProviderRequirement(source=source, version=version)
    what = f"provider {source} {version}".strip()
    try:
        engine.admit({}, Interface(providers={adapter.provider: requirement}))
        locks = engine.lock({adapter.provider: requirement})
        yield Need(what, True, ", ".join(lock.version for lock in locks.values()) or "built in")
    except InvalidDocuments as error:
        yield Need(what, False, "; ".join(fault.message for fault in error.faults))
    except EngineFailed as error:
        yield Need(what, False, _said(error))


def _said(error: EngineFailed) -> str:
    """Return Terraform's own words, without its advice, which is for people in a folder of theirs."""
    words = " ".join(str(each.get("detail", "")) for each in error.facts.get("diagnostics", ())) or error.message
    return words.partition(" To see which modules ")[0].removeprefix("Error: ")


def _credentials(adapter: Adapter, environment: Mapping[str, str]) -> Iterator[Need]:
    named = (*CREDENTIALS.get(adapter.settings.source, ()), *adapter.settings.environment)
    if named:
        found = sorted(name for name in environment if any(_means(pattern, name) for pattern in named))
        detail = ", ".join(found) or "none is set: the provider must find its credentials otherwise, as from a role"
        yield Need(f"credentials, {' or '.join(named)}", True if found else None, detail)


def _means(pattern: str, name: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern
