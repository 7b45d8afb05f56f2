"""A folder of documents -> what a reviewer would want better in its primitives; nothing is published."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mcop_core.artifacts.templates import collect_files
from mcop_core.catalog.models import Primitive
from mcop_core.catalog.yaml_files import read_whole_folder
from mcop_core.errors import Fault, InvalidDocuments
from mcop_core.limits import USUAL_LIMITS, Limits
from mcop_core.publishing.candidates import OpenEngine, engine_finder, in_folder, template_folder

if TYPE_CHECKING:
    from mcop_core.catalog.yaml_files import SourceDocument
    from mcop_core.engines.base import Engine


def lint_folder(folder: Path, open_engine: OpenEngine, *, limits: Limits = USUAL_LIMITS) -> dict[str, list[Fault]]:
    """
    Return `primitive#name@version` -> what could be better, of every primitive below *folder*.

    What would keep it from being published is among it. A primitive's engine is that of the adapter in *folder* that
    serves it, or else the one that is called as its type.

    Args:
        limits: How much is taken, of documents and of files.

    Raises:
        InvalidDocuments: Documents cannot be read; every fault of them.
        UnknownName: There is no such engine.
    """
    sources = read_whole_folder(folder, limits=limits)
    engine_of = engine_finder(sources, open_engine)
    found: dict[str, list[Fault]] = {}
    for source in sources:
        if isinstance(source.object, Primitive):
            item = source.object
            engine = engine_of(item)
            found[str(item.ref)] = list(_remarks(item, source, folder, engine, limits))
    return found


def _remarks(item: Primitive, source: SourceDocument, folder: Path, engine: Engine, limits: Limits) -> Iterator[Fault]:
    if not item.description:
        message = "it has no description (rule description)"
        yield Fault(message, str(item.ref), "description", file=source.file, line=source.line)
    try:
        files = collect_files(template_folder(item, source, folder), limits=limits)
        engine.admit(files, engine.describe(files))
        told = engine.lint(files)
    except InvalidDocuments as error:
        told = list(error.faults)
    yield from (in_folder(fault, item.source) for fault in told)
