"""A Jenkinsfile -> the `config.xml` of its pipeline job, and what of such a file is MCOP's, read back. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree import ElementTree

from mcop_core.engines.jenkins.structure import OPERATION
from mcop_core.errors import EngineFailed

_PARAMETERS = "properties/hudson.model.ParametersDefinitionProperty/parameterDefinitions"
_STRING_PARAMETER = "hudson.model.StringParameterDefinition"
_ALONE = "org.jenkinsci.plugins.workflow.job.properties.DisableConcurrentBuildsJobProperty"
_INLINE = "org.jenkinsci.plugins.workflow.cps.CpsFlowDefinition"
_FOLDER = "com.cloudbees.hudson.plugins.folder.Folder"
_OURS = "Made by MCOP. Changes made here are undone."
_OPERATION_HELP = "Which operation of MCOP asked for the build; empty: a person did."


@dataclass(frozen=True, slots=True)
class JobConfig:
    """
    What MCOP says of a job, and all that it looks at.

    Attributes:
        script: The Jenkinsfile.
        owner: Key of the component's state, by which it is known whose job it is; empty: it is not MCOP's.
        is_sandboxed: Whether the script runs in Groovy's sandbox.
        has_operation: Whether builds can carry `OPERATION`.
        is_disabled: Whether no build can be started.
    """

    script: str
    owner: str
    is_sandboxed: bool = True
    has_operation: bool = True
    is_disabled: bool = False

    def to_xml(self) -> bytes:
        """Return the text that the controller is given."""
        job = ElementTree.Element("flow-definition")
        _add(job, "description", f"{_OURS}\nState: {self.owner}")
        _add(job, "keepDependencies", "false")
        properties = _add(job, "properties")
        definitions = _add(_add(properties, "hudson.model.ParametersDefinitionProperty"), "parameterDefinitions")
        operation = _add(definitions, _STRING_PARAMETER)
        for name, text in (("name", OPERATION), ("description", _OPERATION_HELP), ("defaultValue", "")):
            _add(operation, name, text)
        _add(operation, "trim", "false")
        _add(_add(properties, _ALONE), "abortPrevious", "false")
        definition = _add(job, "definition")
        definition.set("class", _INLINE)
        _add(definition, "script", self.script)
        _add(definition, "sandbox", "true")
        _add(job, "triggers")
        _add(job, "disabled", "false")
        return _written(job)

    @classmethod
    def read(cls, text: str, job: str) -> JobConfig:
        """
        Read the configuration of *job* as the controller has it.

        Raises:
            EngineFailed: It is none.
        """
        root = _parsed(text, job)
        names = [one.findtext("name") for one in root.findall(f"{_PARAMETERS}/{_STRING_PARAMETER}")]
        is_inline = root.tag == "flow-definition" and root.find("definition") is not None
        return cls(
            script=(root.findtext("definition/script") or "") if is_inline else "",
            owner=owner_of(root.findtext("description") or ""),
            is_sandboxed=root.findtext("definition/sandbox") == "true",
            has_operation=OPERATION in names,
            is_disabled=root.findtext("disabled") == "true",
        )


def folder_xml() -> bytes:
    """Return the configuration of a folder of MCOP's."""
    folder = ElementTree.Element(_FOLDER)
    _add(folder, "description", _OURS)
    return _written(folder)


def is_ours(description: str) -> bool:
    """Whether *description* is that of a folder or job which MCOP made."""
    return description.startswith(_OURS)


def owner_of(description: str) -> str:
    """Return the key of the state that a job with *description* belongs to; empty if it is not MCOP's."""
    first, _, rest = description.replace("\r\n", "\n").partition("\nState: ")
    return rest.strip() if first == _OURS else ""


def _parsed(text: str, job: str) -> ElementTree.Element:
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise EngineFailed(f"the configuration of {job} defines entities, which Jenkins never writes", diagnostics=())
    try:
        # Jenkins writes XML 1.1, of which it uses what 1.0 has, too.
        return ElementTree.fromstring(text.encode())  # noqa: S314 (no entities, see above)
    except ElementTree.ParseError as error:
        raise EngineFailed(f"the configuration of {job} cannot be read: {error}", diagnostics=()) from error


def _written(root: ElementTree.Element) -> bytes:
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def _add(parent: ElementTree.Element, name: str, text: str | None = None) -> ElementTree.Element:
    found = ElementTree.SubElement(parent, name)
    found.text = text
    return found
