"""
Many elements as one root that is planned and never applied; pure.

Each element's module is called under a name of its own, and what one element takes from another is a real reference,
so that Terraform itself says what is only known after apply. The elements' states are joined under the same names.
A user's values stand in `terraform.tfvars.json` alone, as in the root of one element (see `render`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from mcop_core.catalog.canonical import canonical_json
from mcop_core.catalog.models import ProviderLock
from mcop_core.engines.base import Component, RenderRequest
from mcop_core.engines.carrier import Carrier
from mcop_core.engines.state import StateFile
from mcop_core.engines.terraform.folders import names_its_folder
from mcop_core.engines.terraform.join import JoinedState, Placed
from mcop_core.engines.terraform.names import IDENTIFIER
from mcop_core.engines.terraform.preparation import LOCK_FILE
from mcop_core.engines.terraform.provider_block import (
    ADDRESS_TAG,
    Configured,
    ProviderName,
    Source,
    configure_provider,
    split_source,
)
from mcop_core.engines.terraform.render import (
    input_fault,
    json_file,
    lock_file,
    lock_of,
    locks_of,
    module_files,
    required_providers,
    variable_block,
)
from mcop_core.engines.values import SealedText, outputs_in
from mcop_core.errors import Fault, InvalidDocuments
from mcop_core.refs import OutputRef


@dataclass(frozen=True, slots=True)
class Draft:
    """
    What one element brings into the root.

    Attributes:
        step: `workflow.pattern.element`.
        name: Of its module call.
        element: Of its module call in the root of its own.
        arguments: Input -> expression.
        variables: Variable -> its block.
        values: Variable -> value.
        sealed: Variable -> value with secrets in it, which stands in no file.
        providers: Local name in the module -> source, and exact version or constraint.
        configured: The adapter's provider, its variables not yet named after it.
        expressions: Variable of that provider -> expression, where another element's output stands in its value.
        configuration: Digest material: two drafts of the same one share a provider.
        locks: Provider address -> lock.
        environment: Variables that the adapter has passed on.
        files: Path in the root -> bytes.
        outputs: Output -> whether it is sensitive.
        state: None if it was never applied.
    """

    step: str
    name: str
    element: str
    arguments: Mapping[str, Any]
    variables: Mapping[str, Mapping[str, Any]]
    values: Mapping[str, Any]
    sealed: Mapping[str, Any]
    providers: Mapping[str, tuple[str, str]]
    configured: Configured
    expressions: Mapping[str, Any]
    configuration: bytes
    locks: Mapping[str, ProviderLock]
    environment: tuple[str, ...]
    files: Mapping[str, bytes]
    outputs: Mapping[str, bool]
    state: StateFile | None


@dataclass(frozen=True, slots=True)
class MergedRoot:
    """
    A root of many elements.

    Attributes:
        files: Path -> bytes.
        state: The joined state.
        modules: Name of a module call -> step; variables of the first begin with `e0-`, of the second with `e1-`.
        outputs: Output of the root -> (step, output).
        aliases: Alias of a provider -> the steps that plan through it.
        providers: `namespace/type` of a provider -> the steps whose modules need it.
        sealed: Variable -> value with secrets in it.
        types: Variable among them -> its type constraint.
        environment: Variables that the adapters have passed on.
        folders: The modules that say where their files lie; see `folders`.
    """

    files: Mapping[str, bytes]
    state: bytes
    modules: Mapping[str, str]
    outputs: Mapping[str, tuple[str, str]]
    aliases: Mapping[str, frozenset[str]]
    providers: Mapping[str, frozenset[str]]
    sealed: Mapping[str, Any] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)
    environment: frozenset[str] = frozenset()
    folders: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Scope:
    """
    What an element can refer to.

    Attributes:
        names: Step -> module name of every element of the root, in order.
        sensitive: The outputs that are; Terraform 1.11 does not carry the mark out of a module by itself.
        known: Values of outputs of elements that are not in the root.
        unseen: Those of MCOP's tags that differ among the elements of the root; see `configure_provider`.
    """

    names: Mapping[str, str]
    sensitive: AbstractSet[OutputRef] = frozenset()
    known: Mapping[OutputRef, Any] = field(default_factory=dict)
    unseen: AbstractSet[str] = frozenset({ADDRESS_TAG})

    def can_give(self, ref: OutputRef) -> bool:
        """Whether *ref* is an output of an element of the root, or known."""
        return bool(IDENTIFIER.fullmatch(ref.output)) and (str(ref.step) in self.names or ref in self.known)


def sensitive_outputs(components: Iterable[Component]) -> frozenset[OutputRef]:
    """Return the outputs that the components declare as sensitive."""
    return frozenset(
        OutputRef.parse(f"{one.step}.{name}")
        for one in components
        for name, output in one.request.interface.outputs.items()
        if output.sensitive
    )


def module_names(steps: Iterable[str]) -> dict[str, str]:
    """Return step -> name of its module call: readable, unique, the same for the same steps."""
    names: dict[str, str] = {}
    for step in steps:
        name = re.sub("[./]", "-", step)
        while name in names.values():
            name += "-"
        names[step] = name
    return names


# -- one element ---------------------------------------------------------------------------------------


def draft(component: Component, scope: Scope, state: StateFile | None) -> Draft:
    """
    Return what *component* brings into the root.

    Raises:
        InvalidDocuments: A value cannot be carried, or an input is unknown or missing, as in `render`.
    """
    faults: list[Fault] = []
    request, name = component.request, scope.names[component.step]
    writer = _Writer(name, scope, request, faults)
    arguments = {key: writer.argument(key, value) for key, value in sorted(request.inputs.items()) if writer.takes(key)}
    required = required_providers(request)
    configured, expressions = _configure(request, writer, scope, faults)
    locks = locks_of(request, required, faults)
    files = {f"{name}/{path.removeprefix('module/')}": data for path, data in module_files(request, faults).items()}
    if faults:
        raise InvalidDocuments.of(faults)
    return Draft(
        step=component.step,
        name=name,
        element=request.address[4],
        arguments=arguments,
        variables=writer.variables,
        values=writer.values,
        sealed=writer.sealed,
        providers={
            local: (entry.source, _version(entry.source, entry.version, request)) for local, entry in required.items()
        },
        configured=configured,
        expressions=expressions,
        configuration=canonical_json(
            [request.settings.source, dict(configured.block), dict(configured.values), expressions]
        ),
        locks=locks,
        environment=request.settings.environment,
        files=files,
        outputs={key: out.sensitive for key, out in request.interface.outputs.items() if IDENTIFIER.fullmatch(key)},
        state=state,
    )


def _version(source: str, constraint: str, request: RenderRequest) -> str:
    lock = lock_of(source, request.locks)
    return lock[1].version if lock else constraint


class _Writer:
    """Writes the expressions of one element; every piece of a user's data in them becomes a variable."""

    def __init__(self, name: str, scope: Scope, request: RenderRequest, faults: list[Fault]) -> None:
        self._prefix = f"e{list(scope.names.values()).index(name)}"
        self._scope, self._request, self._faults = scope, request, faults
        self.variables: dict[str, dict[str, Any]] = {}
        self.values: dict[str, Any] = {}
        self.sealed: dict[str, Any] = {}
        known = request.interface.inputs
        faults += [
            Fault("the module needs a value for it", request.step, key)
            for key, input_ in sorted(known.items())
            if input_.required and key not in request.inputs
        ]

    def takes(self, key: str) -> bool:
        """Whether a value for the input *key* is written; what it must not be is a fault."""
        value, known = self._request.inputs[key], self._request.interface.inputs
        fault = input_fault(key, value, known)
        if fault:
            self._faults.append(Fault(fault, self._request.step, key))
        return not fault and (value is not None or known[key].nullable)

    def argument(self, key: str, value: Any) -> Any:
        """Return the expression of an input: a variable of its own type where nothing in it is another's output."""
        if is_open(value):
            return self.expression(value, key)
        return self._variable(value, key, variable_block(self._request.interface.inputs[key], is_sealed=False))

    def expression(self, value: Any, path: str) -> Any:
        """Return *value* with references for outputs and variables for everything else."""
        if isinstance(value, OutputRef):
            return self._reference(value, path)
        if isinstance(value, SealedText):
            return "".join(self.expression(part, path) for part in value.parts)
        if not is_open(value):
            return self._variable(value, path, {"type": "any"})
        if isinstance(value, Mapping):
            return {
                self.expression(key, path): self.expression(item, f"{path}-{n}") for n, (key, item) in _pairs(value)
            }
        return [self.expression(item, f"{path}-{n}") for n, item in enumerate(value)]

    def _reference(self, ref: OutputRef, path: str) -> str:
        if not self._scope.can_give(ref):
            self._faults.append(Fault(f"the output {ref} is not known here", self._request.step, path))
            return ""
        is_sensitive = ref in self._scope.sensitive
        if ref in self._scope.known:
            block = {"type": "any", **({"sensitive": True} if is_sensitive else {})}
            return self._variable(self._scope.known[ref], path, block)
        expression = f"module.{self._scope.names[str(ref.step)]}.{ref.output}"
        return f"${{sensitive({expression})}}" if is_sensitive else f"${{{expression}}}"

    def _variable(self, value: Any, path: str, block: dict[str, Any]) -> str:
        carrier = Carrier(self._request, reads_marks=False)
        carried = carrier.carry(value, path)
        self._faults += carrier.faults
        name = f"{self._prefix}-{path}"
        while name in self.variables:
            name += "-"
        self.variables[name] = {**block, "sensitive": True} if carrier.has_sealed else block
        (self.sealed if carrier.has_sealed else self.values)[name] = carried
        return f"${{var.{name}}}"


