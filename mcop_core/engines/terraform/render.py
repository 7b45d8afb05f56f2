"""
Values -> the files of one root, pure: same request, same bytes.

    main.tf.json            providers, versions, provider configuration
    module.tf.json          typed variables, the module call, its outputs
    terraform.tfvars.json   the values: the only place where a user's text stands
    backend.tf.json         where the state lies
    .terraform.lock.hcl     provider versions and checksums, if they were locked
    module/                 the primitive's own files

Terraform evaluates the strings of `.tf.json` wherever an expression may stand, map keys too, but not those of
`terraform.tfvars.json`. So every value of a user's goes there, and an argument is never more than `${var.name}`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from mcop_core.artifacts.store import check_key
from mcop_core.catalog.models import Input, Output, ProviderLock, ProviderRequirement
from mcop_core.engines.artifact import RenderedArtifact
from mcop_core.engines.backend import render_backend
from mcop_core.engines.base import RenderRequest
from mcop_core.engines.carrier import Carrier
from mcop_core.engines.terraform.credentials import credentials_of
from mcop_core.engines.terraform.names import ENGINE, IDENTIFIER, RESERVED_INPUTS, SOURCE
from mcop_core.engines.terraform.provider_block import Configured, ProviderName, configure_provider, split_source
from mcop_core.engines.terraform.tool import Demand
from mcop_core.errors import Fault, InvalidDocuments, InvalidName, closest
from mcop_core.refs import check_name

_VERSION = re.compile(r"[0-9A-Za-z.,<>=!~ -]{0,400}", re.ASCII)
_HASH = re.compile(r"(h1|zh):[0-9A-Za-z+/=]{20,128}", re.ASCII)
_EXACT = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?", re.ASCII)


def render(request: RenderRequest) -> RenderedArtifact:
    """
    Write the files of the root of one element.

    Raises:
        InvalidDocuments: Every input that is unknown, missing or cannot be carried; a provider configuration,
            backend or file path that cannot stand where it must.
        UnknownName: The backend's type is none that MCOP can lock.
        InvalidName: A part of the address is no name.
    """
    for part in request.address:
        check_name(part, "part of an address")
    faults: list[Fault] = []
    inputs = _Inputs.of(request, faults)
    names = required_providers(request)
    configured = _configure(request, names, faults)
    backend = render_backend(request.backend, request.address)
    files = module_files(request, faults)
    locks = locks_of(request, names, faults)
    if faults:
        raise InvalidDocuments.of(faults)
    documents = {
        "main.tf.json": _main(request, names, configured),
        "module.tf.json": _module(request, inputs, configured),
        "terraform.tfvars.json": {**inputs.plain, **configured.values},
        "backend.tf.json": {"terraform": {"backend": backend.block}},
    }
    files |= {path: json_file(document) for path, document in documents.items()}
    if locks:
        files[".terraform.lock.hcl"] = lock_file(locks)
    return RenderedArtifact(ENGINE, dict(sorted(files.items())), _runtime(request, inputs, backend.state))


def json_file(document: Mapping[str, Any]) -> bytes:
    """One text per document, readable by people: sorted, indented, ASCII."""
    return json.dumps(document, sort_keys=True, indent=2, ensure_ascii=True, allow_nan=False).encode() + b"\n"


# -- inputs --------------------------------------------------------------------------------------------


class _Inputs:
    """The inputs of one request as JSON: `plain` ones, and `sealed` ones, which hold a sensitive part."""

    def __init__(self) -> None:
        self.plain: dict[str, Any] = {}
        self.sealed: dict[str, Any] = {}

    @property
    def names(self) -> list[str]:
        """The names of all, sorted."""
        return sorted({*self.plain, *self.sealed})

    @classmethod
    def of(cls, request: RenderRequest, faults: list[Fault]) -> _Inputs:
        found = cls()
        known = request.interface.inputs
        for name, value in sorted(request.inputs.items()):
            fault = input_fault(name, value, known)
            if fault:
                near = None if name in known else closest(name, known)
                faults.append(Fault(fault, request.step, name, suggestion=near))
            elif value is not None or known[name].nullable:
                found._add(name, value, request, faults)
        missing = [name for name, input_ in known.items() if input_.required and name not in request.inputs]
        faults += [Fault("the module needs a value for it", request.step, name) for name in sorted(missing)]
        return found

    def _add(self, name: str, value: Any, request: RenderRequest, faults: list[Fault]) -> None:
        carrier = Carrier(request)
        carried = carrier.carry(value, name)
        faults += carrier.faults
        (self.sealed if carrier.has_sealed else self.plain)[name] = carried


def input_fault(name: str, value: Any, known: Mapping[str, Input]) -> str:
    """Say why *value* cannot be given to the input *name*; empty if it can."""
    if name not in known:
        return "the module has no such input."
    if not IDENTIFIER.fullmatch(name) or name in RESERVED_INPUTS:
        return "a module cannot have an input of this name"
    if value is None and not known[name].nullable and known[name].required:
        return "it must not be null"
    return ""


# -- providers -----------------------------------------------------------------------------------------


def required_providers(request: RenderRequest) -> dict[str, ProviderRequirement]:
    """Return local name -> requirement of what the module needs; the adapter's version joins the module's own."""
    own = split_source(request.settings.source)[1:]
    found = dict(sorted(request.interface.providers.items()))
    for name, requirement in found.items():
        if split_source(requirement.source)[1:] == own:
            version = request.settings.version or requirement.version
            found[name] = ProviderRequirement(source=request.settings.source, version=version)
    return found


def _configure(request: RenderRequest, names: Mapping[str, ProviderRequirement], faults: list[Fault]) -> Configured:
    """Configure the adapter's provider, if the module needs it."""
    own = split_source(request.settings.source)[1:]
    local = next((name for name, entry in names.items() if split_source(entry.source)[1:] == own), None)
    carrier = Carrier(request)
    configuration = carrier.carry(dict(request.settings.configuration), "provider")
    if carrier.has_sealed:
        faults.append(
            Fault("a provider's configuration cannot hold a sensitive output or a secret", request.step, "provider")
        )
    if not request.settings.source and configuration:
        faults.append(Fault("the adapter configures a provider, but names no source", request.step, "provider"))
    faults += carrier.faults
    if local is None or carrier.faults or carrier.has_sealed:
        return Configured()
    name = ProviderName(local, split_source(request.settings.source))
    configured, problems = configure_provider(name, configuration, request.address, set(request.interface.inputs))
    faults += [Fault(problem, request.step, "provider") for problem in problems]
    return configured


