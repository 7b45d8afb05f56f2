"""A primitive's files -> what it declares and its template, every fault of both at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mcop_core.engines.jenkins.groovy import Flaw
from mcop_core.engines.jenkins.interface_file import InterfaceFile, input_names, read_interface_file
from mcop_core.engines.jenkins.structure import JENKINSFILE, check_structure
from mcop_core.engines.jenkins.template import check_template, outlines
from mcop_core.errors import Fault, InvalidDocuments


@dataclass(frozen=True, slots=True)
class JenkinsPrimitive:
    """What a primitive is: its declarations, and its template with lines that end with a line feed."""

    declared: InterfaceFile
    template: str


def read_primitive(files: Mapping[str, bytes]) -> JenkinsPrimitive:
    """
    Read a primitive.

    Raises:
        InvalidDocuments: Every fault of its files, with file, line and, of the Jenkinsfile, column.
    """
    faults: list[Fault] = []
    template = _decoded(files, faults)
    if template is not None:
        faults += flaws_as_faults(_flaws(template, input_names(files)))
    declared: InterfaceFile | None = None
    try:
        declared = read_interface_file(files)
    except InvalidDocuments as error:
        faults += error.faults
    if faults or declared is None or template is None:
        raise InvalidDocuments.of(faults)
    return JenkinsPrimitive(declared, template)


def _decoded(files: Mapping[str, bytes], faults: list[Fault]) -> str | None:
    if JENKINSFILE not in files:
        faults.append(Fault(f"a primitive for Jenkins has a file {JENKINSFILE}", allowed=(JENKINSFILE,)))
        return None
    try:
        return files[JENKINSFILE].decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = files[JENKINSFILE].count(b"\n", 0, error.start) + 1
        faults.append(Fault(f"it is not UTF-8: byte {error.start}", file=JENKINSFILE, line=line))
        return None


def _flaws(template: str, inputs: tuple[str, ...] | None) -> list[Flaw]:
    """Say what is wrong with *template*, if it is known which inputs there are."""
    if inputs is None:
        return []
    found = check_template(template, inputs)
    if found:
        return found
    told = [flaw for at, one in enumerate(outlines(template)) for flaw in check_structure(one, is_whole=at == 0)]
    return sorted(dict.fromkeys(told), key=lambda flaw: (flaw.line, flaw.column))


def flaws_as_faults(flaws: Iterable[Flaw], where: str = "") -> list[Fault]:
    """Return *flaws* of a Jenkinsfile, the column in the path."""
    return [
        Fault(
            flaw.message + ("." if flaw.allowed or flaw.suggestion else ""),
            where=where,
            path=f"column {flaw.column}",
            file=JENKINSFILE,
            line=flaw.line,
            allowed=flaw.allowed,
            suggestion=flaw.suggestion,
        )
        for flaw in flaws
    ]
