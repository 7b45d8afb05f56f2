"""
A module held to what is written down of its providers, as `terraform validate` would with the provider at hand.

Told are types, attributes and blocks that there are not, required ones that are missing, an attribute written as a
block and the reverse, a block that stands there twice, what only the provider sets, literals of a wrong type, and
references to what there is not. Not told is what the schema does not hold: which values an attribute may have, and
which attributes exclude each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mcop_core.engines.terraform.blocks import Block, Expression, Value
from mcop_core.engines.terraform.syntax import parse_file
from mcop_core.errors import Fault, closest

KINDS = ("resource", "data")
_META_ATTRIBUTES = frozenset({"count", "for_each", "provider", "depends_on"})
_META_BLOCKS = frozenset({"lifecycle", "provisioner", "connection"})
_PATH = r"((?:\[[^\[\]]*\]|\.\*|\.\w+)*)"
_NAMED = re.compile(r"(?<![\w.])(var|local)\.(\w+)")
_INDEX = re.compile(r"\[[^\[\]]*\]|\.\*")

Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Module:
    """The blocks of a module, and the schemas of its types: "resource" and "data" -> type -> schema."""

    blocks: tuple[Block, ...]
    schemas: Mapping[str, Mapping[str, Schema]]

    def of(self, kind: str) -> list[Block]:
        """Return the blocks of a type, in order."""
        return [block for block in self.blocks if block.type == kind]


def check_module(files: Mapping[str, bytes], providers: Iterable[Mapping[str, Any]]) -> list[Fault]:
    """
    Return what is wrong with a module, by file and line.

    Args:
        files: Name -> bytes of the module's own files.
        providers: What is written down of each provider, as `extract_schemas` writes it.

    Raises:
        InvalidDocuments: A file cannot be read.
    """
    blocks = tuple(block for name in sorted(files) for block in parse_file(name, files[name]))
    known = list(providers)
    module = Module(blocks, {kind: {name: one for each in known for name, one in each[kind].items()} for kind in KINDS})
    found = [fault for kind in KINDS for block in module.of(kind) for fault in _resource(block, module.schemas[kind])]
    return sorted([*found, *_references(module)], key=lambda fault: (fault.file, fault.line, fault.message))


# -- blocks --------------------------------------------------------------------------------------------


def _resource(block: Block, types: Mapping[str, Schema]) -> Iterator[Fault]:
    type_ = block.labels[0]
    if type_ not in types:
        yield _fault(block, block.line, f"there is no {block.type} {type_!r} in what is written down", type_, types)
        return
    inner = [one for one in block.blocks if one.type not in _META_BLOCKS]
    names = {name: one for name, one in block.attributes.items() if name not in _META_ATTRIBUTES}
    yield from _body(type_, block, names, inner, types[type_])


def _body(
    where: str, block: Block, attributes: Mapping[str, Any], inner: Iterable[Block], schema: Schema
) -> Iterator[Fault]:
    blocks = [_without_dynamic(one) for one in inner]
    own, nested = schema.get("attributes", {}), schema.get("blocks", {})
    for name, attribute in attributes.items():
        yield from _attribute(where, name, attribute.value, block, attribute.line, schema)
    for written, one in blocks:
        if one.type in nested:
            yield from _body(f"{where}.{one.type}", one, one.attributes, one.blocks, nested[one.type])
        elif one.type in own:
            yield _fault(block, written.line, f"{where} has {one.type} as an attribute: write {one.type} = …")
        else:
            yield _fault(block, written.line, f"{where} has no block {one.type!r}", one.type, nested)
    yield from _missing(where, block, attributes, {one.type for _, one in blocks}, schema)
    yield from _twice(where, [pair for pair in blocks if pair[0] is pair[1]], nested)


def _without_dynamic(block: Block) -> tuple[Block, Block]:
    """Return a block as it is written, and what it stands for: `dynamic "name"` makes blocks of its `content`."""
    content = next(block.children("content"), None) if block.type == "dynamic" else None
    if content is None:
        return block, block
    made = Block(block.name, (), block.file, content.line, content.attributes, content.blocks)
    return block, made


def _attribute(where: str, name: str, value: Value, block: Block, line: int, schema: Schema) -> Iterator[Fault]:
    own, nested = schema.get("attributes", {}), schema.get("blocks", {})
    if name in nested:
        yield _fault(block, line, f"{where} has {name} as a block: write {name} {{ … }}")
    elif name not in own:
        yield _fault(block, line, f"{where} has no attribute {name!r}", name, own)
    elif own[name].get("computed"):
        yield _fault(block, line, f"{where}.{name} is set by the provider alone")
    elif not fits(value, own[name]["type"]):
        yield _fault(block, line, f"{where}.{name} has the type {own[name]['type']}, which {_shown(value)} has not")


def _missing(
    where: str, block: Block, attributes: Mapping[str, Any], blocks: set[str], schema: Schema
) -> Iterator[Fault]:
    given = {name for name, attribute in attributes.items() if attribute.value is not None}
    for what, names in (("attribute", given), ("block", blocks)):
        for name, one in schema.get(f"{what}s", {}).items():
            if one.get("required") and name not in names:
                yield _fault(block, block.line, f"{where} needs the {what} {name!r}")


def _twice(where: str, blocks: Iterable[tuple[Block, Block]], nested: Mapping[str, Schema]) -> Iterator[Fault]:
    seen: set[str] = set()
    for _, block in blocks:
        if block.type in seen and not nested.get(block.type, {}).get("many"):
            yield _fault(block, block.line, f"{where} has one block {block.type} at most")
        seen.add(block.type)


def fits(value: Value, type_: str) -> bool:
    """Say whether a literal can be what *type_* says; of an expression nothing can be said, but that it is a text."""
    if isinstance(value, Expression):
        is_text = value.text.startswith('"') and value.text.endswith('"') and '"' not in _plain(value.text[1:-1])
        return type_ in ("string", "any") or not is_text
    if value is None or type_ == "any":
        return True
    outer, _, inner = type_.removesuffix(")").partition("(")
    if outer == "list":
        return isinstance(value, list) and all(fits(one, inner) for one in value)
    if outer == "map":
        return isinstance(value, dict) and all(fits(one, inner) for one in value.values())
    return not isinstance(value, list | dict) and _is_simple(value, outer)


def _plain(text: str) -> str:
    """Return a template without what it interpolates."""
    return re.sub(r"\$\{[^{}]*\}", "", text)


def _is_simple(value: Value, type_: str) -> bool:
    if type_ == "bool":
        return isinstance(value, bool) or value in ("true", "false")
    if type_ == "number":
        text = isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)?", value) is not None
        return not isinstance(value, bool) and (isinstance(value, int | float) or text)
    return True


def _shown(value: Value) -> str:
    return value.text if isinstance(value, Expression) else repr(value)


# -- references ----------------------------------------------------------------------------------------


def _references(module: Module) -> Iterator[Fault]:
    local = {name for block in module.of("locals") for name in block.attributes}
    declared = {"var": {block.name for block in module.of("variable")}, "local": local}
    words = {"var": "input", "local": "local value"}
    for block in module.blocks:
        for text, line in _texts(block):
            for kind, name in _NAMED.findall(text):
                if name not in declared[kind]:
                    yield _fault(block, line, f"the module has no {words[kind]} {name!r}", name, declared[kind])
            yield from _to_resources(text, line, block, module)


def _texts(block: Block) -> Iterator[tuple[str, int]]:
    """Yield every expression in a block, with the line of its attribute."""
    for attribute in block.attributes.values():
        yield from ((text, attribute.line) for text in _expressions(attribute.value))
    for inner in block.blocks:
        yield from _texts(inner)


def _expressions(value: Value) -> Iterator[str]:
    if isinstance(value, Expression):
        yield value.text
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _expressions(item)


def _to_resources(text: str, line: int, block: Block, module: Module) -> Iterator[Fault]:
    prefixes = sorted({name.partition("_")[0] for kind in KINDS for name in module.schemas[kind]})
    named = re.compile(rf"(?<![\w.])(data\.)?((?:{'|'.join(prefixes)})_\w+)\.(\w+){_PATH}") if prefixes else None
    for data, type_, name, path in named.findall(text) if named else ():
        kind = "data" if data else "resource"
        known = [one.labels[1] for one in module.of(kind) if one.labels[0] == type_]
        if name not in known:
            yield _fault(block, line, f"the module has no {kind} {type_}.{name}", name, known)
        elif type_ in module.schemas[kind]:
            yield from _path(type_, _INDEX.sub("", path), module.schemas[kind][type_], block, line)


def _path(type_: str, path: str, schema: Schema, block: Block, line: int) -> Iterator[Fault]:
    """Follow `.settings.tier` from a resource as far as the schema says what there is."""
    where = type_
    for name in path.split(".")[1:]:
        own, nested = schema.get("attributes", {}), schema.get("blocks", {})
        if name not in own and name not in nested:
            yield _fault(block, line, f"{where} has no attribute {name!r}", name, [*own, *nested])
            return
        schema = nested.get(name) or own[name].get("holds")
        if schema is None:
            return
        where += f".{name}"


def _fault(block: Block, line: int, message: str, name: str = "", known: Iterable[str] = ()) -> Fault:
    return Fault(message, file=block.file, line=line, suggestion=closest(name, known) if name else None)
