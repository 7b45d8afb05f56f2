"""The cases as one manifest: published, compiled, and worked on step by step by the real engine."""

import io
import json
import os
import re
import shutil
import zipfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from mcop_core.artifacts.local import LocalStore
from mcop_core.catalog.memory import MemoryRepository
from mcop_core.compiler.plan import DeploymentPlan
from mcop_core.compiler.resolution import needed_outputs
from mcop_core.compiler.snapshot import load_plan, load_snapshot
from mcop_core.engines.artifact import RenderedArtifact
from mcop_core.engines.base import ApplyResult
from mcop_core.engines.changes import ComponentChanges
from mcop_core.engines.terraform.engine import TerraformEngine
from mcop_core.engines.workspace import Workspace
from mcop_core.errors import Refused
from mcop_core.previewing import preview_plan
from mcop_core.publishing.publisher import publish_folder
from mcop_core.refs import OutputRef
from mcop_core.rendering import render_step
from mcop_core.settings import Settings
from tests.core.catalog_starter.cases import Case
from tests.core.engines.terraform.operations import Recorder
from tests.emulators import CREDENTIALS, Emulator

CATALOG = Path(__file__).parents[3] / "include" / "catalog"
CODE_BUCKET = "acme-starter-code"
MANIFEST = """
kind: workflow
name: starter
version: 1.0.0
patterns: {{each: {{pattern: starter, version: 1.0.0}}}}
backend: {{type: local, path: {states}}}
---
kind: manifest
name: starter
version: 1.0.0
namespace: starter
configuration: {{region: us-east-1}}
workflows: {{starter: {{workflow: starter, version: 1.0.0}}}}
"""


class World:
    """
    Elements of one pattern, on one emulator.

    Args:
        folder: Empty; catalog, states, caches and workspaces lie in it.
        elements: Element -> a primitive of the catalog, and its inputs.
        emulator: Where it is applied; None: nowhere, credentials and all.
        own: Path below the catalog -> text of documents and modules that `include/catalog` does not have.
    """

    def __init__(
        self,
        folder: Path,
        elements: Mapping[str, tuple[str, Mapping[str, Any]]],
        emulator: Emulator | None,
        own: Mapping[str, str] | None = None,
    ) -> None:
        self.folder, self.store, self.states = folder, LocalStore(folder / "store"), folder / "states"
        self.states.mkdir()
        cloud = {f"AWS_{name.upper()}": value for name, value in CREDENTIALS.items()}
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(folder)} | (
            emulator.environment if emulator else cloud
        )
        self.engine = TerraformEngine(Settings(cache_dir=str(folder / "cache")))
        self.plans = self._compiled(_pattern(elements), own or {})
        self.outputs: dict[OutputRef, Any] = {}
        self._count = 0

    def _compiled(self, pattern: Mapping[str, Any], own: Mapping[str, str]) -> dict[str, DeploymentPlan]:
        """Publish it with the whole of the starter catalog; return manifest -> plan, of its own and the catalog's."""
        catalog = shutil.copytree(CATALOG, self.folder / "catalog")
        texts = {"starter.yaml": yaml.safe_dump(pattern), "own.yaml": MANIFEST.format(states=self.states), **own}
        for path, text in texts.items():
            (catalog / path).parent.mkdir(parents=True, exist_ok=True)
            (catalog / path).write_text(text)
        repository = MemoryRepository()
        publish_folder(catalog, repository, self.store, lambda name: self.engine)
        snapshot = load_snapshot(self.store, repository.head().snapshot)
        return {name: load_plan(self.store, entry.plan) for name, entry in snapshot.manifests.items()}

    def preview(self, manifest: str = "starter") -> dict[str, ComponentChanges]:
        """Plan everything of a manifest at once; return step -> what it would do."""
        found = preview_plan(
            self.plans[manifest],
            lambda name: self.engine,
            self.store,
            self.folder / "cache",
            self._workspace(),
            Recorder(),
            overrides={},
        )
        return {one.step: one for one in found.components}

    def apply(self, step: str, manifest: str = "starter") -> ApplyResult:
        """Apply one step; what it takes must be applied."""
        done = self.engine.apply(self._artifact(step, manifest), self._workspace(), Recorder(), None)
        self.outputs |= {OutputRef.parse(f"{step}.{name}"): value for name, value in done.outputs.items()}
        return done

    def rendered(self, manifest: str) -> dict[str, RenderedArtifact]:
        """Return step -> artifact, of the steps of a manifest that take nothing from others."""
        plan = self.plans[manifest]
        ready = [step.id for step in plan.steps if not needed_outputs(plan, step.id, {})]
        return {step: self._render(plan, step, {}) for step in ready}

    def again(self, step: str, manifest: str = "starter") -> list[str]:
        """Plan one step that is applied; return what it would change, `action address`, and do nothing of it."""
        found: list[str] = []

        def stop(changes: ComponentChanges) -> None:
            found.extend(f"{one.action} {one.address}" for one in changes.resources if one.action != "read")
            if found:
                raise Refused("it was only to be planned")

        with suppress(Refused):
            self.engine.apply(self._artifact(step, manifest), self._workspace(), Recorder(), stop)
        return found

    def destroy(self, step: str, manifest: str = "starter") -> ApplyResult:
        """Destroy one step; what takes from it must be destroyed."""
        return self.engine.destroy(self._artifact(step, manifest), self._workspace(), Recorder(), None)

    def held(self, step: str) -> list[dict[str, Any]]:
        """Return the resources in the state of a step."""
        path = f"{step.replace('.', '/')}.tfstate"
        (state,) = [*self.states.rglob(path), *(self.folder / "bucket").rglob(path)]
        return [one for one in json.loads(state.read_text())["resources"] if one["mode"] == "managed"]

    def _artifact(self, step: str, manifest: str) -> RenderedArtifact:
        plan = self.plans[manifest]
        needed = needed_outputs(plan, step, {})
        if missing := sorted(str(ref) for ref in needed if ref not in self.outputs):
            raise Refused(f"{step} takes what was not applied: {', '.join(missing)}")
        return self._render(plan, step, {ref: self.outputs[ref] for ref in needed})

    def _render(self, plan: DeploymentPlan, step: str, taken: Mapping[OutputRef, Any]) -> RenderedArtifact:
        cache = self.folder / "cache"
        return render_step(plan, step, self.engine, self.store, cache, overrides={}, outputs=taken)

    def _open_store(self, url: str) -> LocalStore:
        """Open the store of a state; a folder stands for the bucket that the catalog's manifests name."""
        return LocalStore(self.folder / "bucket") if url.startswith("s3:") else LocalStore.open(url)

    def _workspace(self) -> Workspace:
        self._count += 1
        folder = self.folder / "work" / str(self._count)
        folder.mkdir(parents=True)
        return Workspace(
            folder,
            self._open_store,
            self.environment,
            lambda: False,
            "starter",
            read_secrets=lambda namespace, refs: dict.fromkeys(refs, "s3cr3t-of-the-test"),
        )


