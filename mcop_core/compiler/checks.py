"""What can be said of an object on its own, before it is published: every fault at once."""

from __future__ import annotations

from mcop_core.catalog.models import (
    Adapter,
    CatalogObject,
    Manifest,
    Pattern,
    Primitive,
    PrimitiveInterface,
    ValidationRule,
    Workflow,
)
from mcop_core.catalog.view import CatalogView
from mcop_core.compiler.analysis import analyse
from mcop_core.compiler.compiler import compile_manifest
from mcop_core.compiler.drafting import Draft, draft_pattern, draft_workflow
from mcop_core.compiler.interfaces import check_implementation, check_interface_types
from mcop_core.compiler.linking import Linker, check_document, check_interface
from mcop_core.compiler.outputs import World
from mcop_core.errors import Fault, InvalidDocuments, InvalidReference, ObjectNotFound
from mcop_core.parameters.syntax import join_path, parse, texts
from mcop_core.parameters.validator import check_rule, placed
from mcop_core.refs import Kind


def check_object(item: CatalogObject, catalog: CatalogView) -> list[Fault]:
    """
    Say everything that is wrong with *item*.

    Checked is what can be known without a manifest around it: pins that exist, inputs and outputs that exist
    on the primitives, required inputs that are wired, references that resolve, circles, plain values against
    types and rules, rules that can run. A manifest is compiled.

    Args:
        item: As it would be published.
        catalog: What it may refer to, itself included or not.

    Returns:
        Faults with object and path, in the order of the document; none if it may be published.
    """
    if isinstance(item, Primitive):
        return [*check_interface(item), *_check_primitive(item, catalog)]
    faults = check_document(item)
    return faults or list(dict.fromkeys(_check(item, catalog)))


def _check(item: CatalogObject, catalog: CatalogView) -> list[Fault]:
    if isinstance(item, ValidationRule):
        return placed(check_rule(item), str(item.ref))
    if isinstance(item, PrimitiveInterface):
        return check_interface_types(item)
    if isinstance(item, Adapter):
        return placed(_check_adapter(item), str(item.ref))
    if isinstance(item, Pattern):
        linker = Linker(catalog)
        return _analysed(draft_pattern(item, linker), linker, World.PATTERN)
    if isinstance(item, Workflow):
        linker = Linker(catalog)
        return _analysed(draft_workflow(item, linker), linker, World.WORKFLOW)
    return _compile(item, catalog) if isinstance(item, Manifest) else []


def _analysed(draft: Draft, linker: Linker, world: World) -> list[Fault]:
    draft.plan = draft.plan.model_copy(update={"rules": dict(sorted(linker.rules.items()))})
    return [*linker.faults, *analyse(draft, world).faults]


def _check_adapter(adapter: Adapter) -> list[Fault]:
    """Configuration is a template over the manifest's names; which there are is known when a manifest uses it."""
    faults: list[Fault] = []
    for path, text in texts(adapter.settings.configuration):
        try:
            parse(text)
        except InvalidReference as error:
            faults.append(Fault(error.message, path=join_path("settings.configuration", path)))
    return faults


def _check_primitive(primitive: Primitive, catalog: CatalogView) -> list[Fault]:
    linker = Linker(catalog)
    linker.adapter(primitive.provider, primitive.primitive_type, user=primitive)
    for name, requirement in primitive.implements.items():
        try:
            interface = catalog.find(Kind.INTERFACE, name, requirement, PrimitiveInterface)
        except ObjectNotFound as error:
            linker.not_found(error, primitive, f"implements.{name}")
        else:
            linker.faults += check_implementation(primitive, interface)
    return linker.faults


def _compile(manifest: Manifest, catalog: CatalogView) -> list[Fault]:
    try:
        compile_manifest(manifest, catalog)
    except InvalidDocuments as error:
        return list(error.faults)
    return []
