"""
Terraform's files as blocks: native syntax (`.tf`) and JSON (`.tf.json`) in, `Block` out; nothing is evaluated.

Source: developer.hashicorp.com/terraform/language/syntax/configuration and …/syntax/json.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeAlias

import hcl2
from hcl2 import SerializationOptions
from hcl2.transformer import RuleTransformer
from lark import Tree
from lark.exceptions import LarkError, UnexpectedInput, VisitError

from mcop_core.errors import Fault, InvalidDocuments

_OPTIONS = SerializationOptions(
    with_comments=False, explicit_blocks=False, preserve_heredocs=True, strip_string_quotes=False
)
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_ESCAPE = re.compile(r'\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|([nrt"\\]))')
_PLAIN_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}
_TEMPLATE = re.compile(r"(?<!\$)\$\{|(?<!%)%\{")


@dataclass(frozen=True, slots=True)
class Expression:
    """What is no literal, as text of the native syntax: `list(string)`, `var.name`, `"a ${b}"`."""

    text: str


Value: TypeAlias = "bool | int | float | str | list[Value] | dict[str, Value] | Expression | None"
"""A literal, or a list or map of such; an `Expression` may stand anywhere in it."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """`name = value` in a block; `line` is one-based. Reading a value nested too deeply raises `InvalidDocuments`."""

    line: int
    read: Callable[[], Value]

    @property
    def value(self) -> Value:
        """The value, read at every call: large expressions that nobody asks for cost nothing."""
        return self.read()


@dataclass(frozen=True, slots=True)
class Block:
    """`type "label" … { attributes and blocks }`, at a one-based line of a file."""

    type: str
    labels: tuple[str, ...]
    file: str
    line: int
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    blocks: tuple[Block, ...] = ()

    @property
    def name(self) -> str:
        """The last label; empty if there is none."""
        return self.labels[-1] if self.labels else ""

    def children(self, type_: str) -> Iterator[Block]:
        """Yield the nested blocks of one type, in order."""
        return (block for block in self.blocks if block.type == type_)

    def fault(self, message: str, line: int = 0) -> Fault:
        """Return *message* as a fault at the block, or at another line of its file."""
        return Fault(message, file=self.file, line=line or self.line)


def parse_file(path: str, data: bytes) -> tuple[Block, ...]:
    """
    Read one file.

    Args:
        path: Its name decides the syntax: `.tf.json` or native.

    Raises:
        InvalidDocuments: It cannot be parsed; file and line of the first fault.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InvalidDocuments.of([Fault("it is no UTF-8 text", file=path, line=line)]) from error
    try:
        return _parse_json(text, path) if path.endswith(".json") else _parse_native(text.replace("\r\n", "\n"), path)
    except RecursionError as error:
        raise InvalidDocuments.of([Fault("it is nested too deeply", file=path)]) from error


def is_literal(value: Value) -> bool:
    """Whether there is no expression in *value*."""
    if isinstance(value, dict):
        return all(is_literal(item) for item in value.values())
    if isinstance(value, list):
        return all(is_literal(item) for item in value)
    return not isinstance(value, Expression)


# -- native syntax -------------------------------------------------------------------------------------


def _parse_native(text: str, file: str) -> tuple[Block, ...]:
    try:
        tree = hcl2.parses_to_tree(text)
    except UnexpectedInput as error:
        raise InvalidDocuments.of([_syntax_fault(error, text, file)]) from error
    except LarkError as error:
        raise InvalidDocuments.of([Fault(f"it cannot be parsed: {error}", file=file)]) from error
    body = _body("", (), 1, _trees(tree, "body")[0], file)
    if body.attributes:
        name, attribute = next(iter(body.attributes.items()))
        raise InvalidDocuments.of([body.fault(f"{name!r} stands outside of any block", attribute.line)])
    return body.blocks


def _syntax_fault(error: UnexpectedInput, text: str, file: str) -> Fault:
    last = text.count("\n") + 1
    line = min(error.line if error.line and error.line > 0 else last, last)
    lines = text.splitlines()
    shown = lines[line - 1].strip()[:80] if line <= len(lines) else ""
    return Fault(f"the syntax is wrong at {shown!r}" if shown else "the file ends too early", file=file, line=line)


def _trees(tree: Any, kind: str) -> list[Any]:
    return [child for child in tree.children if isinstance(child, Tree) and child.data == kind]


def _body(type_: str, labels: tuple[str, ...], line: int, tree: Any, file: str) -> Block:
    attributes: dict[str, Attribute] = {}
    for node in _trees(tree, "attribute"):
        name = _token(node.children[0])
        if name in attributes:
            raise InvalidDocuments.of([Fault(f"{name!r} is set twice", file=file, line=node.meta.line)])
        attributes[name] = Attribute(node.meta.line, _reader(node.children[-1], file, node.meta.line))
    blocks = tuple(_block(node, file) for node in _trees(tree, "block"))
    return Block(type_, labels, file, line, attributes, blocks)


def _block(tree: Any, file: str) -> Block:
    names = [_label(child) for child in tree.children if isinstance(child, Tree) and child.data != "body"]
    return _body(names[0], tuple(names[1:]), tree.meta.line, _trees(tree, "body")[0], file)


def _label(tree: Any) -> str:
    text = "".join(_tokens(tree))
    return text[1:-1] if text.startswith('"') else text


def _token(tree: Any) -> str:
    return "".join(_tokens(tree))


def _tokens(tree: Any) -> Iterator[str]:
    for child in tree.children:
        if isinstance(child, Tree):
            yield from _tokens(child)
        else:
            yield str(child)


