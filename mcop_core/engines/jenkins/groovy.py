"""
Groovy as far as a Jenkinsfile needs it: text -> tokens with line and column, and JSON values -> literals.

Strings, comments, slashy strings and brackets are read as Groovy's own lexer reads them, so that it is known where
code is. What versions of Groovy read differently, or what cannot be told without the parser, is a fault.
Source: groovy-lang.org/syntax.html; the lexer of Groovy 2.4, which Jenkins runs, and of Groovy 4.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice
from typing import Any

PLACE_BEGIN, PLACE_END = "\ue000", "\ue001"
"""What stands around a placeholder in text whose values are not written in yet."""
MAX_FLAWS = 100

_TRIPLES = ("'''", '"""')
_CLOSES = {"(": ")", "[": "]", "{": "}"}
_SPACE = re.compile(r"[ \t\f]+|\\\n")
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_NAME = re.compile(r"(?:[^\W\d]|\$)[\w$]*")
_NUMBER = re.compile(r"\d\w*(?:\.\d\w*)?(?:(?<=[eE])[+-]\d+)?")
_PLACE = re.compile(f"{PLACE_BEGIN}[^{PLACE_END}]*{PLACE_END}")
_SIGN = re.compile(r"::|\?\.|\*\.|\.&|\.@|\.\.|->|.", re.DOTALL)
_PLAIN = re.compile(f"[^'\"\\\\\n$/{PLACE_BEGIN}]+")
_EARLY = re.compile(r"\\u+00[0-7][0-9a-fA-F]")
_VALUES = frozenset({"this", "super", "null", "true", "false"})
_KEYWORDS = frozenset(
    {"as", "assert", "case", "def", "do", "else", "if", "in", "instanceof", "new", "return", "switch", "throw", "while"}
)


class Kind(StrEnum):
    """What a token is; `PLACE` is a placeholder."""

    NAME = "name"
    NUMBER = "number"
    STRING = "string"
    SIGN = "sign"
    PLACE = "place"
    LINE_END = "line end"


@dataclass(frozen=True, slots=True)
class Token:
    """One token; line and column are one-based. `is_spaced` says whether something stands between it and the last."""

    kind: Kind
    text: str
    line: int
    column: int
    is_spaced: bool = False


@dataclass(frozen=True, slots=True)
class Flaw:
    """
    One thing wrong with a Jenkinsfile, and where.

    Attributes:
        line, column: One-based.
        breaks_blocks: Whether it cannot be told which block is which, because of it.
    """

    line: int
    column: int
    message: str
    allowed: tuple[str, ...] = ()
    suggestion: str | None = None
    breaks_blocks: bool = False


class NotGroovy(Exception):
    """A text cannot be read any further; carries the `flaw`."""

    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw.message)
        self.flaw = flaw


def read_tokens(text: str) -> tuple[list[Token], list[Flaw]]:
    """
    Return the tokens of *text*, whose lines end with a line feed, without comments, and what is wrong with it.

    After a string or a comment that does not end, nothing more is read.
    """
    reader = _Reader(text)
    try:
        reader.read("")
    except NotGroovy as error:
        reader.flaws.append(error.flaw)
    return reader.tokens, sorted(reader.flaws, key=lambda flaw: (flaw.line, flaw.column))


