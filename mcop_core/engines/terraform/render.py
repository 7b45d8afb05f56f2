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
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from mcop_core.artifacts.store import check_key
from mcop_core.catalog.models import Input, ProviderLock, ProviderRequirement
from mcop_core.engines.base import (
    SECRET_KEY,
    SENSITIVE_KEY,
    RenderedArtifact,
    RenderRequest,
    SealedText,
    SensitivePointer,
    read_secret,
)
from mcop_core.engines.terraform.backend import render_backend
from mcop_core.engines.terraform.names import IDENTIFIER, RESERVED_INPUTS, SOURCE
from mcop_core.engines.terraform.provider_block import Configured, ProviderName, configure_provider, split_source
from mcop_core.errors import Fault, InvalidDocuments, InvalidName, closest
from mcop_core.limits import MAX_DEPTH
from mcop_core.refs import check_name
from mcop_core.secrets.reference import SecretRef

ENGINE = "terraform"
SEALED_TEXT_KEY = "mcop_sealed_text"
_MARKS = {SENSITIVE_KEY, SECRET_KEY, SEALED_TEXT_KEY}
MAX_BITS = 512

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


def _where(request: RenderRequest) -> str:
    return ".".join(request.address[2:])


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
                faults.append(Fault(fault, _where(request), name, suggestion=near))
            elif value is not None or known[name].nullable:
                found._add(name, value, request, faults)
        missing = [name for name, input_ in known.items() if input_.required and name not in request.inputs]
        faults += [Fault("the module needs a value for it", _where(request), name) for name in sorted(missing)]
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


class Carrier:
    """
    Turns one value into JSON, and finds what JSON and Terraform cannot carry or would change.

    Args:
        reads_marks: Whether maps may mark sealed parts, as they do in a resolved step. In what clouds answer they
            must not: whoever can name an output's value could read any secret.
    """

    def __init__(self, request: RenderRequest, *, reads_marks: bool = True) -> None:
        self._request = request
        self._reads_marks = reads_marks
        self.faults: list[Fault] = []
        self.has_sealed = False

    def carry(self, value: Any, path: str, depth: int = 0) -> Any:
        """Return *value* as JSON; sealed parts in the form that the runner reads."""
        if depth > MAX_DEPTH:
            return self._refuse(path, f"it is nested deeper than {MAX_DEPTH}")
        sealed = self._sealed(value, path)
        if sealed is not None:
            self.has_sealed = True
            return sealed
        if isinstance(value, Mapping):
            if not self._reads_marks and _MARKS & set(value):
                return self._refuse(path, "it holds a map key that is reserved for sensitive values")
            return {self._text(key, path): self.carry(item, f"{path}.{key}", depth + 1) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.carry(item, f"{path}[{position}]", depth + 1) for position, item in enumerate(value)]
        return self._scalar(value, path)

    def _scalar(self, value: Any, path: str) -> Any:
        if isinstance(value, str):
            return self._text(value, path)
        if isinstance(value, float) and not math.isfinite(value):
            return self._refuse(path, f"{value} is no number that JSON has")
        if isinstance(value, int) and value.bit_length() > MAX_BITS:
            return self._refuse(path, f"it has more than the {MAX_BITS} bits that Terraform keeps of a number")
        if value is None or isinstance(value, (bool, int, float)):
            return value
        return self._refuse(path, f"a {type(value).__name__} is no JSON value")

    def _text(self, value: Any, path: str) -> Any:
        if not isinstance(value, str):
            return self._refuse(path, f"the key {value!r} is no text")
        if any("\ud800" <= character <= "\udfff" for character in value):
            return self._refuse(path, "it holds half of a surrogate pair, which no UTF-8 text can")
        return value

    def _sealed(self, value: Any, path: str) -> Any:
        single = self._single(value, path)
        if single is not None:
            return single
        parts = value.parts if isinstance(value, SealedText) else self._marked(_read_sealed_text, value)
        if parts is None:
            return None
        return {SEALED_TEXT_KEY: [self._part(part, path) for part in parts]}

    def _single(self, value: Any, path: str) -> Any:
        """Return the mark of a sensitive output or a secret, None if *value* is neither."""
        secret = value if isinstance(value, SecretRef) else self._marked(read_secret, value)
        if secret is not None:
            return {SECRET_KEY: str(secret)}
        pointer = value if isinstance(value, SensitivePointer) else self._marked(_read_pointer, value)
        return None if pointer is None else self._own(pointer, path).to_json()

    def _marked(self, read: Callable[[Any], Any], value: Any) -> Any:
        return read(value) if self._reads_marks else None

    def _part(self, part: Any, path: str) -> Any:
        if isinstance(part, str):
            return self._text(part, path)
        single = self._single(part, path)
        return self._refuse(path, "its sealed text is damaged") if single is None else single

    def _own(self, pointer: SensitivePointer, path: str) -> SensitivePointer:
        """Refuse what points at another manifest's state: only this manifest's outputs can be referred to."""
        namespace, manifest = self._request.address[:2]
        key = pointer.state.rpartition("#")[2]
        if not key.startswith(f"{namespace}/{manifest}/") or ".." in key.split("/"):
            self._refuse(path, f"it points at the state {key!r}, which is not this manifest's")
        return pointer

    def _refuse(self, path: str, message: str) -> None:
        self.faults.append(Fault(message, _where(self._request), path))


def _read_pointer(value: Any) -> SensitivePointer | None:
    try:
        pointer = SensitivePointer.read(value)
    except TypeError:
        return None
    is_whole = pointer is not None and isinstance(pointer.state, str) and isinstance(pointer.output, str)
    return pointer if is_whole else None


def _read_sealed_text(value: Any) -> Any:
    if isinstance(value, Mapping) and set(value) == {SEALED_TEXT_KEY} and isinstance(value[SEALED_TEXT_KEY], list):
        return value[SEALED_TEXT_KEY]
    return None


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
            Fault("a provider's configuration cannot hold a sensitive output or a secret", _where(request), "provider")
        )
    if not request.settings.source and configuration:
        faults.append(Fault("the adapter configures a provider, but names no source", _where(request), "provider"))
    faults += carrier.faults
    if local is None or carrier.faults or carrier.has_sealed:
        return Configured()
    name = ProviderName(local, split_source(request.settings.source))
    configured, problems = configure_provider(name, configuration, request.address, set(request.interface.inputs))
    faults += [Fault(problem, _where(request), "provider") for problem in problems]
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
            faults.append(Fault(f"the lock of provider {address} is damaged", _where(request), "locks"))
        if not split_source(address)[0]:
            faults.append(Fault(f"the lock of provider {address} names no registry", _where(request), "locks"))
    faults += [
        Fault(f"provider {name}: {entry.source} {entry.version} cannot stand there", _where(request), "providers")
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
            faults.append(Fault(error.message, _where(request), path))
    return files


def _runtime(request: RenderRequest, inputs: _Inputs, state: Mapping[str, str]) -> dict[str, Any]:
    version, environment = request.interface.required_version, list(request.settings.environment)
    return {
        "state": dict(state),
        "sealed": inputs.sealed,
        "types": {name: request.interface.inputs[name].type for name in inputs.sealed},
        "outputs": {name: {"sensitive": output.sensitive} for name, output in request.interface.outputs.items()},
        "terraform": {"required_version": version} if version else {},
        **({"environment": environment} if environment else {}),
    }


def module_of(artifact: RenderedArtifact) -> str:
    """Return the name of the one module that a root calls."""
    (name,) = json.loads(artifact.files["module.tf.json"])["module"]
    return str(name)
