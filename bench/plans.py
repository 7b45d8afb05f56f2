"""Plans of one shape: one workflow of five patterns in sequence, two primitives each, the second fed by the first."""

from __future__ import annotations

import hashlib
from pathlib import Path

from mcop_airflow.snapshot_folder import SnapshotFiles, write_folder
from mcop_core.catalog.models import Input, Interface, Output, Template
from mcop_core.compiler.plan import DeploymentPlan, LayeredValue, ParameterDoor, PatternGroup, Step, WorkflowGroup

PROJECT = Path(__file__).resolve().parents[1]
PATTERNS = 5
ELEMENTS = 2
_INTERFACE = Interface(inputs={"name": Input(type="string")}, outputs={"id": Output()})
_DOOR = ParameterDoor(name="size", type="string", schema_={"type": "string"}, default="small", has_default=True)


def write_plans(folder: Path, count: int) -> list[Path]:
    """Write *count* plans into *folder* as a snapshot's folder holds them, and return the files."""
    files = [folder / f"shop{number}.json" for number in range(count)]
    for path in files:
        path.write_bytes(one_plan(path.stem).to_json())
    return files


def write_snapshot(folder: Path, count: int) -> str:
    """
    Write a snapshot of *count* manifests as the bundle with this *folder* keeps it, and return its version.

    It lies in no store: a bundle that is pinned to it needs nothing else.
    """
    plans = {f"shop{number}": one_plan(f"shop{number}").to_json() for number in range(count)}
    files = {name: (hashlib.sha256(plan).hexdigest(), plan) for name, plan in plans.items()}
    version = hashlib.sha256("".join(sorted(digest for digest, _ in files.values())).encode()).hexdigest()
    write_folder(folder / "versions" / version, SnapshotFiles(files))
    return version


def one_plan(name: str) -> DeploymentPlan:
    """Return the plan of the manifest *name*."""
    groups = tuple(_group(number) for number in range(PATTERNS))
    workflow = WorkflowGroup(id="main", workflow="workflow#main@1.0.0", backend={"type": "s3"}, groups=groups)
    return DeploymentPlan(
        manifest=f"manifest#{name}@1.0.0", namespace="bench", parameters=(_DOOR,), workflows=(workflow,)
    )


def _group(number: int) -> PatternGroup:
    return PatternGroup(
        id=f"main.pattern{number}",
        pattern="pattern#things@1.0.0",
        parameters={"size": LayeredValue(value="small", layer="pattern default")},
        steps=tuple(_step(number, element) for element in range(ELEMENTS)),
        after=(f"main.pattern{number - 1}",) if number else (),
    )


def _step(number: int, element: int) -> Step:
    name = f"${{e{element - 1}.id}}" if element else "${size}"
    return Step(
        id=f"main.pattern{number}.e{element}",
        primitive="primitive#thing@1.0.0",
        adapter="adapter#aws-terraform@1.0.0",
        engine="terraform",
        provider="aws",
        template=Template(prefix="terraform/aws/thing/1.0.0/0", digest="0" * 64, files={}),
        interface=_INTERFACE,
        inputs={"name": LayeredValue(value=name, layer="pattern element")},
        after=(f"main.pattern{number}.e{element - 1}",) if element else (),
    )
