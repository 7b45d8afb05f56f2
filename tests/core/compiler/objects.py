"""Catalog objects from short documents: what publishing would have read from a module is written beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from mcop_core.catalog.models import (
    MODELS,
    CatalogObject,
    Input,
    Interface,
    Manifest,
    Output,
    Primitive,
    Template,
    TemplateFile,
)
from mcop_core.catalog.view import CatalogView
from mcop_core.refs import Kind

ADAPTER = {
    "kind": "adapter",
    "name": "aws-terraform",
    "version": "1.0.0",
    "provider": "aws",
    "primitive_type": "terraform",
    "engine": "terraform",
}


def primitive(document: Mapping[str, Any]) -> Primitive:
    """Return a primitive; `inputs: {name: type}` or `{name: {type:, default:}}`, `outputs: {name: {sensitive:}}`."""
    name, version = document["name"], document.get("version", "1.0.0")
    inputs = {key: _input(value) for key, value in (document.get("inputs") or {}).items()}
    outputs = {key: Output(**(value or {})) for key, value in (document.get("outputs") or {}).items()}
    file = TemplateFile(sha256="0" * 64, size_bytes=0)
    return Primitive(
        name=name,
        version=version,
        provider=document.get("provider", "aws"),
        primitive_type=document.get("primitive_type", "terraform"),
        source=f"templates/{name}",
        implements=document.get("implements", {}),
        interface=Interface(inputs=inputs, outputs=outputs),
        template=Template(prefix=f"terraform/aws/{name}/{version}", digest="0" * 64, files={"main.tf": file}),
    )


def _input(value: Any) -> Input:
    if isinstance(value, str):
        return Input(type=value, required=True)
    return Input(**{"required": "default" not in value, **value})


def objects(documents: Iterable[Mapping[str, Any]]) -> list[CatalogObject]:
    """Return the objects of *documents*; `version` may be left out, the adapter of (aws, terraform) too."""
    found: list[CatalogObject] = []
    for document in documents:
        defaults: dict[str, Any] = {"version": "1.0.0"}
        if document["kind"] == "pattern":
            defaults |= {"provider": "aws", "primitive_type": "terraform"}
        model = MODELS[Kind(document["kind"])]
        is_primitive = document["kind"] == "primitive"
        found.append(primitive(document) if is_primitive else model.model_validate({**defaults, **document}))
    if not any(item.kind == "adapter" for item in found):
        found.append(MODELS[Kind.ADAPTER].model_validate(ADAPTER))
    return found


def read(text: str) -> list[CatalogObject]:
    """Return the objects of a YAML text of many documents."""
    return objects(document for document in yaml.safe_load_all(text) if document)


def read_file(path: Path) -> list[CatalogObject]:
    """Return the objects of a YAML file."""
    return read(path.read_text(encoding="utf-8"))


def manifest_of(found: Iterable[CatalogObject]) -> Manifest:
    """Return the one manifest among objects."""
    (manifest,) = (item for item in found if isinstance(item, Manifest))
    return manifest


def view_of(found: Iterable[CatalogObject], **options: Any) -> CatalogView:
    """Return a view of objects."""
    return CatalogView(found, **options)