def lock_of(source: str, locks: Mapping[str, ProviderLock]) -> tuple[str, ProviderLock] | None:
    """Return the address and the lock of the provider *source*; a host that one of them leaves out matches any."""
    host, *rest = split_source(source)
    for address, lock in sorted(locks.items()):
        locked_host, *locked = split_source(address)
        if locked == rest and (not host or not locked_host or host == locked_host):
            return address, lock
    return None


def locks_of(
    request: RenderRequest, names: Mapping[str, ProviderRequirement], faults: list[Fault]
) -> dict[str, ProviderLock]:
    """Return provider address -> lock for what this root requires."""
    found = [entry for requirement in names.values() if (entry := lock_of(requirement.source, request.locks))]
    for address, lock in found:
        if not _EXACT.fullmatch(lock.version) or not all(_HASH.fullmatch(text) for text in lock.hashes):
            faults.append(Fault(f"the lock of provider {address} is damaged", request.step, "locks"))
        if not split_source(address)[0]:
            faults.append(Fault(f"the lock of provider {address} names no registry", request.step, "locks"))
    faults += [
        Fault(f"provider {name}: {entry.source} {entry.version} cannot stand there", request.step, "providers")
        for name, entry in names.items()
        if not (IDENTIFIER.fullmatch(name) and SOURCE.fullmatch(entry.source) and _VERSION.fullmatch(entry.version))
    ]
    return dict(sorted(found))