def _pairs(value: Mapping[Any, Any]) -> Iterable[tuple[int, tuple[Any, Any]]]:
    return enumerate(value.items())


def is_open(value: Any) -> bool:
    """Whether an output of another element stands somewhere in *value*."""
    return any(True for _ in outputs_in(value))


def _configure(
    request: RenderRequest, writer: _Writer, scope: Scope, faults: list[Fault]
) -> tuple[Configured, dict[str, Any]]:
    """Configure the adapter's provider so that elements of one account and region share it; see `Draft`."""
    names = required_providers(request)
    own = split_source(request.settings.source)
    local = next((name for name, entry in names.items() if split_source(entry.source)[1:] == own[1:]), None)
    if local is None:
        return Configured(), {}
    configured, problems = configure_provider(
        ProviderName(local, own), request.settings.configuration, request.address, set(), unseen=scope.unseen
    )
    faults += [Fault(problem, request.step, "provider") for problem in problems]
    carrier = Carrier(request)
    plain = {key: carrier.carry(value, key) for key, value in configured.values.items() if not is_open(value)}
    faults += carrier.faults
    expressions = {key: writer.expression(value, key) for key, value in configured.values.items() if key not in plain}
    return Configured(configured.block, configured.variables, plain), expressions


# -- all of them ---------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Providers:
    """The providers of the root: one local name for each source, one alias for each configuration."""

    versions: dict[Source, str] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    locals: dict[Source, str] = field(default_factory=dict)
    aliases: dict[bytes, str] = field(default_factory=dict)
    blocks: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    variables: dict[str, dict[str, Any]] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)

    def local(self, source: str, version: str) -> str:
        """Return the root's name of the provider *source*."""
        key = split_source(source)
        if key not in self.locals:
            numbered = (f"{key[2]}-{number}" for number in range(2, len(self.sources) + 2))
            name = next(name for name in (key[2], *numbered) if name not in self.sources)
            self.locals[key], self.sources[name], self.versions[key] = name, source, version
        return self.locals[key]

    def alias(self, local: str, one: Draft) -> str:
        """Return the alias of the configuration of *one*."""
        if one.configuration not in self.aliases:
            alias = f"c{len(self.aliases) + 1}"
            self.aliases[one.configuration] = alias
            block = next(iter(one.configured.block.values()))
            self.blocks.setdefault(local, []).append({"alias": alias, **self._named(block, one, alias)})
        return self.aliases[one.configuration]

    def _named(self, part: Any, one: Draft, alias: str) -> Any:
        """Return a part of a block, its variables under names of their own."""
        if isinstance(part, Mapping):
            return {key: self._named(item, one, alias) for key, item in part.items()}
        if isinstance(part, list):
            return [self._named(item, one, alias) for item in part]
        name = part.removeprefix("${var.").removesuffix("}")
        if name in one.expressions:
            return one.expressions[name]
        self.variables[f"{alias}-{name}"] = {"type": "any"}
        self.values[f"{alias}-{name}"] = one.configured.values[name]
        return f"${{var.{alias}-{name}}}"


