"""
The Jenkinsfile as a Jinja template: what may stand in it, where its placeholders stand, and values written into it.

Allowed are `{{ input }}`, `{{ input.field }}`, `{{ input[…] }}`, `{% if %}`, `{% for %}`, `{% raw %}` and comments. A
placeholder always becomes one complete Groovy literal: there is no filter, no call and no attribute that is no field.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any

from jinja2 import StrictUndefined, TemplateSyntaxError, UndefinedError, nodes
from jinja2.runtime import LoopContext, Undefined
from jinja2.sandbox import SandboxedEnvironment

from mcop_core.engines.jenkins.groovy import MAX_FLAWS, PLACE_BEGIN, PLACE_END, Flaw, Kind, literal, read_tokens
from mcop_core.errors import closest

MAX_BYTES = 1024 * 1024
"""Of a Jenkinsfile, as it is written and as it is rendered."""
MAX_DEPTH = 8
"""Of conditions and loops in each other; Python, to which Jinja translates them, has less than twenty."""

_OF_LOOP = ("index", "index0", "first", "last", "length")
_TESTS = ("none", "defined")
_TEMPLATE = (nodes.Output, nodes.If, nodes.For)
_PLACED = (nodes.Name, nodes.Getattr, nodes.Getitem)
_ASKED = (*_PLACED, nodes.Const, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Test)


class _Environment(SandboxedEnvironment):
    """Jinja without anything but data: a dot is a field of a map, or a fact of the loop."""

    def __init__(self) -> None:
        super().__init__(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
        self.globals.clear()
        self.filters.clear()
        self.tests = {name: test for name, test in self.tests.items() if name in _TESTS}

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, LoopContext) and attribute in _OF_LOOP:
            return getattr(obj, attribute)
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        is_found = (isinstance(obj, dict) and isinstance(argument, str) and argument in obj) or (
            isinstance(obj, list) and type(argument) is int and -len(obj) <= argument < len(obj)
        )
        return obj[argument] if is_found else self.undefined(obj=obj, name=argument)


# -- what may stand in it ------------------------------------------------------------------------------


def check_template(text: str, inputs: Collection[str]) -> list[Flaw]:
    """Say which parts of *text*, whose lines end with a line feed, are none that are allowed, or name no input."""
    if len(text.encode(errors="replace")) > MAX_BYTES:
        return [Flaw(1, 1, f"it has more than {MAX_BYTES} bytes")]
    if PLACE_BEGIN in text or PLACE_END in text:
        return [_flaw(text, min(text.find(sign) for sign in (PLACE_BEGIN, PLACE_END) if sign in text), _PRIVATE)]
    try:
        tree = _Environment().parse(text)
    except TemplateSyntaxError as error:
        return [Flaw(error.lineno, 1, f"the template cannot be read: {error.message}")]
    except RecursionError:
        return [Flaw(1, 1, "the template is nested too deeply")]
    return list(islice(_tree_flaws(tree.body, frozenset(inputs)), MAX_FLAWS))


_PRIVATE = "the characters U+E000 and U+E001 cannot stand in a Jenkinsfile"


def _tree_flaws(body: list[nodes.Node], names: frozenset[str], depth: int = 0) -> Iterator[Flaw]:
    if body and depth > MAX_DEPTH:
        yield Flaw(body[0].lineno, 1, f"conditions and loops are nested deeper than {MAX_DEPTH}")
        return
    for node in body:
        if isinstance(node, nodes.Output):
            for part in node.nodes:
                if not isinstance(part, nodes.TemplateData):
                    yield from _expression_flaws(part, names, _PLACED)
        elif isinstance(node, nodes.If):
            yield from _expression_flaws(node.test, names, _ASKED)
            yield from _tree_flaws([*node.elif_], names, depth)
            yield from _tree_flaws(node.body, names, depth + 1)
            yield from _tree_flaws(node.else_, names, depth + 1)
        elif isinstance(node, nodes.For):
            yield from _loop_flaws(node, names, depth)
        else:
            yield Flaw(node.lineno, 1, f"{type(node).__name__.lower()} is not allowed in a template", _WORDS)


_WORDS = ("if", "for", "raw", "{{ input }}")


def _loop_flaws(node: nodes.For, names: frozenset[str], depth: int) -> Iterator[Flaw]:
    yield from _expression_flaws(node.iter, names, _PLACED)
    if not isinstance(node.target, nodes.Name) or node.test is not None or node.recursive:
        yield Flaw(node.lineno, 1, "a loop has one name and no condition: {% for name in input %}")
        return
    yield from _tree_flaws(node.body, names | {node.target.name, "loop"}, depth + 1)
    yield from _tree_flaws(node.else_, names, depth + 1)


def _expression_flaws(node: nodes.Node, names: frozenset[str], allowed: tuple[type, ...]) -> Iterator[Flaw]:
    if not isinstance(node, allowed):
        what = type(node).__name__.lower()
        yield Flaw(node.lineno, 1, f"a {what} is not allowed here: name an input, or a field of one")
    elif isinstance(node, nodes.Name) and node.name not in names:
        near = closest(node.name, names)
        yield Flaw(node.lineno, 1, f"there is no input {node.name!r}", tuple(sorted(names - {"loop"})), near)
    elif isinstance(node, nodes.Test) and node.name not in _TESTS:
        yield Flaw(node.lineno, 1, f"there is no test {node.name!r}", _TESTS, closest(node.name, _TESTS))
    else:
        for inner in node.iter_child_nodes():
            yield from _expression_flaws(inner, names, _ASKED)


# -- where its placeholders stand ----------------------------------------------------------------------


@dataclass(slots=True)
class _Part:
    """A stretch of a template: `text`, `place`, `word` (of a block, then *word* is which) or `blank`."""

    kind: str
    start: int
    end: int
    word: str = ""


def outlines(text: str) -> Iterator[str]:
    """
    Yield *text* for choices of branches that between them take each, in the very same lines and columns.

    The first has the first branch of each `if` and the body of each loop. Placeholders are marked; what Jinja takes is
    blank.

    Args:
        text: A template that `check_template` has nothing against.
    """
    parts = list(_parts(text))
    for choice in _choices(parts):
        yield "".join(_outlined(text, parts, choice))


def _parts(text: str) -> Iterator[_Part]:
    """Yield the stretches of *text*; what Jinja's lexer leaves out is white space."""
    at, opened = 0, None
    for _, kind, value in _Environment().lex(text):
        start = text.index(value, at)
        at = start + len(value)
        if kind in ("variable_begin", "block_begin"):
            opened = _Part("place" if kind == "variable_begin" else "word", start, at)
        elif kind in ("variable_end", "block_end") and opened is not None:
            yield _Part(opened.kind, opened.start, at, opened.word)
            opened = None
        elif opened is not None:
            opened.word = opened.word or (value if kind == "name" else "")
        else:
            yield _Part("text" if kind == "data" else "blank", start, at)


