"""
`files.yaml`, which is all of a primitive: what goes in, what comes out, and which files are written. Pure.

    inputs:
      port: {type: number, default: 8080}
      password: {type: string, sensitive: true}
    outputs:
      settings: {type: string, value: {$file: settings.json}}
    files:
      settings.json: {listen: {$input: port}, database: {password: {$input: password}}}

A map with the one key `$input` or `$file` is a *hole*: the value of an input, or where a file lies. Holes are found in
the document alone and filled once, so that no value can look like one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from mcop_core.artifacts.store import check_key
from mcop_core.catalog.models import Interface, Model
from mcop_core.engines import declarations
from mcop_core.engines.declarations import DeclaredInput, Places, input_faults, output_faults, read_declarations
from mcop_core.errors import Fault, InvalidDocuments, InvalidName, closest

FILE = "files.yaml"
INPUT, ADDRESS = "$input", "$file"


class DeclaredOutput(declarations.DeclaredOutput):
    """One output, and what it is made of."""

    value: Any


class FilesDocument(Model):
    """All of the file."""

    inputs: dict[str, DeclaredInput] = Field({})
    outputs: dict[str, DeclaredOutput] = Field({})
    files: dict[str, Any] = Field({}, description="Path to what is written there, as JSON.")

    def to_interface(self) -> Interface:
        """Return it in the catalog's words."""
        return declarations.to_interface(self.inputs, self.outputs)


def read_document(files: Mapping[str, bytes]) -> FilesDocument:
    """
    Read a primitive's *files*.

    Raises:
        InvalidDocuments: Every fault, with its line.
    """
    others = [
        Fault("a primitive for files has no other file.", file=name, allowed=(FILE,)) for name in {*files} - {FILE}
    ]
    if others or FILE not in files:
        raise InvalidDocuments.of(others or [Fault(f"a primitive for files has a file {FILE}", allowed=(FILE,))])
    return read_declarations(files[FILE], FILE, FilesDocument, _faults)


def holes(value: Any, path: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield path, kind (`INPUT` or `ADDRESS`) and name of every hole in *value*."""
    if isinstance(value, Mapping) and len(value) == 1 and {INPUT, ADDRESS} & set(value):
        ((kind, name),) = value.items()
        yield path, kind, str(name)
    elif isinstance(value, Mapping):
        yield from (hole for name, part in value.items() for hole in holes(part, f"{path}.{name}"))
    elif isinstance(value, list):
        yield from (hole for number, part in enumerate(value) for hole in holes(part, f"{path}.{number}"))


def fill(value: Any, given: Mapping[tuple[str, str], Any]) -> Any:
    """Return *value* with every hole filled; *given*: kind and name -> what stands in such a hole."""
    if isinstance(value, Mapping):
        for _, kind, name in holes(value) if len(value) == 1 and {INPUT, ADDRESS} & set(value) else ():
            return given[kind, name]
        return {name: fill(part, given) for name, part in value.items()}
    return [fill(part, given) for part in value] if isinstance(value, list) else value


def inputs_in(value: Any) -> frozenset[str]:
    """Return the names of the inputs that *value* takes."""
    return frozenset(name for _, kind, name in holes(value) if kind == INPUT)


def to_bytes(value: Any) -> bytes:
    """Return what is written for *value*; the same bytes for the same value."""
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _faults(found: FilesDocument, places: Places) -> Iterator[Fault]:
    for name, one in found.inputs.items():
        yield from input_faults(name, one, places)
    for name, output in found.outputs.items():
        yield from [*output_faults(name, output, places), *_hole_faults(output.value, f"outputs.{name}", found, places)]
    for name, content in found.files.items():
        yield from [*_path_faults(name, places), *_hole_faults(content, f"files.{name}", found, places)]
    if not found.files:
        yield places.fault("it writes nothing: name at least one file", "files")


def _path_faults(name: str, places: Places) -> Iterator[Fault]:
    try:
        check_key(name)
    except InvalidName as error:
        yield places.fault(error.message, f"files.{name}")


def _hole_faults(value: Any, path: str, found: FilesDocument, places: Places) -> Iterator[Fault]:
    for where, kind, name in holes(value, path):
        what, known = ("input", found.inputs) if kind == INPUT else ("file", found.files)
        if name not in known:
            yield places.fault(f"there is no {what} {name!r}", where, tuple(known), closest(name, known))