def merge(drafts: Sequence[Draft]) -> MergedRoot:
    """
    Return the root of all *drafts*.

    The drafts hold the same version of each provider; `preview` leaves out those that do not.

    Raises:
        StateConflict: A state holds what its element's root cannot have made.
    """
    providers = _Providers()
    folders = frozenset(one.name for one in drafts if names_its_folder(one.files))
    calls, joined = {}, JoinedState()
    for one in drafts:
        chosen = {local: providers.local(source, version) for local, (source, version) in one.providers.items()}
        configured = next(iter(one.configured.block), None)
        alias = providers.alias(chosen[configured], one) if configured else ""
        links = {local: f"{name}.{alias}" if local == configured else name for local, name in chosen.items()}
        calls[one.name] = {"source": f"./{one.name}", **one.arguments, **({"providers": links} if links else {})}
        if one.state is not None:
            source = split_source(one.providers[configured][0])[1:] if configured else ()
            folder = one.name if one.name in folders else ""
            old, new = f"module.{one.element}", f"module.{one.name}"
            joined.add(Placed(one.step, old, new, source, alias, folder), one.state)
    outputs = _output_names(drafts)
    documents = {
        "main.tf.json": _main(providers),
        "modules.tf.json": _modules(drafts, calls, providers, outputs),
        "terraform.tfvars.json": {
            **providers.values,
            **{key: item for one in drafts for key, item in one.values.items()},
        },
    }
    files = {path: json_file(document) for path, document in documents.items()}
    files |= {path: data for one in drafts for path, data in one.files.items()}
    locks = {address: lock for one in drafts for address, lock in one.locks.items()}
    if locks:
        files[LOCK_FILE] = lock_file(dict(sorted(locks.items())))
    sealed = {key: item for one in drafts for key, item in one.sealed.items()}
    return MergedRoot(
        files=files,
        state=joined.to_json(outputs),
        modules={one.name: one.step for one in drafts},
        outputs=outputs,
        aliases=_sharing(drafts, providers.aliases),
        providers=_needing(drafts),
        sealed=sealed,
        types={key: one.variables[key]["type"] for one in drafts for key in one.sealed},
        environment=frozenset(name for one in drafts for name in one.environment),
        folders=folders,
    )


