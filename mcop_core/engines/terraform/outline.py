"""
The blocks of a file by a scanner of our own: types, labels, names of attributes, plain texts; no expressions.

It needs no HCL parser, so that a worker can look at a module right before Terraform does. It follows Terraform's own
scanner where a parser easily does not: what ends a heredoc, what a template or a comment in it hides. `syntax` holds
the HCL parser to it, so that nothing can stand in a file which one reader sees and the other does not.

Source: github.com/hashicorp/hcl, hclsyntax/spec.md, and measurements with Terraform 1.11.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from mcop_core.engines.terraform.blocks import Attribute, Block, Expression, unescape
from mcop_core.engines.terraform.json_syntax import parse_json
from mcop_core.errors import Fault, InvalidDocuments
from mcop_core.limits import MAX_DEPTH, USUAL_LIMITS, Limits

_TOO_DEEP = f"it is nested too deeply: allowed are {MAX_DEPTH}"

_CODE = re.compile(
    r"""(?P<space>[ \t\r]+|(?:\#|//)[^\n]*|/\*.*?\*/)
      | (?P<newline>\n)
      | (?P<heredoc><<-?(?P<marker>[A-Za-z_][A-Za-z0-9_-]*)\n)
      | (?P<unended><<|/\*)
      | (?P<name>[^\W\d][\w-]*)
      | (?P<quote>")
      | (?P<open>[({\[])
      | (?P<close>[)}\]])
      | (?P<sign>.)""",
    re.VERBOSE | re.DOTALL,
)
_QUOTED = re.compile(r'\\.|\${2,}\{|%{2,}\{|(?P<interpolation>[$%]\{)|(?P<end>")|(?P<line>\n)|[^\\$%"\n]+|[$%]')
_SPACE = "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
"""What Go takes off both ends of a line before it compares it with a heredoc's marker; Python's own set is larger."""

_HEREDOC = re.compile(r"\${2,}\{|%{2,}\{|(?P<interpolation>[$%]\{)|(?P<line>\n)|[^$%\n]+|[$%]")


def outline_file(path: str, data: bytes, limits: Limits = USUAL_LIMITS) -> tuple[Block, ...]:
    """
    Return the blocks of one file, `.tf` or `.tf.json`.

    The value of an attribute is its text where that is one plain string, else an empty `Expression`.

    Raises:
        InvalidDocuments: It is no text, or its structure is none that Terraform would take; file and line.
    """
    text = decode(path, data, limits)
    try:
        return parse_json(text, path) if path.endswith(".json") else outline(text, path)
    except RecursionError as error:
        raise InvalidDocuments.of([Fault("it is nested too deeply", file=path)]) from error


def decode(path: str, data: bytes, limits: Limits) -> str:
    """
    Return the text of a file, its lines ended by a newline alone.

    Raises:
        InvalidDocuments: It is no UTF-8, or too large.
    """
    if excess := limits.excess("code_bytes", len(data)):
        raise InvalidDocuments.of([Fault(f"its code has {excess}", file=path)])
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InvalidDocuments.of([Fault("it is no UTF-8 text", file=path, line=line)]) from error


def outline(text: str, file: str) -> tuple[Block, ...]:
    """Return the blocks of a text of native syntax; raises as `outline_file`."""
    if "\r" in text:
        line = text.count("\n", 0, text.index("\r")) + 1
        raise InvalidDocuments.of([Fault("a carriage return ends no line by itself", file=file, line=line)])
    return _Structure(file, text.count("\n") + 1).read(tokens(text, file))


# -- tokens --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of code; `text` of a quoted string is what stands between the quotes."""

    kind: str
    text: str
    line: int


@dataclass(slots=True)
class _Scanner:
    """Where the scanner is: in code, in a quoted string, in a heredoc, or in code inside of these."""

    text: str
    file: str
    position: int = 0
    line: int = 1

    def match(self, pattern: re.Pattern[str]) -> re.Match[str]:
        found = pattern.match(self.text, self.position)
        if found is None or found.lastgroup == "unended":
            raise self.fault("the file ends too early" if found is None else "a comment or heredoc does not begin well")
        self.position = found.end()
        self.line += found.group().count("\n")
        return found

    def fault(self, message: str) -> InvalidDocuments:
        return InvalidDocuments.of([Fault(message, file=self.file, line=self.line)])

    @property
    def is_at_end(self) -> bool:
        return self.position >= len(self.text)


def tokens(text: str, file: str) -> Iterator[Token]:
    """Yield the tokens of *text*: strings and heredocs as one, no comments and spaces; raises as `outline_file`."""
    scanner = _Scanner(text, file)
    while not scanner.is_at_end:
        line = scanner.line
        found = scanner.match(_CODE)
        kind = found.lastgroup if found.lastgroup != "marker" else "heredoc"
        if kind == "quote":
            start = scanner.position
            is_plain = _skip_templates(scanner, found)
            yield Token("text" if is_plain else "template", text[start : scanner.position - 1], line)
        elif found["heredoc"]:
            _skip_templates(scanner, found)
            yield Token("heredoc", "", line)
        elif kind != "space":
            yield Token(str(kind), found.group(), line)


def _skip_templates(scanner: _Scanner, opening: re.Match[str]) -> bool:
    """Go behind the string or heredoc that *opening* begins; return whether no interpolation stood in it."""
    open_: list[str] = [_template(opening)]
    is_plain = True
    while open_:
        if len(open_) > MAX_DEPTH:
            raise scanner.fault(_TOO_DEEP)
        kind = open_[-1]
        if kind == "{":
            _step_in_code(scanner, open_)
        elif kind == '"':
            is_plain = _step_in_quotes(scanner, open_) and is_plain
        else:
            is_plain = _step_in_heredoc(scanner, open_) and is_plain
    return is_plain


def _template(opening: re.Match[str]) -> str:
    return f"<{opening['marker']}" if opening["heredoc"] else '"'


def _step_in_code(scanner: _Scanner, open_: list[str]) -> None:
    found = scanner.match(_CODE)
    if found["quote"] or found["heredoc"]:
        open_.append(_template(found))
    elif found.group() == "{":
        open_.append("{")
    elif found.group() == "}":
        open_.pop()


def _step_in_quotes(scanner: _Scanner, open_: list[str]) -> bool:
    found = scanner.match(_QUOTED)
    if found["line"]:
        scanner.line -= 1  # it is the line that was ended
        raise scanner.fault("a string in quotes goes over the end of its line")
    if found["interpolation"]:
        open_.append("{")
    elif found["end"]:
        open_.pop()
    return not found["interpolation"]


def _step_in_heredoc(scanner: _Scanner, open_: list[str]) -> bool:
    """Take a whole line, or what stands before an interpolation; a line that holds the marker alone is the end."""
    start = scanner.position
    while not scanner.is_at_end:
        found = scanner.match(_HEREDOC)
        if found["interpolation"]:
            open_.append("{")
            return False
        if found["line"]:
            if (
                _is_line_start(scanner.text, start)
                and scanner.text[start : found.start()].strip(_SPACE) == open_[-1][1:]
            ):
                scanner.position, scanner.line = found.start(), scanner.line - 1
                open_.pop()
            return True
    raise scanner.fault("a heredoc does not end")


def _is_line_start(text: str, position: int) -> bool:
    return text[position - 1] == "\n"


# -- structure -----------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Open:
    """A block whose end was not read yet."""

    type: str
    labels: tuple[str, ...]
    line: int
    attributes: dict[str, Attribute] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)

    def close(self, file: str) -> Block:
        return Block(self.type, self.labels, file, self.line, self.attributes, tuple(self.blocks))


class _Structure:
    """Tokens -> blocks."""

    def __init__(self, file: str, last_line: int) -> None:
        self._file, self._last_line = file, last_line
        self._open = [_Open("", (), 1)]

    def read(self, stream: Iterator[Token]) -> tuple[Block, ...]:
        for token in stream:
            if token.kind == "name":
                self._statement(token, stream)
            elif token.text == "}" and len(self._open) > 1:
                self._close()
            elif token.kind != "newline":
                raise self._fault(f"the syntax is wrong at {token.text[:80]!r}", token.line)
        if len(self._open) > 1:
            raise self._fault("the file ends too early", self._last_line)
        outside = next(iter(self._open[0].attributes.items()), None)
        if outside is not None:
            raise self._fault(f"{outside[0]!r} stands outside of any block", outside[1].line)
        return tuple(self._open[0].blocks)

    def _close(self) -> None:
        block = self._open.pop().close(self._file)
        self._open[-1].blocks.append(block)

    def _statement(self, name: Token, stream: Iterator[Token]) -> None:
        """Read an attribute whole, or a block up to its brace."""
        labels: list[str] = []
        for token in stream:
            if token.text == "=" and not labels and token.kind == "sign":
                self._attribute(name, stream)
                return
            if token.text == "{" and token.kind == "open":
                if len(self._open) > MAX_DEPTH:
                    raise self._fault(_TOO_DEEP, name.line)
                self._open.append(_Open(name.text, tuple(labels), name.line))
                return
            if token.kind not in ("name", "text", "template"):
                raise self._fault(f"the syntax is wrong at {token.text.strip()[:80]!r}", token.line)
            labels.append(token.text if token.kind == "name" else unescape(token.text))
        raise self._fault("the file ends too early", self._last_line)

    def _attribute(self, name: Token, stream: Iterator[Token]) -> None:
        if name.text in self._open[-1].attributes:
            raise self._fault(f"{name.text!r} is set twice", name.line)
        expression, ends_block = self._expression(stream)
        is_text = len(expression) == 1 and expression[0].kind == "text"
        value = unescape(expression[0].text) if is_text else Expression("")
        self._open[-1].attributes[name.text] = Attribute(name.line, lambda: value)
        if ends_block:
            self._close()

    def _expression(self, stream: Iterator[Token]) -> tuple[list[Token], bool]:
        """Return the tokens up to the end of the line, and whether a brace that ends the block stood before it."""
        found: list[Token] = []
        depth = 0
        for token in stream:
            depth += {"open": 1, "close": -1}.get(token.kind, 0)
            if depth > MAX_DEPTH:
                raise self._fault(_TOO_DEEP, token.line)
            if depth < 0:
                if token.text != "}" or len(self._open) == 1:
                    raise self._fault(f"the syntax is wrong at {token.text!r}", token.line)
                return found, True
            if token.kind == "newline" and not depth:
                return found, False
            found.append(token)
        return found, False

    def _fault(self, message: str, line: int) -> InvalidDocuments:
        return InvalidDocuments.of([Fault(message, file=self._file, line=line)])