def _choices(parts: list[_Part]) -> Iterator[Mapping[int, int]]:
    """Yield where each `if` and `for` starts -> its branch, from 0, where that is not the first."""
    yield {}
    opened: dict[int, int] = {}
    for part in parts:
        if part.word in ("if", "for"):
            opened[part.start] = 0
        elif part.word in ("elif", "else"):
            opened[max(opened)] += 1
            yield dict(opened)
        elif part.word in ("endif", "endfor"):
            opened.pop(max(opened))


def _outlined(text: str, parts: list[_Part], choice: Mapping[int, int]) -> Iterator[str]:
    at, chosen = 0, [True]
    opened: list[tuple[int, int]] = []
    for part in parts:
        yield _blank(text[at : part.start])
        at = part.end
        if part.word in ("if", "for"):
            opened.append((0, choice.get(part.start, 0)))
            chosen.append(chosen[-1] and opened[-1][1] == 0)
        elif part.word in ("elif", "else"):
            opened[-1] = (opened[-1][0] + 1, opened[-1][1])
            chosen[-1] = chosen[-2] and opened[-1][0] == opened[-1][1]
        elif part.word in ("endif", "endfor"):
            opened.pop()
            chosen.pop()
        yield _shown(text[part.start : part.end], part.kind) if chosen[-1] else _blank(text[part.start : part.end])
    yield _blank(text[at:])


