"""
Values -> the Jenkinsfile of one element, pure: same request, same bytes.

Nothing sensitive is ever written into it, since the controller keeps it as it is; what is sensitive is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcop_core.engines.artifact import RenderedArtifact
from mcop_core.engines.backend import Address, state_of
from mcop_core.engines.base import RenderRequest
from mcop_core.engines.inputs import read_inputs
from mcop_core.engines.jenkins.controller_settings import TOKEN, ControllerSettings, check_settings, read_settings
from mcop_core.engines.jenkins.interface_file import NO_SECRETS, InterfaceFile
from mcop_core.engines.jenkins.primitive import flaws_as_faults, read_primitive
from mcop_core.engines.jenkins.structure import JENKINSFILE, check_structure, tokens_are
from mcop_core.engines.jenkins.template import NotRendered, Rendered, render_template
from mcop_core.engines.values import SECRET_KEY
from mcop_core.errors import Fault, InvalidDocuments
from mcop_core.refs import check_name

ENGINE = "jenkins"
LONGEST_TEXT_BYTES = 65_535
"""Of one text: what a class file of Java's can hold as a constant."""

_NO_XML = frozenset({*map(chr, range(0x20)), "\x7f", "\ufffe", "\uffff"} - set("\t\n\r"))


def render(request: RenderRequest) -> RenderedArtifact:
    """
    Write the Jenkinsfile of one element.

    Raises:
        InvalidDocuments: Every input that is unknown, missing, sensitive or cannot be carried; settings, backend or
            template with faults; a rendered Jenkinsfile whose structure is wrong.
        UnknownName: The backend's type is none that MCOP can lock.
        InvalidName: A part of the address is no name.
    """
    for part in request.address:
        check_name(part, "part of an address")
    primitive = read_primitive(request.files)
    where = request.step
    faults: list[Fault] = []
    values = _values(request, primitive.declared, faults)
    faults += [Fault(problem, where, "settings") for problem in check_settings(request.settings, may_refer=False)]
    state = state_of(request.backend, request.address, ENGINE)
    if faults:
        raise InvalidDocuments.of(faults)
    text = _jenkinsfile(primitive.template, values, where)
    controller = read_settings(request.settings)
    runtime = _runtime(controller, request.address, primitive.declared, state)
    return RenderedArtifact(ENGINE, {JENKINSFILE: text.encode()}, runtime)


def job_path(folder: str, address: Address) -> str:
    """Return the job of the element at *address*: names of folders and of the job, with slashes between them."""
    return "/".join([*([folder] if folder else []), *address])


def _runtime(
    controller: ControllerSettings, address: Address, declared: InterfaceFile, state: Mapping[str, str]
) -> dict[str, Any]:
    return {
        "state": dict(state),
        "controller": controller.to_json(),
        "credentials": {TOKEN: {SECRET_KEY: str(controller.token)}},
        "job": job_path(controller.folder, address),
        "build": declared.build,
        "outputs": {
            name: {"sensitive": one.sensitive, "type": one.type, "from": one.source.to_json()}
            for name, one in sorted(declared.outputs.items())
        },
    }


def _jenkinsfile(template: str, values: Mapping[str, Any], where: str) -> str:
    """Return *template* with *values*, once its structure is right and nothing in it is code that was not before."""
    try:
        rendered = render_template(template, values)
    except NotRendered as error:
        raise InvalidDocuments.of(flaws_as_faults([error.flaw], where)) from error
    flaws = check_structure(rendered.marked)
    if flaws:
        raise InvalidDocuments.of(flaws_as_faults(flaws, where))
    return _held(rendered, where)


def _held(rendered: Rendered, where: str) -> str:
    if not tokens_are(rendered.text, rendered.tokens):
        raise InvalidDocuments.of([Fault("a value would change what the Jenkinsfile does", where, file=JENKINSFILE)])
    return rendered.text


# -- inputs --------------------------------------------------------------------------------------------


def _values(request: RenderRequest, declared: InterfaceFile, faults: list[Fault]) -> dict[str, Any]:
    """Return the value of every input that *declared* has."""
    found, where = read_inputs(request, declared.inputs, "the Jenkinsfile"), request.step
    faults += found.faults
    for name in found.sealed:
        faults.append(Fault(f"its value is sensitive. {NO_SECRETS[0].upper()}{NO_SECRETS[1:]}", where, name))
    for name in sorted(set(found.plain) & set(request.inputs)):
        if problem := _text_problem(found.plain[name]):
            faults.append(Fault(problem, where, name))
    return found.plain


def _text_problem(value: Any) -> str:
    """Say why a text in *value* cannot stand in a job; empty if all can."""
    if isinstance(value, dict):
        return next(filter(None, (_text_problem(part) for pair in value.items() for part in pair)), "")
    if isinstance(value, list):
        return next(filter(None, map(_text_problem, value)), "")
    if not isinstance(value, str):
        return ""
    if found := sorted(_NO_XML & set(value)):
        return f"it holds the character U+{ord(found[0]):04X}, which no job's configuration can"
    # Java's own form of UTF-8 has up to six bytes where UTF-8 has four.
    size = sum(6 if sign > "\uffff" else len(sign.encode(errors="replace")) for sign in value)
    return f"a text has more than {LONGEST_TEXT_BYTES} bytes" if size > LONGEST_TEXT_BYTES else ""
