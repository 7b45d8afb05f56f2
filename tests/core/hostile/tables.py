"""The tables of `tests/cases/hostile`: one file per door, classes of hostile input, at least five variants each."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).parents[2] / "cases" / "hostile"
CANARY = Path(tempfile.gettempdir()) / f"mcop-canary-{os.getpid()}"
"""What a command in a hostile input would create; `@CANARY@` in the tables."""


@dataclass(frozen=True)
class Case:
    """One variant of a class; *says* is what the table says of the whole class."""

    name: str
    variant: Any
    says: dict[str, Any]


class _Loader(yaml.SafeLoader):
    """
    YAML with `!times [text, count, text before]`, `!nested [list or map, depth]`, `!grown [value]` and `!bytes text`.
    """


def _times(loader: _Loader, node: yaml.SequenceNode) -> str:
    text, count, *before = loader.construct_sequence(node)
    return "".join(before) + text * count


def _nested(loader: _Loader, node: yaml.SequenceNode) -> Any:
    container, depth = loader.construct_sequence(node)
    value: Any = "x"
    for _ in range(depth):
        value = [value] if container == "list" else {"a": value}
    return value


def _grown(loader: _Loader, node: yaml.SequenceNode) -> str:
    """A pattern of sixty parameters; the default of each is the value, with the parameter before in place of `@`."""
    (value,) = loader.construct_sequence(node, deep=True)
    defaults = ["x" * 500, *(json.loads(json.dumps(value).replace("@", f"${{p{number}}}")) for number in range(59))]
    parameters = {f"p{number}": {"type": "any", "default": default} for number, default in enumerate(defaults)}
    head = {"kind": "pattern", "name": "a", "version": "1.0.0", "provider": "local", "primitive_type": "terraform"}
    element = {"primitive": "echo", "version": "1.0.0", "inputs": {"anything": "${p59}"}}
    return json.dumps({**head, "parameters": parameters, "elements": {"x": element}})


def _bytes(loader: _Loader, node: yaml.ScalarNode) -> bytes:
    return str(loader.construct_scalar(node)).encode("latin-1")


_Loader.add_constructor("!times", _times)
_Loader.add_constructor("!nested", _nested)
_Loader.add_constructor("!grown", _grown)
_Loader.add_constructor("!bytes", _bytes)


@cache
def read_table(door: str) -> dict[str, dict[str, Any]]:
    """Class -> what the table of *door* says of it."""
    text = (FOLDER / f"{door}.yaml").read_text(encoding="utf-8")
    return yaml.load(text.replace("@CANARY@", str(CANARY)), _Loader)


def cases(door: str) -> list[Case]:
    """Return every variant of every class of *door*, in the order of the table."""
    return [
        Case(f"{name}-{number}", variant, says)
        for name, says in read_table(door).items()
        for number, variant in enumerate(says["variants"], 1)
    ]


def each(door: str, says: str = "") -> pytest.MarkDecorator:
    """Run a test with the `case`s of *door*, or those alone of whose class the table says something of *says*."""
    found = [case for case in cases(door) if not says or says in case.says]
    return pytest.mark.parametrize("case", found, ids=[case.name for case in found])


def doors() -> list[str]:
    """Return the doors that have a table."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))
