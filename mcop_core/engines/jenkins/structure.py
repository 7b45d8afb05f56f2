"""
Is it a Jenkinsfile? Brackets, strings and, of a declarative one, sections and directives at every level. Pure.

Of a scripted Jenkinsfile, which is a program, it is known that it can be read, and a block whose name is nearly that
of a known step is told. Steps themselves come from plugins and are not known here.
Source: jenkins.io/doc/book/pipeline/syntax.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mcop_core.engines.jenkins.groovy import MAX_FLAWS, Flaw, Kind, Token, brackets, read_tokens
from mcop_core.errors import closest

JENKINSFILE = "Jenkinsfile"
OPERATION = "MCOP_OPERATION"
"""The build parameter by which MCOP finds its own build again."""

_NEAR = 0.85
_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")
_ACCESS = frozenset({".", "?.", "*.", ".&", ".@", "::", "@"})
_SHELLS = frozenset({"sh", "bat", "powershell", "pwsh", "evaluate"})
_NO_STEPS = frozenset({"def", "if", "else", "for", "while", "do", "switch", "try", "return", "throw"})
_BLOCK_STEPS = (
    *("node", "stage", "parallel", "timeout", "retry", "withEnv", "withCredentials", "dir", "timestamps", "script"),
    *("catchError", "warnError", "waitUntil", "lock", "pipeline"),
)


@dataclass(frozen=True, slots=True)
class Level:
    """
    What may stand directly in a block.

    Attributes:
        blocks: Name -> what may stand in its braces; None: anything.
        words: Names that have no braces.
        required: Names without which it is not complete.
        one_of: Of these exactly one.
        repeated: Names that may stand more than once.
        is_open: Whether plugins may add names.
        is_never_empty: Whether something must stand in it.
    """

    blocks: Mapping[str, Level | None] = field(default_factory=dict)
    words: frozenset[str] = frozenset()
    required: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()
    repeated: frozenset[str] = frozenset()
    is_open: bool = False
    is_never_empty: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """All that may stand in it, sorted."""
        return tuple(sorted({*self.blocks, *self.words}))


_OPEN = Level(is_open=True)
_STEPS = Level(is_open=True)
_ENVIRONMENT = Level(is_open=True)
_CONDITIONS = (
    *("always", "changed", "fixed", "regression", "aborted", "failure", "success", "unstable", "unsuccessful"),
    "cleanup",
)
_POST = Level(dict.fromkeys(_CONDITIONS, _STEPS))
_WHEN = Level(
    dict.fromkeys(("allOf", "anyOf", "not", "expression"), None),
    frozenset(
        {"branch", "buildingTag", "changelog", "changeset", "changeRequest", "environment", "equals", "tag"}
        | {"triggeredBy", "beforeAgent", "beforeInput", "beforeOptions", "isRestartedRun"}
    ),
    is_open=True,
)
_INPUT = Level(
    {"parameters": None},
    frozenset({"message", "id", "ok", "submitter", "submitterParameter"}),
    required=("message",),
)
_COMMON: dict[str, Level | None] = {
    "agent": None,
    "environment": _ENVIRONMENT,
    "options": _OPEN,
    "post": _POST,
    "tools": _OPEN,
}
_OF_STAGE = {**_COMMON, "when": _WHEN, "input": _INPUT}
_STAGE_BLOCKS: dict[str, Level | None] = {**_OF_STAGE, "steps": _STEPS}
_STAGE = Level(
    _STAGE_BLOCKS,
    frozenset({"agent", "failFast", "input"}),
    one_of=("steps", "stages", "parallel", "matrix"),
)
_STAGES = Level({"stage": _STAGE}, repeated=frozenset({"stage"}), required=("stage",))
_AXIS = Level(words=frozenset({"name", "values", "notValues"}), required=("name",))
_AXES = Level({"axis": _AXIS}, repeated=frozenset({"axis"}), required=("axis",))
_EXCLUDES = Level({"exclude": _AXES}, repeated=frozenset({"exclude"}))
_MATRIX = Level(
    {**_OF_STAGE, "axes": _AXES, "excludes": _EXCLUDES, "stages": _STAGES},
    frozenset({"agent", "input"}),
    required=("axes", "stages"),
)
_STAGE_BLOCKS |= {"stages": _STAGES, "parallel": _STAGES, "matrix": _MATRIX}
_PIPELINE = Level(
    {**_COMMON, "stages": _STAGES, "triggers": _OPEN, "libraries": _OPEN},
    frozenset({"agent"}),
    required=("agent", "stages"),
)


def check_structure(text: str, *, is_whole: bool = True) -> list[Flaw]:
    """
    Say what is wrong with the Jenkinsfile *text*, in its order, up to `MAX_FLAWS`.

    Args:
        text: Placeholders may stand in it, between `PLACE_BEGIN` and `PLACE_END`.
        is_whole: Whether what is missing is told, too; not where parts of a template are left out.
    """
    tokens, flaws = read_tokens(text)
    flaws = [*flaws, *_place_flaws(tokens)]
    if not any(flaw.breaks_blocks for flaw in flaws):
        flaws += _block_flaws(tokens, is_whole=is_whole)
    return sorted(dict.fromkeys(flaws), key=lambda flaw: (flaw.line, flaw.column))[:MAX_FLAWS]


def _block_flaws(tokens: list[Token], *, is_whole: bool) -> list[Flaw]:
    try:
        return list(_Checker(tokens, is_whole=is_whole).check())
    except RecursionError:
        return [Flaw(1, 1, "its stages are nested too deeply")]


def tokens_are(text: str, expected: Sequence[tuple[Kind, str]]) -> bool:
    """Whether *text* has exactly these tokens: what was written in is what was meant."""
    tokens, flaws = read_tokens(text)
    return not flaws and [(token.kind, token.text) for token in tokens] == list(expected)


# -- placeholders --------------------------------------------------------------------------------------


def _place_flaws(tokens: list[Token]) -> Iterator[Flaw]:
    """Yield where a literal would become part of a name, name a property or method, or be run by a shell."""
    for position, token in enumerate(tokens):
        if token.kind is Kind.PLACE:
            yield from _neighbour_flaws(tokens, position)
    yield from _shell_flaws(tokens)


def _neighbour_flaws(tokens: list[Token], position: int) -> Iterator[Flaw]:
    token = tokens[position]
    last = tokens[position - 1] if position else None
    following = tokens[position + 1] if position + 1 < len(tokens) else None
    if last is not None and last.text in _ACCESS:
        yield Flaw(token.line, token.column, f"a placeholder must not stand behind {last.text!r}: it would name code")
    glued = (last is not None and not token.is_spaced and _is_word(last)) or (
        following is not None and not following.is_spaced and _is_word(following)
    )
    if glued:
        yield Flaw(token.line, token.column, "a placeholder must not touch a word, a string or another placeholder")


def _is_word(token: Token) -> bool:
    return token.kind in (Kind.NAME, Kind.NUMBER, Kind.STRING, Kind.PLACE) or token.text in ("$", "\\")


def _shell_flaws(tokens: list[Token]) -> Iterator[Flaw]:
    """Yield the placeholders between the name of a shell's step and the end of its statement."""
    shell, depth = "", 0
    for position, token in enumerate(tokens):
        depth += (token.text in _OPENING) - (token.text in _CLOSING)
        is_over = depth < 0 or (depth == 0 and (token.kind is Kind.LINE_END or token.text == ";"))
        if is_over or not shell:
            is_own = not position or tokens[position - 1].text not in _ACCESS
            is_shell = token.kind is Kind.NAME and token.text in _SHELLS and is_own
            shell, depth = (token.text if is_shell else ""), 0
        elif token.kind is Kind.PLACE:
            message = f"a value must not become part of what {shell} runs: hand it over by withEnv or environment"
            yield Flaw(token.line, token.column, message)


