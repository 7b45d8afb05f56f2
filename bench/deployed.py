"""Many small components, deployed in an emulated cloud: their states, and how MCOP previews and renders them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mcop_core.artifacts.local import LocalStore
from mcop_core.catalog.models import AdapterSettings, ProviderRequirement
from mcop_core.engines.artifact import RenderedArtifact
from mcop_core.engines.base import Component, RenderRequest
from mcop_core.engines.changes import ComponentChanges
from mcop_core.engines.terraform.engine import TerraformEngine
from mcop_core.engines.terraform.module_interface import read_interface
from mcop_core.engines.terraform.providers import cli_config, find_mirror, terraform_environment
from mcop_core.engines.workspace import Workspace
from mcop_core.refs import OutputRef
from mcop_core.settings import Settings

_MODULE = """
terraform {
  required_providers { aws = { source = "hashicorp/aws" } }
}
variable "name" { type = string }
variable "text" { type = string }
variable "upstream" { type = string }
variable "tags" {
  type    = map(string)
  default = {}
}
output "arn" { value = aws_sns_topic.this.arn }
"""
_RESOURCES = """
resource "aws_sns_topic" "this" {
  name = var.name
  tags = var.tags
}
resource "aws_cloudwatch_log_group" "this" {
  name = "/bench/${var.name}"
  tags = var.tags
}
resource "aws_ssm_parameter" "this" {
  name           = "/bench/${var.name}"
  type           = "String"
  description    = "after ${var.upstream}"
  value          = var.text
  tags           = var.tags
}
"""
_FAILING = """
data "aws_ssm_parameter" "gone" { name = "/bench/gone" }
"""
"""What makes a component one that cannot be planned: it reads what the cloud does not have."""
_REFUSED = re.compile(r"with (module\.(\w+)\.(?:aws_ssm_parameter|aws_cloudwatch_log_group)\.this(-\d+)?),")
"""In what a failed apply says: the address of what cannot be made, its element, and which of its copies it is of."""
_OWNER = ("bench", "shop", "main", "group")
_ADAPTER = AdapterSettings(source="hashicorp/aws", version="~> 5.0", configuration={"region": "us-east-1"})


class _Silent:
    """A reporter that keeps nothing."""

    def log(self, line: str, *, level: str = "info") -> None:
        """Pass."""

    def record(self, event: str, **facts: object) -> None:
        """Pass."""


class DeployedShop:
    """
    *size* components; every second takes an output of the one before it.

    Args:
        copies: How often each has its three resources.
        folder: Gets the states and the workspaces.
        environment: What leads to the cloud.
    """

    def __init__(
        self, size: int, folder: Path, environment: Mapping[str, str], settings: Settings, copies: int = 1
    ) -> None:
        self._module = _MODULE + "".join(map(_copy, range(copies)))
        self._folder, self._environment, self._settings = folder, dict(environment), settings
        self._engine = TerraformEngine(settings, environment)
        self._locks = self._engine.lock({"aws": ProviderRequirement(source=_ADAPTER.source, version=_ADAPTER.version)})
        self._store = LocalStore(folder / "states")
        self._arns: dict[str, str] = {}
        self.names = [f"main.group.e{number:03}" for number in range(size)]

    # -- deploying ----------------------------------------------------------------------------------

    def deploy(self) -> None:
        """
        Make everything in one apply, and cut its state into the components' own.

        The state of a component is what an apply of its own root writes: the same module name, resources and tags.
        """
        root = self._folder / "deploy"
        (root / "module").mkdir(parents=True)
        (root / "module" / "main.tf").write_text(self._module)
        (root / "main.tf.json").write_text(json.dumps(self._root()))
        self._terraform(root, "init")
        self._apply(root)
        state = json.loads((root / "terraform.tfstate").read_bytes())
        self._arns = {step: state["outputs"][_element(step)]["value"] for step in self.names}
        for step in self.names:
            self._store.put(_key(step), json.dumps(self._cut(state, step)).encode())

    def _apply(self, root: Path) -> None:
        """The provider's client loses an answer now and then and repeats the request, which is refused: import that."""
        while True:
            try:
                self._terraform(root, "apply", "-auto-approve")
                return
            except SystemExit as error:
                refused = _REFUSED.findall(str(error)) if "AlreadyExists" in str(error) else []
                if not refused:
                    raise
            for address, element, copy in refused:
                self._terraform(root, "import", address, f"/bench/{element}{copy}")

    def _root(self) -> dict[str, Any]:
        version = next(iter(self._locks.values())).version
        default_tags = {"tags": {"mcop:manifest": "/".join(_OWNER[:2])}}
        return {
            "terraform": {"required_providers": {"aws": {"source": _ADAPTER.source, "version": version}}},
            "provider": {"aws": {**_ADAPTER.configuration, "default_tags": default_tags}},
            "module": {
                _element(step): {
                    "source": "./module",
                    "name": _element(step),
                    "text": "deployed",
                    "upstream": f"${{module.{_element(before)}.arn}}" if before else "",
                    "tags": {"mcop:address": "/".join((*_OWNER, _element(step)))},
                }
                for step, before in self._befores()
            },
            "output": {_element(step): {"value": f"${{module.{_element(step)}.arn}}"} for step in self.names},
        }

    def _befores(self) -> Iterable[tuple[str, str]]:
        """Return every step, and the one whose output it takes, or nothing."""
        return [(step, self.names[number - 1] if number % 2 else "") for number, step in enumerate(self.names)]

    def _cut(self, state: Mapping[str, Any], step: str) -> dict[str, Any]:
        module = f"module.{_element(step)}"
        resources = [entry for entry in state["resources"] if entry["module"] == module]
        for instance in (instance for entry in resources for instance in entry["instances"]):
            needed = instance.get("dependencies", ())
            instance["dependencies"] = [name for name in needed if name.startswith(f"{module}.")]
            instance["attributes"]["tags"] = {}  # the provider adds the component's tags, so they are no argument
        outputs = {"arn": {"value": self._arns[step], "type": "string"}}
        return {**state, "lineage": f"bench-{step}", "outputs": outputs, "resources": resources}

    def _terraform(self, root: Path, what: str, *arguments: str) -> None:
        config = root / "terraform.tfrc"
        config.write_text(cli_config(find_mirror(self._settings.terraform_plugin_mirror)))
        command = [self._settings.terraform, what, "-input=false", "-no-color", *arguments]
        environment = terraform_environment(self._environment, cli_config_file=config)
        done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(done.stdout + done.stderr)

    # -- the two sides ------------------------------------------------------------------------------

    def preview(self, steps: Iterable[str], changed: str) -> frozenset[tuple[str, str, str]]:
        """
        Preview *steps* through MCOP in an empty workspace, and return (step, address, action) of what it says.

        The workspace is left for `plan_merged`.
        """
        found = self.changes(steps, changed)
        apart = [f"{one.step} is {one.mode}: {one.reason}" for one in found if one.mode != "merged"]
        if apart:
            raise SystemExit("\n".join(apart))
        return frozenset((one.step, change.address, str(change.action)) for one in found for change in one.resources)

    def changes(self, steps: Iterable[str], changed: str, broken: str = "") -> tuple[ComponentChanges, ...]:
        """Preview *steps* as `preview` does, and return what is said of each; *broken* cannot be planned."""
        shutil.rmtree(self._folder / "work", ignore_errors=True)
        requests = {step: self._request(step, changed, is_open=True) for step in steps}
        if broken:
            requests[broken] = replace(requests[broken], files={"main.tf": (self._module + _FAILING).encode()})
        components = [Component(step, request) for step, request in requests.items()]
        workspace = Workspace(self._folder / "work", LocalStore.open, self._environment, lambda: False, "bench")
        return self._engine.preview(components, workspace, _Silent())

    def plan_merged(self) -> None:
        """Plan the root that `preview` planned last once more: the same files, state and packages, and nothing else."""
        self._terraform(self._folder / "work" / "merged", "plan", "-lock=false", "-json", "-out=bare.tfplan")

    def artifact(self, step: str, changed: str) -> RenderedArtifact:
        """Return the root of *step* by itself, what it takes of others filled in."""
        return self._engine.render(self._request(step, changed, is_open=False))

    def state(self, step: str) -> bytes:
        """Return the state of *step*."""
        return self._store.get(_key(step)).data

    def _request(self, step: str, changed: str, *, is_open: bool) -> RenderRequest:
        before = dict(self._befores())[step]
        reference = OutputRef.parse(f"{before}.arn") if is_open and before else self._arns.get(before, "")
        text = "changed" if step == changed else "deployed"
        files = {"main.tf": self._module.encode()}
        return RenderRequest(
            address=(*_OWNER, _element(step)),
            files=files,
            interface=read_interface(files),
            inputs={"name": _element(step), "text": text, "upstream": reference},
            settings=_ADAPTER,
            locks=self._locks,
            backend={"type": "local", "path": str(self._folder / "states")},
        )


def _copy(number: int) -> str:
    """Return the resources of a component once more, under other names; only the first depend on its text."""
    if not number:
        return _RESOURCES
    named = _RESOURCES.replace('"this"', f'"this-{number}"').replace("${var.name}", f"${{var.name}}-{number}")
    return named.replace("= var.name\n", f'= "${{var.name}}-{number}"\n').replace("var.text", '"deployed"')


def _element(step: str) -> str:
    return step.rpartition(".")[2]


def _key(step: str) -> str:
    return "/".join((*_OWNER, _element(step))) + ".tfstate"
