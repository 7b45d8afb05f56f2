"""What a document's form says against it: pydantic's findings in a person's words, with what was allowed."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from mcop_core.catalog.models import MODELS, SET_AT_PUBLISH
from mcop_core.errors import Fault, closest
from mcop_core.refs import NAME_PATTERN, Kind

Location = tuple[int | str, ...]

_NOUNS = {
    "string_type": "text",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "tuple_type": "a list",
    "list_type": "a list",
}

_TRUTHS = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}


def form_faults(kind: Kind, error: ValidationError, plain: Mapping[str, str]) -> list[Fault]:
    """
    Return one fault per finding, in the document's order; *error* comes from reading it as a *kind*.

    Args:
        plain: Dotted path -> what the author wrote, where YAML read a number or a word.
    """
    found = [_fault(kind, dict(detail), plain) for detail in error.errors(include_url=False)]
    return [fault for fault in found if fault.path.split(".")[0] not in SET_AT_PUBLISH.get(kind, ())]


def publish_time_faults(kind: Kind, document: Mapping[str, Any]) -> list[Fault]:
    """Return a fault for each field of *document* that publishing fills in and no author writes."""
    fields = sorted(SET_AT_PUBLISH.get(kind, frozenset()) & set(document))
    return [Fault(f"{name} is read from the code at publish: leave it out", path=name) for name in fields]


def authored_fields(kind: Kind) -> list[str]:
    """Return the fields that an author of a *kind* may write, in the model's order."""
    return [name for name in MODELS[kind].model_fields if name not in SET_AT_PUBLISH.get(kind, ())]


def _fault(kind: Kind, detail: Mapping[str, Any], plain: Mapping[str, str]) -> Fault:
    location: Location = tuple(part for part in detail["loc"] if part != "[key]")
    path = ".".join(map(str, location))
    told = _TELLERS.get(detail["type"], _other)
    return told(kind, detail, location, Fault("", path=path), plain.get(path, ""))


Teller = Callable[[Kind, Mapping[str, Any], Location, Fault, str], Fault]


def _unknown_field(kind: Kind, detail: Mapping[str, Any], location: Location, fault: Fault, plain: str) -> Fault:
    name = str(location[-1])
    fields = authored_fields(kind) if len(location) == 1 else _fields_at(MODELS[kind], location[:-1])
    message = f"there is no field {name!r} here"
    return Fault(message, path=fault.path, allowed=tuple(fields), suggestion=closest(name, fields))


def _missing_field(kind: Kind, detail: Mapping[str, Any], location: Location, fault: Fault, plain: str) -> Fault:
    return Fault(f"the field {str(location[-1])!r} is missing", path=fault.path)


def _wrong_word(kind: Kind, detail: Mapping[str, Any], location: Location, fault: Fault, plain: str) -> Fault:
    allowed = tuple(str(word) for word in get_args(_literal_at(MODELS[kind], location)))
    near = closest(str(detail["input"]), allowed)
    return Fault(f"{detail['input']!r} is not allowed", path=fault.path, allowed=allowed, suggestion=near)


def _wrong_name(kind: Kind, detail: Mapping[str, Any], location: Location, fault: Fault, plain: str) -> Fault:
    pattern = detail["ctx"]["pattern"].removeprefix("^").removesuffix("$")
    near = _as_name(str(detail["input"])) if pattern == NAME_PATTERN else None
    return Fault(f"{detail['input']!r} is not allowed: it must match {pattern}", path=fault.path, suggestion=near)


def _wrong_value(kind: Kind, detail: Mapping[str, Any], location: Location, fault: Fault, plain: str) -> Fault:
    return Fault(str(detail["ctx"]["error"]), path=fault.path)


def _wrong_type(kind: Kind, detail: Mapping[str, Any], location: Location, fault: Fault, plain: str) -> Fault:
    message = f"it must be {_NOUNS[detail['type']]}, this is {_noun(detail['input'])}"
    if detail["type"] == "string_type" and plain:
        return Fault(f"{message}: write it in quotes", path=fault.path, suggestion=f"'{plain}'")
    near = _TRUTHS.get(str(detail["input"]).lower()) if detail["type"] == "bool_type" else None
    return Fault(message, path=fault.path, suggestion=near)


def _empty(kind: Kind, detail: Mapping[str, Any], location: Location, fault: Fault, plain: str) -> Fault:
    return Fault("it must have at least one entry", path=fault.path)


def _other(kind: Kind, detail: Mapping[str, Any], location: Location, fault: Fault, plain: str) -> Fault:
    return Fault(str(detail["msg"]), path=fault.path)


_TELLERS: dict[str, Teller] = {
    "extra_forbidden": _unknown_field,
    "missing": _missing_field,
    "literal_error": _wrong_word,
    "string_pattern_mismatch": _wrong_name,
    "value_error": _wrong_value,
    "too_short": _empty,
    **dict.fromkeys(_NOUNS, _wrong_type),
}


def _noun(value: object) -> str:
    nouns = {bool: "true or false", dict: "a mapping", list: "a list", str: "text", type(None): "null"}
    return nouns.get(type(value), "a number")


def _as_name(text: str) -> str | None:
    """Return the name nearest to *text*: lower case, what may not stand in it made `-`."""
    letters = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in text.lower())
    name = letters.strip("-").lstrip("0123456789-")[:63]
    return name or None


def _fields_at(annotation: Any, location: Location) -> list[str]:
    """Return the fields of the model that stands at *location* below *annotation*; empty when there is none."""
    for model in _models_at(annotation, location):
        return [field.alias or name for name, field in model.model_fields.items()]
    return []


def _models_at(annotation: Any, location: Location) -> list[type[BaseModel]]:
    return [found for found in _at(annotation, location) if isinstance(found, type) and issubclass(found, BaseModel)]


def _literal_at(annotation: Any, location: Location) -> Any:
    return next((found for found in _at(annotation, location) if get_origin(found) is Literal), None)


def _at(annotation: Any, location: Location) -> list[Any]:
    """Return the annotations that may stand at *location* below *annotation*."""
    options = _unwrapped(annotation)
    if not location:
        return options
    inner = [found for option in options for found in _inside(option, location[0])]
    return [found for option in inner for found in _at(option, location[1:])]


def _unwrapped(annotation: Any) -> list[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _unwrapped(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return [found for option in get_args(annotation) for found in _unwrapped(option)]
    return [annotation]


def _inside(annotation: Any, step: int | str) -> list[Any]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        field = annotation.model_fields.get(str(step))
        return [field.annotation] if field else []
    arguments = get_args(annotation)
    return [arguments[-1] if get_origin(annotation) is dict else arguments[0]] if arguments else []
