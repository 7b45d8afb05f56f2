"""Pins -> objects: everything a manifest leans on, found through one view, with the versions chosen and every fault."""

from __future__ import annotations

from typing import Any

from mcop_core.catalog.models import Adapter, CatalogObject, Parameter, Pattern, Primitive, ValidationRule
from mcop_core.catalog.view import CatalogView, Found, adapter_pin_key, pin_key, rule_pin_key
from mcop_core.compiler.plan import Declaration
from mcop_core.errors import Fault, InvalidInput, ObjectNotFound, closest
from mcop_core.parameters.text import MAX_DEPTH, check_hygiene
from mcop_core.parameters.types import parse_type
from mcop_core.parameters.validator import check_rule, placed
from mcop_core.refs import Kind


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
            self._fault(error, user, f"{path}.{'version' if versions else kind}")
            return None
        self.pins[pin_key(kind, name, requirement)] = found.version
        return found

    def adapter(self, provider: str, primitive_type: str, *, user: CatalogObject) -> Adapter | None:
        """Return the adapter that serves *user*'s elements, or None with a fault."""
        try:
            found = self._view.adapter(provider, primitive_type)
        except ObjectNotFound as error:
            self._fault(error, user, "provider")
            return None
        self.pins[adapter_pin_key(provider, primitive_type)] = f"{found.name}@{found.version}"
        return found

    def rule(self, name: str, *, user: CatalogObject, path: str, required: bool) -> ValidationRule | None:
        """Return the rule *name* holds; without one None, with a fault if it is *required* or its pin is gone."""
        try:
            found = self._view.rule(name)
        except ObjectNotFound as error:
            self._fault(error, user, path)
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

    def check_element(self, primitive: Primitive, pattern: Pattern, element: str) -> None:
        """Check that a primitive suits the pattern that uses it, and that its files are stored."""
        where, path = str(pattern.ref), f"elements.{element}.primitive"
        for field in ("provider", "primitive_type"):
            mine, theirs = getattr(pattern, field), getattr(primitive, field)
            if mine != theirs:
                message = f"{primitive.ref} has the {field} {theirs!r}, the pattern {mine!r}"
                self.faults.append(Fault(message, where, path))
        if primitive.template is None:
            self.faults.append(Fault(f"{primitive.ref} has no stored files: publish it from its folder", where, path))

    def _fault(self, error: ObjectNotFound, user: CatalogObject, path: str) -> None:
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
