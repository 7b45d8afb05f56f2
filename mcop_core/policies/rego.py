"""
Rego policies: a package whose rules `deny` and `warn` are sets of messages.

    package no_public_buckets

    deny contains message if {
        some component in input.preview.components
        ...
    }

Rego v1, with or without `import rego.v1`. The older `deny[message] { ... }` is refused: in v1 it is no set.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mcop_core.errors import Fault, InvalidDocuments, InvalidInput
from mcop_core.policies.documents import to_text
from mcop_core.policies.models import Document, Level, Policy, Verdict
from mcop_core.policies.rego_source import faults_of_source, package_of, rules_of

_ERROR = re.compile(r"\(error(?: \d+:[^|\n]*\|(?P<offset>\d+)\|\d+)?\s*\(errormsg (?P<size>\d+):")


def compile_policy(policy: Policy) -> Callable[[Document], Iterator[Verdict]]:
    """
    Return the function that evaluates *policy*.

    It raises InvalidInput, or what the interpreter raises, when a rule fails, is undefined, is no set of texts, or
    takes more than ten million steps.

    Raises:
        InvalidDocuments: It is no Rego, has neither rule, uses a name that nothing defines, or calls a function
            whose result does not follow from the document; every fault that the interpreter and `rego_source` find.
    """
    interpreter = _interpreter(policy)
    faults = sorted(faults_of_source(policy.source, interpreter.is_builtin)) or list(_build_faults(interpreter, policy))
    if faults:
        raise _broken(policy, faults)
    levels = [level for level in Level if level in rules_of(policy.source)]
    return lambda document: _verdicts(policy, levels, document)


def _interpreter(policy: Policy) -> Any:
    """Return a fresh interpreter that knows *policy* alone."""
    from regopy import Interpreter, LogLevel, RegoError

    interpreter = Interpreter()
    interpreter.log_level = LogLevel.NONE  # else it prints
    interpreter.strict_built_in_errors = True  # else a function that fails leaves its rule undefined
    try:
        interpreter.add_module(policy.name, policy.source)
    except RegoError as error:
        raise _broken(policy, _placed(str(error), policy.source)) from error
    return interpreter


def _build_faults(interpreter: Any, policy: Policy) -> Iterator[tuple[int, str]]:
    """
    Yield what only compiling finds.

    The compiled bundle would tell more, but saving it as JSON corrupts memory in a process that has loaded re2 or grpc.
    """
    bundle = interpreter.build(None, [f"{str(package_of(policy.source)).replace('.', '/')}/{level}" for level in Level])
    if not bundle.ok():
        yield from _placed(_told(bundle.node()), policy.source)


def _broken(policy: Policy, faults: list[tuple[int, str]]) -> InvalidDocuments:
    return InvalidDocuments.of(Fault(message, policy.name, line=line) for line, message in faults)


def _verdicts(policy: Policy, levels: list[Level], document: Document) -> Iterator[Verdict]:
    interpreter = _interpreter(policy)
    interpreter.set_input_term(to_text(_decodable(document)))
    for level in levels:
        for message in _messages(interpreter, f"data.{package_of(policy.source)}.{level}"):
            yield Verdict(policy.name, level, message)


def _messages(interpreter: Any, rule: str) -> list[str]:
    try:
        output = interpreter.query(f"messages := {rule}; is_set(messages)")
    except json.JSONDecodeError as error:  # what it says instead of a result
        raise InvalidInput(f"{rule}: {_sentences(error.doc)}") from error
    if not output.ok():
        raise InvalidInput(f"{rule}: {_sentences(_told(output.node()))}")
    messages = output[0].bindings.get("messages")
    if not isinstance(messages, list) or not all(isinstance(message, str) for message in messages):
        raise InvalidInput(f"{rule} is no set of texts")
    return messages


# -- the interpreter's errors --------------------------------------------------------------------------


def _told(node: Any) -> str:
    """Return what a node of errors says, all of them."""
    return "".join(node.at(number).json() for number in range(len(node)))


def _sentences(text: str) -> str:
    return "; ".join(message for _, message in _errors(text)) or f"the result cannot be read: {text[:200]}"


def _placed(text: str, source: str) -> list[tuple[int, str]]:
    """Return (line, message) of each error once; line 0 where the interpreter does not tell."""
    lines = {
        (0 if offset is None else source.encode()[:offset].count(b"\n") + 1, message)
        for offset, message in _errors(text)
    }
    return sorted(lines) or [(0, "the interpreter cannot read it")]


def _errors(text: str) -> Iterator[tuple[int | None, str]]:
    """Yield (offset in the source, message) of each error in the interpreter's own notation."""
    for found in _ERROR.finditer(text):
        message = text[found.end() : found.end() + int(found["size"])]
        yield None if found["offset"] is None else int(found["offset"]), message


# -- the document --------------------------------------------------------------------------------------


def _decodable(value: Any) -> Any:
    """Return *value* with its JSON texts written anew that hold `\\u`, at which the interpreter's decoder fails."""
    if isinstance(value, Mapping):
        return {key: _decodable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_decodable(item) for item in value]
    return _rewritten(value) if isinstance(value, str) and "\\u" in value else value


def _rewritten(text: str) -> str:
    try:
        return json.dumps(json.loads(text), ensure_ascii=False)
    except ValueError:
        return text
