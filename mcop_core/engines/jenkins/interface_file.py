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
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from mcop_core.catalog.models import Input, Interface, Model, Output
from mcop_core.catalog.yaml_files.tree import Tree, read_trees
from mcop_core.errors import Fault, InvalidDocuments, InvalidInput, closest
from mcop_core.parameters.conversion import convert
from mcop_core.parameters.text import check_hygiene
from mcop_core.parameters.types import Type, parse_type

FILE = "interface.yaml"
MAX_BYTES = 256 * 1024

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}", re.ASCII)
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


class DeclaredInput(Model):
    """One input; without `default` it must be given."""

    type: str = "any"
    description: str = ""
    default: Any = None
    sensitive: bool = False


def _source(value: Any) -> Any:
    return {"description": True} if value == "description" else value


class DeclaredOutput(Model):
    """One output."""

    type: str = "any"
    description: str = ""
    sensitive: bool = False
    source: Annotated[Source, BeforeValidator(_source)] = Field(alias="from")


class InterfaceFile(Model):
    """All of the file."""

    inputs: dict[str, DeclaredInput] = Field({})
    outputs: dict[str, DeclaredOutput] = Field({})
    build: bool = Field(True, description="Whether apply starts a build of the job.")

    def to_interface(self) -> Interface:
        """Return it in the catalog's words."""
        return Interface(
            inputs={name: _input(one) for name, one in self.inputs.items()},
            outputs={
                name: Output(description=one.description, sensitive=one.sensitive) for name, one in self.outputs.items()
            },
        )


def _input(one: DeclaredInput) -> Input:
    required = "default" not in one.model_fields_set
    return Input(type=one.type, description=one.description, required=required, default=one.default)


def read_interface_file(files: Mapping[str, bytes]) -> InterfaceFile:
    """
    Read the file among a primitive's *files*; where there is none, there are no inputs and outputs.

    Raises:
        InvalidDocuments: Every fault of it, with its line.
    """
    tree = _tree(files.get(FILE, b""))
    if tree is None:
        return InterfaceFile()
    if tree.flaws:
        raise InvalidDocuments.of(Fault(flaw.message, path=flaw.path, file=FILE, line=flaw.line) for flaw in tree.flaws)
    if not isinstance(tree.value, dict):
        raise InvalidDocuments.of([_Places(tree).fault("it must be a mapping of inputs, outputs and build", "")])
    try:
        found = InterfaceFile.model_validate(tree.value, strict=True)
    except ValidationError as error:
        raise InvalidDocuments.of(_form_faults(error, _Places(tree))) from error
    faults = _meaning_faults(found, _Places(tree))
    if faults:
        raise InvalidDocuments.of(sorted(faults, key=lambda fault: fault.line))
    return found


def input_names(files: Mapping[str, bytes]) -> tuple[str, ...] | None:
    """Return the names of the inputs, whatever else is wrong with the file; None if it cannot be read."""
    try:
        tree = _tree(files.get(FILE, b""))
    except InvalidDocuments:
        return None
    found = tree.value.get("inputs", {}) if tree is not None and isinstance(tree.value, dict) else {}
    return tuple(found) if isinstance(found, dict) else None


def _tree(data: bytes) -> Tree | None:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidDocuments.of([Fault(f"it is not UTF-8: byte {error.start}", file=FILE)]) from error
    if len(data) > MAX_BYTES:
        raise InvalidDocuments.of([Fault(f"it has more than {MAX_BYTES} bytes", file=FILE)])
    trees = list(read_trees(text))
    if len(trees) > 1:
        raise InvalidDocuments.of([Fault("it holds more than one document", file=FILE, line=trees[1].line)])
    return trees[0] if trees else None


@dataclass(frozen=True, slots=True)
class _Places:
    """Where the paths of the file stand."""

    tree: Tree

    def fault(self, message: str, path: str, allowed: tuple[str, ...] = (), suggestion: str | None = None) -> Fault:
        above = path
        while above and above not in self.tree.lines:
            above = above.rpartition(".")[0]
        line = self.tree.lines.get(above, self.tree.line)
        message += "." if allowed or suggestion else ""
        return Fault(message, path=path, file=FILE, line=line, allowed=allowed, suggestion=suggestion)


