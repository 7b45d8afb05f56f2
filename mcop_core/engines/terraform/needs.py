"""What serving an adapter with Terraform takes: the program, the provider, its credentials."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from mcop_core.catalog.models import Adapter, Interface, ProviderRequirement
from mcop_core.engines.base import Need
from mcop_core.engines.terraform.providers import CREDENTIALS, is_meant
from mcop_core.engines.terraform.tool import Demand, identify
from mcop_core.errors import EngineFailed, InvalidDocuments, Refused

if TYPE_CHECKING:
    from mcop_core.engines.base import Engine


def needs_of(adapter: Adapter, engine: Engine, binary: str, environment: Mapping[str, str]) -> list[Need]:
    """
    Say what serving *adapter* takes, and whether this machine has it.

    Args:
        engine: Asked to lock the provider, as it is when the adapter is published.
        environment: Of this process, in which credentials are looked for by name.
    """
    return [_program(adapter, binary, environment), *_provider(adapter, engine), *_credentials(adapter, environment)]


def _program(adapter: Adapter, binary: str, environment: Mapping[str, str]) -> Need:
    demand = Demand.of(adapter.settings)
    what = f"program {binary} {demand.tool_version}".strip()
    try:
        program = identify(binary, environment)
    except EngineFailed as error:
        return Need(what, False, error.message)
    faults = " ".join(demand.faults(program))
    return Need(what, not faults, faults or program.title)


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
    except Refused as error:
        yield Need(what, False, error.message)
    except EngineFailed as error:
        yield Need(what, False, _said(error))


def _said(error: EngineFailed) -> str:
    """Return Terraform's own words, without its advice, which is for people in a folder of theirs."""
    words = " ".join(str(each.get("detail", "")) for each in error.facts.get("diagnostics", ())) or error.message
    return words.partition(" To see which modules ")[0].removeprefix("Error: ")


def _credentials(adapter: Adapter, environment: Mapping[str, str]) -> Iterator[Need]:
    named = (*CREDENTIALS.get(adapter.settings.source, ()), *adapter.settings.environment)
    if named:
        found = sorted(name for name in environment if is_meant(name, named))
        detail = ", ".join(found) or "none is set: the provider must find its credentials otherwise, as from a role"
        yield Need(f"credentials, {' or '.join(named)}", True if found else None, detail)