def _reader(tree: Any, file: str, line: int) -> Callable[[], Value]:
    @lru_cache(maxsize=1)
    def read() -> Value:
        try:
            return _native_value(RuleTransformer().transform(tree).serialize(_OPTIONS))
        except (RecursionError, VisitError) as error:
            raise InvalidDocuments.of([Fault("it is nested too deeply", file=file, line=line)]) from error

    return read


def _native_value(value: Any) -> Value:
    if isinstance(value, dict):
        return _native_map(value)
    if isinstance(value, list):
        return [_native_value(item) for item in value]
    if not isinstance(value, str):
        return Expression(str(value)) if isinstance(value, float) and not math.isfinite(value) else value
    if value.startswith('"'):
        return _native_string(value)
    return _native_expression(value[2:-1] if value.startswith("${") else value)


def _native_map(value: dict[str, Any]) -> Value:
    found: dict[str, Value] = {}
    for key, item in value.items():
        name = _native_string(key) if key.startswith('"') else key
        if isinstance(name, Expression) or name.startswith(("${", "(")):
            return Expression("a map with computed keys")
        found[name] = _native_value(item)
    return found


def _native_expression(text: str) -> Value:
    if not _NUMBER.fullmatch(text):
        return Expression(text)
    number = float(text)
    if not math.isfinite(number):
        return Expression(text)
    return int(number) if number.is_integer() else number


def _native_string(quoted: str) -> str | Expression:
    """Read a string or heredoc as the parser gives it: between quotes, escapes as in the file."""
    text = quoted[1:-1]
    if _TEMPLATE.search(text):
        return Expression(quoted)
    is_heredoc = text.startswith("<<") and "\n" in text
    text = _heredoc(text) if is_heredoc else _ESCAPE.sub(_unescape, text)
    return text.replace("$${", "${").replace("%%{", "%{")


def _unescape(match: re.Match[str]) -> str:
    code = match.group(1) or match.group(2)
    return chr(int(code, 16)) if code else _PLAIN_ESCAPES[match.group(3)]


def _heredoc(text: str) -> str:
    """Return a heredoc's content; `<<-` takes the smallest indentation off every line."""
    head, *lines = text.split("\n")
    lines = lines[:-1]
    if head.startswith("<<-"):
        indents = [len(line) - len(line.lstrip()) for line in lines if line.strip()]
        lines = [line[min(indents, default=0) :] for line in lines]
    return "".join(f"{line}\n" for line in lines)


# -- JSON ----------------------------------------------------------------------------------------------

_LABELS = {"variable": 1, "output": 1, "provider": 1, "module": 1, "resource": 2, "data": 2, "ephemeral": 2}
_NESTED = {"terraform": {"required_providers": 0, "backend": 1, "cloud": 0}}
_LITERAL_ONLY = frozenset({"variable", "output", "terraform", "required_providers", "module"})
"""Blocks of which MCOP reads only what Terraform takes literally, never as a template."""


def _parse_json(text: str, file: str) -> tuple[Block, ...]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in pairs:
            if name in found and name != "//":
                line = _line_of(text, name, last=True)
                raise InvalidDocuments.of([Fault(f"{name!r} is set twice", file=file, line=line)])
            found[name] = value
        return found

    try:
        document = json.loads(text, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        raise InvalidDocuments.of([Fault(f"it is no JSON: {error.msg}", file=file, line=error.lineno)]) from error
    parts = document if isinstance(document, list) else [document]
    if not all(isinstance(part, dict) for part in parts):
        raise InvalidDocuments.of([Fault("its top level must be an object", file=file, line=1)])
    return tuple(
        block
        for part in parts
        for type_, value in part.items()
        if type_ != "//"
        for block in _json_blocks(type_, (), value, _LABELS.get(type_, 0), text, file)
    )


def _json_blocks(type_: str, labels: tuple[str, ...], value: Any, depth: int, text: str, file: str) -> Iterator[Block]:
    for item in value if isinstance(value, list) else [value]:
        if not isinstance(item, dict):
            line = _line_of(text, labels[-1] if labels else type_)
            raise InvalidDocuments.of([Fault(f"{type_} must be an object", file=file, line=line)])
        if depth:
            for label, inner in item.items():
                if label != "//":
                    yield from _json_blocks(type_, (*labels, label), inner, depth - 1, text, file)
        else:
            yield _json_body(type_, labels, item, text, file)


def _json_body(type_: str, labels: tuple[str, ...], item: dict[str, Any], text: str, file: str) -> Block:
    nested = _NESTED.get(type_, {})
    blocks = tuple(
        block
        for name, depth in nested.items()
        if name in item
        for block in _json_blocks(name, (), item[name], depth, text, file)
    )
    attributes = {
        name: Attribute(_line_of(text, name), lambda value=value: _json_value(value, type_))  # type: ignore[misc]
        for name, value in item.items()
        if name not in nested and name != "//"
    }
    return Block(type_, labels, file, _line_of(text, labels[-1] if labels else type_), attributes, blocks)


def _json_value(value: Any, type_: str) -> Value:
    if type_ in _LITERAL_ONLY or not isinstance(value, str):
        return value  # type: ignore[no-any-return]
    return Expression(value)


def _line_of(text: str, name: str, *, last: bool = False) -> int:
    """Return where *name* first (or last) stands as a JSON text; positions are not kept by the parser."""
    quoted = json.dumps(name)
    position = text.rfind(quoted) if last else text.find(quoted)
    return text.count("\n", 0, max(position, 0)) + 1
