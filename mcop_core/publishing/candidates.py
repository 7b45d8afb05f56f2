"""Documents as their authors wrote them -> objects as they would be published."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mcop_core.artifacts.templates import collect_files, describe_template
from mcop_core.catalog.models import (
    Adapter,
    CatalogObject,
    Interface,
    Manifest,
    Pattern,
    Primitive,
    ProviderLock,
    ProviderRequirement,
    Workflow,
)
from mcop_core.catalog.versions import satisfies
from mcop_core.catalog.view import CatalogView
from mcop_core.errors import EngineFailed, Fault, InvalidDocuments, McopError, ObjectNotFound, UnknownName
from mcop_core.limits import Limits
from mcop_core.refs import Kind

if TYPE_CHECKING:
    from mcop_core.catalog.yaml_files import SourceDocument
    from mcop_core.engines.base import Engine

OpenEngine = Callable[[str], "Engine"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """
    One object that somebody wants to publish.

    Attributes:
        object: As it would be published.
        source: The document it comes from.
        files: A primitive's files, path -> bytes; empty for the other kinds.
        published: Whether this very version is in the catalog already.
    """

    object: CatalogObject
    source: SourceDocument
    files: Mapping[str, bytes]
    published: bool


def complete(
    source: SourceDocument,
    item: CatalogObject,
    folder: Path,
    published: CatalogObject | None,
    view: CatalogView,
    open_engine: OpenEngine,
    *,
    lock: bool,
    limits: Limits,
) -> Candidate:
    """
    Add to a document what publishing reads from the code.

    What was read when *published* was published (its interface and provider locks) is kept, so that
    publishing the same bytes again finds the same object whatever newer provider versions there are.

    Args:
        source: A document without faults.
        item: What it says.
        folder: The catalog folder; a primitive's `source` is relative to it.
        published: The object published under this version, if there is one.
        view: Where the adapter of a primitive is found: candidates and published objects.
        open_engine: Engine by name.
        lock: Whether to choose provider versions; False where no provider is at hand (`mcop plan --catalog`).
        limits: How many and how large files a primitive may have.

    Raises:
        InvalidDocuments: The files or the engine's settings have faults; places are in the document's file.
    """
    try:
        if isinstance(item, Primitive):
            return _primitive(item, source, folder, published, view, open_engine, lock=lock, limits=limits)
        if isinstance(item, Adapter):
            item = _adapter(item, source, published, open_engine, lock=lock)
    except (ObjectNotFound, UnknownName, EngineFailed) as error:
        raise InvalidDocuments.of([_fault(error, source)]) from error
    return Candidate(item, source, {}, published is not None)


def _fault(error: McopError, source: SourceDocument) -> Fault:
    allowed = tuple(error.facts.get("allowed") or error.facts.get("known") or ())
    return Fault(
        error.message, file=source.file, line=source.line, allowed=allowed, suggestion=error.facts.get("suggestion")
    )


def _adapter(
    item: Adapter, source: SourceDocument, published: CatalogObject | None, open_engine: OpenEngine, *, lock: bool
) -> Adapter:
    if isinstance(published, Adapter):
        return item.model_copy(update={"locks": published.locks})
    engine = open_engine(item.engine)
    if problems := engine.check_settings(item.settings):
        raise InvalidDocuments.of(source.place(Fault(problem, str(item.ref), "settings")) for problem in problems)
    if not item.settings.source:
        return item
    requirement = ProviderRequirement(source=item.settings.source, version=item.settings.version)
    try:
        engine.admit({}, Interface(providers={item.provider: requirement}))
    except InvalidDocuments as error:
        raise InvalidDocuments.of(source.place(replace(fault, path="settings")) for fault in error.faults) from error
    if not lock:
        return item
    return item.model_copy(update={"locks": engine.lock({item.provider: requirement}, item.settings)})


def _primitive(
    item: Primitive,
    source: SourceDocument,
    folder: Path,
    published: CatalogObject | None,
    view: CatalogView,
    open_engine: OpenEngine,
    *,
    lock: bool,
    limits: Limits,
) -> Candidate:
    files = collect_files(template_folder(item, source, folder), limits=limits)
    template = describe_template(item.primitive_type, item.provider, item.name, item.version, files)
    if isinstance(published, Primitive) and published.template == template:
        fields = ("template", "interface", "locks", "exemptions")
        kept = {name: getattr(published, name) for name in fields}
        return Candidate(item.model_copy(update=kept), source, files, True)
    adapter = view.adapter(item.provider, item.primitive_type)
    engine = open_engine(adapter.engine)
    try:
        interface = engine.describe(files)
        exemptions = engine.admit(files, interface)
    except InvalidDocuments as error:
        raise InvalidDocuments.of(in_folder(fault, item.source) for fault in error.faults) from error
    locks = _other_locks(interface, adapter, engine, source) if lock else {}
    read = {"template": template, "interface": interface, "locks": locks, "exemptions": exemptions}
    return Candidate(item.model_copy(update=read), source, files, published is not None)


def engine_finder(sources: Iterable[SourceDocument], open_engine: OpenEngine) -> Callable[[Primitive], Engine]:
    """Return what opens a primitive's engine: that of the adapter in *sources* that serves it, or else its type's."""
    adapters = [source.object for source in sources if isinstance(source.object, Adapter)]
    engines = {(item.provider, item.primitive_type): item.engine for item in adapters}
    return lambda item: open_engine(engines.get((item.provider, item.primitive_type), item.primitive_type))


def template_folder(item: Primitive, source: SourceDocument, folder: Path) -> Path:
    """Return where the files of a primitive lie; whoever publishes a folder publishes nothing that lies beside it."""
    path = folder / item.source
    if "\0" in item.source or not path.resolve().is_relative_to(folder.resolve()):
        message = f"the source {item.source!r} leads out of the catalog folder"
        raise InvalidDocuments.of([source.place(Fault(message, str(item.ref), "source"))])
    return path


def in_folder(fault: Fault, folder: str) -> Fault:
    """Return *fault* of a primitive's file with its path below the catalog folder."""
    return replace(fault, file=f"{folder}/{fault.file}" if fault.file else folder)


