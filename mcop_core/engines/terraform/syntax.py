"""
Terraform's files as blocks: native syntax (`.tf`) and JSON (`.tf.json`) in, `Block` out; nothing is evaluated.

Source: developer.hashicorp.com/terraform/language/syntax/configuration.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any

import hcl2
from hcl2 import SerializationOptions
from hcl2.transformer import RuleTransformer
from lark import Tree
from lark.exceptions import LarkError, UnexpectedInput, VisitError

from mcop_core.engines.terraform.blocks import Attribute, Block, Expression, Value, unescape
from mcop_core.engines.terraform.json_syntax import parse_json
from mcop_core.engines.terraform.outline import decode, outline
from mcop_core.errors import Fault, InvalidDocuments
from mcop_core.limits import USUAL_LIMITS, Limits

_OPTIONS = SerializationOptions(
    with_comments=False, explicit_blocks=False, preserve_heredocs=True, strip_string_quotes=False
)
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_TEMPLATE = re.compile(r"(?<!\$)\$\{|(?<!%)%\{")


def parse_file(path: str, data: bytes, limits: Limits = USUAL_LIMITS) -> tuple[Block, ...]:
    """
    Read one file.

    Args:
        path: Its name decides the syntax: `.tf.json` or native.

    Raises:
        InvalidDocuments: It cannot be parsed; file and line of the first fault.
    """
    text = decode(path, data, limits)
    try:
        return parse_json(text, path) if path.endswith(".json") else _parse_native(text, path)
    except RecursionError as error:
        raise InvalidDocuments.of([Fault("it is nested too deeply", file=path)]) from error


# -- native syntax -------------------------------------------------------------------------------------


def _parse_native(text: str, file: str) -> tuple[Block, ...]:
    outlined = outline(text, file)  # first: it costs little, and has limits that keep the parser from costing much
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
    _hold_to_outline(body.blocks, outlined, file)
    return body.blocks


def _hold_to_outline(parsed: Iterable[Block], outlined: Iterable[Block], file: str) -> None:
    """Refuse a file of which the parser and the scanner give different structures: Terraform might see a third."""
    pairs = zip([*map(_shape, parsed), None], [*map(_shape, outlined), None], strict=False)
    found = next(((one, other) for one, other in pairs if one != other), None)
    if found is not None:
        lines = [shape[2] for shape in found if shape is not None]
        message = (
            "it can be read in two ways here: write a heredoc's end marker on a line of its own, with nothing after "
            "it, and no comment or heredoc inside of a template"
        )
        raise InvalidDocuments.of([Fault(message, file=file, line=min(lines))])


def _shape(block: Block) -> tuple[str, tuple[str, ...], int, dict[str, int], list[Any]]:
    lines = {name: attribute.line for name, attribute in block.attributes.items()}
    return block.type, block.labels, block.line, lines, [_shape(inner) for inner in block.blocks]


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
    return unescape(text[1:-1]) if text.startswith('"') else text


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
    text = _heredoc(text) if is_heredoc else unescape(text)
    return text.replace("$${", "${").replace("%%{", "%{")


def _heredoc(text: str) -> str:
    """Return a heredoc's content; `<<-` takes the smallest indentation off every line."""
    head, *lines = text.split("\n")
    lines = lines[:-1]
    if head.startswith("<<-"):
        indents = [len(line) - len(line.lstrip()) for line in lines if line.strip()]
        lines = [line[min(indents, default=0) :] for line in lines]
    return "".join(f"{line}\n" for line in lines)
