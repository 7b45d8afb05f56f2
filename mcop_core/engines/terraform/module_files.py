"""What a file's name means to Terraform."""

from __future__ import annotations

import posixpath
from pathlib import Path

PACKAGES = Path(".terraform") / "providers"
"""Where a root has the packages of its providers."""

_VARIABLES = ("terraform.tfvars", "terraform.tfvars.json")
_OTHERS = (".tofu", ".tofu.json")


def is_configuration(path: str) -> bool:
    """Whether Terraform reads *path* as part of the module in whose folder it lies."""
    name = posixpath.basename(path)
    return name.endswith((".tf", ".tf.json")) and not name.startswith(".")


def is_override(path: str) -> bool:
    """Whether *path* is merged into what other files say; for OpenTofu a `.tofu` file replaces one of Terraform's."""
    name = posixpath.basename(path)
    stem = name.removesuffix(".json").removesuffix(".tf")
    is_named = is_configuration(path) and (stem == "override" or stem.endswith("_override"))
    return is_named or (name.endswith(_OTHERS) and not name.startswith("."))


def is_variables(path: str) -> bool:
    """Whether Terraform takes values from *path* without being told to."""
    name = posixpath.basename(path)
    return name in _VARIABLES or (name.endswith((".auto.tfvars", ".auto.tfvars.json")) and not name.startswith("."))
