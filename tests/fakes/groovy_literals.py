"""
Groovy's literals read back: an own reading of what stands in a Jenkinsfile, which shares nothing with what wrote it.

Strings in single quotes, numbers, `true`, `false`, `null`, lists, maps and parentheses, by groovy-lang.org/syntax.html.
`early` first decodes \\uXXXX as the lexer of Groovy 2.4 does, before it knows what is a string; the others do it later.
"""

import re
from typing import Any

_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_OCTAL = re.compile(r"[0-3][0-7]{0,2}|[4-7][0-7]?")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "s": " ", "'": "'", '"': '"', "\\": "\\", "$": "$"}
_WORDS = {"true": True, "false": False, "null": None}


def early(text: str, *, counts_backslashes: bool) -> str:
    """Decode `\\u0027` wherever it stands; one behind an odd number of backslashes too, unless they are counted."""
    pattern = r"(?<!\\)((?:\\\\)*)\\u+([0-9a-fA-F]{4})" if counts_backslashes else r"()\\u+([0-9a-fA-F]{4})"
    return re.sub(pattern, lambda found: found[1] + chr(int(found[2], 16)), text)


def decode(text: str) -> Any:
    """Return the value of the one literal that *text* is; raises ValueError if it is anything else."""
    value, at = read(text, 0)
    if text[at:].strip():
        raise ValueError(f"{text[at:][:40]!r} stands behind the literal")
    return value


def read(text: str, at: int) -> tuple[Any, int]:
    """Return the value that begins at *at*, and where it ends."""
    at = _space(text, at)
    if text[at] == "'":
        return _string(text, at + 1)
    if text[at] == "(":
        value, at = read(text, at + 1)
        return value, _expect(text, at, ")")
    if text[at] == "[":
        return _collection(text, at + 1)
    for word, value in _WORDS.items():
        if text.startswith(word, at):
            return value, at + len(word)
    found = _NUMBER.match(text, at)
    if not found:
        raise ValueError(f"{text[at:][:40]!r} begins no literal")
    return (float if found[1] or found[2] else int)(found[0]), found.end()


def _string(text: str, at: int) -> tuple[str, int]:
    found = ""
    while text[at] != "'":
        if text[at] == "\n":
            raise ValueError("a line ends in a string")
        if text[at] != "\\":
            found, at = found + text[at], at + 1
        elif text[at + 1] in _ESCAPES:
            found, at = found + _ESCAPES[text[at + 1]], at + 2
        elif octal := _OCTAL.match(text, at + 1):
            found, at = found + chr(int(octal[0], 8)), octal.end()
        else:
            raise ValueError(f"there is no escape {text[at : at + 2]!r}")
    return found, at + 1


def _collection(text: str, at: int) -> tuple[Any, int]:
    at = _space(text, at)
    if text[at] == "]":
        return [], at + 1
    if text[at] == ":":
        return {}, _expect(text, at + 1, "]")
    items: list[Any] = []
    pairs: dict[str, Any] = {}
    while True:
        value, at = read(text, at)
        at = _space(text, at)
        if text[at] == ":":
            pairs[value], at = read(text, at + 1)
        else:
            items.append(value)
        at = _space(text, at)
        if text[at] == "]":
            return pairs or items, at + 1
        at = _expect(text, at, ",")


def _space(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t":
        at += 1
    return at


def _expect(text: str, at: int, sign: str) -> int:
    at = _space(text, at)
    if text[at : at + 1] != sign:
        raise ValueError(f"{sign!r} is expected at {text[at:][:40]!r}")
    return at + 1
