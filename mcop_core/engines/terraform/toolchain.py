"""What an operation works with on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Toolchain:
    """
    The program, and where what it installs lies.

    Attributes:
        binary: Path or name of Terraform or OpenTofu.
        mirror: Folder of provider packages; None for the registry.
        cache: Folder of what can be fetched again, see `preparation`; None: nothing is kept.
    """

    binary: str
    mirror: Path | None = None
    cache: Path | None = None


NO_TOOLS = Toolchain("")
"""Of what starts no program."""
