"""A folder of documents -> a page that says what each takes and gives; nothing is published."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from mcop_core.artifacts.templates import collect_files
from mcop_core.catalog.models import (
    CatalogObject,
    Input,
    InterfaceInput,
    InterfaceOutput,
    Output,
    Parameter,
    Pattern,
    Primitive,
    PrimitiveInterface,
)
from mcop_core.catalog.yaml_files import SourceDocument, read_whole_folder
from mcop_core.limits import USUAL_LIMITS, Limits
from mcop_core.publishing.candidates import OpenEngine, engine_finder, template_folder

_Taken = Input | InterfaceInput | Parameter
_Given = Output | InterfaceOutput
_WIDEST = 120
"""Longer types and defaults are cut off: the module's own README has them."""


def read_described(folder: Path, open_engine: OpenEngine, *, limits: Limits = USUAL_LIMITS) -> list[CatalogObject]:
    """
    Return what is written below *folder*, each primitive with the interface that its engine reads from its files.

    Raises:
        InvalidDocuments: Every fault of the documents, or of a primitive's files.
        UnknownName: There is no such engine.
    """
    sources = read_whole_folder(folder, limits=limits)
    engine_of = engine_finder(sources, open_engine)

    def described(source: SourceDocument, item: CatalogObject) -> CatalogObject:
        if not isinstance(item, Primitive):
            return item
        files = collect_files(template_folder(item, source, folder), limits=limits)
        engine = engine_of(item)
        return item.model_copy(update={"interface": engine.describe(files)})

    return [described(source, source.object) for source in sources if source.object is not None]


def reference(objects: Sequence[CatalogObject], title: str) -> str:
    """Return the Markdown page of *objects*: interfaces, primitives by provider, patterns; by name in each."""
    ordered = sorted(objects, key=lambda item: (item.name, item.version))
    primitives = [item for item in ordered if isinstance(item, Primitive)]
    lines = [f"# {title}", ""]
    lines += _section("Interfaces", [item for item in ordered if isinstance(item, PrimitiveInterface)], primitives)
    for provider in sorted({item.provider for item in primitives}):
        lines += _section(f"Primitives: {provider}", [item for item in primitives if item.provider == provider])
    lines += _section("Patterns", [item for item in ordered if isinstance(item, Pattern)])
    return "\n".join(lines).rstrip() + "\n"


def _section(title: str, items: Sequence[CatalogObject], primitives: Sequence[Primitive] = ()) -> Iterator[str]:
    if not items:
        return
    yield from (f"## {title}", "")
    for item in items:
        yield from (f"### {item.name} {item.version}", "")
        yield from (_sentence(item.description), "") if item.description else ()
        yield from _told(item, primitives)


def _told(item: CatalogObject, primitives: Sequence[Primitive]) -> Iterator[str]:
    if isinstance(item, PrimitiveInterface):
        by = [f"{one.name} ({one.provider})" for one in primitives if item.name in one.implements]
        yield from (f"Implemented by {', '.join(by) or 'nothing here'}.", "")
        yield from _takes(item.inputs)
        yield from _gives(item.outputs)
    elif isinstance(item, Primitive):
        serves = [f"{name} {versions}" for name, versions in sorted(item.implements.items())]
        yield from (f"Implements {', '.join(serves)}.", "") if serves else ()
        yield from _takes(item.interface.inputs)
        yield from _gives(item.interface.outputs)
    elif isinstance(item, Pattern):
        used = [f"{name} ({one.primitive or one.interface} {one.version})" for name, one in item.elements.items()]
        yield from (f"Elements: {', '.join(used)}.", "")
        yield from _takes(item.parameters)


def _takes(inputs: Mapping[str, _Taken]) -> Iterator[str]:
    rows = [(f"`{name}`", _code(one.type), _default(one), _about(one)) for name, one in sorted(inputs.items())]
    yield from _table(("takes", "type", "default", ""), rows)


def _gives(outputs: Mapping[str, _Given]) -> Iterator[str]:
    if all(one.type == "any" for one in outputs.values()):  # as of every module of Terraform's
        yield from _table(("gives", ""), [(f"`{name}`", _about(one)) for name, one in sorted(outputs.items())])
        return
    rows = [(f"`{name}`", _code(one.type), _about(one)) for name, one in sorted(outputs.items())]
    yield from _table(("gives", "type", ""), rows)


def _default(one: _Taken) -> str:
    if one.required:
        return "required"
    if isinstance(one, InterfaceInput):
        return "the primitive's own"
    return _code(json.dumps(one.default, ensure_ascii=False, sort_keys=True, default=str))


def _about(one: _Taken | _Given) -> str:
    return _sentence(one.description) + (" Sensitive." if one.sensitive else "")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterable[str]:
    if not rows:
        return []
    lines = [head, ["---"] * len(head), *rows]
    return [*(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines), ""]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").strip()


def _sentence(text: str) -> str:
    return " ".join(text.split())


def _code(text: str) -> str:
    whole = _sentence(text).replace("`", "'")
    return f"`{whole if len(whole) <= _WIDEST else whole[:_WIDEST] + '…'}`"
