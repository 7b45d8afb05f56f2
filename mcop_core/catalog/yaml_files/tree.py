"""
YAML text -> JSON values with their lines, by the few rules that a person can keep in mind.

What is not quoted is a number exactly if it is one in JSON, `true`, `false` and `null` are themselves, and
everything else is text: `yes`, `010`, `12:30` and `2024-01-01` are. No anchors, no tags, no merge keys, no key
twice, no key that is not text. Source: YAML 1.2 core schema, narrowed to what JSON can say.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from mcop_core.limits import MAX_DEPTH

MAX_DIGITS = 400
"""Of one number; Python reads longer ones in quadratic time."""

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?", re.ASCII)
_NO_NUMBER = re.compile(r"[-+]?\.(inf|Inf|INF|nan|NaN|NAN)", re.ASCII)
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing that cannot be read: dotted path, one-based line, what is wrong."""

    path: str
    line: int
    message: str


@dataclass(slots=True)
class Tree:
    """
    One YAML document.

    Attributes:
        value: What it says, as JSON values; None when it could not be read.
        line: One-based line where it starts.
        lines: Dotted path -> one-based line of every key and list entry.
        flaws: What is wrong with it as YAML.
        plain: Dotted path -> the text of every number and word as it is written.
    """

    line: int
    value: Any = None
    lines: dict[str, int] = field(default_factory=dict)
    flaws: list[Flaw] = field(default_factory=list)
    plain: dict[str, str] = field(default_factory=dict)


Event = Any
"""An event of PyYAML's parser; each has a start mark, and scalars and collections a tag and an anchor."""


class _TooDeep(Exception):
    pass


def read_trees(text: str, first_line: int = 1) -> Iterator[Tree]:
    """
    Yield the documents of *text*, the empty ones left out.

    A document that is no YAML comes with the one flaw that stops its reading, and is the last.

    Args:
        first_line: The line of the file on which *text* starts.
    """
    events: Iterator[Event] = yaml.parse(text, Loader=_LOADER)
    tree = Tree(first_line)
    try:
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                empty = _Reader(events, tree, first_line).read_document()
                if not empty:
                    yield tree
                tree = Tree(tree.line)
    except _TooDeep:
        yield tree
    except yaml.YAMLError as error:
        tree.flaws.append(_unreadable(error, first_line))
        yield tree


def _unreadable(error: yaml.YAMLError, first_line: int) -> Flaw:
    mark = getattr(error, "problem_mark", None)
    line = first_line + mark.line if mark else first_line
    return Flaw("", line, f"this is not YAML: {getattr(error, 'problem', None) or error}")


class _Reader:
    """Builds one document from the events of the parser; recursion ends at `MAX_DEPTH`."""

    def __init__(self, events: Iterator[Event], tree: Tree, first_line: int) -> None:
        self._events = events
        self._tree = tree
        self._first_line = first_line

    def read_document(self) -> bool:
        """Fill the tree; return whether the document is empty."""
        root = next(self._events)
        self._tree.line = self._line(root)
        self._tree.lines[""] = self._line(root)
        empty = isinstance(root, yaml.ScalarEvent) and not (root.style or root.value or root.tag or root.anchor)
        self._tree.value = self._node(root, "", 1)
        return empty

    def _node(self, event: Event, path: str, depth: int) -> Any:
        if depth > MAX_DEPTH:
            self._flaw(path, event, f"it is nested deeper than {MAX_DEPTH} levels")
            raise _TooDeep
        if isinstance(event, yaml.AliasEvent):
            self._flaw(path, event, f"aliases (*{event.anchor}) are not read: write the value out")
            return None
        self._refuse_anchor_and_tag(event, path)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path, depth)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path, depth)
        return self._scalar(event, path)

    def _mapping(self, path: str, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event, path, found, depth)
            inner = f"{path}.{key}" if path else key
            if key not in found:
                self._tree.lines[inner] = self._line(event)
            value = self._node(next(self._events), inner, depth + 1)
            found.setdefault(key, value)
        return found

    def _key(self, event: Event, path: str, found: dict[str, Any], depth: int) -> str:
        """Return the key that starts with *event*; one that may not stand there is flawed and made text."""
        value = self._node(event, path, depth + 1)
        if not isinstance(value, str):
            shown = getattr(event, "value", None)
            hint = f'write "{shown}" in quotes' if shown else "a key is text"
            self._flaw(path, event, f"the key {shown or 'here'} is no text: {hint}")
            return str(shown)
        if value in found:
            self._flaw(f"{path}.{value}" if path else value, event, f"the key {value!r} stands here twice")
        if value == "<<" and not event.style:
            self._flaw(path, event, "merge keys (<<) are not read: write the fields out")
        return value

    def _sequence(self, path: str, depth: int) -> list[Any]:
        found: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            inner = f"{path}.{len(found)}" if path else str(len(found))
            self._tree.lines[inner] = self._line(event)
            found.append(self._node(event, inner, depth + 1))
        return found

    def _scalar(self, event: Event, path: str) -> Any:
        text: str = event.value
        if any("\ud800" <= letter <= "\udfff" for letter in text):
            self._flaw(path, event, "half a surrogate pair is no character")
            return ""
        if event.style:
            return text
        value = self._plain(text, path, event)
        if not isinstance(value, str):
            self._tree.plain[path] = text
        return value

    def _plain(self, text: str, path: str, event: Event) -> Any:
        if text in _WORDS:
            return _WORDS[text]
        if _NO_NUMBER.fullmatch(text):
            self._flaw(path, event, f"{text} is no number that JSON has: write it in quotes if it is text")
            return None
        return self._number(text, path, event) if _NUMBER.fullmatch(text) else text

    def _number(self, text: str, path: str, event: Event) -> Any:
        if len(text) > MAX_DIGITS:
            self._flaw(path, event, f"a number has more than {MAX_DIGITS} digits: write it in quotes if it is text")
            return None
        if text.lstrip("-").isdigit():
            return int(text)
        number = float(text)
        if math.isinf(number):
            self._flaw(path, event, f"{text} is too large for a number: write it in quotes if it is text")
        return None if math.isinf(number) else number

    def _refuse_anchor_and_tag(self, event: Event, path: str) -> None:
        if event.anchor:
            self._flaw(path, event, f"anchors (&{event.anchor}) are not read: write the value out where it is used")
        if event.tag:
            self._flaw(path, event, f"tags ({event.tag}) are not read: write text in quotes, all else without")

    def _flaw(self, path: str, event: Event, message: str) -> None:
        self._tree.flaws.append(Flaw(path, self._line(event), message))

    def _line(self, event: Event) -> int:
        return self._first_line + int(event.start_mark.line)
