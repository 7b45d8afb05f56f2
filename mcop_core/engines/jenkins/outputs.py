"""What a build left -> the outputs that its primitive declares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mcop_core.engines.jenkins.client import Build, Controller, read_json
from mcop_core.errors import EngineFailed
from mcop_core.parameters.conversion import convert
from mcop_core.parameters.text import check_hygiene
from mcop_core.parameters.types import parse_type

Asked = Callable[[Callable[[], Any]], Any]
"""Asks the controller again as long as it does not answer."""


def collect_outputs(
    wanted: Mapping[str, Mapping[str, Any]], controller: Controller, job: str, build: Build, asked: Asked
) -> dict[str, dict[str, Any]]:
    """
    Return output -> `{"value", "sensitive"?}` of a build that ended well.

    Args:
        wanted: Output -> `{"sensitive", "type", "from"}`.

    Raises:
        EngineFailed: An output is not there or not of its type; names all of them, and no value.
    """
    files: dict[str, bytes | None] = {}

    def read(path: str) -> bytes | None:
        if path not in files:
            files[path] = asked(lambda: controller.artifact(job, build.number, path))
        return files[path]

    found: dict[str, dict[str, Any]] = {}
    problems = []
    for name, facts in wanted.items():
        try:
            value = _typed(_value(facts["from"], build, controller.job_url(job, build.number), read), facts["type"])
            found[name] = {"value": value, **({"sensitive": True} if facts["sensitive"] else {})}
        except EngineFailed as error:
            problems.append(f"output {name}: {error}")
    if problems:
        raise EngineFailed("; ".join(problems), diagnostics=tuple(problems))
    return found


def _value(source: Mapping[str, Any], build: Build, url: str, read: Callable[[str], bytes | None]) -> Any:
    if "build" in source:
        return {"number": build.number, "url": url, "result": build.result}[source["build"]]
    if source.get("description"):
        what, data = "the build's description", build.description.encode() or None
    else:
        what, data = f"the artifact {source['artifact']}", read(source["artifact"])
    if data is None:
        raise EngineFailed(f"the build has not left {what}", diagnostics=())
    return _part(read_json(data, what), source.get("key", ""), what)


def _part(document: Any, key: str, what: str) -> Any:
    if not key:
        return document
    if not isinstance(document, dict) or key not in document:
        raise EngineFailed(f"{what} has no field {key!r}", diagnostics=())
    return document[key]


def _typed(value: Any, type_: str) -> Any:
    """Return *value* as its type wants it; what a build leaves is held to what a person's values are held to."""
    converted, faults = convert(value, parse_type(type_))
    told = [*check_hygiene(value), *faults]
    if told:
        where = f" at {told[0].path}" if told[0].path else ""
        raise EngineFailed(f"its value{where} is not of the type {type_}, or cannot be carried", diagnostics=())
    return converted
