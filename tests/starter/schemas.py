"""The starter catalogs' modules, and what is written down of the providers that they use."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from mcop_core.engines.terraform.syntax import parse_file

ROOT = Path(__file__).parents[2]
STARTER = ROOT / "include" / "starter"
FOLDER = ROOT / "tests" / "cases" / "provider_schemas"
MODULES = sorted(path.parent for path in STARTER.glob("*/templates/terraform/*/*/*/main.tf"))
CHECKED = [module for module in MODULES if STARTER / "aws" not in module.parents]
"""Those whose provider no test can run; the provider of AWS itself says what it thinks of the others."""


def module_id(folder: Path) -> str:
    """`gcs-bucket-1.0.0`, for the names of tests."""
    return "-".join(folder.parts[-2:])


def read_module(folder: Path) -> dict[str, bytes]:
    """Return the files of code right in a module's folder."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.tf"))}


def used_types() -> dict[str, frozenset[str]]:
    """Return "resource" and "data" -> the types that the modules have whose provider no test can run."""
    blocks = [
        block for folder in CHECKED for name, data in read_module(folder).items() for block in parse_file(name, data)
    ]
    return {kind: frozenset(b.labels[0] for b in blocks if b.type == kind) for kind in ("resource", "data")}


@cache
def schemas() -> Mapping[str, Mapping[str, Any]]:
    """Return the provider's address -> what is written down of it."""
    found = (json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json")))
    return {one["provider"]: one for one in found}