_MODELS: Mapping[int, type[Model]] = {1: InterfaceFile, 4: Source}


def _form_faults(error: ValidationError, places: _Places) -> list[Fault]:
    return [_form_fault(dict(detail), places) for detail in error.errors(include_url=False)]


def _form_fault(detail: Mapping[str, Any], places: _Places) -> Fault:
    location = tuple(str(part) for part in detail["loc"])
    path, name = ".".join(location), location[-1]
    if detail["type"] == "extra_forbidden":
        fields = _fields_at(location)
        return places.fault(f"there is no field {name!r} here", path, fields, closest(name, fields))
    if detail["type"] == "missing":
        return places.fault(f"the field {name!r} is missing", path)
    if detail["type"] == "value_error":
        return places.fault(str(detail["ctx"]["error"]), path)
    return places.fault(f"{detail['input']!r} is not allowed: {str(detail['msg'])[:200]}", path)


def _fields_at(location: tuple[str, ...]) -> tuple[str, ...]:
    """Return the fields of what stands around the last part of *location*."""
    by_section: Mapping[str, type[Model]] = {"inputs": DeclaredInput, "outputs": DeclaredOutput}
    model = _MODELS.get(len(location)) or by_section[location[0]]
    return tuple(field.alias or name for name, field in model.model_fields.items())


# -- what it means -------------------------------------------------------------------------------------


def _meaning_faults(found: InterfaceFile, places: _Places) -> list[Fault]:
    faults = [fault for name, one in found.inputs.items() for fault in _input_faults(name, one, places)]
    for name, output in found.outputs.items():
        path = f"outputs.{name}"
        faults += [*_name_faults(name, path, places), *_type_faults(output.type, path, places)[1]]
    if found.outputs and not found.build:
        faults.append(places.fault("what apply does not build has no outputs: leave them out", "outputs"))
    return faults


def _input_faults(name: str, one: DeclaredInput, places: _Places) -> list[Fault]:
    path = f"inputs.{name}"
    type_, faults = _type_faults(one.type, path, places)
    faults += _name_faults(name, path, places)
    if one.sensitive:
        faults.append(places.fault(NO_SECRETS, f"{path}.sensitive"))
    if type_ is not None and "default" in one.model_fields_set:
        told = [*check_hygiene(one.default), *convert(one.default, type_)[1]]
        faults += [places.fault(fault.message, f"{path}.default") for fault in told]
    return faults


NO_SECRETS = (
    "the controller would keep it in the job's Jenkinsfile, in clear: "
    "keep it in Jenkins' credentials, and give their id as an input"
)


def _name_faults(name: str, path: str, places: _Places) -> list[Fault]:
    if _NAME.fullmatch(name) and name not in _TAKEN:
        return []
    return [places.fault(f"{name!r} is no name that a template can use: it must match {_NAME.pattern}", path)]


def _type_faults(text: str, path: str, places: _Places) -> tuple[Type | None, list[Fault]]:
    try:
        type_ = parse_type(text)
    except InvalidInput as error:
        return None, [places.fault(error.message, f"{path}.type")]
    if _has_default(type_):
        message = "optional(…) with a default is Terraform's to evaluate: leave the default out"
        return None, [places.fault(message, f"{path}.type")]
    return type_, []


def _has_default(type_: Type) -> bool:
    inner = [type_.of] if type_.of else []
    parts = [*inner, *type_.items, *(attribute.type for attribute in type_.attributes.values())]
    return any(attribute.default for attribute in type_.attributes.values()) or any(map(_has_default, parts))


def undescribed(interface: Interface) -> list[Fault]:
    """Return what a reviewer would want better in what a primitive declares: descriptions, and types of inputs."""
    found = [
        Fault(f"the {word} {name} has no description (rule description)", path=f"{word}s.{name}", file=FILE)
        for word, declared in (("input", interface.inputs), ("output", interface.outputs))
        for name, one in declared.items()
        if not one.description
    ]
    untyped = [name for name, one in interface.inputs.items() if one.type == "any"]
    return found + [
        Fault(f"the input {name} takes anything (rule type)", path=f"inputs.{name}", file=FILE) for name in untyped
    ]
