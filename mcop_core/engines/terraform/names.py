"""What Terraform takes as a name, and what is called how: shared by what renders roots and what runs them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mcop_core.engines.artifact import RenderedArtifact

ENGINE = "terraform"
"""Registered name of the engine."""
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*", re.ASCII)
RESERVED_INPUTS = frozenset(
    {"source", "version", "providers", "count", "for_each", "lifecycle", "depends_on", "locals"}
)
"""Names Terraform keeps from variables, because a module call gives them a meaning."""

SOURCE = re.compile(r"[0-9a-z][0-9a-z._-]*(/[0-9a-z][0-9a-z._-]*){0,2}", re.ASCII | re.IGNORECASE)
"""A provider's address in a registry: `[host/]namespace/type`."""


def module_of(artifact: RenderedArtifact) -> str:
    """Return the name of the one module that a root calls."""
    (name,) = json.loads(artifact.files["module.tf.json"])["module"]
    return str(name)
