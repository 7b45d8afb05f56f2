"""Folders of YAML documents -> catalog objects, and every fault with its file and line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mcop_core.catalog.migrations import MIGRATIONS, Migrations, migrate_document
from mcop_core.catalog.models import CatalogObject, object_from_document
from mcop_core.catalog.yaml_files.form import form_faults, publish_time_faults
from mcop_core.catalog.yaml_files.tree import Tree, read_trees
from mcop_core.errors import Fault, InvalidDocuments, InvalidInput, closest
from mcop_core.limits import USUAL_LIMITS, Limits
from mcop_core.refs import Kind, ObjectRef

TEMPLATES = "templates"
"""Folder of the primitives' files, below the catalog folder: what lies there is no document."""

_SEPARATOR = re.compile(r"^---(?=[ \t\r\n]|$)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class SourceDocument:
    """
    One YAML document: the object that it says, or why it says none.

    Attributes:
        object: The object; None when the document has a fault that hides it.
        faults: Everything wrong with the document by itself, in the order of its lines.
        file: Path of the file, as it was given.
        line: One-based line on which the document starts.
        lines: Dotted path -> one-based line.
        name: The name as it is written; empty when there is none.
    """

    object: CatalogObject | None
    faults: tuple[Fault, ...]
    file: str
    line: int
    lines: Mapping[str, int] = field(default_factory=dict)
    name: str = ""

    def line_of(self, path: str) -> int:
        """Return the line of *path*, or of the nearest parent that the document has."""
        while path and path not in self.lines:
            path = path.rpartition(".")[0]
        return self.lines.get(path, self.line) if path else self.line

    def place(self, fault: Fault) -> Fault:
        """Return *fault*, which speaks of this document, with file and line."""
        return replace(fault, file=self.file, line=self.line_of(fault.path))


def read_folder(
    folder: Path, *, migrations: Migrations = MIGRATIONS, limits: Limits = USUAL_LIMITS
) -> list[SourceDocument]:
    """
    Read every `*.yaml` and `*.yml` below *folder*, by path; several documents may stand in one file.

    Not read: what lies in `templates/` right below *folder*, and in folders whose name starts with a dot.
    A version that is defined twice has a fault at the second place that names the first.

    Raises:
        InvalidInput: There is no such folder.
    """
    if not folder.is_dir():
        raise InvalidInput(f"{folder}: there is no such folder", path=str(folder))
    return _without_doubles([document for path in _files(folder) for document in _read_file(path, migrations, limits)])


def read_whole_folder(folder: Path, *, limits: Limits = USUAL_LIMITS) -> list[SourceDocument]:
    """
    Read a folder as `read_folder` does, each document of which has an object.

    Raises:
        InvalidDocuments: Every fault of every document.
        InvalidInput: There is no such folder.
    """
    sources = read_folder(folder, limits=limits)
    faults = [fault for source in sources for fault in source.faults]
    if faults:
        raise InvalidDocuments.of(faults)
    return sources


def read_text(
    text: str, file: str, *, migrations: Migrations = MIGRATIONS, limits: Limits = USUAL_LIMITS
) -> list[SourceDocument]:
    """Read the documents of *text*; *file* is what faults call it."""
    return [document for part in _parts(text) for document in _read_part(*part, file, migrations, limits)]


def _files(folder: Path) -> list[Path]:
    found = sorted(path for ending in ("*.yaml", "*.yml") for path in folder.rglob(ending))
    return [path for path in found if path.is_file() and not _is_left_out(path.relative_to(folder))]


def _is_left_out(path: Path) -> bool:
    return path.parts[0] == TEMPLATES or any(part.startswith(".") for part in path.parts)


def _read_file(path: Path, migrations: Migrations, limits: Limits) -> list[SourceDocument]:
    try:
        if excess := limits.excess("source_bytes", path.stat().st_size):
            return [_unreadable(str(path), 0, f"the file has {excess}")]
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        return [_unreadable(str(path), 0, f"the file is not UTF-8: byte {error.start}")]
    except OSError as error:
        return [_unreadable(str(path), 0, f"the file cannot be read: {error.strerror}")]
    return read_text(text, str(path), migrations=migrations, limits=limits)


def _parts(text: str) -> Iterator[tuple[str, int]]:
    """Yield the documents of *text*, each from its `---`, and the line on which it starts."""
    starts = [0, *(match.start() for match in _SEPARATOR.finditer(text) if match.start())]
    line = 1
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        yield text[start:end], line
        line += text.count("\n", start, end)


def _read_part(text: str, line: int, file: str, migrations: Migrations, limits: Limits) -> Iterator[SourceDocument]:
    if excess := limits.excess("document_bytes", len(text.encode())):
        yield _unreadable(file, line, f"the document has {excess}")
    elif text.startswith("%"):
        yield _unreadable(file, line, "directives (%) are not read: leave the line out")
    else:
        yield from (_document(tree, file, migrations) for tree in read_trees(text, line))


def _unreadable(file: str, line: int, message: str) -> SourceDocument:
    return SourceDocument(None, (_sentence(Fault(message, file=file, line=line)),), file, line)


def _document(tree: Tree, file: str, migrations: Migrations) -> SourceDocument:
    name = tree.value.get("name") if isinstance(tree.value, dict) else None
    blank = SourceDocument(None, (), file, tree.line, tree.lines, name if isinstance(name, str) else "")
    if tree.flaws:
        faults = [Fault(flaw.message, path=flaw.path, file=file, line=flaw.line) for flaw in tree.flaws]
        found = None
    else:
        found, told = _object(tree, migrations)
        faults = [blank.place(fault) for fault in told]
    where = _where(tree.value)
    ordered = sorted((_sentence(replace(fault, where=where)) for fault in faults), key=lambda fault: fault.line)
    return replace(blank, object=None if ordered else found, faults=tuple(ordered))


def _sentence(fault: Fault) -> Fault:
    return fault if fault.message.endswith((".", "?")) else replace(fault, message=f"{fault.message}.")


def _object(tree: Tree, migrations: Migrations) -> tuple[CatalogObject | None, list[Fault]]:
    """Return the object of a readable document, or what is wrong with its form."""
    document = tree.value
    if not isinstance(document, dict):
        return None, [Fault("a document is a mapping that starts with kind, name and version")]
    if "kind" not in document:
        return None, [Fault("the field 'kind' is missing", path="kind", allowed=tuple(Kind))]
    kind = document["kind"]
    if not isinstance(kind, str) or kind not in set(Kind):
        near = closest(str(kind), Kind)
        return None, [Fault(f"{kind!r} is no kind of object", path="kind", allowed=tuple(Kind), suggestion=near)]
    try:
        document = migrate_document(document, migrations)
    except InvalidInput as error:
        return None, [Fault(error.message, path="schema_version")]
    return _checked(Kind(kind), document, tree)


def _checked(kind: Kind, document: dict[str, Any], tree: Tree) -> tuple[CatalogObject | None, list[Fault]]:
    faults = publish_time_faults(kind, document)
    try:
        return object_from_document(document), faults
    except ValidationError as error:
        return None, [*faults, *form_faults(kind, error, tree.plain)]


def _where(value: object) -> str:
    """Return `kind#name@version` as far as the document says it in text."""
    if not isinstance(value, dict):
        return ""
    kind, name, version = (found if isinstance(found := value.get(key), str) else "" for key in _ADDRESS)
    return (f"{kind}#{name}" + (f"@{version}" if version else "")) if kind and name else kind or name


_ADDRESS = ("kind", "name", "version")


def _without_doubles(documents: list[SourceDocument]) -> list[SourceDocument]:
    first: dict[ObjectRef, SourceDocument] = {}
    return [_told_if_double(document, first) for document in documents]


def _told_if_double(document: SourceDocument, first: dict[ObjectRef, SourceDocument]) -> SourceDocument:
    if document.object is None:
        return document
    ref = document.object.ref
    earlier = first.setdefault(ref, document)
    if earlier is document:
        return document
    message = f"{ref} is defined twice: here and in {earlier.file}:{earlier.line}."
    fault = Fault(message, where=str(ref), file=document.file, line=document.line)
    return replace(document, faults=(*document.faults, fault))
