"""
A file in which a primitive says what goes in and what comes out, for engines whose language has no such declarations.

    inputs:
      service: {type: string, description: What is released.}
      replicas: {type: number, default: 2}
    outputs:
      url: {type: string, description: Where it answers.}

An engine gives the file its own fields by a model of its own; what is wrong is told with its line, all at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, get_args, get_origin

from pydantic import ValidationError

from mcop_core.catalog.models import Input, Interface, Model, Output
from mcop_core.catalog.yaml_files.tree import Tree, read_trees
from mcop_core.errors import Fault, InvalidDocuments, InvalidInput, closest
from mcop_core.parameters.conversion import convert
from mcop_core.parameters.text import check_hygiene
from mcop_core.parameters.types import Type, parse_type

MAX_BYTES = 256 * 1024

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}", re.ASCII)


class DeclaredInput(Model):
    """One input; without `default` it must be given."""

    type: str = "any"
    description: str = ""
    default: Any = None
    sensitive: bool = False

    @property
    def is_required(self) -> bool:
        """Whether it must be given."""
        return "default" not in self.model_fields_set


class DeclaredOutput(Model):
    """One output, as far as all engines have it."""

    type: str = "any"
    description: str = ""
    sensitive: bool = False


Declared = TypeVar("Declared", bound=Model)


@dataclass(frozen=True, slots=True)
class Places:
    """
    Where the paths of a file stand.

    Attributes:
        file: Its name, for people.
    """

    tree: Tree
    file: str

    def fault(self, message: str, path: str, allowed: tuple[str, ...] = (), suggestion: str | None = None) -> Fault:
        """Return what is wrong at *path*, on its line or on that of what stands around it."""
        above = path
        while above and above not in self.tree.lines:
            above = above.rpartition(".")[0]
        line = self.tree.lines.get(above, self.tree.line)
        message += "." if allowed or suggestion else ""
        return Fault(message, path=path, file=self.file, line=line, allowed=allowed, suggestion=suggestion)


def to_interface(inputs: Mapping[str, DeclaredInput], outputs: Mapping[str, DeclaredOutput]) -> Interface:
    """Return declarations in the catalog's words."""
    return Interface(
        inputs={
            name: Input(
                type=one.type,
                description=one.description,
                required=one.is_required,
                default=one.default,
                sensitive=one.sensitive,
            )
            for name, one in inputs.items()
        },
        outputs={
            name: Output(type=one.type, description=one.description, sensitive=one.sensitive)
            for name, one in outputs.items()
        },
    )


def read_declarations(
    data: bytes, file: str, model: type[Declared], check: Callable[[Declared, Places], Iterable[Fault]]
) -> Declared:
    """
    Read *data*, the file of name *file*, as *model*; where it holds no document, as one without any field.

    Args:
        check: Says what is wrong with what its form allows.

    Raises:
        InvalidDocuments: Every fault of it, with its line.
    """
    tree = read_tree(data, file)
    if tree is None:
        return model()
    if tree.flaws:
        raise InvalidDocuments.of(Fault(flaw.message, path=flaw.path, file=file, line=flaw.line) for flaw in tree.flaws)
    places = Places(tree, file)
    if not isinstance(tree.value, dict):
        raise InvalidDocuments.of([places.fault(f"it must be a mapping of {_listed(_names(model))}", "")])
    try:
        found = model.model_validate(tree.value, strict=True)
    except ValidationError as error:
        faults = [_form_fault(dict(detail), model, places) for detail in error.errors(include_url=False)]
        raise InvalidDocuments.of(faults) from error
    faults = list(check(found, places))
    if faults:
        raise InvalidDocuments.of(sorted(faults, key=lambda fault: fault.line))
    return found


def read_tree(data: bytes, file: str) -> Tree | None:
    """
    Return the one document of *data* with its lines, None if there is none.

    Raises:
        InvalidDocuments: It is not UTF-8, too long, or holds more than one document.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidDocuments.of([Fault(f"it is not UTF-8: byte {error.start}", file=file)]) from error
    if len(data) > MAX_BYTES:
        raise InvalidDocuments.of([Fault(f"it has more than {MAX_BYTES} bytes", file=file)])
    trees = list(read_trees(text))
    if len(trees) > 1:
        raise InvalidDocuments.of([Fault("it holds more than one document", file=file, line=trees[1].line)])
    return trees[0] if trees else None


# -- its form ------------------------------------------------------------------------------------------


def _form_fault(detail: Mapping[str, Any], model: type[Model], places: Places) -> Fault:
    location = tuple(str(part) for part in detail["loc"])
    path, name = ".".join(location), location[-1]
    if detail["type"] == "extra_forbidden":
        fields = _names(_model_at(model, location[:-1]))
        return places.fault(f"there is no field {name!r} here", path, fields, closest(name, fields))
    if detail["type"] == "missing":
        return places.fault(f"the field {name!r} is missing", path)
    if detail["type"] == "value_error":
        return places.fault(str(detail["ctx"]["error"]), path)
    return places.fault(f"{detail['input']!r} is not allowed: {str(detail['msg'])[:200]}", path)


def _model_at(model: type[Model], location: Sequence[str]) -> type[Model]:
    """Return the model of what stands at *location* in a document of *model*."""
    found: Any = model
    for name in location:
        if get_origin(found) is dict:
            found = get_args(found)[1]
        else:
            found = next(field.annotation for own, field in found.model_fields.items() if name in (own, field.alias))
    return found  # type: ignore[no-any-return]


def _names(model: type[Model]) -> tuple[str, ...]:
    return tuple(field.alias or name for name, field in model.model_fields.items())


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


# -- what it means -------------------------------------------------------------------------------------


def input_faults(name: str, one: DeclaredInput, places: Places) -> list[Fault]:
    """Say what is wrong with an input: its name, its type, or its default, which is of another."""
    path = f"inputs.{name}"
    type_, faults = _type_faults(one.type, path, places)
    faults += _name_faults(name, path, places)
    if type_ is not None and not one.is_required:
        told = [*check_hygiene(one.default), *convert(one.default, type_)[1]]
        faults += [places.fault(fault.message, f"{path}.default") for fault in told]
    return faults


def output_faults(name: str, one: DeclaredOutput, places: Places) -> list[Fault]:
    """Say what is wrong with an output: its name or its type."""
    path = f"outputs.{name}"
    return [*_name_faults(name, path, places), *_type_faults(one.type, path, places)[1]]


def _name_faults(name: str, path: str, places: Places) -> list[Fault]:
    if _NAME.fullmatch(name):
        return []
    return [places.fault(f"{name!r} is no name that a template can use: it must match {_NAME.pattern}", path)]


def _type_faults(text: str, path: str, places: Places) -> tuple[Type | None, list[Fault]]:
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


def undescribed(interface: Interface, file: str) -> list[Fault]:
    """Return what a reviewer would want better in what *file* declares: descriptions, and types of inputs."""
    found = [
        Fault(f"the {word} {name} has no description (rule description)", path=f"{word}s.{name}", file=file)
        for word, declared in (("input", interface.inputs), ("output", interface.outputs))
        for name, one in declared.items()
        if not one.description
    ]
    untyped = [name for name, one in interface.inputs.items() if one.type == "any"]
    return found + [
        Fault(f"the input {name} takes anything (rule type)", path=f"inputs.{name}", file=file) for name in untyped
    ]
