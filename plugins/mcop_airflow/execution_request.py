"""The conf of `mcop_execute`: what other systems ask for, read and checked; and the document they get back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mcop_core.catalog.versions import check_version
from mcop_core.compiler.plan import DeploymentPlan, Step
from mcop_core.compiler.run_conf import DEPENDANTS_KEY, ONLY_KEY, RunAction, bad_slice
from mcop_core.engines.values import SensitivePointer
from mcop_core.errors import Fault, InvalidDocuments, closest
from mcop_core.refs import NAME_PATTERN

OUTPUTS_PREFIX = "outputs/"
OUTPUT_PATH_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._=-]*(/[A-Za-z0-9][A-Za-z0-9._=-]*)*"
"""An output path: relative, parts of plain characters, none of which begins with a dot."""
_LONGEST_PATH = 512
_WHERE = "conf"
ACTIONS = (str(RunAction.APPLY), str(RunAction.PREVIEW))

PARAMS: Mapping[str, Mapping[str, Any]] = {
    "manifest_name": {
        "schema": {"type": "string", "pattern": f"^{NAME_PATTERN}$"},
        "description": "Name of the manifest to execute.",
    },
    "manifest_version": {
        "schema": {"type": ["string", "null"]},
        "description": "Version to make the active one first. Left empty: the active version.",
    },
    "overrides": {
        "schema": {"type": ["object", "null"]},
        "description": "Parameter -> value for this run, as in the manifest's own trigger form.",
    },
    "action": {
        "schema": {"enum": [*ACTIONS, None]},
        "description": "apply, or preview: only say what that would change. Left empty: apply.",
    },
    ONLY_KEY: {
        "schema": {"type": ["array", "null"], "items": {"type": "string"}},
        "description": "Only these patterns, workflow.pattern each. Left empty: all.",
    },
    DEPENDANTS_KEY: {
        "schema": {"type": ["boolean", "null"]},
        "description": f"Beside {ONLY_KEY}: also the patterns that take outputs of those.",
    },
    "output_path": {
        "schema": {"type": ["string", "null"], "pattern": f"^{OUTPUT_PATH_PATTERN}$", "maxLength": _LONGEST_PATH},
        "description": "Where to write the outputs, relative to outputs/ in the artifact store.",
    },
}
"""Key of the conf -> its JSON schema and description, for the trigger form and the REST API."""


@dataclass(frozen=True, slots=True)
class ExecutionRequest:
    """
    One request to execute a manifest.

    Attributes:
        version: Version to make the active one; None: whichever is active.
        overrides: As the manifest's DAG takes them in its conf.
        action: `run_conf.RunAction`; None: as the manifest's DAG has it.
        output_path: Relative to `outputs/` in the artifact store; None: no document is written.
        only: Patterns that it is about; none: all.
        with_dependants: Whether it is also about those that take outputs of them.
    """

    manifest: str
    version: str | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    action: str | None = None
    output_path: str | None = None
    only: tuple[str, ...] = ()
    with_dependants: bool = False


def read_request(conf: Mapping[str, Any] | None) -> ExecutionRequest:
    """
    Read the conf of a run of `mcop_execute`.

    Raises:
        InvalidDocuments: Every fault, naming the key.
    """
    given = dict(conf or {})
    faults = [*_unknown_keys(given), *_bad_values(given)]
    if faults:
        raise InvalidDocuments.of(faults)
    return ExecutionRequest(
        manifest=given["manifest_name"],
        version=given.get("manifest_version"),
        overrides=given.get("overrides") or {},
        action=given.get("action"),
        only=tuple(given.get(ONLY_KEY) or ()),
        with_dependants=bool(given.get(DEPENDANTS_KEY)),
        output_path=given.get("output_path"),
    )


def _unknown_keys(given: Mapping[str, Any]) -> Iterable[Fault]:
    for key in sorted(set(given) - set(PARAMS)):
        yield Fault("is no key of this conf.", _WHERE, key, allowed=tuple(PARAMS), suggestion=closest(key, PARAMS))


def _bad_values(given: Mapping[str, Any]) -> Iterable[Fault]:
    name = given.get("manifest_name")
    if name is None:
        yield Fault("is missing.", _WHERE, "manifest_name")
    elif not isinstance(name, str) or not re.fullmatch(NAME_PATTERN, name, re.ASCII):
        yield Fault(f"{name!r} is no name: it must match {NAME_PATTERN}.", _WHERE, "manifest_name")
    yield from _bad_version(given.get("manifest_version"))
    if not isinstance(given.get("overrides"), dict | None):
        yield Fault("must be an object, parameter name to value.", _WHERE, "overrides")
    if given.get("action") not in (*ACTIONS, None):
        near = closest(str(given["action"]), ACTIONS)
        yield Fault("is no action.", _WHERE, "action", allowed=ACTIONS, suggestion=near)
    yield from bad_slice(given)
    yield from _bad_path(given.get("output_path"))


def _bad_version(version: Any) -> Iterable[Fault]:
    if version is None:
        return
    if not isinstance(version, str):
        yield Fault(f"{version!r} is no text: write the version in quotes.", _WHERE, "manifest_version")
        return
    try:
        check_version(version)
    except ValueError as error:
        yield Fault(f"{error}.", _WHERE, "manifest_version")


def _bad_path(path: Any) -> Iterable[Fault]:
    if path is None:
        return
    fits = isinstance(path, str) and len(path) <= _LONGEST_PATH and re.fullmatch(OUTPUT_PATH_PATTERN, path, re.ASCII)
    if not fits:
        yield Fault(
            f"{path!r} is no path: it is relative to outputs/ in the artifact store and must match "
            f"{OUTPUT_PATH_PATTERN}, at most {_LONGEST_PATH} characters.",
            _WHERE,
            "output_path",
        )


def output_key(path: str) -> str:
    """Return the key in the artifact store that *path* means."""
    return OUTPUTS_PREFIX + path


def outputs_document(
    plan: DeploymentPlan, digest: str, *, dag_id: str, run_id: str, outputs: Mapping[str, Mapping[str, Any]]
) -> bytes:
    """
    Return the outputs document: JSON, sorted, sensitive outputs named and not shown.

    Args:
        outputs: Step id -> output -> value, as the run left them.
    """
    hidden = {step.id: _hidden(step, outputs[step.id]) for step in plan.steps if step.id in outputs}
    shown = {
        step: {name: value for name, value in values.items() if name not in hidden[step]}
        for step, values in outputs.items()
    }
    document = {
        "manifest": plan.manifest,
        "plan": digest,
        "dag_id": dag_id,
        "run_id": run_id,
        "outputs": shown,
        "sensitive": {step: sorted(names) for step, names in hidden.items() if names},
    }
    return json.dumps(document, indent=2, sort_keys=True).encode() + b"\n"


def _hidden(step: Step, values: Mapping[str, Any]) -> set[str]:
    declared = {name for name, output in step.interface.outputs.items() if output.sensitive}
    return (declared & set(values)) | {name for name, value in values.items() if SensitivePointer.read(value)}
