"""
Cases on disk: `tests/cases/compile` and `tests/cases/resolve`, one folder a case.

`objects.yaml` holds the catalog in short form (see `objects.py`). `expected.yaml` of a compile case has `faults` or
parts of the plan; of a resolve case `step`, `overrides`, `outputs` and then `faults`, or `inputs`, `layers`,
`backend`, `configuration`, `needs`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from mcop_core.compiler.compiler import compile_manifest
from mcop_core.compiler.resolution import needed_outputs, resolve_step
from mcop_core.errors import InvalidDocuments
from mcop_core.refs import OutputRef
from tests.core.compiler.objects import manifest_of, read_file, view_of

CASES = Path(__file__).parents[2] / "cases"


def folders(kind: str) -> list[Any]:
    return [pytest.param(folder, id=folder.name) for folder in sorted((CASES / kind).iterdir()) if folder.is_dir()]


def expected_of(folder: Path) -> dict[str, Any]:
    return yaml.safe_load((folder / "expected.yaml").read_text(encoding="utf-8"))


def compiled(folder: Path):
    found = read_file(folder / "objects.yaml")
    return compile_manifest(manifest_of(found), view_of(found))


def assert_faults(expected: list[dict[str, Any]], error: InvalidDocuments) -> None:
    """Each fault expected is there with its object, path, words, and nearest right answer; and no other is."""
    found = list(error.faults)
    for wanted in expected:
        matching = [fault for fault in found if (fault.where, fault.path) == (wanted["where"], wanted.get("path", ""))]
        matching = [fault for fault in matching if wanted["says"] in str(fault)]
        assert matching, f"no fault like {wanted} in:\n{error}"
        found.remove(matching[0])
    assert not found, f"faults nobody expected:\n{chr(10).join(map(str, found))}"


@pytest.mark.parametrize("folder", folders("compile"))
def test_a_manifest_compiles_to_what_its_case_says(folder):
    """Every compile case gives the plan, or exactly the faults, that stand beside it."""
    expected = expected_of(folder)
    if "faults" in expected:
        with pytest.raises(InvalidDocuments) as caught:
            compiled(folder)
        assert_faults(expected["faults"], caught.value)
        return

    plan = compiled(folder)

    facts = {
        "steps": [step.id for step in plan.steps],
        "moved_from": {step.id: list(step.moved_from) for step in plan.steps if step.moved_from},
        "after": {step.id: list(step.after) for step in plan.steps if step.after},
        "groups_after": {g.id: list(g.after) for w in plan.workflows for g in w.groups if g.after},
        "pins": dict(plan.pins),
        "fixed": list(plan.fixed),
        "doors": {door.name: door.schema_ for door in plan.parameters},
        "defaults": {door.name: door.default for door in plan.parameters if door.has_default},
    }
    assert expected == {name: facts[name] for name in expected}


@pytest.mark.parametrize("folder", folders("resolve"))
def test_a_step_resolves_to_what_its_case_says(folder):
    """Every resolve case gives the values and layers, or exactly the faults, that stand beside it."""
    case = expected_of(folder)
    plan = compiled(folder)
    overrides = case.get("overrides", {})
    outputs = {OutputRef.parse(name): value for name, value in case.get("outputs", {}).items()}
    if "needs" in case:
        assert case["needs"] == [str(ref) for ref in needed_outputs(plan, case["step"], overrides)]
    if "faults" in case:
        with pytest.raises(InvalidDocuments) as caught:
            resolve_step(plan, case["step"], overrides=overrides, outputs=outputs)
        assert_faults(case["faults"], caught.value)
        return

    resolved = resolve_step(plan, case["step"], overrides=overrides, outputs=outputs)

    facts = {
        "inputs": dict(resolved.inputs),
        "layers": {name: str(found.layer) for name, found in resolved.provenance.items()},
        "backend": dict(resolved.backend),
        "configuration": dict(resolved.configuration),
    }
    wanted = {name: case[name] for name in facts if name in case}
    assert wanted == {name: facts[name] for name in wanted}