# -- blocks --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Item:
    """One statement of a block: its first token, the arguments behind it, and the braces' content."""

    name: Token
    arguments: tuple[Token, ...]
    body: tuple[int, int] | None


class _Checker:
    def __init__(self, tokens: list[Token], *, is_whole: bool) -> None:
        self._tokens, self._is_whole = tokens, is_whole
        self._closing = brackets(tokens)

    def check(self) -> Iterator[Flaw]:
        yield from self._refused()
        tops = [item for item in self._items(0, len(self._tokens)) if item.name.text == "pipeline" and item.body]
        if not tops:
            yield from self._scripted()
        for item in tops[1:]:
            yield _flaw(item.name, "there is a second pipeline { }: a Jenkinsfile has one")
        if tops:
            yield from self._block(tops[0], _PIPELINE)

    def _refused(self) -> Iterator[Flaw]:
        for token, following in zip(self._tokens, self._tokens[1:], strict=False):
            if token.text == "properties" and token.kind is Kind.NAME and following.text in ("(", "["):
                message = f"properties(…) would take away the parameter {OPERATION} by which MCOP finds its build"
                yield _flaw(token, message)

    def _scripted(self) -> Iterator[Flaw]:
        if self._is_whole and not any(token.kind is Kind.NAME for token in self._tokens):
            yield Flaw(1, 1, "there is no pipeline in it")
        names = {token.text for token in self._tokens if token.kind is Kind.NAME}
        if "library" in names or "Library" in names:
            return
        for item in self._calls_with_braces():
            near = difflib.get_close_matches(item.text, _BLOCK_STEPS, n=1, cutoff=_NEAR)
            if near and item.text not in _BLOCK_STEPS:
                yield _flaw(item, f"{item.text!r} is no step with a block that is known here", suggestion=near[0])

    def _calls_with_braces(self) -> Iterator[Token]:
        """Yield the name of each `name {` and `name(…) {` that nothing in the file defines."""
        defined = {
            token.text
            for last, token in zip(self._tokens, self._tokens[1:], strict=False)
            if last.kind is Kind.NAME and token.kind is Kind.NAME
        }
        for position, token in enumerate(self._tokens):
            behind = position + 1
            if behind in self._closing and self._tokens[behind].text == "(":
                behind = self._closing[behind] + 1
            is_call = token.kind is Kind.NAME and behind in self._closing and self._tokens[behind].text == "{"
            is_own = position == 0 or self._tokens[position - 1].text not in _ACCESS
            if is_call and is_own and token.text not in defined:
                yield token

    def _items(self, start: int, end: int) -> Iterator[_Item]:
        """Yield the statements between the positions *start* and *end*."""
        position = start
        while position < end:
            token = self._tokens[position]
            if token.kind is Kind.LINE_END or token.text == ";":
                position += 1
                continue
            item, position = self._item(position, end)
            yield item

    def _item(self, position: int, end: int) -> tuple[_Item, int]:
        first = position
        position = self._closing.get(first, first) + 1
        while position < end:
            token = self._tokens[position]
            if token.text == ";" or (token.kind is Kind.LINE_END and not _goes_on(self._tokens[position - 1])):
                break
            if position in self._closing and token.text == "{":
                closing = self._closing[position]
                arguments = tuple(self._tokens[first + 1 : position])
                return _Item(self._tokens[first], arguments, (position + 1, closing)), closing + 1
            position = self._closing.get(position, position) + 1
        return _Item(self._tokens[first], tuple(self._tokens[first + 1 : position]), None), position

    def _block(self, around: _Item, level: Level) -> Iterator[Flaw]:
        items = list(self._items(*(around.body or (0, 0))))
        if level is _STEPS:
            yield from _program_flaws(items)
        elif level is _ENVIRONMENT:
            yield from _environment_flaws(items)
        else:
            yield from self._item_flaws(items, level)
        if self._is_whole:
            yield from _missing(around, items, level)

    def _item_flaws(self, items: list[_Item], level: Level) -> Iterator[Flaw]:
        seen: set[str] = set()
        for item in items:
            name = item.name.text
            if name in seen and name not in level.repeated and not level.is_open:
                yield _flaw(item.name, f"{name} stands here twice")
            seen.add(name)
            yield from self._one(item, level)

    def _one(self, item: _Item, level: Level) -> Iterator[Flaw]:
        name = item.name.text
        if name == "parameters" and level is _PIPELINE:
            message = f"inputs are declared in interface.yaml; this would take away the parameter {OPERATION}"
            yield _flaw(item.name, message)
        elif item.name.kind is not Kind.NAME:
            yield _flaw(item.name, "a section or directive is expected here", allowed=level.names)
        elif name not in level.names:
            if not level.is_open:
                yield _flaw(item.name, f"{name!r} may not stand here", level.names, closest(name, level.names))
        elif item.body is not None and (inner := level.blocks.get(name)) is not None:
            yield from self._block(item, inner)
        elif item.body is None and name not in level.words:
            yield _flaw(item.name, f"{name} needs a block in braces, which opens on the same line")
        yield from _argument_flaws(item, level)


