"""
What a module may not hold unless an administrator exempts it: each use of it, with rule, file and line.

A primitive's code runs with the worker's credentials. These are the ways in which it would do something else with
them than its providers do: run commands, ask other machines, read other components' states, bring another provider.
Files are read as Terraform reads them, in the module's own folder and in those that it calls; examples and tests
beside them are nobody's code here. Nothing is evaluated, and no HCL parser is needed.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mcop_core.engines.terraform.blocks import Block
from mcop_core.engines.terraform.module_files import is_configuration, is_override, is_variables
from mcop_core.engines.terraform.outline import outline_file
from mcop_core.errors import Fault, InvalidDocuments
from mcop_core.limits import USUAL_LIMITS, Limits


class Rule(StrEnum):
    """What an exemption can be for."""

    PROVISIONER = "provisioner"
    EXTERNAL_DATA = "external-data"
    HTTP_DATA = "http-data"
    REMOTE_STATE = "remote-state"
    LOCAL_COMMAND = "local-command"
    OVERRIDE_FILE = "override-file"
    VARIABLES_FILE = "variables-file"
    PROVIDER = "provider"


_TYPES: Mapping[tuple[str, str], tuple[Rule, str]] = {
    ("data", "external"): (Rule.EXTERNAL_DATA, "runs a program on the worker, in every plan"),
    ("data", "http"): (Rule.HTTP_DATA, "asks any address that the worker reaches"),
    ("data", "terraform_remote_state"): (Rule.REMOTE_STATE, "reads the state of other components, secrets and all"),
    ("data", "local_command"): (Rule.LOCAL_COMMAND, "runs a command on the worker, in every plan"),
    ("action", "local_command"): (Rule.LOCAL_COMMAND, "runs a command on the worker"),
}
_HAVE_PROVISIONERS = ("resource", "removed")
_REGISTRIES = ("registry.terraform.io/", "registry.opentofu.org/")
_BUILT_IN = "terraform.io/builtin/"


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """What a rule has against a module, at a one-based line of a file; 0 where it is about no line."""

    file: str
    line: int
    rule: StrEnum
    message: str

    def fault(self, hint: str = "") -> Fault:
        """Return it as a fault that names its rule, and ends with *hint*: how it can be allowed."""
        return Fault(f"{self.message} (rule {self.rule}){hint}", file=self.file, line=self.line)


def find_forbidden(files: Mapping[str, bytes], limits: Limits = USUAL_LIMITS) -> tuple[Finding, ...]:
    """
    Return what a module, and those that it calls, hold of what is forbidden; providers aside.

    Args:
        files: Path -> bytes.
        limits: How large a file of code may be.

    Raises:
        InvalidDocuments: A file cannot be read, or a module is called that is not among *files*.
    """
    modules = _reachable(files, limits)
    found = [*_forbidden_files(files, modules)]
    for blocks in modules.values():
        found += [finding for block in blocks for finding in _forbidden_in(block)]
    return tuple(sorted(found))


def find_foreign_providers(sources: Iterable[str], allowed: str) -> tuple[Finding, ...]:
    """
    Return what of *sources* is not among the providers *allowed*.

    Args:
        sources: Addresses of providers, `[host/]namespace/type`.
        allowed: Addresses, separated by commas; `namespace/*` stands for all of a namespace. The hosts of the two
            public registries may be left out, any other may not.
    """
    patterns = [_short(pattern.strip()) for pattern in allowed.split(",") if pattern.strip()]
    foreign = sorted(
        source
        for source in {_short(source) for source in sources}
        if not source.startswith(_BUILT_IN) and not any(_is_meant(source, pattern) for pattern in patterns)
    )
    said = ", ".join(patterns) or "none"
    message = "the provider {} is not among those that MCOP_TERRAFORM_PROVIDERS allows: {}"
    return tuple(Finding("", 0, Rule.PROVIDER, message.format(source, said)) for source in foreign)


def _short(source: str) -> str:
    """Return an address without the host of a public registry, but with `hashicorp/` where that was left out."""
    low = source.lower()
    low = next((low.removeprefix(host) for host in _REGISTRIES if low.startswith(host)), low)
    return low if "/" in low else f"hashicorp/{low}"


def _is_meant(source: str, pattern: str) -> bool:
    if pattern.endswith("/*"):
        return posixpath.dirname(source) == pattern.removesuffix("/*")
    return source == pattern


# -- modules -------------------------------------------------------------------------------------------


def _reachable(files: Mapping[str, bytes], limits: Limits) -> dict[str, list[Block]]:
    """Return folder -> blocks, of the module and of every one that it calls."""
    found: dict[str, list[Block]] = {}
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        if folder not in found:
            paths = sorted(path for path in files if posixpath.dirname(path) == folder and is_configuration(path))
            found[folder] = [block for path in paths for block in outline_file(path, files[path], limits)]
            waiting += [_called(block, folder) for block in found[folder] if block.type == "module"]
    return found


def _called(block: Block, folder: str) -> str:
    """Return the folder of the module that *block* calls; an override file may leave the source to what it names."""
    attribute = block.attributes.get("source")
    source = attribute.value if attribute else "./" if is_override(block.file) else None
    if not isinstance(source, str) or not source.startswith(("./", "../")):
        raise InvalidDocuments.of([block.fault(f"module {block.name!r} is not among the primitive's own files")])
    target = posixpath.normpath(posixpath.join(folder, source))
    if target.startswith(("../", "/")) or target == "..":
        raise InvalidDocuments.of([block.fault(f"module {block.name!r} is not among the primitive's own files")])
    return "" if target == "." else target


# -- rules ---------------------------------------------------------------------------------------------


def _forbidden_files(files: Mapping[str, bytes], modules: Mapping[str, Sequence[Block]]) -> Iterator[Finding]:
    for path in files:
        if posixpath.dirname(path) not in modules:
            continue
        if is_override(path):
            yield Finding(path, 0, Rule.OVERRIDE_FILE, "an override file changes what other files say")
        elif is_variables(path):
            yield Finding(path, 0, Rule.VARIABLES_FILE, "a file of variables sets values that no layer of MCOP shows")


def _forbidden_in(block: Block) -> Iterator[Finding]:
    if block.type in _HAVE_PROVISIONERS:
        for inner in block.children("provisioner"):
            message = f"provisioner {inner.name!r} runs commands with the worker's credentials"
            yield Finding(inner.file, inner.line, Rule.PROVISIONER, message)
    if block.type == "check":
        for inner in block.children("data"):
            yield from _forbidden_in(inner)
    if block.labels and (found := _TYPES.get((block.type, block.labels[0]))):
        rule, why = found
        yield Finding(block.file, block.line, rule, f"{block.type} {block.labels[0]!r} {why}")
