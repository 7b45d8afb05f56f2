"""
What is wrong with a Rego policy that its interpreter takes without a word.

It reads a misspelt variable as one without a value, so that the rule never holds and nobody is told, and it passes
over a bracket too many. OPA refuses both. Pure.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator

from mcop_core.errors import closest

FORBIDDEN = {
    "http.send": "asks a server",
    "io.jwt.decode_verify": "asks the clock",
    "net.lookup_ip_addr": "asks a server",
    "opa.runtime": "gives away environment variables",
    "print": "writes into the output",
    "rand.intn": "gives another number each time",
    "time.now_ns": "asks the clock",
    "uuid.rfc4122": "gives another name each time",
}
"""Function -> why no policy may call it: a verdict follows from the document alone."""

_KEYWORDS = frozenset(
    {"as", "contains", "data", "default", "else", "every", "false", "if", "import", "in"}
    | {"input", "not", "null", "package", "some", "true", "with"}
)
_BRACKETS = {")": "(", "]": "[", "}": "{"}
_QUIET = re.compile(r'"(?:\\.|[^"\\\n])*"|`[^`]*`|#[^\n]*')
_PACKAGE = re.compile(r"^[ \t]*package[ \t]+([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)[ \t\r]*$", re.MULTILINE)
_OPENING = re.compile(r"^[ \t]*(?:package|import)\b[^\n]*", re.MULTILINE)
_HEAD = re.compile(r"^(?:default[ \t]+)?([A-Za-z_]\w*)", re.MULTILINE)
_NO_SET = re.compile(r"^(?:default[ \t]+)?(deny|warn)\b(?![ \t]+contains\b)", re.MULTILINE)
_CALL = re.compile(r"(?<![\w.])([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)[ \t]*\(")
_NAME = re.compile(r"(?<![\w.])[A-Za-z_]\w*")


def package_of(source: str) -> str | None:
    """Return the name of the policy's package, or None when it has none."""
    found = _PACKAGE.search(_quiet(source))
    return found[1] if found else None


def rules_of(source: str) -> frozenset[str]:
    """Return the names that the policy's lines begin with: its rules and functions."""
    return frozenset(_HEAD.findall(_quiet(source))) - _KEYWORDS


def faults_of_source(source: str, is_builtin: Callable[[str], bool]) -> Iterator[tuple[int, str]]:
    """Yield (line, what is wrong) in no order; line 0 where it is the whole policy."""
    code = _quiet(source)
    rules = rules_of(source)
    if package_of(source) is None:
        yield 1, "the policy names no package (`package name`)"
        return
    if not rules & {"deny", "warn"}:
        yield 0, "the policy has neither a rule `deny` nor a rule `warn` (rules begin where a line begins)"
    for found in _NO_SET.finditer(code):
        yield _line(code, found), f"{found[1]} is no set of messages: write `{found[1]} contains message if {{ ... }}`"
    yield from _forbidden_faults(code)
    yield from _bracket_faults(code)
    yield from _call_faults(code, rules, is_builtin)
    yield from _name_faults(code, rules)


def _quiet(source: str) -> str:
    """Return *source* with blanks for texts and comments, every sign in its place."""
    return _QUIET.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), source)


def _line(code: str, found: re.Match[str]) -> int:
    return code.count("\n", 0, found.start()) + 1


def _forbidden_faults(code: str) -> Iterator[tuple[int, str]]:
    """Yield every mention, also one that is no call: `with` can put a function in another's place."""
    for name, why in FORBIDDEN.items():
        for found in re.finditer(rf"(?<![\w.]){re.escape(name)}\b", code):
            yield _line(code, found), f"{name} is not for policies: it {why}"


def _bracket_faults(code: str) -> Iterator[tuple[int, str]]:
    """Yield the first bracket that closes none of its kind; the interpreter finds those left open."""
    opened: list[str] = []
    for found in re.finditer(r"[()\[\]{}]", code):
        if found[0] not in _BRACKETS:
            opened.append(found[0])
        elif not opened or opened.pop() != _BRACKETS[found[0]]:
            yield _line(code, found), f"this {found[0]} closes no bracket"
            return


def _call_faults(code: str, rules: frozenset[str], is_builtin: Callable[[str], bool]) -> Iterator[tuple[int, str]]:
    for found in _CALL.finditer(code):
        name = found[1]
        if name not in rules | _KEYWORDS | FORBIDDEN.keys() and not name.startswith("data.") and not is_builtin(name):
            near = closest(name, rules)
            yield _line(code, found), f"there is no function {name}" + (f'; did you mean "{near}"?' if near else "")


def _name_faults(code: str, rules: frozenset[str]) -> Iterator[tuple[int, str]]:
    """Yield the variables that stand in the policy once: misspelt, or of no use."""
    body = _OPENING.sub(lambda found: " " * len(found[0]), code)
    calls = {name.split(".")[0] for name in _CALL.findall(body)}
    imported = {word for line in _OPENING.findall(code) for word in re.findall(r"\w+", line)}
    names = Counter(_NAME.findall(body))
    alone = {name for name, times in names.items() if times == 1} - rules - _KEYWORDS - calls - imported - {"_"}
    for found in _NAME.finditer(body):
        if found[0] in alone:
            yield _line(body, found), f"the variable {found[0]} stands here only: misspelt? Write _ for one not needed"
