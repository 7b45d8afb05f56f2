"""Pins -> objects: everything a manifest leans on, found through one view, with the versions chosen and every fault."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mcop_core.catalog.models import (
    Adapter,
    CatalogObject,
    Parameter,
    Pattern,
    Primitive,
    PrimitiveInterface,
    ValidationRule,
)
from mcop_core.catalog.view import (
    CatalogView,
    Found,
    adapter_pin_key,
    implementation_pin_key,
    pin_key,
    rule_pin_key,
)
from mcop_core.compiler.interfaces import as_interface, check_implementation, stand_in
from mcop_core.compiler.plan import Declaration
from mcop_core.errors import Fault, InvalidInput, ObjectNotFound, closest
from mcop_core.limits import MAX_DEPTH
from mcop_core.parameters.text import check_hygiene
from mcop_core.parameters.types import parse_type
from mcop_core.parameters.validator import check_rule, placed
from mcop_core.refs import Kind, ObjectRef


@dataclass(frozen=True, slots=True)
class Linked:
    """
    What an element of a pattern is.

    Attributes:
        primitive: With the inputs and outputs that the pattern may use.
        named: What the pattern names: the primitive, or its interface.
    """

    primitive: Primitive
    named: ObjectRef


class Linker:
    """
    Finds objects and remembers what it found.

    Attributes:
        pins: What was chosen, as `catalog.repository.Pins`.
        rules: Rule name -> its document, for every rule that holds for something.
        faults: What could not be found or does not fit.
    """

    def __init__(self, view: CatalogView) -> None:
        self._view = view
        self.pins: dict[str, str] = {}
        self.rules: dict[str, dict[str, Any]] = {}
        self.faults: list[Fault] = []

    def find(
        self, kind: Kind, name: str, requirement: str, model: type[Found], *, user: CatalogObject, path: str
    ) -> Found | None:
        """Return what *user* pins at *path* (`patterns.network`), or None with a fault."""
        try:
            found = self._view.find(kind, name, requirement, model)
        except ObjectNotFound as error:
            versions = tuple(error.facts.get("allowed") or ())
            self.not_found(error, user, f"{path}.{'version' if versions else kind}")
            return None
        self.pins[pin_key(kind, name, requirement)] = found.version
        return found

    def element(self, pattern: Pattern, name: str, provider: str) -> Linked | None:
        """
        Return what the element *name* of *pattern* is, or None with a fault.

        Args:
            provider: That of the pattern; empty while it is not known, as that of a pattern by itself may be.
        """
        element, path = pattern.elements[name], f"elements.{name}"
        if element.interface:
            return self._implementation(element.interface, element.version, pattern, provider, path)
        primitive = self.find(
            Kind.PRIMITIVE, str(element.primitive), element.version, Primitive, user=pattern, path=path
        )
        if primitive is None:
            return None
        self._check_element(primitive, pattern, f"{path}.primitive")
        return Linked(primitive, primitive.ref)

    def _implementation(self, name: str, requirement: str, pattern: Pattern, provider: str, path: str) -> Linked | None:
        interface = self.find(Kind.INTERFACE, name, requirement, PrimitiveInterface, user=pattern, path=path)
        if interface is None:
            return None
        if not provider:
            return Linked(stand_in(interface, pattern.primitive_type), interface.ref)
        try:
            found = self._view.implementation(interface, requirement, provider, pattern.primitive_type)
        except ObjectNotFound as error:
            self.not_found(error, pattern, f"{path}.interface")
            return None
        key = implementation_pin_key(name, requirement, provider, pattern.primitive_type)
        self.pins[key] = f"{found.name}@{found.version}"
        self.faults += check_implementation(found, interface)
        self._check_stored(found, pattern, f"{path}.interface")
        return Linked(as_interface(found, interface), interface.ref)

    def adapter(self, provider: str, primitive_type: str, *, user: CatalogObject) -> Adapter | None:
        """Return the adapter that serves *user*'s elements, or None with a fault."""
        try:
            found = self._view.adapter(provider, primitive_type)
        except ObjectNotFound as error:
            self.not_found(error, user, "provider")
            return None
        self.pins[adapter_pin_key(provider, primitive_type)] = f"{found.name}@{found.version}"
        return found

    def rule(self, name: str, *, user: CatalogObject, path: str, required: bool) -> ValidationRule | None:
        """Return the rule *name* holds; without one None, with a fault if it is *required* or its pin is gone."""
        try:
            found = self._view.rule(name)
        except ObjectNotFound as error:
            self.not_found(error, user, path)
            return None
        if found is None and required:
            known = self._view.names(Kind.RULE)
            near = closest(name, known)
            self.faults.append(
                Fault(f"there is no rule {name!r}.", str(user.ref), path, allowed=tuple(known), suggestion=near)
            )
        if found is not None:
            self.pins[rule_pin_key(name)] = found.version
            self.rules[name] = found.document()
            self.faults += placed(check_rule(found), str(found.ref))
        return found

    def declaration(self, name: str, parameter: Parameter, pattern: Pattern) -> Declaration:
        """Return what *pattern* says of a parameter, with the rule that holds for it."""
        path = f"parameters.{name}"
        rule_path = f"{path}.rule" if parameter.rule else path
        rule = self.rule(parameter.rule or name, user=pattern, path=rule_path, required=parameter.rule is not None)
        self._check_type(parameter, pattern, path)
        return Declaration(
            type=parameter.type,
            rule=rule.name if rule else "",
            nullable=not parameter.required and parameter.default is None,
            sensitive=parameter.sensitive,
        )

    def _check_type(self, parameter: Parameter, pattern: Pattern, path: str) -> None:
        try:
            parse_type(parameter.type)
        except InvalidInput as error:
            self.faults.append(Fault(error.message, str(pattern.ref), f"{path}.type"))

    def _check_element(self, primitive: Primitive, pattern: Pattern, path: str) -> None:
        """Check that a primitive suits the pattern that uses it, whatever its provider may come to be."""
        for field in ("provider", "primitive_type"):
            mine, theirs = getattr(pattern, field), getattr(primitive, field)
            if mine != theirs:
                message = f"{primitive.ref} has the {field} {theirs!r}, the pattern {mine!r}"
                self.faults.append(Fault(message, str(pattern.ref), path))
        self._check_stored(primitive, pattern, path)

    def _check_stored(self, primitive: Primitive, pattern: Pattern, path: str) -> None:
        if primitive.template is None:
            message = f"{primitive.ref} has no stored files: publish it from its folder"
            self.faults.append(Fault(message, str(pattern.ref), path))

    def not_found(self, error: ObjectNotFound, user: CatalogObject, path: str) -> None:
        """Note that what *user* names at *path* is not there."""
        allowed = tuple(error.facts.get("allowed") or ())
        suggestion = error.facts.get("suggestion")
        self.faults.append(Fault(f"{error.message}.", str(user.ref), path, allowed=allowed, suggestion=suggestion))


def check_interface(primitive: Primitive) -> list[Fault]:
    """Say which types of a module's inputs cannot be read, so that values could not be checked."""
    faults: list[Fault] = []
    for name, declared in sorted(primitive.interface.inputs.items()):
        try:
            parse_type(declared.type)
        except InvalidInput as error:
            faults.append(Fault(error.message, str(primitive.ref), f"interface.inputs.{name}.type"))
    return faults


def check_document(item: CatalogObject) -> list[Fault]:
    """Say what in an object's document cannot be carried unchanged; see `parameters.text`."""
    try:
        faults = check_hygiene(item.document())
    except ValueError:  # pydantic gives up on documents far deeper than what is allowed
        faults = [Fault(f"the document is nested deeper than {MAX_DEPTH} levels")]
    return placed(faults, str(item.ref))
