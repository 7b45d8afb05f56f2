"""
CEL with names that are checked and steps that are bounded, which the library itself does not do.

Imports the library at once: import this module where a condition is compiled.
"""

# cel-python is Python alone; the CEL project's own package corrupts memory in a process that has loaded regopy.

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from itertools import count
from typing import Any

import lark
from celpy import Environment, InterpretedRunner
from celpy.adapter import json_to_cel
from celpy.celparser import CELParseError
from celpy.celtypes import BoolType, Value
from celpy.evaluation import Activation, CELEvalError, Context, Evaluator

from mcop_core.errors import InvalidInput, Refused, closest
from mcop_core.policies.models import MEMBERS, Document

MAX_STEPS = 500_000
"""Parts of a condition that are evaluated, those in its loops each time: about ten seconds."""

_TYPES = {"bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint"}


def to_context(document: Document) -> Context:
    """Return *document*, plain JSON with the two members, in the interpreter's types; made once for all conditions."""
    return {name: json_to_cel(document[name]) for name in MEMBERS}


class Condition:
    """
    One compiled condition.

    Raises:
        InvalidInput: It is no CEL, or has a name that is neither `preview`, `execution` nor a loop's.
    """

    def __init__(self, expression: str) -> None:
        try:
            tree = _environment().compile(expression)
        except CELParseError as error:
            raise InvalidInput(f"column {error.column}: this is no CEL: {expression}") from error
        _check_names(tree)
        self._program = _environment().program(tree)

    def holds(self, context: Context) -> bool:
        """
        Whether the condition is true of *context*.

        Raises:
            InvalidInput: It is neither true nor false: a member is missing, types do not fit.
            Refused: It takes more than MAX_STEPS.
        """
        try:
            value: Any = self._program.evaluate(context)
        except CELEvalError as error:
            raise InvalidInput(str(error.args[0]).partition(" (in activation")[0]) from error
        if not isinstance(value, BoolType):
            raise InvalidInput(f"it is of type {type(value).__name__}, neither true nor false")
        return bool(value)


@cache
def _environment() -> Environment:
    """Return the one environment: making its parser takes most of a second."""
    return Environment(runner_class=_Runner)


def _check_names(tree: lark.Tree[Any]) -> None:
    loops = {name for macro in tree.find_data("member_dot_arg") for name in _names(_first_argument(macro))}
    known = {*MEMBERS, *loops, *_TYPES}
    for name in _names(tree):
        if name not in known:
            near = closest(name, known)
            raise InvalidInput(f"there is no name {name}" + (f'; did you mean "{near}"?' if near else ""))


def _first_argument(macro: lark.Tree[Any]) -> lark.Tree[Any]:
    """Return what may be the variable of a loop; an empty tree when *macro* has no further argument."""
    arguments = macro.children[2].children if len(macro.children) > 2 else []
    return arguments[0] if len(arguments) > 1 else lark.Tree("none", [])


def _names(tree: lark.Tree[Any]) -> Iterator[str]:
    return (str(found.children[0]) for found in tree.find_data("ident"))


class _Evaluator(Evaluator):
    """One that counts its steps together with those of its loops."""

    def __init__(self, ast: lark.Tree[Any], activation: Activation, steps: Iterator[int]) -> None:
        super().__init__(ast, activation)
        self.steps = steps

    def sub_evaluator(self, ast: lark.Tree[Any]) -> Evaluator:
        return _Evaluator(ast, self.activation, self.steps)

    def build_ss_macro_eval(self, child: lark.Tree[Any]) -> Callable[[Value], Any]:
        """Let `all` and `exists` fail at the first element that fails; the library collects errors, for minutes."""
        return self.build_macro_eval(child)

    def visit_children(self, tree: lark.Tree[Any]) -> list[Any]:
        if next(self.steps) >= MAX_STEPS:
            raise Refused(f"the condition takes more than {MAX_STEPS} steps")
        return super().visit_children(tree)


class _Runner(InterpretedRunner):
    def evaluate(self, context: Context) -> Any:
        return _Evaluator(self.ast, self.new_activation(), count()).evaluate(context)