def _other_locks(
    interface: Interface, adapter: Adapter, engine: Engine, source: SourceDocument
) -> dict[str, ProviderLock]:
    """Lock the providers a module needs beside its adapter's; check that the adapter's version suits the module."""
    own = _address(adapter.settings.source)
    chosen = {_address(address): lock.version for address, lock in adapter.locks.items()}
    others: dict[str, ProviderRequirement] = {}
    for name, requirement in sorted(interface.providers.items()):
        if _address(requirement.source) != own:
            others[name] = requirement
        elif own in chosen and requirement.version and not satisfies(chosen[own], requirement.version):
            message = (
                f"the module needs {requirement.source} {requirement.version}, but {adapter.ref} brings {chosen[own]}"
            )
            raise InvalidDocuments.of([Fault(message, file=source.file, line=source.line_of("source"), path="source")])
    return engine.lock(others, adapter.settings) if others else {}


def _address(source: str) -> str:
    """Return the provider's address without its registry's host."""
    return "/".join(source.lower().split("/")[-2:])


def requirements(item: CatalogObject) -> list[tuple[Kind, str, str]]:
    """Return what *item* refers to by name: (kind, name, version requirement), in the document's order."""
    if isinstance(item, Primitive):
        return [(Kind.INTERFACE, name, requirement) for name, requirement in item.implements.items()]
    if isinstance(item, Pattern):
        return [(*element.named, element.version) for element in item.elements.values()]
    if isinstance(item, Workflow):
        return [(Kind.PATTERN, use.pattern, use.version) for use in item.patterns.values()]
    if isinstance(item, Manifest):
        return [(Kind.WORKFLOW, use.workflow, use.version) for use in item.workflows.values()]
    return []