class _Reader:
    """Reads from left to right; what stands in `${…}` of a string is read as code and not kept."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line, self._line_start = 1, 0
        self._depth = 0
        self._last: Token | None = None
        self.tokens: list[Token] = []
        self.flaws: list[Flaw] = [
            self._flaw_at(found.start(), "write the character itself: Groovy may decode this before it reads strings")
            for found in islice(_EARLY.finditer(text), MAX_FLAWS)
        ]

    # -- code ---------------------------------------------------------------------------------------

    def read(self, closing: str) -> None:
        """Read code up to its end, or up to the bracket *closing* that is not opened in it."""
        opened: list[Token] = []
        if self._at == 0 and self._text.startswith("#!"):
            self._at = (self._text + "\n").index("\n")
        before = self._at
        while self._at < len(self._text):
            start = self._at
            self._go_on()
            if self._skip():
                continue
            sign = self._text[self._at]
            if sign == closing and not opened:
                return
            token = self._token(is_spaced=start != before)
            before, self._last = self._at, token
            self._match(token, opened)
            if not self._depth:
                self.tokens.append(token)
        for one in opened:
            self.flaws.append(Flaw(one.line, one.column, f"{one.text!r} is not closed", breaks_blocks=True))

    def _skip(self) -> bool:
        found = _SPACE.match(self._text, self._at) or _COMMENT.match(self._text, self._at)
        if found is None:
            if self._text.startswith("/*", self._at):
                raise self._broken(self._at, "the comment does not end")
            return False
        if PLACE_BEGIN in found[0]:
            self._refuse_place(found.start() + found[0].index(PLACE_BEGIN), "a comment")
        self._advance(found.end())
        return True

    def _token(self, *, is_spaced: bool) -> Token:
        start, line, column = self._at, self._line, self._at - self._line_start + 1
        kind = self._take(is_spaced=is_spaced)
        return Token(kind, self._text[start : self._at], line, column, is_spaced)

    def _take(self, *, is_spaced: bool) -> Kind:
        sign = self._text[self._at]
        if sign == "\n":
            self._advance(self._at + 1)
            return Kind.LINE_END
        if sign in "'\"" or (sign in "/$" and self._begins_slashy(is_spaced=is_spaced)):
            self._string()
            return Kind.STRING
        for pattern, kind in ((_PLACE, Kind.PLACE), (_NUMBER, Kind.NUMBER), (_NAME, Kind.NAME), (_SIGN, Kind.SIGN)):
            if found := pattern.match(self._text, self._at):
                if kind is Kind.PLACE and self._depth:
                    self._refuse_place(self._at, "a string")
                self._advance(found.end())
                return kind
        raise AssertionError("a sign is anything")

    def _match(self, token: Token, opened: list[Token]) -> None:
        if token.kind is not Kind.SIGN:
            return
        if token.text in _CLOSES:
            opened.append(token)
        elif token.text in _CLOSES.values():
            if not opened:
                told = f"{token.text!r} closes nothing"
                self.flaws.append(Flaw(token.line, token.column, told, breaks_blocks=True))
            elif (wanted := _CLOSES[opened.pop().text]) != token.text:
                told = f"{wanted!r} is expected, not {token.text!r}"
                raise NotGroovy(Flaw(token.line, token.column, told, breaks_blocks=True))

    # -- strings ------------------------------------------------------------------------------------

    def _begins_slashy(self, *, is_spaced: bool) -> bool:
        """Whether a slash, or a dollar and a slash, begins a string: after what is a value, it divides."""
        if self._text[self._at] == "$" and not self._text.startswith("$/", self._at):
            return False
        last = self._last
        if last is None or not _is_value(last):
            return True
        following = self._text[self._at + 1 : self._at + 2]
        if last.kind is Kind.NAME and is_spaced and not following.isspace() and following != "=":
            self.flaws.append(
                self._flaw_at(self._at, "this can be read as a division or as a string: write the string in quotes")
            )
        return False

    def _string(self) -> None:
        start = self._at
        ending = self._opening()
        self._advance(self._at + len(ending))
        closing = "/$" if ending == "$/" else ending
        while not self._text.startswith(closing, self._at):
            self._string_part(start, ending)
        self._advance(self._at + len(closing))

    def _opening(self) -> str:
        triple = self._text[self._at : self._at + 3]
        if triple in _TRIPLES:
            return triple
        return "$/" if self._text[self._at] == "$" else self._text[self._at]

    def _string_part(self, start: int, ending: str) -> None:
        """Step over the next part of a string that begins at *start* with *ending*."""
        if plain := _PLAIN.match(self._text, self._at):
            self._advance(plain.end())
            return
        sign = self._text[self._at : self._at + 1]
        if not sign or (sign == "\n" and ending in ("'", '"')):
            raise self._broken(start, "the string does not end")
        if sign == PLACE_BEGIN:
            self._refuse_place(self._at, "a string")
        if self._text.startswith("${", self._at) and ending not in ("'", "'''"):
            self._interpolated()
        else:
            self._advance(self._at + self._width(ending))

    def _width(self, ending: str) -> int:
        """How many characters belong together here: an escape is two."""
        if ending == "$/":
            return 2 if self._text.startswith(("$$", "$/"), self._at) else 1
        if ending == "/":
            return 2 if self._text.startswith("\\/", self._at) else 1
        return 2 if self._text[self._at] == "\\" else 1

    def _interpolated(self) -> None:
        start = self._at
        if self._depth > 64:
            raise self._broken(start, "strings are nested too deeply")
        self._advance(self._at + 2)
        self._depth, self._last = self._depth + 1, None
        self.read("}")
        self._depth -= 1
        if self._at >= len(self._text):
            raise self._broken(start, "'${' is not closed")
        self._advance(self._at + 1)

    # -- places -------------------------------------------------------------------------------------

    def _advance(self, to: int) -> None:
        count = self._text.count("\n", self._at, to)
        if count:
            self._line += count
            self._line_start = self._text.rindex("\n", self._at, to) + 1
        self._at = min(to, len(self._text))

    def _refuse_place(self, at: int, where: str) -> None:
        self._go_on()
        message = f"a placeholder stands in {where}, where it cannot be quoted: write it outside, joined by +"
        self.flaws.append(self._flaw_at(at, message))

    def _go_on(self) -> None:
        if len(self.flaws) >= MAX_FLAWS:
            raise self._broken(self._at, "there is too much wrong with it to read on")

    def _flaw_at(self, at: int, message: str) -> Flaw:
        line = self._text.count("\n", 0, at) + 1
        return Flaw(line, at - self._text.rfind("\n", 0, at), message)

    def _broken(self, at: int, message: str) -> NotGroovy:
        return NotGroovy(replace(self._flaw_at(at, message), breaks_blocks=True))


def _is_value(token: Token) -> bool:
    if token.kind is Kind.NAME:
        return token.text in _VALUES or token.text not in _KEYWORDS
    return token.kind in (Kind.NUMBER, Kind.STRING, Kind.PLACE) or token.text in (")", "]", "}")


def brackets(tokens: list[Token]) -> dict[int, int]:
    """Return position of an opening bracket -> position of the one that closes it."""
    opened: list[int] = []
    found: dict[int, int] = {}
    for position, token in enumerate(tokens):
        if token.kind is Kind.SIGN and token.text in _CLOSES:
            opened.append(position)
        elif token.kind is Kind.SIGN and token.text in _CLOSES.values() and opened:
            found[opened.pop()] = position
    return found


# -- values --------------------------------------------------------------------------------------------

_ESCAPES = {"\\": "\\\\", "'": "\\'", "$": "\\$", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_U_AFTER_BACKSLASH = re.compile(r"(?<=\\\\)u")


def literal(value: Any) -> str:
    """
    Return *value*, of any JSON shape, as a Groovy literal on one line that is only ever itself.

    Lists, maps and negative numbers stand in parentheses, since `echo [1]` would be an index and `echo -1` a
    difference. Maps are sorted.
    """
    text = _literal(value)
    return f"({text})" if text[0] in "[-" else text


def _literal(value: Any) -> str:
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, Mapping):
        return "[" + (", ".join(_entries(value)) or ":") + "]"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_literal(part) for part in value) + "]"
    return json.dumps(value, allow_nan=False)


def _entries(value: Mapping[str, Any]) -> Iterator[str]:
    return (f"{quoted(key)}: {_literal(value[key])}" for key in sorted(value))


def quoted(text: str) -> str:
    r"""
    Return *text* as a string in single quotes.

    No `u` ever stands behind a backslash: Groovy 2.4 decodes `\uXXXX` before it knows what is a string, and it is
    not said which of several backslashes begin one. Such a `u` is written as the octal escape `\165`.
    """
    escaped = "".join(_ESCAPES.get(sign, sign) for sign in text)
    return "'" + _U_AFTER_BACKSLASH.sub(r"\\165", escaped) + "'"
