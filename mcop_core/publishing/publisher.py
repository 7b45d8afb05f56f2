"""A folder of documents -> one change of the catalog: all of it, or every fault at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mcop_core.artifacts.templates import delete_template, is_saved, save_template
from mcop_core.catalog.changes import conflict
from mcop_core.catalog.models import CatalogObject, Manifest, Pattern, PatternUse, Primitive, Workflow
from mcop_core.catalog.repository import CatalogEntry, Pins, Standing
from mcop_core.catalog.versions import parse_version, version_key
from mcop_core.catalog.view import CatalogView
from mcop_core.catalog.yaml_files import read_folder
from mcop_core.compiler.checks import check_object
from mcop_core.compiler.compiler import compile_manifest
from mcop_core.errors import Conflict, Fault, InvalidDocuments, ObjectNotFound, VersionConflict
from mcop_core.limits import USUAL_LIMITS, Limits
from mcop_core.publishing.candidates import Candidate, OpenEngine, complete, requirements
from mcop_core.publishing.edits import CatalogEdit, WholeCatalog, commit_edit
from mcop_core.refs import Kind, ObjectRef

if TYPE_CHECKING:
    from mcop_core.artifacts.store import ObjectStore
    from mcop_core.catalog.repository import CatalogRepository
    from mcop_core.catalog.yaml_files import SourceDocument


@dataclass(frozen=True, slots=True)
class PublicationReport:
    """
    What a publication did.

    Attributes:
        published: The new versions.
        unchanged: Versions that were there with the same bytes.
        activated: Manifest name -> version that its DAG now runs.
        revision: Revision of the catalog afterwards.
    """

    published: tuple[ObjectRef, ...]
    unchanged: tuple[ObjectRef, ...]
    activated: Mapping[str, str]
    revision: int


@dataclass(frozen=True, slots=True)
class Publication:
    """A checked folder: nothing in it has a fault against the catalog that it was held to."""

    candidates: tuple[Candidate, ...]
    catalog: WholeCatalog
    pins: Mapping[ObjectRef, Pins] = field(default_factory=dict)

    @property
    def new(self) -> tuple[Candidate, ...]:
        """The candidates that are not published yet."""
        return tuple(candidate for candidate in self.candidates if not candidate.published)


def publish_folder(
    folder: Path,
    repository: CatalogRepository,
    store: ObjectStore,
    open_engine: OpenEngine,
    *,
    lock: bool = True,
    limits: Limits = USUAL_LIMITS,
) -> PublicationReport:
    """
    Publish every document below *folder*, or nothing.

    Template files are stored first, under a folder named by their digest; they become visible with the
    change that refers to them. A refused publication removes what it stored.

    Args:
        lock: Whether to choose and pin provider versions; False only where nothing will be applied.
        limits: How much is taken, of documents and of files.

    Raises:
        InvalidDocuments: Every fault of every document.
        VersionConflict: A version is published with other bytes.
        Unreachable: The catalog or the store did not answer; nothing is published.
    """
    publication = check_folder(folder, repository, open_engine, lock=lock, limits=limits)
    primitives = [(c.object, c.files) for c in publication.candidates if isinstance(c.object, Primitive)]
    stored = [primitive for primitive, files in primitives if _save(primitive, files, store)]
    try:
        return _commit(publication, repository, store)
    except Conflict:
        for primitive in stored:
            _remove_unless_published(primitive, repository, store)
        raise


def _commit(publication: Publication, repository: CatalogRepository, store: ObjectStore) -> PublicationReport:
    new = [candidate.object for candidate in publication.new]
    activated: dict[str, str] = {}

    def change(active: Mapping[str, str]) -> CatalogEdit:
        activated.clear()
        activated.update(_newer_manifests(new, active))
        everything = [candidate.object for candidate in publication.candidates]
        return CatalogEdit(put=everything, pins=publication.pins, activate=activated)

    head = commit_edit(change, repository, store, publication.catalog)
    unchanged = tuple(candidate.object.ref for candidate in publication.candidates if candidate.published)
    return PublicationReport(tuple(item.ref for item in new), unchanged, dict(activated), head.revision)


def check_folder(
    folder: Path,
    repository: CatalogRepository,
    open_engine: OpenEngine,
    *,
    lock: bool = True,
    limits: Limits = USUAL_LIMITS,
) -> Publication:
    """
    Check everything that publishing *folder* would check, and change nothing.

    Raises:
        InvalidDocuments: Every fault of every document, in the order of the documents.
        VersionConflict: There is no fault, but a version is published with other bytes; names every one.
    """
    sources = read_folder(folder, limits=limits)
    catalog = WholeCatalog.read(repository)
    entries = catalog.entries
    candidates, faults = _complete_all(sources, folder, entries, open_engine, lock=lock, limits=limits)
    faults = [fault for source in sources for fault in source.faults] + faults
    unreadable = {source.name for source in sources} - {candidate.object.name for candidate in candidates}
    view = _view(entries, candidates)
    pins: dict[ObjectRef, Pins] = {}
    for candidate in candidates:
        # What leans on a document that could not be read would be told off for its neighbour's fault.
        if not candidate.published and not unreadable & {name for _, name, _ in requirements(candidate.object)}:
            found = [*_check(candidate, view, pins), *_backend_faults(candidate.object, view, open_engine)]
            faults += [_placed(fault, candidates) for fault in found]
    if faults:
        raise InvalidDocuments.of(dict.fromkeys(faults))
    _refuse_changed(candidates, entries)
    return Publication(tuple(candidates), catalog, pins)


def _refuse_changed(candidates: Iterable[Candidate], entries: Iterable[CatalogEntry]) -> None:
    """Raise `VersionConflict` where a published version is offered with other bytes, for all of them at once."""
    published = {entry.ref: entry for entry in entries}
    conflicts = [
        conflict(entry.ref, entry.digest, candidate.object.digest)
        for candidate in candidates
        if (entry := published.get(candidate.object.ref)) and not entry.has_published(candidate.object)
    ]
    if conflicts:
        raise VersionConflict("\n".join(each.message for each in conflicts), **conflicts[0].facts)


def _complete_all(
    sources: Iterable[SourceDocument],
    folder: Path,
    entries: list[CatalogEntry],
    open_engine: OpenEngine,
    *,
    lock: bool,
    limits: Limits,
) -> tuple[list[Candidate], list[Fault]]:
    """Complete adapters before primitives, so that a primitive finds its adapter's locked version."""
    published = {entry.ref: entry.object for entry in entries}
    done: list[Candidate] = []
    faults: list[Fault] = []
    for kind in Kind:
        view = _view(entries, done)
        for source in sources:
            if source.object is None or source.object.ref.kind is not kind:
                continue
            try:
                known = published.get(source.object.ref)
                done.append(complete(source, source.object, folder, known, view, open_engine, lock=lock, limits=limits))
            except InvalidDocuments as error:
                faults += error.faults
    return done, faults