def _pattern(elements: Mapping[str, tuple[str, Mapping[str, Any]]]) -> dict[str, Any]:
    made = {
        name: {"primitive": primitive, "version": "latest", "inputs": dict(inputs)}
        for name, (primitive, inputs) in elements.items()
    }
    head = {"kind": "pattern", "name": "starter", "version": "1.0.0", "provider": "aws", "primitive_type": "terraform"}
    return {**head, "elements": made}


def step_of(case: Case) -> str:
    """Return the id of the step of a case; see `each_alone`."""
    return f"starter.each.{case.element}"


TOGETHER = "starter.each.together"
"""The id of the one step of `all_as_one`."""


def each_alone(folder: Path, cases: Mapping[str, Case], emulator: Emulator | None) -> World:
    """Return a world in which each case is an element."""
    return World(folder, {name: (case.primitive, case.inputs) for name, case in cases.items()}, emulator)


def all_as_one(folder: Path, cases: Mapping[str, Case], emulator: Emulator) -> World:
    """Return a world with one element, `together`, whose module calls those of all *cases*: one plan, one apply."""
    modules = {name: _module(case.primitive) for name, case in cases.items()}
    root = {
        "terraform": {"required_providers": {"aws": {"source": "hashicorp/aws", "version": ">= 5.0"}}},
        "module": {name: {"source": f"./{name}", **_as_terraform(case.inputs)} for name, case in cases.items()},
    }
    below = "templates/terraform/aws/together/1.0.0"
    own = {
        f"{below}/{name}/{path.relative_to(module)}": path.read_text()
        for name, module in modules.items()
        for path in sorted(module.rglob("*.t*f*"))
        if path.is_file() and "tests" not in path.parts
    }
    document = {"kind": "primitive", "name": "together", "version": "1.0.0", "description": "All of them."}
    document |= {"provider": "aws", "primitive_type": "terraform", "source": below}
    own |= {f"{below}/main.tf.json": json.dumps(root), "together.yaml": yaml.safe_dump(document)}
    return World(folder, {"together": ("together", {})}, emulator, own)


def _module(primitive: str) -> Path:
    (folder,) = (CATALOG / "templates" / "terraform" / "aws" / primitive).iterdir()
    return folder


def _as_terraform(value: Any) -> Any:
    """Return inputs with MCOP's references as those of a Terraform root that calls a module for each element."""
    if isinstance(value, str):
        return re.sub(r"\$\{(\w+)\.", r"${module.\1.", value)
    if isinstance(value, Mapping):
        return {name: _as_terraform(item) for name, item in value.items()}
    return [_as_terraform(item) for item in value] if isinstance(value, list) else value


def put_code(emulator: Emulator) -> None:
    """Put the package of the function's case where it is looked for."""
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as file:
        file.writestr("orders.py", "def handle(event, context):\n    return {'batchItemFailures': []}\n")
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket=CODE_BUCKET)
    s3.put_object(Bucket=CODE_BUCKET, Key="orders.zip", Body=package.getvalue())


def left(emulator: Emulator, cases: Iterable[Case]) -> dict[str, list[Any]]:
    """Return primitive -> what the cloud itself lists of it, if anything."""
    listed = {case.primitive: case.found.ask(emulator) for case in cases}
    return {primitive: things for primitive, things in listed.items() if things}
