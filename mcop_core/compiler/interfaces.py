"""
Interfaces: whether a primitive is what it says it implements, and what of it a pattern then sees; pure.

A pattern that names an interface sees its inputs and outputs alone, whichever primitive is taken, so that what
compiles for one provider compiles for all that have one.
"""

from __future__ import annotations

from collections.abc import Iterator

from mcop_core.catalog.models import (
    Input,
    Interface,
    InterfaceInput,
    InterfaceOutput,
    Output,
    Primitive,
    PrimitiveInterface,
    Template,
)
from mcop_core.errors import Fault, InvalidInput, closest
from mcop_core.parameters.types import ANY, parse_type
from mcop_core.parameters.validator import placed


def check_interface_types(interface: PrimitiveInterface) -> list[Fault]:
    """Say which types of an interface's inputs and outputs cannot be read."""
    types = {f"inputs.{name}.type": one.type for name, one in interface.inputs.items()}
    types |= {f"outputs.{name}.type": one.type for name, one in interface.outputs.items()}
    faults: list[Fault] = []
    for path, text in types.items():
        try:
            parse_type(text)
        except InvalidInput as error:
            faults.append(Fault(error.message, str(interface.ref), path))
    return faults


def check_implementation(primitive: Primitive, interface: PrimitiveInterface) -> list[Fault]:
    """Say everything in which *primitive* is not what *interface* promises for it."""
    found = [*_inputs(primitive, interface), *_outputs(primitive, interface)]
    return placed(found, str(primitive.ref), f"implements.{interface.name}")


def _inputs(primitive: Primitive, interface: PrimitiveInterface) -> Iterator[Fault]:
    own = primitive.interface.inputs
    for name, promised in interface.inputs.items():
        if name not in own:
            yield _missing(interface, "input", name, list(own))
        else:
            yield from _differences(name, own[name], promised, interface)
    for name, declared in own.items():
        if declared.required and name not in interface.inputs:
            yield Fault(f"{interface.ref} has no input {name!r}, which the module requires: give it a default")


def _differences(name: str, own: Input, promised: InterfaceInput, interface: PrimitiveInterface) -> Iterator[Fault]:
    if not _takes(own.type, promised.type):
        yield Fault(f"the input {name} has the type {own.type}; {interface.ref} promises {promised.type}")
    if own.required and not promised.required:
        yield Fault(f"the input {name} must have a default: {interface.ref} lets it be left out")
    if own.sensitive and not promised.sensitive:
        yield Fault(f"the input {name} is sensitive, and {interface.ref} does not say so")


def _takes(own: str, promised: str) -> bool:
    try:
        return parse_type(own) in (ANY, parse_type(promised))
    except InvalidInput:
        return True  # told of the type itself


def _outputs(primitive: Primitive, interface: PrimitiveInterface) -> Iterator[Fault]:
    own = primitive.interface.outputs
    for name, promised in interface.outputs.items():
        if name not in own:
            yield _missing(interface, "output", name, list(own))
            continue
        if not _gives(own[name].type, promised.type):
            yield Fault(f"the output {name} has the type {own[name].type}; {interface.ref} promises {promised.type}")
        if own[name].sensitive and not promised.sensitive:
            yield Fault(f"the output {name} is sensitive, and {interface.ref} does not say so")


def _gives(own: str, promised: str) -> bool:
    try:
        return ANY in (parse_type(own), parse_type(promised)) or parse_type(own) == parse_type(promised)
    except InvalidInput:
        return True  # told of the type itself


def _missing(interface: PrimitiveInterface, what: str, name: str, known: list[str]) -> Fault:
    message = f"the module has no {what} {name!r}, which {interface.ref} promises."
    return Fault(message, allowed=tuple(sorted(known)), suggestion=closest(name, known))


def as_interface(primitive: Primitive, interface: PrimitiveInterface) -> Primitive:
    """Return *primitive* with the inputs and outputs of *interface* alone, which says the outputs' types."""
    own = primitive.interface
    outputs = {
        name: _typed(own.outputs[name], promised) for name, promised in interface.outputs.items() if name in own.outputs
    }
    seen = own.model_copy(
        update={
            "inputs": {name: own.inputs[name] for name in interface.inputs if name in own.inputs},
            "outputs": outputs,
        }
    )
    return primitive.model_copy(update={"interface": seen})


def _typed(own: Output, promised: InterfaceOutput) -> Output:
    return own.model_copy(update={"type": promised.type}) if own.type == ANY.name else own


def stand_in(interface: PrimitiveInterface, primitive_type: str) -> Primitive:
    """Return what a pattern is checked against while its provider is not known: the interface and no files."""
    inputs = {
        name: Input(type=one.type, description=one.description, required=one.required, sensitive=one.sensitive)
        for name, one in interface.inputs.items()
    }
    outputs = {
        name: Output(type=one.type, description=one.description, sensitive=one.sensitive)
        for name, one in interface.outputs.items()
    }
    return Primitive(
        name=interface.name,
        version=interface.version,
        provider="any",
        primitive_type=primitive_type,
        source="",
        interface=Interface(inputs=inputs, outputs=outputs),
        template=Template(prefix="", digest="", files={}),
    )
