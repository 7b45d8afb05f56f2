"""Terraform's files as blocks: the values that readers of either syntax give."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from mcop_core.errors import Fault

_ESCAPE = re.compile(r'\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|([nrt"\\]))')
_PLAIN_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}


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


def is_literal(value: Value) -> bool:
    """Whether there is no expression in *value*."""
    if isinstance(value, dict):
        return all(is_literal(item) for item in value.values())
    if isinstance(value, list):
        return all(is_literal(item) for item in value)
    return not isinstance(value, Expression)


def unescape(text: str) -> str:
    """Return what stands between the quotes of native syntax with its backslash escapes replaced."""
    return _ESCAPE.sub(_unescaped, text)


def _unescaped(match: re.Match[str]) -> str:
    code = match.group(1) or match.group(2)
    return chr(int(code, 16)) if code else _PLAIN_ESCAPES[match.group(3)]
