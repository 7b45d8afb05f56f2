"""
What a reviewer would say to a module: nothing here is forbidden, and nothing is evaluated.

Read is the module's own folder, as Terraform reads it. What cannot be told without running it is not said: an
expression is what it refers to, if that is an input with a plain default, and else nothing.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from functools import partial

from mcop_core.engines.terraform.blocks import Block, Expression, Value
from mcop_core.engines.terraform.forbidden import Finding
from mcop_core.engines.terraform.module_files import is_configuration
from mcop_core.engines.terraform.syntax import parse_file
from mcop_core.limits import USUAL_LIMITS, Limits


class Rule(StrEnum):
    """What is looked at."""

    DESCRIPTION = "description"
    TYPE = "type"
    VERSION = "version"
    UNUSED = "unused"
    TAGS = "tags"
    PUBLIC = "public"


_REFERENCE = re.compile(r"\bvar\.([A-Za-z_][A-Za-z0-9_-]*)")
_WHOLE_REFERENCE = re.compile(r"var\.([A-Za-z_][A-Za-z0-9_-]*)")
_TAGS = ("tags", "labels")
_EVERYBODY = frozenset({"0.0.0.0/0", "::/0", "*", "any", "internet"})

_Test = Callable[[Value], bool]


def _is(*wanted: Value) -> _Test:
    return lambda value: any(value is one or (isinstance(one, str) and value == one) for one in wanted)


def _holds_everybody(value: Value) -> bool:
    listed = value if isinstance(value, list) else [value]
    return any(isinstance(one, str) and one.lower() in _EVERYBODY for one in listed)


_PUBLIC: Mapping[str, _Test] = {
    "acl": _is("public-read", "public-read-write"),
    "allow_nested_items_to_be_public": _is(True),
    "associate_public_ip_address": _is(True),
    "block_public_acls": _is(False),
    "block_public_policy": _is(False),
    "container_access_type": _is("blob", "container"),
    "endpoint_public_access": _is(True),
    "ignore_public_acls": _is(False),
    "ipv4_enabled": _is(True),
    "map_public_ip_on_launch": _is(True),
    "member": _is("allUsers", "allAuthenticatedUsers"),
    "public_access_prevention": _is("inherited"),
    "public_network_access_enabled": _is(True),
    "publicly_accessible": _is(True),
    "restrict_public_buckets": _is(False),
}
"""Attribute of a resource, or of a block in it -> whether a value opens it to everybody."""

_COMES_FROM = ("cidr_blocks", "cidr_ipv4", "cidr_ipv6", "ipv6_cidr_blocks", "source_address_prefix", "source_ranges")
"""Attributes that say who may come in, where a block is about coming in."""
_DIRECTION, _OUT = ("type", "direction"), ("egress", "outbound")
"""Attributes that say which way a rule of a firewall is about, and the words for the way out."""


def lint(files: Mapping[str, bytes], limits: Limits = USUAL_LIMITS) -> tuple[Finding, ...]:
    """
    Return what could be better in a module, by file and line.

    Args:
        files: Path below the module's folder -> bytes.
        limits: How large a file of code may be.

    Raises:
        InvalidDocuments: A file cannot be read.
    """
    paths = [path for path in sorted(files) if not posixpath.dirname(path) and is_configuration(path)]
    blocks = [block for path in paths for block in parse_file(path, files[path], limits)]
    text = "\n".join(files[path].decode(errors="replace") for path in paths)
    inputs = {block.name: block for block in blocks if block.type == "variable"}
    resources = [block for block in blocks if block.type == "resource"]
    found = [
        *_undescribed(blocks),
        *_untyped(inputs.values()),
        *_versions(blocks),
        *_unused(inputs, set(_REFERENCE.findall(text))),
        *_tags(inputs, resources),
        *_public(inputs, resources),
    ]
    return tuple(sorted(set(found)))


def _undescribed(blocks: Iterable[Block]) -> Iterator[Finding]:
    words = {"variable": "input", "output": "output"}
    for block in blocks:
        if block.type in words and not _value(block, "description"):
            yield _remark(block, Rule.DESCRIPTION, f"the {words[block.type]} {block.name} has no description")


def _untyped(inputs: Iterable[Block]) -> Iterator[Finding]:
    for block in inputs:
        if "type" not in block.attributes:
            yield _remark(block, Rule.TYPE, f"the input {block.name} has no type, so that it takes anything")


def _versions(blocks: Sequence[Block]) -> Iterator[Finding]:
    required = [
        inner for block in blocks if block.type == "terraform" for inner in block.children("required_providers")
    ]
    named = {name: (inner, inner.attributes[name].value) for inner in required for name in inner.attributes}
    for name, (inner, value) in named.items():
        if not (isinstance(value, dict) and value.get("version")):
            line = inner.attributes[name].line
            yield Finding(inner.file, line, Rule.VERSION, f"the provider {name} is taken in any version")
    implied: dict[str, Block] = {}
    for block in blocks:
        if block.type in ("resource", "data") and block.labels:
            implied.setdefault(block.labels[0].partition("_")[0], block)
    for name, block in implied.items():
        if name not in named and name != "terraform":
            yield _remark(block, Rule.VERSION, f"the provider {name} is not in required_providers, so in any version")


def _unused(inputs: Mapping[str, Block], used: set[str]) -> Iterator[Finding]:
    for name, block in inputs.items():
        if name not in used:
            yield _remark(block, Rule.UNUSED, f"the input {name} is declared and nothing uses it")


def _tags(inputs: Mapping[str, Block], resources: Iterable[Block]) -> Iterator[Finding]:
    for block in resources:
        for name in _TAGS:
            attribute = block.attributes.get(name)
            if attribute is not None and not _refers_to(attribute.value, _TAGS, inputs):
                message = f"{'.'.join(block.labels)} has {name} of its own and takes none of whoever uses the module"
                yield Finding(block.file, attribute.line, Rule.TAGS, message)


def _refers_to(value: Value, names: Iterable[str], inputs: Mapping[str, Block]) -> bool:
    """Whether an expression in *value* stands for more than this module knows: an input of these names, or a local."""
    texts = list(_expressions(value))
    if any("local." in text or "each." in text for text in texts):
        return True
    return any(name in inputs and f"var.{name}" in text for name in names for text in texts)


def _expressions(value: Value) -> Iterator[str]:
    if isinstance(value, Expression):
        yield value.text
    elif isinstance(value, dict):
        for item in value.values():
            yield from _expressions(item)
    elif isinstance(value, list):
        for item in value:
            yield from _expressions(item)


# -- public --------------------------------------------------------------------------------------------


def _public(inputs: Mapping[str, Block], resources: Iterable[Block]) -> Iterator[Finding]:
    for resource in resources:
        for block in _with_inner(resource):
            yield from _opened(block, resource, inputs)


def _with_inner(block: Block) -> Iterator[Block]:
    yield block
    for inner in block.blocks:
        yield from _with_inner(inner)


def _opened(block: Block, resource: Block, inputs: Mapping[str, Block]) -> Iterator[Finding]:
    come_in = partial(_comes_in, block, resource)
    for name, attribute in block.attributes.items():
        test = _PUBLIC.get(name) or (_holds_everybody if name in _COMES_FROM and come_in() else None)
        if test is None:
            continue
        what = f"{name} of {'.'.join(resource.labels)}"
        value, chosen = _default(attribute.value, inputs)
        if chosen is not None and test(value):
            yield _remark(chosen, Rule.PUBLIC, f"the default of {chosen.name} opens {what} to everybody")
        elif chosen is None and test(value):
            yield Finding(block.file, attribute.line, Rule.PUBLIC, f"{what} opens it to everybody")


def _comes_in(block: Block, resource: Block) -> bool:
    """Whether *block*, in a resource or one itself, is about who may come in."""
    kind = resource.labels[0] if resource.labels else ""
    if block.type == "egress" or "egress" in kind:
        return False
    said = (str(_value(one, name)).lower() for one in (block, resource) for name in _DIRECTION)
    return not any(word in _OUT for word in said)


def _default(value: Value, inputs: Mapping[str, Block]) -> tuple[Value, Block | None]:
    """Return the default of the input that *value* is, and the input; else *value*."""
    found = _WHOLE_REFERENCE.fullmatch(value.text) if isinstance(value, Expression) else None
    block = inputs.get(found[1]) if found else None
    return (value, None) if block is None else (_value(block, "default"), block)


def _value(block: Block, name: str) -> Value:
    attribute = block.attributes.get(name)
    return attribute.value if attribute else None


def _remark(block: Block, rule: Rule, message: str) -> Finding:
    return Finding(block.file, block.line, rule, message)
