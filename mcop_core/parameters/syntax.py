"""
What stands in a text: literal parts and references; no evaluation.

    ${name}  {name}                         a parameter
    ${element.output}                       an output in the same pattern
    ${pattern.element.output}               an output in the same workflow
    ${workflow.pattern.element.output}      an output anywhere in the manifest
    $${                                     the literal ${
    {{                                      the literal {

Everything else is literal, a lone `$`, `}` and `%{` too. An opening brace that begins none of these is an
error, so that a slip of the pen never becomes a value.
Texts are read from left to right. Source: design, section 4.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from mcop_core.errors import InvalidReference
from mcop_core.refs import NAME_PATTERN

MAX_PARTS = 4
_SHOWN = 40
_IDENTIFIER = r"[A-Za-z_][A-Za-z0-9_-]*"
_TOKEN = re.compile(r"\$\$\{|\{\{|\$?\{([^{}]*)\}|\$?\{", re.ASCII)
_NAME = re.compile(NAME_PATTERN, re.ASCII)
_OUTPUT = re.compile(_IDENTIFIER, re.ASCII)
_LITERALS = {"$${": "${", "{{": "{"}
_UNESCAPED = re.compile(r"\$?\{")


@dataclass(frozen=True, slots=True)
class Reference:
    """
    One `${...}`: a parameter's name, or the two to four parts of an output's address.

    Attributes:
        parts: The names between the dots.
    """

    parts: tuple[str, ...]

    @property
    def is_output(self) -> bool:
        """Whether it names another element's output and not a parameter."""
        return len(self.parts) > 1

    def __str__(self) -> str:
        return ".".join(self.parts)


Part = str | Reference


@lru_cache(maxsize=65536)
def parse(text: str) -> tuple[Part, ...]:
    """
    Split *text* into literal parts, escapes undone, and references; neighbouring literals are one part.

    Raises:
        InvalidReference: A brace opens something that is no reference; carries `text` and `position`.
    """
    parts: list[Part] = []
    literal: list[str] = []
    end = 0
    for match in _TOKEN.finditer(text):
        literal.append(text[end : match.start()])
        end = match.end()
        if match[0] in _LITERALS:
            literal.append(_LITERALS[match[0]])
            continue
        reference = _reference(match, text)
        if joined := "".join(literal):
            parts.append(joined)
        parts.append(reference)
        literal = []
    if joined := "".join([*literal, text[end:]]):
        parts.append(joined)
    return tuple(parts)


def _reference(match: re.Match[str], text: str) -> Reference:
    parts = tuple(match[1].split(".")) if match[1] else ()
    names = parts[:-1] if len(parts) > 1 else parts
    well_formed = 1 <= len(parts) <= MAX_PARTS and all(_NAME.fullmatch(name) for name in names)
    if well_formed and _OUTPUT.fullmatch(parts[-1]):
        return Reference(parts)
    raise InvalidReference(_complaint(match, parts), text=text, position=match.start())


def _complaint(match: re.Match[str], parts: tuple[str, ...]) -> str:
    opening = "${" if match[0].startswith("$") else "{"
    escaped = "$${" if opening == "${" else "{{"
    if len(parts) > MAX_PARTS:
        problem = f"has {len(parts)} parts; an output's address has at most {MAX_PARTS}"
    else:
        problem = "is no reference: write ${name}, ${element.output}, or more of the address before it"
    shown = match[0] if len(match[0]) <= _SHOWN else match[0][:_SHOWN] + "…"
    return f"{shown!r} at character {match.start() + 1} {problem}. For a literal {opening} write {escaped}."


def escape(text: str) -> str:
    """Return the text that `parse` reads as the one literal *text*."""
    return _UNESCAPED.sub(lambda match: "$${" if match[0] == "${" else "{{", text)


def single_reference(text: str) -> Reference | None:
    """Return the reference that *text* is, with nothing around it, or None; raises as `parse`."""
    parts = parse(text)
    return parts[0] if len(parts) == 1 and isinstance(parts[0], Reference) else None


def texts(value: Any) -> Iterator[tuple[str, str]]:
    """Yield (dotted path inside *value*, text) of every string in it, map keys among them, in document order."""
    pending: list[tuple[str, Any]] = [("", value)]
    while pending:
        path, item = pending.pop()
        if isinstance(item, str):
            yield path, item
        elif isinstance(item, dict):
            for key, child in reversed(item.items()):
                pending += [(join_path(path, key), child), (join_path(path, key), key)]
        elif isinstance(item, list | tuple):
            pending += [(join_path(path, index), child) for index, child in reversed(list(enumerate(item)))]


def join_path(*steps: object) -> str:
    """Return the dotted path of *steps*, empty ones left out."""
    return ".".join(text for step in steps if (text := str(step)))


def references(value: Any) -> Iterator[tuple[str, Reference]]:
    """
    Yield (dotted path inside *value*, reference) of every reference in *value*, of any JSON shape.

    Raises:
        InvalidReference: As `parse`.
    """
    for path, text in texts(value):
        for part in parse(text):
            if isinstance(part, Reference):
                yield path, part


def readable_references(value: Any) -> list[Reference]:
    """Return every reference of *value* that can be read; texts that cannot are passed over."""
    found: list[Reference] = []
    for _, text in texts(value):
        try:
            found += [part for part in parse(text) if isinstance(part, Reference)]
        except InvalidReference:
            continue
    return found
