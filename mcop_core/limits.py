"""How much MCOP takes of what users write: what an administrator may change, and what holds everywhere."""

from __future__ import annotations

from dataclasses import dataclass

MAX_DEPTH = 64
"""Levels of nesting in documents, values, types and code; no setting, since readers recurse that deep."""

MAX_STEPS = 10_000
"""Of a manifest: workflows, patterns and elements multiply, so that three small documents could ask for billions."""

MAX_RESOLVED = 4_194_304
"""Characters that references may bring into one value: a few dozen lines could double each other to gigabytes."""

LIMIT_PREFIX = "MCOP_LIMIT_"


@dataclass(frozen=True, slots=True)
class Limits:
    """
    The limits that are settings, `MCOP_LIMIT_<FIELD>` each; the last word of a name is its unit.

    Attributes:
        document_bytes: One YAML document.
        source_bytes: One file of YAML documents.
        template_file_bytes: One file of a primitive.
        template_bytes: All files of a primitive.
        template_files: How many files a primitive has.
        code_bytes: One file of Terraform code; of 5 MB of empty lines the HCL parser took 97 s.
        value_bytes: One override of a run, as JSON.
        overrides_bytes: All overrides of a run, as JSON.
    """

    document_bytes: int = 1_048_576
    source_bytes: int = 67_108_864
    template_file_bytes: int = 5_000_000
    template_bytes: int = 50_000_000
    template_files: int = 2_000
    code_bytes: int = 500_000
    value_bytes: int = 65_536
    overrides_bytes: int = 262_144

    def excess(self, name: str, found: int) -> str:
        """Return *found* with its unit, what the limit *name* allows, and its setting; empty if it is not exceeded."""
        allowed: int = getattr(self, name)
        unit = name.rpartition("_")[2]
        return f"{found} {unit}: allowed are {allowed} ({LIMIT_PREFIX}{name.upper()})" if found > allowed else ""


USUAL_LIMITS = Limits()
