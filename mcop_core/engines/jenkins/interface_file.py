"""
`interface.yaml` beside a Jenkinsfile: its inputs, its outputs and where they are taken from, and whether apply builds.

    inputs:
      service: {type: string, description: What is released.}
      replicas: {type: number, default: 2}
    outputs:
      url: {type: string, description: Where it answers., from: {artifact: release.json, key: url}}
      number: {type: number, from: {build: number}}
    build: true
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from mcop_core.catalog.models import Interface, Model
from mcop_core.engines import declarations
from mcop_core.engines.declarations import DeclaredInput, Places, input_faults, output_faults, read_declarations
from mcop_core.errors import Fault, InvalidDocuments

FILE = "interface.yaml"

_PATH = re.compile(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*", re.ASCII)
_TAKEN = frozenset({"loop", "true", "false", "none", "True", "False", "None", "and", "or", "not", "in", "is", "if"})


class Source(Model):
    """
    Where an output is taken from.

    Attributes:
        artifact: Path of an archived file that holds JSON.
        description: Whether it is the build's description, which then holds JSON.
        build: A fact of the build itself.
        key: Field of the JSON's map; left out: all of it.
    """

    artifact: str = Field("", pattern=f"^({_PATH.pattern})?$")
    description: bool = False
    build: Literal["", "number", "url", "result"] = ""
    key: str = ""

    @model_validator(mode="after")
    def _is_one(self) -> Source:
        if [bool(self.artifact), self.description, bool(self.build)].count(True) != 1:
            raise ValueError("it names one of artifact: <path>, description, build: number | url | result")
        if {".", ".."} & set(self.artifact.split("/")):
            raise ValueError("the path of an artifact has no . or .. part")
        if self.build and self.key:
            raise ValueError("a fact of the build has no key")
        return self

    def to_json(self) -> dict[str, Any]:
        """Return the form it has in an artifact's runtime."""
        return self.model_dump(exclude_defaults=True)


def _source(value: Any) -> Any:
    return {"description": True} if value == "description" else value


class DeclaredOutput(declarations.DeclaredOutput):
    """One output, and where it is taken from."""

    source: Annotated[Source, BeforeValidator(_source)] = Field(alias="from")


class InterfaceFile(Model):
    """All of the file."""

    inputs: dict[str, DeclaredInput] = Field({})
    outputs: dict[str, DeclaredOutput] = Field({})
    build: bool = Field(True, description="Whether apply starts a build of the job.")

    def to_interface(self) -> Interface:
        """Return it in the catalog's words."""
        return declarations.to_interface(self.inputs, self.outputs)


def read_interface_file(files: Mapping[str, bytes]) -> InterfaceFile:
    """
    Read the file among a primitive's *files*; where there is none, there are no inputs and outputs.

    Raises:
        InvalidDocuments: Every fault of it, with its line.
    """
    return read_declarations(files.get(FILE, b""), FILE, InterfaceFile, _faults)


def input_names(files: Mapping[str, bytes]) -> tuple[str, ...] | None:
    """Return the names of the inputs, whatever else is wrong with the file; None if it cannot be read."""
    try:
        tree = declarations.read_tree(files.get(FILE, b""), FILE)
    except InvalidDocuments:
        return None
    found = tree.value.get("inputs", {}) if tree is not None and isinstance(tree.value, dict) else {}
    return tuple(found) if isinstance(found, dict) else None


NO_SECRETS = (
    "the controller would keep it in the job's Jenkinsfile, in clear: "
    "keep it in Jenkins' credentials, and give their id as an input"
)


def _faults(found: InterfaceFile, places: Places) -> Iterator[Fault]:
    for name, one in found.inputs.items():
        yield from [*_taken(name, f"inputs.{name}", places), *input_faults(name, one, places)]
        if one.sensitive:
            yield places.fault(NO_SECRETS, f"inputs.{name}.sensitive")
    for name, output in found.outputs.items():
        yield from [*_taken(name, f"outputs.{name}", places), *output_faults(name, output, places)]
    if found.outputs and not found.build:
        yield places.fault("what apply does not build has no outputs: leave them out", "outputs")


def _taken(name: str, path: str, places: Places) -> list[Fault]:
    return (
        [places.fault(f"{name!r} is a word of templates, and no name that they can use", path)]
        if name in _TAKEN
        else []
    )