def _goes_on(last: Token) -> bool:
    """Whether a statement whose line ends with *last* goes on in the next line."""
    return last.kind is Kind.SIGN and last.text not in (")", "]", "}")


def _argument_flaws(item: _Item, level: Level) -> Iterator[Flaw]:
    """A stage has a name; an agent is a word or a block."""
    name = item.name.text
    if name == "stage" and name in level.blocks and len(item.arguments) < 3:
        yield _flaw(item.name, "a stage needs a name: stage('Build') { … }")
    if name == "agent" and name in level.names and item.body is None:
        words = [token for token in item.arguments if token.kind is Kind.NAME]
        if not item.arguments:
            yield _flaw(item.name, "agent needs a word or a block", ("any", "none", "{ label '…' }"))
        elif len(item.arguments) == 1 and words and words[0].text not in ("any", "none"):
            near = closest(words[0].text, ("any", "none"))
            yield _flaw(words[0], f"{words[0].text!r} is no agent", ("any", "none", "{ label '…' }"), near)


def _program_flaws(items: list[_Item]) -> Iterator[Flaw]:
    for item in items:
        if item.name.kind is Kind.NAME and item.name.text in _NO_STEPS:
            yield _flaw(item.name, f"{item.name.text!r} is no step: write it in script {{ … }}")


def _environment_flaws(items: list[_Item]) -> Iterator[Flaw]:
    for item in items:
        is_assignment = item.name.kind is Kind.NAME and item.arguments and item.arguments[0].text == "="
        if not is_assignment:
            yield _flaw(item.name, "an environment holds NAME = value, one a line")


def _missing(around: _Item, items: list[_Item], level: Level) -> Iterator[Flaw]:
    names = {item.name.text for item in items}
    for name in level.required:
        if name not in names:
            yield _flaw(around.name, f"{around.name.text} needs {name}")
    chosen = [name for name in level.one_of if name in names]
    if level.one_of and len(chosen) != 1:
        told = "none" if not chosen else " and ".join(chosen)
        yield _flaw(around.name, f"{around.name.text} holds {told}, and needs exactly one", level.one_of)
    if not items and level.is_never_empty and not (level.required or level.one_of):
        yield _flaw(around.name, f"{around.name.text} is empty: leave it out")


def _flaw(token: Token, message: str, allowed: tuple[str, ...] = (), suggestion: str | None = None) -> Flaw:
    return Flaw(token.line, token.column, message, allowed, suggestion)
