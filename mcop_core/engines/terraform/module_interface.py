"""
Unmodified Terraform modules -> `Interface`: what their `variable`, `output` and `terraform` blocks say.

Inputs and outputs are those of the root module, the files directly in the folder; override files count as Terraform
merges them. Providers are those of the root module and of the modules in sub-folders that it calls, declared or
implied by a resource's type, since all of them must be locked.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from mcop_core.catalog.models import Input, Interface, Output, ProviderRequirement
from mcop_core.engines.terraform.blocks import Block, Expression, Value, is_literal
from mcop_core.engines.terraform.module_files import is_configuration, is_override
from mcop_core.engines.terraform.names import IDENTIFIER, RESERVED_INPUTS, SOURCE
from mcop_core.engines.terraform.syntax import parse_file
from mcop_core.errors import Fault, InvalidDocuments
from mcop_core.limits import USUAL_LIMITS, Limits

_BUILT_IN = "terraform.io/builtin/"
_OLD_TYPES = {"list": "list(any)", "map": "map(any)"}


def read_interface(files: Mapping[str, bytes], limits: Limits = USUAL_LIMITS) -> Interface:
    """
    Read a module's inputs, outputs, providers and Terraform versions.

    An input whose default is an expression has the default None here; it is not required. One whose type holds a
    heredoc has the type `any` here; the module converts what it is given. Outputs that are ephemeral are left out,
    since the root of a run cannot return them.

    Args:
        files: Path below the module's folder -> bytes.

    Raises:
        InvalidDocuments: Every fault, with file and line: syntax, a name declared twice, a `provider`, `backend`
            or `cloud` block (the adapter and the workflow bring these), a module called from elsewhere than
            a folder of its own, provider aliases that a caller would have to pass, no Terraform file.
    """
    faults: list[Fault] = []
    modules = _reachable(files, limits, faults)
    root = modules.get("", [])
    if not root and not faults:
        faults.append(Fault("there is no .tf or .tf.json file in the module's own folder"))
    everything = [block for blocks in modules.values() for block in blocks]
    faults += _foreign_blocks(everything) + _declared_twice(root)
    interface = Interface(
        inputs={block.name: _input(block, faults) for block in root if block.type == "variable"},
        outputs={block.name: _output(block) for block in root if block.type == "output" and not _is_ephemeral(block)},
        providers=_providers(modules, faults),
        required_version=_required_version(root),
    )
    if faults:
        raise InvalidDocuments.of(sorted(set(faults), key=lambda fault: (fault.file, fault.line)))
    return interface


# -- files ---------------------------------------------------------------------------------------------


def _reachable(files: Mapping[str, bytes], limits: Limits, faults: list[Fault]) -> dict[str, list[Block]]:
    """Return folder -> blocks of the root module ("") and of every module it calls."""
    folders = {posixpath.dirname(path) for path in files if is_configuration(path)}
    found: dict[str, list[Block]] = {}
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        if folder in found:
            continue
        found[folder] = _blocks_of(folder, files, limits, faults)
        waiting += _called(found[folder], folder, folders, faults)
    return found


def _blocks_of(folder: str, files: Mapping[str, bytes], limits: Limits, faults: list[Fault]) -> list[Block]:
    paths = sorted(path for path in files if posixpath.dirname(path) == folder and is_configuration(path))
    blocks: list[Block] = []
    overrides: list[Block] = []
    for path in paths:
        try:
            (overrides if is_override(path) else blocks).extend(parse_file(path, files[path], limits))
        except InvalidDocuments as error:
            faults.extend(error.faults)
    return _overridden(blocks, overrides)


def _overridden(blocks: list[Block], overrides: Iterable[Block]) -> list[Block]:
    """Merge override blocks into what they name, attribute by attribute."""
    merged = list(blocks)
    for override in overrides:
        same = [n for n, block in enumerate(merged) if (block.type, block.labels) == (override.type, override.labels)]
        if same and override.labels:
            block = merged[same[0]]
            merged[same[0]] = replace(block, attributes={**block.attributes, **override.attributes})
        else:
            merged.append(override)
    return merged


def _called(blocks: Iterable[Block], folder: str, folders: set[str], faults: list[Fault]) -> list[str]:
    called = []
    for block in blocks:
        if block.type != "module":
            continue
        source = _literal(block, "source")
        target = posixpath.normpath(posixpath.join(folder, source)) if isinstance(source, str) else ""
        if not isinstance(source, str) or not source.startswith(("./", "../")) or target.startswith(".."):
            shown = f"source {source!r}" if isinstance(source, str) else "a source that is no plain text"
            message = f"module {block.name!r} has {shown}: only a folder of the primitive's own files is pinned with it"
            faults.append(block.fault(message + ", as ./modules/name"))
        elif (target := "" if target == "." else target) in folders:
            called.append(target)
        else:
            faults.append(
                block.fault(f"module {block.name!r} has source {source!r}: no such folder has Terraform files")
            )
    return called


# -- what a module may not carry, or not twice ---------------------------------------------------------


def _foreign_blocks(blocks: Iterable[Block]) -> list[Fault]:
    faults = []
    for block in blocks:
        if block.type == "provider":
            faults.append(
                block.fault(
                    f"a module cannot carry the provider block {block.name!r}: the adapter configures providers"
                )
            )
        for nested in block.blocks if block.type == "terraform" else ():
            if nested.type in ("backend", "cloud"):
                message = f"a module cannot carry a {nested.type} block: the workflow says where the state lies"
                faults.append(nested.fault(message))
    return faults


def _declared_twice(root: Iterable[Block]) -> list[Fault]:
    first: dict[tuple[str, str], Block] = {}
    faults = []
    for block in root:
        if block.type not in ("variable", "output"):
            continue
        other = first.setdefault((block.type, block.name), block)
        if other is not block:
            faults.append(block.fault(f"{block.type} {block.name!r} is declared in {other.file}:{other.line} already"))
        elif not IDENTIFIER.fullmatch(block.name):
            faults.append(block.fault(f"{block.type} {block.name!r} is no name: letters, digits, _ and - are allowed"))
        elif block.type == "variable" and block.name in RESERVED_INPUTS:
            faults.append(block.fault(f"variable {block.name!r} has a name that Terraform reserves for module calls"))
    return faults


# -- inputs and outputs --------------------------------------------------------------------------------


def _input(block: Block, faults: list[Fault]) -> Input:
    default = _value(block, "default")
    return Input(
        type=_type(block, faults),
        description=_text(block, "description"),
        required="default" not in block.attributes,
        default=default if is_literal(default) else None,
        sensitive=_flag(block, "sensitive"),
        nullable=_flag(block, "nullable", default=True),
        ephemeral=_flag(block, "ephemeral"),
    )


def _output(block: Block) -> Output:
    return Output(description=_text(block, "description"), sensitive=_flag(block, "sensitive"))


def _is_ephemeral(block: Block) -> bool:
    return _flag(block, "ephemeral")


def _type(block: Block, faults: list[Fault]) -> str:
    value = _value(block, "type")
    text = value.text if isinstance(value, Expression) else value
    if text is None and "type" not in block.attributes:
        return "any"
    if not isinstance(text, str) or not text.strip():
        faults.append(block.fault(f"the type of variable {block.name!r} is none", block.attributes["type"].line))
        return "any"
    return "any" if "\n" in text else _OLD_TYPES.get(text, text)


def _value(block: Block, name: str) -> Value:
    return block.attributes[name].value if name in block.attributes else None


def _literal(block: Block, name: str) -> Any:
    value = _value(block, name)
    return value if is_literal(value) else None


def _text(block: Block, name: str) -> str:
    value = _literal(block, name)
    return value if isinstance(value, str) else ""


def _flag(block: Block, name: str, *, default: bool = False) -> bool:
    value = _literal(block, name)
    return default if value is None else value in (True, "true")


# -- versions and providers ----------------------------------------------------------------------------


def _required_version(root: Iterable[Block]) -> str:
    said = [_text(block, "required_version") for block in root if block.type == "terraform"]
    return ", ".join(dict.fromkeys(text for text in said if text))


def _providers(modules: Mapping[str, list[Block]], faults: list[Fault]) -> dict[str, ProviderRequirement]:
    found: dict[str, ProviderRequirement] = {}
    for folder in sorted(modules):
        declared = _declared_providers(modules[folder], faults)
        for name in _implied_providers(modules[folder]) - set(declared):
            declared[name] = ProviderRequirement(source=f"hashicorp/{name}")
        for name, requirement in sorted(declared.items()):
            if not requirement.source.startswith(_BUILT_IN):
                _add_provider(found, name, requirement)
    return found


def _add_provider(found: dict[str, ProviderRequirement], name: str, requirement: ProviderRequirement) -> None:
    """Add to *found*; constraints on one source are joined, a name that means another source gets a longer one."""
    for known, other in found.items():
        if other.source.lower() == requirement.source.lower():
            joined = ", ".join(dict.fromkeys(part for part in (other.version, requirement.version) if part))
            found[known] = ProviderRequirement(source=other.source, version=joined)
            return
    found[requirement.source.replace("/", "-").replace(".", "-") if name in found else name] = requirement


def _declared_providers(blocks: Iterable[Block], faults: list[Fault]) -> dict[str, ProviderRequirement]:
    declared: dict[str, ProviderRequirement] = {}
    for terraform in blocks:
        for block in terraform.children("required_providers"):
            for name, attribute in block.attributes.items():
                requirement = _requirement(name, attribute.value)
                if requirement is None:
                    faults.append(block.fault(f"provider {name!r} has no plain source and version", attribute.line))
                elif name in declared:
                    faults.append(block.fault(f"provider {name!r} is required twice", attribute.line))
                else:
                    declared[name] = requirement
                if isinstance(attribute.value, dict) and attribute.value.get("configuration_aliases"):
                    message = (
                        f"provider {name!r} has configuration_aliases: MCOP passes one configuration of a provider"
                    )
                    faults.append(block.fault(message, attribute.line))
    return declared


def _requirement(name: str, value: Value) -> ProviderRequirement | None:
    entry: Mapping[str, Value] = value if isinstance(value, dict) else {"version": value}
    source, version = entry.get("source", f"hashicorp/{name}"), entry.get("version", "")
    if not isinstance(source, str) or not isinstance(version, str) or not SOURCE.fullmatch(source):
        return None
    return ProviderRequirement(source=source if "/" in source else f"hashicorp/{source}", version=version)


def _implied_providers(blocks: Iterable[Block]) -> set[str]:
    """Return the local names of the providers that resources need: `provider = x.y`, else the type's first word."""
    names = set()
    for block in blocks:
        if block.type in ("resource", "data", "ephemeral") and block.labels:
            value = _value(block, "provider")
            said = value.text if isinstance(value, Expression) else value
            names.add(str(said).strip("${}").partition(".")[0] if said else block.labels[0].partition("_")[0])
    return names - {"terraform"}