def _shown(text: str, kind: str) -> str:
    if kind == "place":
        return PLACE_BEGIN + "x" * (len(text) - 2) + PLACE_END
    return text if kind == "text" else _blank(text)


def _blank(text: str) -> str:
    return "".join("\n" if sign == "\n" else " " for sign in text)


# -- values written into it ----------------------------------------------------------------------------


class NotRendered(Exception):
    """The template asks for what its values do not have; carries the `flaw`."""

    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw.message)
        self.flaw = flaw


@dataclass(frozen=True, slots=True)
class Rendered:
    """
    A template with values.

    Attributes:
        text: The Jenkinsfile.
        marked: The same with placeholders instead of literals.
        tokens: What *text* must consist of: kind and text of each token of *marked*, literals in their places.
    """

    text: str
    marked: str
    tokens: tuple[tuple[Kind, str], ...]


def render_template(text: str, values: Mapping[str, Any]) -> Rendered:
    """
    Write *values* into a template that `check_template` has nothing against. Pure: map keys come sorted.

    Raises:
        NotRendered: A field or position is not there, or the result has more than `MAX_BYTES`.
    """
    literals: list[str] = []

    def place(value: Any) -> str:
        if isinstance(value, Undefined):
            str(value)  # StrictUndefined: raises
        literals.append(literal(value))
        return f"{PLACE_BEGIN}{len(literals) - 1}{PLACE_END}"

    environment = _Environment()
    environment.finalize = place
    try:
        marked = _bounded(environment.from_string(text).generate({k: _sorted(v) for k, v in values.items()}))
    except (UndefinedError, TypeError) as error:
        raise NotRendered(Flaw(_line_of(error), 1, f"it cannot be rendered: {error}")) from error
    return Rendered(_written(marked, literals), marked, tuple(_expected(marked, literals)))


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(part) for part in value] if isinstance(value, (list, tuple)) else value


def _bounded(parts: Iterator[str]) -> str:
    found: list[str] = []
    size = 0
    for part in parts:
        size += len(part)
        found.append(part)
        if size > MAX_BYTES:
            raise NotRendered(Flaw(1, 1, f"the rendered Jenkinsfile has more than {MAX_BYTES} characters"))
    return "".join(found)


def _line_of(error: BaseException) -> int:
    """Return the line of the template that *error* is about: Jinja rewrites its traceback to the template's."""
    trace, line = error.__traceback__, 1
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _written(marked: str, literals: list[str]) -> str:
    pieces = marked.split(PLACE_BEGIN)
    return pieces[0] + "".join(
        literals[int(number)] + rest for number, _, rest in (piece.partition(PLACE_END) for piece in pieces[1:])
    )


def _expected(marked: str, literals: list[str]) -> Iterator[tuple[Kind, str]]:
    of_literals = [_tokens_of(one) for one in literals]
    for token in read_tokens(marked)[0]:
        if token.kind is Kind.PLACE:
            yield from of_literals[int(token.text[1:-1])]
        else:
            yield token.kind, token.text


@lru_cache(maxsize=256)
def _tokens_of(text: str) -> tuple[tuple[Kind, str], ...]:
    return tuple((token.kind, token.text) for token in read_tokens(text)[0])


def _flaw(text: str, at: int, message: str) -> Flaw:
    return Flaw(text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at), message)
