"""
Terraform's type constraints, read: `list(object({ name = string, size = optional(number, 3) }))`.

Reads what real modules write: over many lines, with comments (`#`, `//`, `/* */`), attributes divided by
commas or line ends, quoted attribute names, and any default in `optional`, which is Terraform's to evaluate.
Source: developer.hashicorp.com/terraform/language/expressions/type-constraints.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from mcop_core.errors import InvalidInput, closest
from mcop_core.limits import MAX_DEPTH

SCALARS = ("string", "number", "bool", "any")
COLLECTIONS = ("list", "set", "map")
STRUCTURES = ("object", "tuple")
_TOKEN = re.compile(
    r"""(?P<space>\s+|\#[^\n]*|//[^\n]*|/\*.*?\*/)
      | (?P<string>"(?:[^"\\]|\\.)*")
      | (?P<name>[^\W\d][\w-]*)
      | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_OPENING, _CLOSING = "([{", ")]}"


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of an object type; *default* tells whether `optional` brings a default."""

    type: Type
    optional: bool = False
    default: bool = False


@dataclass(frozen=True, slots=True)
class Type:
    """
    A type constraint.

    Attributes:
        name: `string`, `number`, `bool`, `any`, `list`, `set`, `map`, `object` or `tuple`.
        of: Type of the elements of a list, set or map.
        attributes: Of an object.
        items: Of a tuple.
    """

    name: str
    of: Type | None = None
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    items: tuple[Type, ...] = ()

    def __str__(self) -> str:
        if self.of is not None:
            return f"{self.name}({self.of})"
        return self.name


ANY = Type("any")


@lru_cache(maxsize=4096)
def parse_type(text: str) -> Type:
    """
    Read a type constraint.

    Raises:
        InvalidInput: *text* is none; says where and what was expected.
    """
    reader = _Reader(text)
    parsed = reader.type(0)
    reader.expect_end()
    return parsed


class _Reader:
    """Reads the tokens of one constraint from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = [match[0] for match in _TOKEN.finditer(text) if match.lastgroup != "space"]
        self._next = 0

    def type(self, depth: int) -> Type:
        if depth > MAX_DEPTH:
            raise self._error(f"it is nested deeper than {MAX_DEPTH} levels")
        name = self._take().strip('"')
        if name in SCALARS:
            return Type(name)
        if name in COLLECTIONS:
            return Type(name, of=self._element_type(depth))
        if name == "object":
            return Type(name, attributes=self._bracketed_object(depth))
        if name == "tuple":
            return Type(name, items=self._bracketed_tuple(depth))
        near = closest(name, (*SCALARS, *COLLECTIONS, *STRUCTURES))
        raise self._error(f"{name!r} is no type" + (f', did you mean "{near}"?' if near else ""))

    def expect_end(self) -> None:
        if self._peek():
            raise self._error(f"{self._peek()!r} stands after its end")

    def _element_type(self, depth: int) -> Type:
        if self._peek() != "(":
            return ANY
        self._expect("(")
        element = self.type(depth + 1)
        self._skip(",")
        self._expect(")")
        return element

    def _bracketed_object(self, depth: int) -> dict[str, Attribute]:
        attributes: dict[str, Attribute] = {}
        self._expect("(")
        self._expect("{")
        while not self._skip("}"):
            name = self._take().strip('"')
            if not re.fullmatch(r"[^\W\d][\w-]*", name):
                raise self._error(f"{name!r} is no attribute name")
            if not self._skip(":"):
                self._expect("=")
            attributes[name] = self._attribute(depth)
            self._skip(",")
        self._skip(",")
        self._expect(")")
        return attributes

    def _attribute(self, depth: int) -> Attribute:
        if self._peek() != "optional":
            return Attribute(self.type(depth + 1))
        self._take()
        self._expect("(")
        inner = self.type(depth + 1)
        has_default = self._skip(",") and self._peek() != ")"
        if has_default:
            self._skip_expression()
        self._expect(")")
        return Attribute(inner, optional=True, default=has_default)

    def _bracketed_tuple(self, depth: int) -> tuple[Type, ...]:
        items: list[Type] = []
        self._expect("(")
        self._expect("[")
        while not self._skip("]"):
            items.append(self.type(depth + 1))
            if not self._skip(",") and self._peek() != "]":
                raise self._error("a comma is missing in tuple([…])")
        self._skip(",")
        self._expect(")")
        return tuple(items)

    def _skip_expression(self) -> None:
        """Pass over a default, up to the bracket that closes `optional(`."""
        depth = 0
        while depth or self._peek() != ")":
            token = self._take()
            depth += (token in _OPENING) - (token in _CLOSING)

    def _peek(self) -> str:
        return self._tokens[self._next] if self._next < len(self._tokens) else ""

    def _take(self) -> str:
        token = self._peek()
        if not token:
            raise self._error("it ends too early")
        self._next += 1
        return token

    def _skip(self, token: str) -> bool:
        found = self._peek() == token
        self._next += found
        return found

    def _expect(self, token: str) -> None:
        if not self._skip(token):
            raise self._error(f"{token!r} is expected, not {self._peek() or 'its end'!r}")

    def _error(self, problem: str) -> InvalidInput:
        shown = " ".join(self._text.split())
        shown = shown if len(shown) <= 80 else shown[:79] + "…"
        return InvalidInput(f"{shown!r} is no Terraform type: {problem}", text=self._text)