def _sharing(drafts: Sequence[Draft], aliases: Mapping[bytes, str]) -> dict[str, frozenset[str]]:
    return {
        alias: frozenset(one.step for one in drafts if one.configured.block and one.configuration == configuration)
        for configuration, alias in aliases.items()
    }


def _needing(drafts: Sequence[Draft]) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for one in drafts:
        for source, _ in one.providers.values():
            name = "/".join(split_source(source)[1:])
            found[name] = found.get(name, frozenset()) | {one.step}
    return found


def _output_names(drafts: Sequence[Draft]) -> dict[str, tuple[str, str]]:
    names: dict[str, tuple[str, str]] = {}
    for one in drafts:
        for output in one.outputs:
            name = f"{one.name}-{output}"
            while name in names:
                name += "-"
            names[name] = (one.step, output)
    return names


def _main(providers: _Providers) -> dict[str, Any]:
    required = {
        name: {
            "source": source,
            **({"version": version} if (version := providers.versions[split_source(source)]) else {}),
        }
        for name, source in providers.sources.items()
    }
    document: dict[str, Any] = {"terraform": {"required_providers": required}} if required else {}
    return document | ({"provider": providers.blocks} if providers.blocks else {})


def _modules(
    drafts: Sequence[Draft],
    calls: Mapping[str, Any],
    providers: _Providers,
    outputs: Mapping[str, tuple[str, str]],
) -> dict[str, Any]:
    by_step = {one.step: one for one in drafts}
    variables = {**providers.variables, **{key: block for one in drafts for key, block in one.variables.items()}}
    shown = {
        name: {
            "value": f"${{module.{by_step[step].name}.{output}}}",
            **({"sensitive": True} if by_step[step].outputs[output] else {}),
        }
        for name, (step, output) in outputs.items()
    }
    document: dict[str, Any] = {"module": calls}
    return document | ({"variable": variables} if variables else {}) | ({"output": shown} if shown else {})
