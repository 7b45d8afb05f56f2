"""A request -> the artifact, which holds document and values apart; an artifact -> what is wanted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from mcop_core.catalog.canonical import canonical_json
from mcop_core.catalog.models import AdapterSettings
from mcop_core.engines.artifact import RenderedArtifact
from mcop_core.engines.backend import state_of
from mcop_core.engines.base import RenderRequest
from mcop_core.engines.inputs import read_inputs
from mcop_core.engines.sealed import read_secrets, unseal
from mcop_core.engines.state import StateAddress
from mcop_core.engines.workspace import Workspace
from mcop_core.errors import Fault, InvalidDocuments, InvalidInput, closest
from mcop_core.parameters.conversion import convert
from mcop_core.parameters.types import parse_type
from mcop_core.refs import check_name
from mcop_engine_files.document import FILE, FilesDocument, read_document
from mcop_engine_files.planning import Wanted, want

ENGINE = "files"
INPUTS = "inputs.json"
FIELDS = ("store", "folder")


def check_settings(settings: AdapterSettings, *, may_refer: bool = True) -> list[str]:
    """
    Say what is wrong with an adapter's settings, one sentence each.

    Args:
        may_refer: Whether a value with a `${…}` in it is not looked at; not where every value is concrete.
    """
    return list(_problems(settings, may_refer=may_refer))


def _problems(settings: AdapterSettings, *, may_refer: bool) -> Iterator[str]:
    given = settings.configuration
    for name in ("source", "version", "credentials"):
        if getattr(settings, name):
            yield f"settings.{name} is nothing that this engine uses: leave it out"
    for name in sorted(set(given) - set(FIELDS)):
        near = closest(name, FIELDS)
        hint = f' Did you mean "{near}"?' if near else ""
        yield f"settings.configuration.{name} is no field. Allowed: {', '.join(FIELDS)}.{hint}"
    for name, start in (("store", ("s3://", "file:///")), ("folder", ("",))):
        value = given.get(name, "")
        if may_refer and isinstance(value, str) and "{" in value:
            continue
        if not isinstance(value, str) or not value.startswith(start) or {"#", "{", ".."} & {*value, *value.split("/")}:
            yield f"settings.configuration.{name} is {value!r}: write {_FORMS[name]}"


_FORMS = {
    "store": "s3://bucket, s3://bucket/prefix?region=eu-west-1 or file:///folder",
    "folder": "a path as site/live",
}


def render(request: RenderRequest) -> RenderedArtifact:
    """
    Write the artifact of one element. Pure.

    Raises:
        InvalidDocuments: Every input that is unknown, missing or cannot be carried; settings or backend with faults.
        InvalidName: A part of the address is no name.
    """
    for part in request.address:
        check_name(part, "part of an address")
    document = read_document(request.files)
    inputs = read_inputs(request, document.inputs, "the primitive")
    problems = check_settings(request.settings, may_refer=False)
    faults = inputs.faults + [Fault(problem, request.step, "settings") for problem in problems]
    if faults:
        raise InvalidDocuments.of(faults)
    given = request.settings.configuration
    folder = "/".join([*filter(None, [given.get("folder", "").strip("/")]), *request.address])
    runtime = {
        "state": state_of(request.backend, request.address, ENGINE),
        "place": f"{given['store']}#{folder}/",
        "sealed": inputs.sealed,
        "outputs": {name: {"sensitive": one.sensitive} for name, one in sorted(document.outputs.items())},
    }
    return RenderedArtifact(ENGINE, {FILE: request.files[FILE], INPUTS: canonical_json(inputs.plain)}, runtime)


def wanted_of(artifact: RenderedArtifact, workspace: Workspace, *, is_open: frozenset[str] = frozenset()) -> Wanted:
    """
    Return what *artifact* asks for, its secrets read.

    Args:
        is_open: Inputs of which only a run will know the value, whatever the artifact says.

    Raises:
        InvalidInput: A secret is not of its input's type; names the input, never the value.
    """
    document, sealed = read_document({FILE: artifact.files[FILE]}), artifact.runtime["sealed"]
    secrets = read_secrets(sealed, workspace, StateAddress.of(artifact).namespace)
    values = json.loads(artifact.files[INPUTS])
    values |= _typed(document, unseal(sealed, workspace.open_store, secrets))
    return want(document, artifact.runtime["place"], values, sealed=frozenset(sealed), is_open=is_open)


def _typed(document: FilesDocument, values: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for name, value in values.items():
        type_ = document.inputs[name].type
        found[name], faults = convert(value, parse_type(type_))
        if faults:
            raise InvalidInput(f"the sensitive value of the input {name} is not of its type, {type_}")
    return found
