"""What Terraform takes as a name: shared by what reads modules and what renders roots, which needs no HCL parser."""

from __future__ import annotations

import re

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*", re.ASCII)
RESERVED_INPUTS = frozenset(
    {"source", "version", "providers", "count", "for_each", "lifecycle", "depends_on", "locals"}
)
"""Names Terraform keeps from variables, because a module call gives them a meaning."""

SOURCE = re.compile(r"[0-9a-z][0-9a-z._-]*(/[0-9a-z][0-9a-z._-]*){0,2}", re.ASCII | re.IGNORECASE)
"""A provider's address in a registry: `[host/]namespace/type`."""