def _view(entries: Iterable[CatalogEntry], candidates: Iterable[Candidate]) -> CatalogView:
    objects = [entry.object for entry in entries]
    revoked = {entry.ref for entry in entries if entry.standing is Standing.REVOKED}
    return CatalogView([*objects, *(candidate.object for candidate in candidates)], hidden=revoked)


def _check(candidate: Candidate, view: CatalogView, pins: dict[ObjectRef, Pins]) -> list[Fault]:
    """Check one candidate; a manifest is compiled, and what it pinned goes into *pins*."""
    item = candidate.object
    try:
        if not isinstance(item, Manifest):
            return check_object(item, view)
        pins[item.ref] = compile_manifest(item, view).pins
    except InvalidDocuments as error:
        return list(error.faults)
    return []


def _backend_faults(item: CatalogObject, view: CatalogView, open_engine: OpenEngine) -> list[Fault]:
    """Say what the engines of a workflow's patterns have against its backend."""
    if not isinstance(item, Workflow):
        return []
    types = {pattern.primitive_type for use in item.patterns.values() if (pattern := _pattern(use, view))}
    engines = sorted({adapter.engine for adapter in view.adapters() if adapter.primitive_type in types})
    told = [problem for name in engines for problem in open_engine(name).check_backend(item.backend.model_dump())]
    return [Fault(problem, str(item.ref), "backend") for problem in dict.fromkeys(told)]


def _pattern(use: PatternUse, view: CatalogView) -> Pattern | None:
    try:
        return view.find(Kind.PATTERN, use.pattern, use.version, Pattern)
    except ObjectNotFound:
        return None  # which is a fault of its own


def _placed(fault: Fault, candidates: Iterable[Candidate]) -> Fault:
    """Add file and line to a fault that names only the object and the path in it."""
    for candidate in candidates:
        if fault.where == str(candidate.object.ref) and not fault.file:
            return candidate.source.place(fault)
    return fault


def _save(primitive: Primitive, files: Mapping[str, bytes], store: ObjectStore) -> bool:
    """Store a primitive's files and say whether they were not there before."""
    if primitive.template and is_saved(store, primitive.template):
        return False
    save_template(store, primitive.primitive_type, primitive.provider, primitive.name, primitive.version, files)
    return True


def _remove_unless_published(primitive: Primitive, repository: CatalogRepository, store: ObjectStore) -> None:
    """Take back stored files, unless another writer has published the same meanwhile."""
    entry = repository.get_many([primitive.ref]).get(primitive.ref)
    published = entry.object if entry else None
    if primitive.template and getattr(published, "template", None) != primitive.template:
        delete_template(store, primitive.template)


def _newer_manifests(new: Iterable[CatalogObject], active: Mapping[str, str]) -> dict[str, str]:
    """Publishing a manifest activates it, unless it is a pre-release or older than the active version."""
    newer: dict[str, str] = {}
    for item in new:
        if not isinstance(item, Manifest) or parse_version(item.version).prerelease:
            continue
        current = newer.get(item.name) or active.get(item.name)
        if current is None or version_key(item.version) > version_key(current):
            newer[item.name] = item.version
    return newer
