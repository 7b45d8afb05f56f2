"""Inputs of modules, held to the modules' own validations, which Terraform reads without any provider."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Call:
    """A module's folder, and what it is given."""

    module: Path
    inputs: Mapping[str, Any]


def check_inputs(calls: Mapping[str, Call], terraform: Callable[..., Any], folder: Path) -> dict[str, list[str]]:
    """
    Return what Terraform says to each call, by its name: the messages of what it refuses.

    Args:
        terraform: Runs Terraform in a folder.
        folder: Empty; one root is written into it, with a copy of each module's `variables.tf`.
    """
    for module in {call.module for call in calls.values()}:
        (folder / module.parent.name).mkdir()
        shutil.copy(module / "variables.tf", folder / module.parent.name)
    (folder / "main.tf").write_text("\n".join(_block(name, call) for name, call in calls.items()))
    prepared = terraform(folder, "init", "-no-color", "-input=false")
    assert prepared.returncode == 0, prepared.stderr
    told: dict[str, list[str]] = {name: [] for name in calls}
    for line in terraform(folder, "plan", "-json", "-input=false").stdout.splitlines():
        if diagnostic := json.loads(line).get("diagnostic"):
            context = (diagnostic.get("snippet") or {}).get("context") or ""
            told.setdefault(context.removeprefix('module "').removesuffix('"'), []).append(diagnostic["detail"])
    return told


def _block(name: str, call: Call) -> str:
    """Return a call as code; of a JSON text HCL would take ${ and %{ as its own."""
    texts = {key: json.dumps(value).replace("${", "$${").replace("%{", "%%{") for key, value in call.inputs.items()}
    given = "".join(f"  {key} = {text}\n" for key, text in texts.items())
    return f'module "{name}" {{\n  source = "./{call.module.parent.name}"\n{given}}}\n'