def lock_file(locks: Mapping[str, ProviderLock]) -> bytes:
    """Return the text of `.terraform.lock.hcl`."""
    parts = ["# Chosen and checked at publish; `terraform init -lockfile=readonly` holds to it."]
    for address, lock in locks.items():
        hashes = "".join(f'    "{text}",\n' for text in sorted(lock.hashes))
        parts.append(
            f'provider "{address}" {{\n'
            f'  version     = "{lock.version}"\n'
            f'  constraints = "{lock.version}"\n'
            f"  hashes = [\n{hashes}  ]\n}}"
        )
    return ("\n\n".join(parts) + "\n").encode()


# -- documents -----------------------------------------------------------------------------------------


def _main(request: RenderRequest, names: Mapping[str, ProviderRequirement], configured: Configured) -> dict[str, Any]:
    terraform: dict[str, Any] = {}
    if names:
        terraform["required_providers"] = {name: _required(entry, request) for name, entry in names.items()}
    if request.interface.required_version:
        terraform["required_version"] = request.interface.required_version
    document: dict[str, Any] = {"terraform": terraform} if terraform else {}
    if configured.block:
        document["provider"] = configured.block
    return document


def _required(entry: ProviderRequirement, request: RenderRequest) -> dict[str, str]:
    lock = lock_of(entry.source, request.locks)
    version = lock[1].version if lock else entry.version
    return {"source": entry.source, **({"version": version} if version else {})}


def _module(request: RenderRequest, inputs: _Inputs, configured: Configured) -> dict[str, Any]:
    element = request.address[4]
    known = request.interface.inputs
    variables = {name: variable_block(known[name], is_sealed=name in inputs.sealed) for name in inputs.names}
    variables |= {name: {"type": "any", "description": text} for name, text in configured.variables.items()}
    call = {"source": "./module", **{name: f"${{var.{name}}}" for name in inputs.names}}
    outputs = {
        name: {"value": f"${{module.{element}.{name}}}", **({"sensitive": True} if output.sensitive else {})}
        for name, output in request.interface.outputs.items()
        if IDENTIFIER.fullmatch(name)
    }
    document: dict[str, Any] = {"module": {element: call}}
    return document | ({"variable": variables} if variables else {}) | ({"output": outputs} if outputs else {})


def variable_block(input_: Input, *, is_sealed: bool) -> dict[str, Any]:
    """Return the block of the variable that carries a value to *input_*."""
    variable: dict[str, Any] = {"type": input_.type}
    if input_.sensitive or is_sealed:
        variable["sensitive"] = True
    if not input_.nullable:
        variable["nullable"] = False
    if input_.ephemeral:
        variable["ephemeral"] = True
    return variable


def module_files(request: RenderRequest, faults: list[Fault]) -> dict[str, bytes]:
    """Return the template's files under `module/`; a path that leads out of it is a fault."""
    files = {}
    for path, data in request.files.items():
        try:
            files[f"module/{check_key(path)}"] = bytes(data)
        except InvalidName as error:
            faults.append(Fault(error.message, request.step, path))
    return files


def _runtime(request: RenderRequest, inputs: _Inputs, state: Mapping[str, str]) -> dict[str, Any]:
    environment = list(request.settings.environment)
    credentials = credentials_of(request)
    return {
        "state": dict(state),
        "sealed": inputs.sealed,
        "types": {name: request.interface.inputs[name].type for name in inputs.sealed},
        "outputs": {name: _promise(output) for name, output in request.interface.outputs.items()},
        "terraform": Demand.of(request.settings, request.interface.required_version).to_json(),
        **({"environment": environment} if environment else {}),
        **({"credentials": credentials} if credentials else {}),
    }


def _promise(output: Output) -> dict[str, Any]:
    return {"sensitive": output.sensitive, **({} if output.type == "any" else {"type": output.type})}
