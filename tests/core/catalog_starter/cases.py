"""
The cases of the starter catalog: one file for each primitive, `tests/cases/starter/PROVIDER/PRIMITIVE.yaml`.

    inputs:    values; `${vpc.vpc_id}` is an output of another case's primitive, hyphens of its name as underscores
    emulator:  which one carries it: it is applied there, planned again without changes, and destroyed
    differs:   what planning again changes nevertheless, resource -> what the emulator does other than AWS
    found:     how the cloud itself lists it: service, operation, arguments, and a JMESPath that gives a list
    quick:     whether `make test` applies it; the others take longer and are left to `make test-campaign`
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import jmespath
import yaml
from botocore.exceptions import ClientError

from mcop_core.parameters.syntax import references
from tests.emulators import Emulator

_GONE = (400, 404)
CASES = Path(__file__).parents[2] / "cases" / "starter"


@dataclass(frozen=True)
class Found:
    """How a cloud lists what a case makes."""

    service: str
    operation: str
    path: str
    arguments: Mapping[str, Any]

    def ask(self, emulator: Emulator) -> list[Any]:
        """Return what the cloud lists; nothing if what it would be in is gone."""
        try:
            answer = getattr(emulator.client(self.service), self.operation)(**self.arguments)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] in _GONE:
                return []
            raise
        return list(jmespath.search(self.path, answer) or [])


@dataclass(frozen=True, eq=False)
class Case:
    """One primitive with values."""

    primitive: str
    inputs: Mapping[str, Any]
    emulator: str
    found: Found
    is_quick: bool
    differs: Mapping[str, str]

    @property
    def element(self) -> str:
        """What it is called in a pattern of cases."""
        return self.primitive.replace("-", "_")

    @cached_property
    def takes(self) -> frozenset[str]:
        """The elements whose outputs it takes."""
        return frozenset(reference.parts[0] for _, reference in references(self.inputs))


def read_cases(provider: str) -> dict[str, Case]:
    """Return element -> case of every primitive of *provider*, each after those that it takes from."""
    cases = [_read(path) for path in sorted((CASES / provider).glob("*.yaml"))]
    found: dict[str, Case] = {}
    while waiting := [case for case in cases if case.element not in found]:
        ready = [case for case in waiting if case.takes <= set(found)]
        assert ready, f"these wait for each other, or for what there is not: {[case.primitive for case in waiting]}"
        found |= {case.element: case for case in ready}
    return found


def _read(path: Path) -> Case:
    document = yaml.safe_load(path.read_text())
    found = document.pop("found")
    case = Case(
        path.stem,
        document.pop("inputs"),
        document.pop("emulator"),
        Found(found["service"], found["operation"], found["path"], found.get("arguments", {})),
        document.pop("quick", False),
        document.pop("differs", {}),
    )
    assert not document, f"{path}: {sorted(document)} is nothing that a case has"
    return case


def with_what_they_take(cases: Iterable[Case], known: Mapping[str, Case]) -> dict[str, Case]:
    """Return *cases* and all that they take from, in the order of *known*."""
    wanted: set[str] = set()
    waiting = {case.element for case in cases}
    while waiting:
        wanted |= waiting
        waiting = {name for element in waiting for name in known[element].takes} - wanted
    return {element: case for element, case in known.items() if element in wanted}
